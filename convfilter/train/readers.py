"""Pictures and labels in IDX files, as MNIST is distributed, and in .npz files, as Keras saves it."""

import math
import re
import warnings
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from convfilter.errors import DataError
from convfilter.image_source import reason
from convfilter.picture import shown
from convfilter.train.source import DEFLATE_MAX, Part, Progress, check_bytes, opened

_IDX_UBYTE = 8  # the third byte of an IDX file: its values are unsigned bytes
_IDX_KINDS = {1: "labels", 3: "pictures"}  # by the fourth byte, the number of axes
_PAIRS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}


def read_idx(images: Path, progress: Progress | None = None) -> Part:
    """The pictures of an IDX file and the labels of the one beside it."""
    labels_path = _labels_beside(images)
    pixels = _idx_array(images, 3, progress)
    labels = _idx_array(labels_path, 1, None)
    if len(pixels) != len(labels):
        raise DataError(
            f"{shown(images)}: {len(pixels)} pictures, but {len(labels)} labels in {shown(labels_path)}; "
            f"get two files that belong together"
        )
    name = shown(labels_path)
    return Part(pixels[..., None], labels, lambda i: f"{name}, byte {8 + i}")


def is_idx_images(name: str) -> bool:
    """Whether a file of this name holds pictures in IDX."""
    return re.search(r"images?[-.]idx3-ubyte(\.gz)?$", name.lower()) is not None


def _labels_beside(images: Path) -> Path:
    """The file of labels that belongs to this file of pictures."""
    if not is_idx_images(images.name):
        raise DataError(
            f"{shown(images)}: an IDX file of pictures must be called …-images-idx3-ubyte, with its "
            f"labels beside it in …-labels-idx1-ubyte; rename them"
        )
    stem = re.sub(r"(?i)images?[-.]idx3-ubyte(\.gz)?$", "", images.name)
    for dot in ("-", "."):
        for ending in ("", ".gz"):
            path = images.with_name(f"{stem}labels{dot}idx1-ubyte{ending}")
            if path.exists():
                return path
    raise DataError(f"{shown(images)}: its labels are missing; put {stem}labels-idx1-ubyte beside it")


def _idx_array(path: Path, axes: int, progress: Progress | None) -> np.ndarray:
    """The bytes of one IDX file; its header is judged before any of its data is read."""
    with opened(path) as source:
        label, start = source.label, 4 + 4 * axes
        head = source.read(4)
        if len(head) == 4:
            _check_magic(bytes(head), axes, label)
        head += source.read(start - len(head))
        if len(head) < start:
            raise DataError(f"{label}: cut short, {start - len(head)} bytes of its header are missing")
        shape = tuple(int(n) for n in np.frombuffer(head, ">u4", offset=4))
        count = math.prod(shape)
        claim = f"its header (bytes 4–{start - 1}) claims {' × '.join(map(str, shape))} = {count} bytes"
        if not count:
            raise DataError(f"{label}: {claim}; get a sound copy")
        if not source.packed and source.size - start < count:
            raise _cut_short(label, claim, source.size - start, count)
        if source.most < count:
            raise DataError(
                f"{label}: {claim}, more than {source.size} bytes can unpack to; get a sound copy"
            )
        check_bytes(count, label)
        data = source.read(count)
        source.report(progress)
        if len(data) < count:
            raise _cut_short(label, claim, len(data), count)
        if source.read(1):
            raise DataError(f"{label}: {claim}, but more follow from byte {start + count}; get a sound copy")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _cut_short(label: str, claim: str, there: int, count: int) -> DataError:
    return DataError(f"{label}: {claim}, of which {count - there} are missing at the end; get a sound copy")


def _check_magic(head: bytes, axes: int, label: str) -> None:
    """DataError unless the first four bytes say unsigned bytes with this many axes."""
    wanted = bytes((0, 0, _IDX_UBYTE, axes))
    if head == wanted:
        return
    other = _IDX_KINDS.get(head[3]) if head[:3] == wanted[:3] else None
    what = f"holds {other}" if other else "is no IDX file of unsigned bytes"
    raise DataError(
        f"{label}: {what} (bytes 0–3 are 0x{head.hex()}, those of {_IDX_KINDS[axes]} 0x{wanted.hex()}); "
        f"get the right file"
    )


