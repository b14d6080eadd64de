"""Lines of text as pixels, for pictures that explain themselves."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def text_mask(text: str, size: int) -> np.ndarray:
    """One line in Pillow's own typeface: float32 (H, W) from 0 to 1, where the ink is.

    size: pixels from line to line; H depends on it alone, so lines of one size share their baseline.
    """
    font = _font(size)
    width = max(1, round(font.getlength(text)))
    image = Image.new("L", (width, round(1.35 * size)))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    return np.asarray(image, np.float32) / np.float32(255)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
