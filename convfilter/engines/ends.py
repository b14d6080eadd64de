"""Whether a filter's first stage takes bytes as they are, and its last gives them."""

from functools import lru_cache

import numpy as np

from convfilter.engines import shipped
from convfilter.engines.base import LazyPlanes
from convfilter.engines.form import Part, filled, form_of
from convfilter.engines.litert import function
from convfilter.engines.pixels import Pixels, rounded
from convfilter.engines.stages import BYTES, Convolve, FromBytes, ToBytes, Weights
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class Ends:
    """Whether the first stage takes bytes, and the last gives them: the results clipped and rounded, or their
    absolute values. Where none is said, all numbers are floats."""

    takes: bool = False
    gives: bool = False
    absolute: bool = False

    @classmethod
    def of(cls, source: LazyPlanes, pixels: Pixels | None) -> "Ends":
        """What suits a picture, and the pixels that its results become."""
        if source.dtype != BYTES or not bytes_as_in_numpy():
            return FLOAT_ENDS
        if pixels is None or not pixels.as_bytes:
            return cls(True)
        return cls(True, True, pixels.map.absolute)


FLOAT_ENDS = Ends()
_SCALES = (0.5, 1.5, -1, 0.25, 0.125, 1, 1e9, -1e9)
_BIASES = (0, 0, 300, 0.5, 0.0625, -0.5, 0, 0)


@lru_cache(maxsize=1)
def bytes_as_in_numpy() -> bool:
    """Whether LiteRT clips and rounds to bytes on this machine as pixels.rounded does, halves to even: then a
    stage that gives bytes gives those of its floats. Without the form for it nothing is known to be wrong."""
    scales, biases = np.array(_SCALES, np.float32), np.array(_BIASES, np.float32)
    weights = (Weights(scales.reshape(1, 1, 1, -1)), Weights(biases))
    part = Part((FromBytes(), Convolve((1, 1), 1, len(scales)), ToBytes()), weights, 1)
    if not shipped.has(form_of(part)):
        return True
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, -1, 1)

    def fill(into: np.ndarray) -> None:
        into[...] = every

    run = function(filled(shipped.read(form_of(part)), part))
    found = run((1, 1, 256, 1), fill, np.copy)
    return np.array_equal(found, rounded(every * scales + biases, BYTES, 255.0))
