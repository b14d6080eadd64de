"""Augmentation: one affine map a picture (turn, zoom, shift), sampled once, black outside."""

from typing import Any

import numpy as np

from convfilter.model.boot import keras


def affine(
    images: np.ndarray,
    rng: np.random.Generator,
    *,
    rotation: float = 0.0,
    zoom: float = 0.0,
    shift: float = 0.0,
    shear: float = 0.0,
) -> Any:
    """Turned, zoomed and shifted copies of float32 images (n, H, W, C), sampled bilinearly.

    rotation: largest turn in degrees. zoom: rows and columns are each scaled by 1 ± zoom. shift: largest
    move as a fraction of the size. shear: largest slant in degrees. All uniform, drawn from `rng`.
    Returns a backend tensor.
    """
    height, width = images.shape[1:3]
    maps = affine_maps(len(images), rng, (height, width), rotation, zoom, shift, shear)
    return keras.ops.image.affine_transform(
        images, maps, interpolation="bilinear", fill_mode="constant", data_format="channels_last"
    )


def affine_maps(
    count: int,
    rng: np.random.Generator,
    size: tuple[int, int],
    rotation: float,
    zoom: float,
    shift: float,
    shear: float = 0.0,
) -> np.ndarray:
    """(count, 8) parameters a0 a1 a2 b0 b1 b2 0 0: output (x, y) comes from (a0·x + a1·y + a2, …)."""
    turn = np.radians(rng.uniform(-rotation, rotation, count))
    slant = np.radians(rng.uniform(-shear, shear, count))
    across, down = rng.uniform(1 - zoom, 1 + zoom, (2, count))
    right, below = (rng.uniform(-shift, shift, (2, count)).T * (size[1], size[0])).T
    cos, sin = np.cos(turn), np.sin(turn)
    a0, a1 = cos * across, (-sin + cos * np.tan(slant)) * down
    b0, b1 = sin * across, (cos + sin * np.tan(slant)) * down
    middle_x, middle_y = (size[1] - 1) / 2, (size[0] - 1) / 2
    a2 = middle_x - a0 * middle_x - a1 * middle_y + right
    b2 = middle_y - b0 * middle_x - b1 * middle_y + below
    zero = np.zeros(count)
    return np.stack([a0, a1, a2, b0, b1, b2, zero, zero], 1).astype(np.float32)
