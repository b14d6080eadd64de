"""The header of a NumPy array in a file, read before any memory is asked for."""

import io
from collections.abc import Callable
from typing import IO

import numpy as np

_LONGEST = 10_000  # bytes of a header that NumPy parses

Header = tuple[tuple[int, ...], bool, np.dtype]  # shape, whether in Fortran order, dtype


def npy_header(file: IO[bytes], error: Callable[[str], Exception]) -> Header:
    """What an npy file says of its array; the file then stands where the data begins.

    error: makes what is raised for another version of the format, from what is wrong and what to do.
    ValueError for a header that makes no sense.
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
