"""Samples of PGM and PPM files of any maxval, which Pillow would cut to 8 bits or scale twice."""

import re
from typing import IO, Any

import numpy as np

from convfilter.images.picture import full_scale

_BLOCK = 2**20  # bytes of text that are read at a time
_LONGEST = 1000  # digits of a number


def netpbm_samples(size: tuple[int, int], bands: int, file: IO[bytes], tile: Any) -> np.ndarray:
    """Samples (H, W) or (H, W, 3) of a PGM or PPM, scaled from its maxval to the full 8 or 16 bits.

    size: width and height. tile: where and how Pillow found the samples to be stored.
    A maxval of 255 or 65535 leaves each value as it is; 1023 or 4095 map one to one into 16 bits.
    """
    width, height = size
    maxval = tile.args[-1]
    count = width * height * bands
    file.seek(tile.offset)
    if tile.codec_name == "ppm_plain":
        values = _plain_values(file, count, maxval)
    else:
        stored = np.dtype(">u2" if maxval > 255 else "u1")
        data = file.read(count * stored.itemsize)
        values = np.frombuffer(data, stored, len(data) // stored.itemsize)
        _check_values(values, maxval)
    if values.size < count:
        raise OSError(f"image file is truncated: {values.size} samples of {count}")
    dtype = np.dtype(np.uint16 if maxval > 255 else np.uint8)
    table = np.rint(np.arange(maxval + 1) * full_scale(dtype) / maxval).astype(dtype)
    pixels: np.ndarray = table[values].reshape((height, width, bands) if bands > 1 else (height, width))
    return pixels


def _plain_values(file: IO[bytes], count: int, maxval: int) -> np.ndarray:
    """The next `count` numbers of a text, or all if there are fewer; reads no further than they go."""
    values, done, rest = np.empty(count, np.uint16), 0, b""
    while done < count:
        block = file.read(_BLOCK)
        text = re.sub(rb"#[^\r\n]*[\r\n]", b" ", rest + block)
        text, comment, _ = text.partition(b"#")  # a comment that continues in the next block
        cut = len(text) if comment or not block else len(text.rstrip(b"0123456789-"))
        if len(text) - cut > _LONGEST:
            raise ValueError(f"a sample of more than {_LONGEST} digits")
        rest = text[cut:] + comment
        found = np.array([int(word) for word in text[:cut].split()[: count - done]])
        _check_values(found, maxval)
        values[done : done + found.size] = found
        done += found.size
        if not block:
            break
    return values[:done]


def _check_values(values: np.ndarray, maxval: int) -> None:
    """Raise ValueError for a sample outside 0 to maxval."""
    if values.size and (values.min() < 0 or values.max() > maxval):
        raise ValueError(f"sample outside 0 to {maxval}")
