"""Pictures and labels as arrays of an .npz file, as Keras saves MNIST."""

import math
import warnings
import zipfile
from pathlib import Path

import numpy as np

from convfilter.errors import DataError, printable
from convfilter.images.npy_header import Header, npy_header
from convfilter.system.archive import DEFLATE_MAX, check_size, open_archive
from convfilter.system.values import dataclass
from convfilter.train.data.source import Part, Progress, check_bytes, open_source

_PAIRS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}


def read_npz(path: Path, progress: Progress | None = None) -> dict[str, Part]:
    """The parts, train and test, of an .npz with x_train, y_train, x_test, y_test; one pair is enough."""
    with open_source(path) as source:
        label, size = source.label, source.size
    with open_archive(path) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers written by Python 2
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        found = {part: pair for part, pair in _PAIRS.items() if pair[0] in members or pair[1] in members}
        lacking = [name for pair in found.values() for name in pair if name not in members]
        if lacking or not found:
            raise DataError(
                f"{label}: no array {' or '.join(lacking or _PAIRS['train'])}; it holds "
                f"{', '.join(printable(name) for name in list(members)[:8]) or 'nothing'}, "
                f"where x_train, y_train, x_test and y_test are wanted"
            )
        parts = {}
        for done, (part, (x, y)) in enumerate(found.items(), 1):
            check_size(path, members[x], math.inf, DEFLATE_MAX)
            check_size(path, members[y], math.inf, DEFLATE_MAX)
            parts[part] = _npz_part(archive, members[x], members[y], label)
            if progress:
                progress(size * done // len(found), size)
        return parts


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
        """The array; DataError where the archive has fewer bytes than its header claims."""
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
    """One array, its data unread; DataError for Python objects and for a size that can't be right."""
    place = f"{label}, {printable(info.filename)}"
    with archive.open(info) as file:
        header = npy_header(file, lambda fault: DataError(f"{place}: {fault}"))
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
