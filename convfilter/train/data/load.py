"""Loading a data set: by name, or from a CSV, IDX or .npz file or a folder of pictures."""

import os
import re
from pathlib import Path

import numpy as np

from convfilter.errors import DataError, FilterError, did_you_mean, first_line, printable
from convfilter.images.resize import fitted
from convfilter.train.data.dataset import Data, Dataset
from convfilter.train.data.folders import find_pictures, read_pictures
from convfilter.train.data.idx import is_idx_images, read_idx
from convfilter.train.data.kaggle_csv import read_csv
from convfilter.train.data.keras_datasets import NAMED, downloaded
from convfilter.train.data.npz import read_npz
from convfilter.train.data.source import MAX_LABEL, WANTED, Part, Progress, open_source


def load(
    source: str | Path,
    *,
    size: tuple[int, int] | None = None,
    color: bool | None = None,
    limit: int | None = None,
    classes: int | None = None,
    progress: Progress | None = None,
) -> Data:
    """Read a data set; DataError, with file and row or byte, for the first thing wrong with it.

    source: "mnist" or "fashion-mnist", by Keras' loader; else a path: a CSV of pixels (kaggle_csv.py), an IDX
        file (idx.py), an .npz (npz.py), or a folder with train and test files of one of these kinds or
        with one subfolder of pictures per class (folders.py). A file by itself is the training part.
    size: (height, width) that every picture is fitted to, antialiased, its aspect kept, on black. By
        default pictures stay as they are; those of a folder become 28×28 where they differ in size.
    color: True for three channels, False for one (Rec. 601 luma), None for what the pictures have.
    limit: at most so many training and so many test pictures, spread evenly over the file or folder.
    classes: how many there are in a file of numbered labels. By default ten for gray pictures of 28×28,
        as MNIST has them, else one more than the largest label.
    progress: called with (done, total), in bytes of a file or pictures of a folder.
    """
    _check_options(size, limit, classes)
    if source in NAMED:
        name, parts, names = str(source), downloaded(str(source), progress), NAMED[str(source)]
        origin = f"keras.datasets.{name.replace('-', '_')}"
    else:
        path = Path(source)
        _check_name(path)
        parts, found = _read(path, size, color, limit, progress)
        name, origin = re.sub(r"(\.csv|\.npz)?(\.gz)?$", "", path.resolve().name), str(source)
        names = found or _numbered(parts, classes)
    sets = {part: _dataset(pictures, names, size, color, limit, part) for part, pictures in parts.items()}
    shapes = {part: each.images.shape[1:] for part, each in sets.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{part} {shape}" for part, shape in shapes.items())
        raise DataError(
            f"{printable(source)}: pictures of different shapes: {listed}; give files that belong together"
        )
    return Data(name, names, sets.get("train"), sets.get("test"), sets.get("unlabelled"), origin)


def _check_options(size: tuple[int, int] | None, limit: int | None, classes: int | None) -> None:
    if size is not None and not (len(size) == 2 and min(size) >= 1 and max(size) <= 4096):
        raise FilterError(f"a picture size of {size}; give height and width, 1–4096 each")
    if limit is not None and limit < 1:
        raise FilterError(f"a limit of {limit} pictures; give 1 or more")
    if classes is not None and not 2 <= classes <= MAX_LABEL + 1:
        raise FilterError(f"{classes} classes; give 2–{MAX_LABEL + 1}")


def _check_name(path: Path) -> None:
    """DataError for a word that is neither a file's name nor a data set's."""
    if path.parent == Path() and "\0" not in path.name and not os.path.exists(path):
        hint = did_you_mean(path.name.lower(), NAMED, f"data sets by name are {', '.join(NAMED)}")
        raise DataError(f"{printable(path)}: no such file or folder; {hint}")


def _read(
    path: Path,
    size: tuple[int, int] | None,
    color: bool | None,
    limit: int | None,
    progress: Progress | None,
) -> tuple[dict[str, Part], tuple[str, ...]]:
    """The parts at a path, and the names of the classes where it has names."""
    if not path.is_dir():
        return _read_file(path, progress), ()
    files = _data_files(path)
    parts: dict[str, Part] = {}
    if files:
        for part, file in files.items():
            found = _read_file(file, progress)
            if part == "train" and "unlabelled" in found:
                raise DataError(f"{printable(file)}, line 1: no label column, which training needs; add it")
            parts |= {part: found["train"]} if set(found) == {"train"} else found
        return parts, ()
    folders = find_pictures(path)
    for part in sorted(folders.parts, reverse=True):  # train first: test follows its size and channels
        chosen = folders.parts[part]
        chosen = [chosen[i] for i in _spread(len(chosen), limit)]
        parts[part] = read_pictures(chosen, size, color, progress)
        size, color = parts[part].images.shape[1:3], parts[part].images.shape[3] == 3
    return parts, folders.classes


def _data_files(folder: Path) -> dict[str, Path]:
    """The files of a folder that are a data set: "train" and "test", or one .npz under "train"."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise DataError(
            f"{printable(folder)}: can't be listed ({first_line(error)}); check its permissions"
        ) from error
    kinds: dict[str, dict[str, list[str]]] = {
        "IDX": {
            "train": [name for name in names if is_idx_images(name) and _says(name, "train")],
            "test": [name for name in names if is_idx_images(name) and _says(name, "t10k|test")],
        },
        "CSV": {
            part: [name for name in names if re.search(r"\.csv(\.gz)?$", name.lower()) and _says(name, part)]
            for part in ("train", "test")
        },
        "npz": {"train": [name for name in names if name.lower().endswith(".npz")]},
    }
    found = {kind: parts for kind, parts in kinds.items() if any(parts.values())}
    if len(found) > 1:
        raise DataError(f"{printable(folder)}: {' and '.join(found)} files in it; name the one to read")
    chosen: dict[str, Path] = {}
    for parts in found.values():
        for part, files in parts.items():
            plain = [name for name in files if not name.endswith(".gz") or name[:-3] not in files]
            if len(plain) > 1:
                raise DataError(f"{printable(folder)}: {' and '.join(plain)} in it; name the one to read")
            chosen.update((part, folder / name) for name in plain)
    return chosen


def _says(name: str, word: str) -> bool:
    """Whether a file's name has the word by itself: "latest" has no "test"."""
    return re.search(rf"(?<![a-z])({word})(?![a-z])", name.lower()) is not None


def _read_file(path: Path, progress: Progress | None) -> dict[str, Part]:
    """The parts of one file; its name decides what kind it is, else its first bytes."""
    with open_source(path) as source:
        head = bytes(source.read(4))
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".npz") or head == b"PK\x03\x04":
        return read_npz(path, progress)
    if re.search(r"idx\d|ubyte$", name) or head[:2] == b"\0\0":
        return {"train": read_idx(path, progress)}
    if name.endswith((".csv", ".txt")):
        part = read_csv(path, progress)
        return {"unlabelled" if part.labels is None else "train": part}
    raise DataError(f"{printable(path)}: not a data set by its name or first bytes; wanted is {WANTED}")


