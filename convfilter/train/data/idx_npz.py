"""Pictures and labels in IDX files, as MNIST is distributed, and in .npz files, as Keras saves it."""

import math
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convfilter.errors import DataError, printable
from convfilter.images.npy_header import Header, npy_header
from convfilter.images.sniff import reason
from convfilter.train.data.source import DEFLATE_MAX, Part, Progress, check_bytes, opened

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
            f"{printable(images)}: {len(pixels)} pictures, but {len(labels)} labels in "
            f"{printable(labels_path)}; get two files that belong together"
        )
    name = printable(labels_path)
    return Part(pixels[..., None], labels, lambda i: f"{name}, byte {8 + i}")


def is_idx_images(name: str) -> bool:
    """Whether a file of this name holds pictures in IDX."""
    return re.search(r"images?[-.]idx3-ubyte(\.gz)?$", name.lower()) is not None


def _labels_beside(images: Path) -> Path:
    """The file of labels that belongs to this file of pictures."""
    if not is_idx_images(images.name):
        raise DataError(
            f"{printable(images)}: an IDX file of pictures must be called …-images-idx3-ubyte, with its "
            f"labels beside it in …-labels-idx1-ubyte; rename them"
        )
    stem = re.sub(r"(?i)images?[-.]idx3-ubyte(\.gz)?$", "", images.name)
    for dot in ("-", "."):
        for ending in ("", ".gz"):
            path = images.with_name(f"{stem}labels{dot}idx1-ubyte{ending}")
            if path.exists():
                return path
    raise DataError(f"{printable(images)}: its labels are missing; put {stem}labels-idx1-ubyte beside it")


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
                    f"{', '.join(printable(name) for name in list(held)[:8]) or 'nothing'}, "
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


@dataclass(frozen=True)
class _Stored:
    """An array of an .npz, of which only the header is read. place: what messages call it."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    place: str
    header: Header

    @property
    def shape(self) -> tuple[int, ...]:
        return self.header[0]

    @property
    def dtype(self) -> np.dtype:
        return self.header[2]

    def read(self) -> np.ndarray:
        """The array; DataError where the archive holds fewer bytes than it says."""
        with self.archive.open(self.info) as file:
            shape, fortran, dtype = npy_header(file, DataError)
            data = file.read()
        wanted = math.prod(shape) * dtype.itemsize
        if len(data) != wanted:
            raise _wrong_length(self.place, len(data), wanted, shape)
        flat = np.frombuffer(data, dtype)
        return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)


def _npz_part(archive: zipfile.ZipFile, x: zipfile.ZipInfo, y: zipfile.ZipInfo, label: str) -> Part:
    """One pair of arrays as pictures and labels; both headers are judged before any data is unpacked."""
    pictures, labels = _npz_stored(archive, x, label), _npz_stored(archive, y, label)
    _check_pictures(pictures)
    _check_labels(labels)
    if labels.shape[0] != pictures.shape[0]:
        raise DataError(
            f"{labels.place}: {labels.shape[0]} labels, but {pictures.shape[0]} pictures in {x.filename}; "
            f"save arrays that belong together"
        )
    values = _npz_labels(labels.read(), labels.place)
    images = _npz_images(pictures.read(), pictures.place)
    return Part(images, values, lambda i: f"{labels.place}[{i}]")


def _npz_stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo, label: str) -> _Stored:
    """One array; DataError for Python objects and for sizes that can't be, or are too large."""
    place = f"{label}, {printable(info.filename)}"
    if info.file_size > max(info.compress_size, 1) * DEFLATE_MAX:
        raise DataError(f"{place}: claims more bytes than it can unpack to; get a sound copy")
    with archive.open(info) as file:
        header = npy_header(file, lambda said: DataError(f"{place}: {said}"))
        there = info.file_size - file.tell()
    shape, _, dtype = header
    if dtype.hasobject:
        raise DataError(f"{place}: holds Python objects (pickles), which can run code; save plain numbers")
    wanted = math.prod(shape) * dtype.itemsize
    check_bytes(wanted, place)
    if there != wanted:
        raise _wrong_length(place, there, wanted, shape)
    return _Stored(archive, info, place, header)


def _wrong_length(place: str, there: int, wanted: int, shape: tuple[int, ...]) -> DataError:
    return DataError(
        f"{place}: {there} bytes of data, not the {wanted} of its shape {shape}; get a sound copy"
    )


def _check_pictures(stored: _Stored) -> None:
    """DataError unless these are pictures (n, H, W) or (n, H, W, C) of whole numbers or floats."""
    shape, dtype = stored.shape, stored.dtype
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise DataError(
            f"{stored.place}: a shape of {shape}; pictures are (n, height, width), maybe with 1 or 3 channels"
        )
    if dtype.kind not in "uif":
        raise DataError(f"{stored.place}: values of type {dtype}; save uint8 0–255 or floats 0–1")


def _check_labels(stored: _Stored) -> None:
    """DataError unless these are labels (n,) or (n, 1)."""
    shape, dtype = stored.shape, stored.dtype
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)) or dtype.kind not in "uif":
        raise DataError(f"{stored.place}: {dtype} of shape {shape}; labels are whole numbers, shape (n,)")


def _npz_images(array: np.ndarray, place: str) -> np.ndarray:
    """Pictures (n, H, W) or (n, H, W, C), whole numbers 0–255 or floats 0–1 → (n, H, W, C) uint8."""
    array = array[..., None] if array.ndim == 3 else array
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
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
    array = array.reshape(-1)
    if array.dtype.kind == "f":
        whole = (array == np.floor(array)) & (np.abs(array) < 2**53)
        if not whole.all():
            i = int(np.argmin(whole))
            raise DataError(f"{place}[{i}]: a label of {array[i]} is not whole; correct it")
        return array.astype(np.int64)
    return array
