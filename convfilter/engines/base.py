"""What an engine is, and the lazy planes that it takes and gives."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline
from convfilter.system.values import dataclass

LARGE = 2**25  # pixels; a larger picture is computed strip by strip


@dataclass(frozen=True)
class LazyPlanes:
    """A lazily computed image: asking for rows computes just those, from the input rows that they need.

    size: rows and columns. `rows(top, bottom)` gives (channels, bottom − top, width), of any dtype; the
    caller must not write to it. largest: no pixel's absolute value exceeds it; infinite where pixels may be
    anything, NaN included.
    """

    size: Pair
    channels: int
    rows: Callable[[int, int], np.ndarray]
    largest: float = np.inf


class Engine(Protocol):
    """Computes what a pipeline makes of planes."""

    @property
    def threads(self) -> int:
        """How many strips may be computed at once."""

    def sharing(self, pictures: int) -> "Engine":
        """The engine to use for each of so many pictures at once, its share of the threads."""

    def open(self, pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> LazyPlanes:
        """The pipeline's result for `source`, float32.

        full_scale: the value of white, of which the filters' biases are fractions. Raises FilterError when
        the picture is too small for the pipeline, PictureError or BackendError when it can't be computed
        here.
        """


def of_array(planes: np.ndarray) -> LazyPlanes:
    """LazyPlanes of an array (channels, height, width)."""
    channels, height, width = planes.shape
    largest = float(np.iinfo(planes.dtype).max) if planes.dtype.kind == "u" else np.inf
    return LazyPlanes((height, width), channels, lambda top, bottom: planes[:, top:bottom], largest)
