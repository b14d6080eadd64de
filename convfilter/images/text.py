"""Draw a line of text as pixels, for captions."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def text_mask(text: str, size: int) -> np.ndarray:
    """One line in Pillow's built-in typeface: float32 (H, W), 0 for paper to 1 for ink.

    size: of the font, in pixels; H depends on it alone, so texts of one size share their baseline.
    """
    face = font(size)
    width = max(1, round(face.getlength(text)))
    image = Image.new("L", (width, round(1.35 * size)))
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=face)
    return np.asarray(image, np.float32) / np.float32(255)


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's built-in typeface, `size` pixels high."""
    return ImageFont.load_default(size)
