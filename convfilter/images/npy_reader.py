"""NumPy's npy files as pictures."""

import io
import math
from typing import BinaryIO

import numpy as np

from convfilter.errors import PictureError, printable
from convfilter.images.npy_header import npy_header
from convfilter.images.picture import PIXELS, as_pixels, check_size, pixel_type


def read_npy(file: BinaryIO, max_pixels: int, label: str) -> np.ndarray:
    """The array (H, W) or (H, W, C) of an npy file; its header is checked before any of its data is read.

    label: what messages call the file. Raises PictureError for arrays of another shape or dtype.
    """
    shape, fortran, dtype = npy_header(file, lambda message: PictureError(f"{label}: {message}"))
    if len(shape) not in (2, 3):
        raise PictureError(f"{label}: an array of shape {shape}; a picture is (H, W) or (H, W, C)")
    if pixel_type(dtype) is None:
        raise PictureError(f"{label}: an array of {printable(dtype)}; use {PIXELS}")
    check_size(shape[1], shape[0], max_pixels, label, math.prod(shape[2:]))
    count = math.prod(shape)
    start = file.tell()
    length = file.seek(0, io.SEEK_END) - start
    if count < 1 or length < count * dtype.itemsize:
        raise PictureError(f"{label}: {length} bytes of data for a shape of {shape}; get a sound copy")
    file.seek(start)
    flat = np.empty(count, dtype)
    file.readinto(flat.view(np.uint8))  # type: ignore[attr-defined]
    pixels = as_pixels(flat.reshape(shape, order="F" if fortran else "C"))
    assert pixels is not None
    return pixels[..., 0] if pixels.shape[2:] == (1,) else pixels
