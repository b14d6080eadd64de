"""All rows of what an engine gives."""

import numpy as np

from convfilter.engines.base import LazyPlanes


def to_array(planes: LazyPlanes) -> np.ndarray:
    """(channels, height, width)."""
    return planes.rows(0, planes.size[0])
