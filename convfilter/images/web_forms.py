"""Pixels of 8 bits in small forms that every browser reads, as bytes."""

from io import BytesIO

import numpy as np
from PIL import Image


def lossless(pixels: np.ndarray) -> bytes:
    """(H, W) or (H, W, 3) as a WebP that keeps every pixel, a fifth or more smaller than a PNG."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=80, method=4)
    return file.getvalue()


def jpeg(pixels: np.ndarray) -> bytes:
    """(H, W) or (H, W, 3) as a JPEG with a colour for each pixel (4:4:4), which libjpeg-turbo decodes alike
    in Pillow and in most browsers."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, subsampling=0)
    return file.getvalue()
