"""Data sets laid out by hand, byte by byte. The functions are given to tests as fixtures of their names."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image

from convfilter.errors import DataError
from convfilter.train.data.load import load

RNG = np.random.default_rng(3)
HEAD = "label," + ",".join(f"pixel{i}" for i in range(784))


@pytest.fixture
def small():
    """Thirty random pictures of 28×28, and labels with every digit three times."""
    return RNG.integers(0, 256, (30, 28, 28), np.uint8), np.arange(30) % 10


def _rows(images, labels=None):
    """CSV lines without a header."""
    lines = [",".join(map(str, image.ravel().tolist())) for image in images]
    return lines if labels is None else [f"{label},{line}" for label, line in zip(labels, lines, strict=True)]


def _csv(path, lines, head=HEAD):
    """A CSV file, gzip if its name says so."""
    text = "\n".join([head, *lines] if head else lines) + "\n"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def _idx(array, *, kind=8):
    """The bytes of an IDX file, by the format's description."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def _idx_folder(folder, images, labels, names=("train-images-idx3-ubyte", "train-labels-idx1-ubyte")):
    """A folder with one pair of IDX files."""
    folder.mkdir(exist_ok=True)
    for name, array in zip(names, (images, labels.astype(np.uint8)), strict=True):
        data = _idx(array)
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def _npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def _picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def _message(source, **options):
    """What the refusal says; it must be one line that names the file."""
    with pytest.raises(DataError) as caught:
        load(source, **options)
    said = str(caught.value)
    assert "\n" not in said
    return said


def _same(dataset, images, labels):
    """Whether a loaded part is exactly this, in the promised types."""
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int64
    np.testing.assert_array_equal(dataset.images, images.reshape(*images.shape[:3], -1))
    np.testing.assert_array_equal(dataset.labels, labels)


def _given(function):
    """A fixture that is the function itself."""
    return pytest.fixture(lambda: function, scope="session", name=function.__name__.lstrip("_"))


rows = _given(_rows)
csv = _given(_csv)
idx = _given(_idx)
idx_folder = _given(_idx_folder)
npz = _given(_npz)
picture = _given(_picture)
message = _given(_message)
same = _given(_same)