def _numbered(parts: dict[str, Part], classes: int | None) -> tuple[str, ...]:
    """The names "0", "1" … of classes that are numbers."""
    if classes is None:
        most = max((int(p.labels.max()) for p in parts.values() if p.labels is not None), default=9)
        gray = all(part.images.shape[1:] == (28, 28, 1) for part in parts.values())
        classes = 10 if gray else min(max(most, 1), MAX_LABEL) + 1
    return tuple(map(str, range(classes)))


def _dataset(
    part: Part,
    classes: tuple[str, ...],
    size: tuple[int, int] | None,
    color: bool | None,
    limit: int | None,
    name: str,
) -> Dataset:
    """A part, its labels checked, with the limit, the channels and the size that are wanted."""
    if part.labels is not None:
        wrong = (part.labels < 0) | (part.labels >= len(classes))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(
                f"{part.where(i)}: label {part.labels[i]} is not one of 0–{len(classes) - 1}; correct it, "
                f"or say how many classes there are, such as classes={max(2, part.labels[i] + 1)}"
            )
    images, labels = part.images, part.labels
    if limit is not None and len(images) > limit and name != "unlabelled":
        chosen = _spread(len(images), limit)
        images, labels = images[chosen], None if labels is None else labels[chosen]
    images = _colored(images, color)
    if size is not None and images.shape[1:3] != tuple(size):
        images = np.stack([fitted(image, (size[0], size[1])) for image in images])
    return Dataset(images, None if labels is None else labels.astype(np.int64))


def _spread(count: int, limit: int | None) -> np.ndarray:
    """Indices of at most `limit` of `count`, evenly spread, so that classes in a row all take part."""
    kept = count if limit is None else min(count, limit)
    return np.arange(kept) * count // kept


def _colored(images: np.ndarray, color: bool | None) -> np.ndarray:
    """(n, H, W, C) with the channels asked for; gray by Pillow's integer form of Rec. 601."""
    channels = images.shape[3]
    if color is None or (channels == 3) == color:
        return images
    if color:
        return np.repeat(images, 3, axis=3)
    gray = np.empty((*images.shape[:3], 1), np.uint8)
    for i, image in enumerate(images):
        gray[i, ..., 0] = (image.astype(np.int64) @ (19595, 38470, 7471) + 0x8000) >> 16
    return gray
