"""Colour to gray: Rec. 601 luma, with one set of weights for the whole package."""

import numpy as np

_REC_601 = np.array([0.299, 0.587, 0.114])  # red, green, blue
# The same in 65536ths, as Pillow and libjpeg have it
_REC_601_16 = np.array([19595, 38470, 7471], np.float32)
_BLOCK = 2**18  # pixels that are converted at once


def luma(colours: np.ndarray) -> np.ndarray:
    """Luma (...) of colours (..., 3): float32 of anything but float64, not rounded."""
    dtype = np.float64 if colours.dtype == np.float64 else np.float32
    values: np.ndarray = colours @ _REC_601.astype(dtype)
    return values


def to_gray(pixels: np.ndarray) -> np.ndarray:
    """Luma (H, W) of pixels (H, W, 3), in the same dtype, rounded once.

    8 bits are weighted in 65536ths, so that arrays and files decoded by Pillow or libjpeg give one gray.
    """
    gray = np.empty(pixels.shape[:2], pixels.dtype)
    step = max(1, _BLOCK // max(1, gray.shape[1]))
    for top in range(0, len(gray), step):  # by blocks of rows, since the floats take much more memory
        gray[top : top + step] = _rounded_luma(pixels[top : top + step])
    return gray


def _rounded_luma(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:  # whole numbers below 2**24, which float32 adds without rounding
        weighted = pixels.astype(np.float32) @ _REC_601_16
        return ((weighted + np.float32(0x8000)) * np.float32(2**-16)).astype(np.uint8)
    values = luma(pixels.astype(np.float64))
    return np.asarray(np.rint(values) if pixels.dtype.kind == "u" else values, pixels.dtype)
