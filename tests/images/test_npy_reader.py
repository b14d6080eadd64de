"""npy files as pictures."""

import io
import struct

import numpy as np
import pytest
from picture_files import same

from convfilter.errors import PictureError
from convfilter.images.read import read


@pytest.mark.parametrize(
    ("array", "gray", "wanted"),
    [
        (np.eye(3, dtype=bool), True, np.eye(3, dtype=np.uint8) * 255),
        (np.eye(3) * 0.3, True, np.float32(np.eye(3) * 0.3)),
        (np.eye(3, dtype=">u2"), True, np.eye(3, dtype=np.uint16)),
        (np.arange(6.0).reshape(2, 3, order="F").astype("f4"), True, np.float32([[0, 2, 4], [1, 3, 5]])),
        (np.full((2, 3, 1), 7, np.uint8), True, np.full((2, 3), 7, np.uint8)),
        (np.full((2, 3, 3), 7, np.uint8), True, np.full((2, 3), 7, np.uint8)),
        (np.full((2, 3, 3), 0.5, np.float32), True, np.full((2, 3), 0.5, np.float32)),
        (np.full((2, 3, 5), 7, np.uint8), False, np.full((2, 3, 5), 7, np.uint8)),
    ],
)
def test_npy_arrays(array, gray, wanted):
    """Bool, float64, big-endian and Fortran-ordered arrays become native, C-ordered pixels."""
    file = io.BytesIO()
    np.save(file, array)
    got = read(io.BytesIO(file.getvalue()), gray=gray).pixels
    same(got, wanted)
    assert got.flags.c_contiguous
    assert got.flags.writeable


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((1, 2, 3, 4)), "shape"),
        (np.zeros((2, 2), "int32"), "int32"),
        (np.zeros((2, 2), "float16"), "float16"),
        (np.zeros((2, 2), "complex64"), "complex64"),
        (np.zeros((2, 2), [("a", "u1")]), "array of"),
        (np.array([[None]]), "object"),
        (np.zeros((0, 5), "uint8"), "no pixels"),
        (np.zeros((5, 5, 0), "uint8"), "data"),
        (np.zeros((4, 5, 2), "uint8"), '2 bands .* color="each"'),
    ],
)
def test_npy_arrays_that_are_no_picture(array, said):
    """Other shapes and dtypes, objects above all, are refused by name."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    with pytest.raises(PictureError, match=said):
        read(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize(
    "shape", ["(10**9, 10**9)", "(1000000, 1000000)", "(5, 5)", "(1, 1, 10000000000000)"]
)
def test_an_npy_header_that_lies_allocates_nothing(shape):
    """Terabytes claimed by a header are refused before any memory is asked for."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(100)
    with pytest.raises(PictureError, match=r"limit|data"):
        read(io.BytesIO(data))
