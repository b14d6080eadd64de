"""How large and how small a filter's results can get: exact for one convolution, bounds for several."""

import numpy as np

from convfilter.filters.intervals import Box
from convfilter.filters.pipeline import Pipeline
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest result; `exact` where both are reached by some input."""

    low: float
    high: float
    exact: bool

    @property
    def largest(self) -> float:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))


def bounds(pipeline: Pipeline, full_scale: float = 1.0) -> Bounds | None:
    """Bounds of the results for inputs in [0, full_scale]; None where a layer has no known bounds."""
    box = Box(np.zeros(pipeline.in_channels), np.full(pipeline.in_channels, full_scale))
    for layer in pipeline.layers:
        after = layer.bounds(box, full_scale)
        if after is None:
            return None
        box = after
    return Bounds(float(box.low.min()), float(box.high.max()), box.exact)
