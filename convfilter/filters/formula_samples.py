"""Formulas sampled on a grid of pixels: bells, their derivatives, and the shares of pixels that shapes cover.

x runs to the right, y down; arrays are float64 (rows, columns).
"""

from collections.abc import Callable
from math import ceil, cos, pi, radians, sin

import numpy as np

SUBSAMPLES = 16  # a pixel's coverage is counted on 16×16 points


def steps(side: int) -> np.ndarray:
    """Distances of a row's pixels from its middle."""
    return np.arange(side) - (side - 1) / 2


def bell(sigma: float, side: int) -> np.ndarray:
    """A Gaussian of that many rows and columns; sum 1."""
    row = np.exp(-((steps(side) / sigma) ** 2) / 2)
    return np.asarray(np.outer(row, row) / row.sum() ** 2)


def laplacian(sigma: float, side: int) -> np.ndarray:
    """The Laplacian of a Gaussian; mean 0."""
    squares = (steps(side) / sigma) ** 2
    r2 = squares + squares[:, None]
    weights = (r2 - 2) * np.exp(-r2 / 2) / (2 * pi * sigma**4)
    return np.asarray(weights - weights.mean())


def derivative(order: int, sigma: float, towards: float, side: int) -> np.ndarray:
    """A Gaussian's derivative across its long side, towards that many degrees as seen; mean 0."""
    x, up, c, s = steps(side), -steps(side)[:, None], cos(radians(towards)), sin(radians(towards))
    across, along = (x * c + up * s) / sigma, (up * c - x * s) / (3 * sigma)
    weights = (across if order == 1 else across**2 - 1) * np.exp(-(across**2 + along**2) / 2)
    return np.asarray(weights - weights.mean())


def coverage(inside: Callable[..., np.ndarray], width: float, height: float) -> np.ndarray:
    """Share of each pixel inside a centred shape of that extent, over their sum."""
    # Whole pixels touched beside the middle one; 1e-9, as the cosine of 90° isn't quite 0.
    right, down = (ceil(extent / 2 - 0.5 - 1e-9) for extent in (width, height))
    x, y = np.arange(-right, right + 1), np.arange(-down, down + 1)[:, None]
    offsets = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
    points = np.zeros((2 * down + 1, 2 * right + 1))
    for dx in offsets:
        for dy in offsets:
            points += inside(x + dx, y + dy)
    return np.asarray(points / points.sum())