def read_npz(path: Path, progress: Progress | None = None) -> dict[str, Part]:
    """The parts, train and test, of an .npz with x_train, y_train, x_test, y_test; one pair is enough."""
    with opened(path) as source:
        label, size = source.label, source.size
    try:
        with zipfile.ZipFile(path) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers written by Python 2
            held = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            found = {part: pair for part, pair in _PAIRS.items() if pair[0] in held or pair[1] in held}
            lacking = [name for pair in found.values() for name in pair if name not in held]
            if lacking or not found:
                raise DataError(
                    f"{label}: no array {' or '.join(lacking or _PAIRS['train'])}; it holds "
                    f"{', '.join(shown(name) for name in list(held)[:8]) or 'nothing'}, "
                    f"where x_train, y_train, x_test and y_test are wanted"
                )
            parts = {}
            for done, (part, (x, y)) in enumerate(found.items(), 1):
                parts[part] = _npz_part(archive, held[x], held[y], label)
                if progress:
                    progress(size * done // len(found), size)
            return parts
    except DataError:
        raise
    except MemoryError as error:
        raise DataError(f"{label}: too large for the memory here; make it smaller") from error
    except Exception as error:  # zipfile and NumPy raise anything on hostile bytes
        raise DataError(f"{label}: the .npz is damaged ({reason(error)}); get a sound copy") from error


def _npz_part(archive: zipfile.ZipFile, x: zipfile.ZipInfo, y: zipfile.ZipInfo, label: str) -> Part:
    """One pair of arrays as pictures and labels."""
    images = _npz_images(_npz_array(archive, x, label), f"{label}, {x.filename}")
    place = f"{label}, {y.filename}"
    labels = _npz_labels(_npz_array(archive, y, label), place)
    if len(images) != len(labels):
        raise DataError(
            f"{place}: {len(labels)} labels, but {len(images)} pictures in {x.filename}; "
            f"save arrays that belong together"
        )
    return Part(images, labels, lambda i: f"{place}[{i}]")


def _npz_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, label: str) -> np.ndarray:
    """One array; its header is judged before any of its data is read."""
    place = f"{label}, {shown(info.filename)}"
    if info.file_size > max(info.compress_size, 1) * DEFLATE_MAX:
        raise DataError(f"{place}: claims more bytes than it can unpack to; get a sound copy")
    with archive.open(info) as file:
        shape, fortran, dtype = _npy_header(file, place)
        if dtype.hasobject:
            raise DataError(
                f"{place}: holds Python objects (pickles), which can run code; save plain numbers"
            )
        count = math.prod(shape)
        check_bytes(count, place)
        wanted, there = count * dtype.itemsize, info.file_size - file.tell()
        if there == wanted:
            there = len(data := file.read())
        if there != wanted:
            raise DataError(
                f"{place}: {there} bytes of data, not the {wanted} of its shape {shape}; get a sound copy"
            )
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _npy_header(file: IO[bytes], place: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise DataError(f"{place}: npy version {version}; save plain numbers with numpy.savez")


def _npz_images(array: np.ndarray, place: str) -> np.ndarray:
    """Pictures (n, H, W) or (n, H, W, C), whole numbers 0–255 or floats 0–1 → (n, H, W, C) uint8."""
    if array.ndim not in (3, 4) or 0 in array.shape or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise DataError(
            f"{place}: a shape of {array.shape}; pictures are (n, height, width), maybe with 1 or 3 channels"
        )
    array = array[..., None] if array.ndim == 3 else array
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "uif":
        raise DataError(f"{place}: values of type {array.dtype}; save uint8 0–255 or floats 0–1")
    full = 1 if array.dtype.kind == "f" else 255
    images = np.empty(array.shape, np.uint8)
    for i, image in enumerate(array):
        if not ((image >= 0) & (image <= full)).all():  # NaN is neither
            bad = image[~((image >= 0) & (image <= full))][0]
            kind = "float, which must be 0–1: divide by 255" if full == 1 else "number, which must be 0–255"
            raise DataError(f"{place}[{i}]: a pixel of {bad} in an array of a {kind} or correct it")
        images[i] = np.rint(image.astype(np.float64) * (255 / full))
    return images


def _npz_labels(array: np.ndarray, place: str) -> np.ndarray:
    """Labels (n,) or (n, 1), whole numbers of any type."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "uif":
        raise DataError(
            f"{place}: {array.dtype} of shape {array.shape}; labels are whole numbers, shape (n,)"
        )
    if array.dtype.kind == "f":
        whole = (array == np.floor(array)) & (np.abs(array) < 2**53)
        if not whole.all():
            i = int(np.argmin(whole))
            raise DataError(f"{place}[{i}]: a label of {array[i]} is not whole; correct it")
        return array.astype(np.int64)
    return array
