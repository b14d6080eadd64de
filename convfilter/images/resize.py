"""Resize pictures with antialiasing, and prepare them for networks."""

import numpy as np
from PIL import Image

from convfilter.images.picture import Picture


def resized(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A plane (H, W) of any real dtype → (height, width) float32, by Pillow's antialiased Lanczos filter."""
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS))


def eight_bit(picture: Picture) -> np.ndarray:
    """The pixels as (H, W, C) uint8, as networks are trained on them; clear pixels are black."""
    pixels = picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., None]
    if pixels.dtype == np.uint8 and picture.alpha is None:
        return pixels
    values = np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0) * (255 / picture.full_scale)
    if picture.alpha is not None:
        values *= picture.alpha[..., None] / picture.full_scale
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels (H, W, C) uint8 → (*size, C): scaled to fit with its aspect ratio kept, centred on black."""
    height, width, channels = pixels.shape
    if (height, width) == size:
        return pixels
    scale = min(size[0] / height, size[1] / width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.zeros((*size, channels), np.uint8)
    canvas[top : top + inner[0], left : left + inner[1]] = _scaled(pixels, inner)
    return canvas


def _scaled(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels (H, W, C) uint8 → (*size, C)."""
    planes = [resized(pixels[..., channel], size) for channel in range(pixels.shape[2])]
    values = np.clip(np.rint(np.stack(planes, -1)), 0, 255)
    return np.asarray(values, np.uint8)


def shrunk_picture(picture: Picture, most: int) -> Picture:
    """The picture as 8 bits without alpha, (H, W) or (H, W, 3), its longer side at most `most` pixels.

    Of other than one or three channels the first is taken.
    """
    pixels = eight_bit(picture)
    pixels = pixels if pixels.shape[2] == 3 else pixels[..., :1]
    height, width = pixels.shape[:2]
    if max(height, width) > most:
        scale = most / max(height, width)
        pixels = _scaled(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
    return Picture(pixels if pixels.shape[2] == 3 else np.ascontiguousarray(pixels[..., 0]))
