"""A folder with one subfolder of pictures per class."""

from pathlib import Path

import numpy as np

from convfilter.errors import DataError, PictureError, printable
from convfilter.images.formats import FORMATS, extension_format
from convfilter.images.read import read
from convfilter.images.resize import eight_bit, fitted
from convfilter.system.values import dataclass
from convfilter.train.data.source import WANTED, Part, Progress, check_bytes

_MIXED_SIZE = (28, 28)  # where sizes differ and none is given
_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_VALIDATION = ("val", "valid", "validation")
_CLUTTER = ("thumbs.db", "desktop.ini", "__macosx")


@dataclass(frozen=True)
class ClassFolders:
    """The picture files of every part, found but not yet read."""

    classes: tuple[str, ...]  # sorted by name
    parts: dict[str, list[tuple[Path, int]]]  # "train" or "test" → (file, class), sorted by class


def find_pictures(root: Path) -> ClassFolders:
    """The classes and picture files below `root`.

    The classes are its subfolders; or those of train/, with the ones of test/ (else val/) as the test
    part. With both test/ and val/, val/ is left aside. Hidden files are passed over; anything else that
    isn't a picture in a class folder is an error, so that none is left out unnoticed.
    """
    folders = _entries(root)[0]
    parts = {_SPLITS[name.lower()]: path for name, path in folders.items() if name.lower() in _SPLITS}
    if "train" not in parts or not _entries(parts["train"])[0]:
        parts = {"train": root}
    elif "test" not in parts:
        parts.update(("test", path) for name, path in folders.items() if name.lower() in _VALIDATION)
    classes = tuple(_entries(parts["train"])[0])
    if len(classes) < 2:
        raise DataError(
            f"{printable(parts['train'])}: {len(classes)} class folders in it; wanted is {WANTED}"
        )
    return ClassFolders(classes, {part: _files(path, classes) for part, path in parts.items()})


def _entries(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """The subfolders and the files of a folder, by name, sorted; hidden ones left out."""
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise DataError(
            f"{printable(folder)}: can't be listed ({error.strerror}); check its permissions"
        ) from error
    seen = [p for p in paths if not p.name.startswith(".") and p.name.lower() not in _CLUTTER]
    return {p.name: p for p in seen if p.is_dir()}, {p.name: p for p in seen if not p.is_dir()}


def _files(root: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    """The pictures of every class below `root`."""
    folders, loose = _entries(root)
    for path in loose.values():
        if extension_format(path):
            raise DataError(
                f"{printable(path)}: a picture beside the class folders; move it into one of them"
            )
    found: list[tuple[Path, int]] = []
    for name, folder in folders.items():
        if name not in classes:
            raise DataError(
                f"{printable(folder)}: a class that train doesn't have; remove it or add it there"
            )
        inner, files = _entries(folder)
        if inner:
            raise DataError(
                f"{printable(next(iter(inner.values())))}: a folder in a class folder; move its pictures up"
            )
        for path in files.values():
            if not extension_format(path):
                known = " ".join(each.extensions[0] for each in FORMATS.values())
                raise DataError(
                    f"{printable(path)}: no picture by its name (known: {known}); convert it or move it away"
                )
        if not files:
            raise DataError(f"{printable(folder)}: a class folder without a picture; add some or remove it")
        found += [(path, classes.index(name)) for path in files.values()]
    if not found:
        raise DataError(f"{printable(root)}: no class folders in it; add some or remove it")
    return found


def read_pictures(
    files: list[tuple[Path, int]],
    size: tuple[int, int] | None,
    color: bool | None,
    progress: Progress | None = None,
) -> Part:
    """Every file as a picture of one size: the one given, else theirs, else 28×28 where they differ.

    Three channels with color=True, or with None if any picture has colour. Pictures of another size
    are fitted with their aspect kept, antialiased, on black; clear pixels are black too.
    """
    pictures: list[np.ndarray] = []
    for done, (path, _) in enumerate(files, 1):
        pixels = _pixels(path, color)
        if size is None and pictures and pictures[0].shape[:2] != pixels.shape[:2]:
            size = _MIXED_SIZE
            pictures = [fitted(each, size) for each in pictures]
        pictures.append(fitted(pixels, size) if size else pixels)
        check_bytes(len(pictures) * pictures[-1].size, printable(path.parent.parent))
        if progress:
            progress(done, len(files))
    channels = 3 if color or any(each.shape[2] == 3 for each in pictures) else 1
    images = np.empty((len(pictures), *pictures[0].shape[:2], channels), np.uint8)
    for i, each in enumerate(pictures):
        images[i] = each  # one channel fills three
    return Part(images, np.array([label for _, label in files]), lambda i: printable(files[i][0]))


def _pixels(path: Path, color: bool | None) -> np.ndarray:
    """One picture, (H, W, 3) uint8, or (H, W, 1) where it is gray."""
    try:
        picture = read(path, gray=color is False)
    except PictureError as error:
        raise DataError(
            f"{error} (one unreadable picture stops the data set; repair or remove it)"
        ) from error
    pixels = eight_bit(picture)
    if pixels.shape[2] not in (1, 3):
        raise DataError(f"{printable(path)}: {pixels.shape[2]} channels; save it with 1 or 3")
    gray = (pixels == pixels[..., :1]).all()  # a gray picture saved as RGB
    return pixels[..., :1] if gray else pixels
