"""Refuse JPEGs that would take absurd memory or time, before they are decoded."""

import os
from collections.abc import Iterator
from typing import BinaryIO

from convfilter.errors import PictureError

_SCAN = b"\xff\xda"  # marker at the start of each scan
_SCANS = 20  # full-size scans that a picture of the largest size may have
_ARITHMETIC = (b"\xff\xc9", b"\xff\xca")  # markers of arithmetic coding
_PIXELS_PER_BYTE = 512  # at most: each block of 8 x 8 pixels takes at least a bit
_BLOCK = 1 << 20  # bytes read at a time


def check_jpeg(file: BinaryIO, size: tuple[int, int], max_pixels: int, label: str) -> None:
    """Raise PictureError for a JPEG with more pixels than its bytes can hold, or with too many scans.

    Each scan is a pass over the whole picture. size: width and height. label: what messages call the file.
    """
    pixels, length = size[0] * size[1], file.seek(0, os.SEEK_END)
    scans = sum(block.count(_SCAN) for block in _blocks(file))
    if pixels > _PIXELS_PER_BYTE * length and not _arithmetic(file):
        raise PictureError(
            f"{label}: {length} bytes can't hold {size[0]} x {size[1]} pixels; get a sound copy"
        )
    if scans * pixels > _SCANS * max_pixels:
        raise PictureError(
            f"{label}: {scans} scans of {size[0]} x {size[1]} are the work of more than {_SCANS} pictures of "
            f"the limit of {max_pixels} pixels; "
            f"allow it with max_pixels={-(-scans * pixels // _SCANS)} if you trust the file"
        )


def _arithmetic(file: BinaryIO) -> bool:
    """Whether its coding may take less than a bit per block."""
    return any(marker in block for block in _blocks(file) for marker in _ARITHMETIC)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """The whole file; each block but the first begins with the last byte of the one before, so that no marker
    is cut in two."""
    file.seek(0)
    last = b""
    while block := file.read(_BLOCK):
        yield last + block
        last = block[-1:]
