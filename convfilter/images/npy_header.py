"""The header of NumPy's npy format: the shape and dtype of an array before any memory is taken for it."""

import io
from collections.abc import Callable
from typing import IO

import numpy as np

_LONGEST = 10_000  # bytes of a header; NumPy parses no longer one

Header = tuple[tuple[int, ...], bool, np.dtype]  # shape, whether in Fortran order, dtype


def npy_header(file: IO[bytes], error: Callable[[str], Exception]) -> Header:
    """Read an npy file's header; the file is then at the start of the data.

    error: makes the exception for an unsupported version of the format from a message.
    Raises ValueError for a header that makes no sense.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version != (2, 0):
        raise error(f"npy version {version[0]}.{version[1]}; save plain numbers with NumPy, as version 1.0")
    size = file.read(4)  # which may say 4 GB
    if int.from_bytes(size, "little") > _LONGEST:
        raise ValueError(f"a header of more than {_LONGEST} bytes")
    return np.lib.format.read_array_header_2_0(io.BytesIO(size + file.read(int.from_bytes(size, "little"))))
