"""What an engine is, and the lazy planes that it takes and gives."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from convfilter.engines.pixels import FLOAT32, Pixels
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline
from convfilter.system.values import dataclass

LARGE = 2**25  # pixels; a larger picture is computed strip by strip


@dataclass(frozen=True)
class LazyPlanes:
    """A lazily computed image: asking for rows computes just those, from the input rows that they need.

    size: rows and columns. `rows(top, bottom)` gives (channels, bottom − top, width) of `dtype`; the caller
    must not write to it. largest: no pixel's absolute value exceeds it; infinite where pixels may be
    anything, NaN included.
    """

    size: Pair
    channels: int
    rows: Callable[[int, int], np.ndarray]
    largest: float = np.inf
    dtype: np.dtype = FLOAT32


class Engine(Protocol):
    """Computes what a pipeline makes of planes."""

    @property
    def threads(self) -> int:
        """How many strips may be computed at once."""

    def sharing(self, pictures: int) -> "Engine":
        """The engine to use for each of so many pictures at once, its share of the threads."""

    def open(
        self, pipeline: Pipeline, source: LazyPlanes, full_scale: float, pixels: Pixels | None = None
    ) -> LazyPlanes:
        """The pipeline's result for `source`, float32, or the pixels of that result.

        full_scale: the value of white, of which the filters' biases are fractions. Raises FilterError when
        the picture is too small for the pipeline, PictureError or BackendError when it can't be computed
        here.
        """


def of_array(planes: np.ndarray) -> LazyPlanes:
    """LazyPlanes of an array (channels, height, width)."""
    channels, height, width = planes.shape
    largest = float(np.iinfo(planes.dtype).max) if planes.dtype.kind == "u" else np.inf

    def rows(top: int, bottom: int) -> np.ndarray:
        return planes[:, top:bottom]

    return LazyPlanes((height, width), channels, rows, largest, planes.dtype)


def as_pixels(planes: LazyPlanes, pixels: Pixels | None) -> LazyPlanes:
    """The pixels of results that may hold anything."""
    if pixels is None:
        return planes

    def rows(top: int, bottom: int) -> np.ndarray:
        return pixels.of(planes.rows(top, bottom))

    return LazyPlanes(planes.size, planes.channels, rows, dtype=pixels.dtype)
