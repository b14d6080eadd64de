"""Pictures to a size, by Pillow's antialiased resizing."""

import numpy as np
from PIL import Image


def resized(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A plane (H, W) of any real type → (height, width) float32; areas are averaged with Lanczos' window."""
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS))


def fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, C) uint8 → (*size, C) uint8: as large as fits with its aspect kept, centred on black."""
    height, width, channels = pixels.shape
    if (height, width) == size:
        return pixels
    scale = min(size[0] / height, size[1] / width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.zeros((*size, channels), np.uint8)
    for channel in range(channels):
        values = np.clip(np.rint(resized(pixels[..., channel], inner)), 0, 255)
        canvas[top : top + inner[0], left : left + inner[1], channel] = values
    return canvas
