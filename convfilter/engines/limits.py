"""How large pixels may be before the compiled engine may differ from Keras.

As long as no intermediate value overflows, none is NaN or infinite, and the two agree. Beyond that they do
not: a maximum, a pool or an activation of LiteRT may drop a NaN that Keras keeps, and a sum that overflows
depends on its order. So the compiled engine computes rows whose pixels are small enough, and Keras the
others.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby
from math import sqrt
from threading import Lock

import numpy as np

from convfilter.engines.base import LazyPlanes
from convfilter.engines.stages import (
    Activate,
    CombineBlocks,
    Convolve,
    Depthwise,
    Pooling,
    Stage,
    Step,
    Weights,
)

LARGEST = 1e37  # float32 holds 3.4e38; the rest is room for rounding
# The largest input, of either sign, for which LiteRT's activations are those of Keras; LARGEST for others.
TRUSTED = {
    "exponential": 80.0,  # e^89 overflows
    "softplus": 80.0,  # LiteRT computes e^x, and gives infinity from 88 on
    "log_sigmoid": 80.0,
    "sparsemax": 1e6,  # sums of its sorted input lose the ones
    "squareplus": 1e18,  # the square overflows
    "sigmoid": 1e20,  # LiteRT gives NaN from 5e26 on
    "silu": 1e20,
    "swish": 1e20,
}
_NEVER_LARGER = ("abs", "linear", "relu", "leaky_relu")  # |f(x)| ≤ |x|


class BeyondReachError(ArithmeticError):
    """Rows hold NaN, or a number too large for the compiled engine."""


@lru_cache(maxsize=64)
def reach(stages: tuple[Stage, ...]) -> float:
    """The largest absolute value of pixels for which the compiled engine is trusted with every intermediate
    value; negative where even pixels of 0 lead to larger ones.

    Found from the last step back to the first: how large a step's input may be, so that its output is
    allowed.
    """
    allowed = LARGEST
    for stage in reversed(stages):
        left = list(stage.weights)
        for step in reversed(stage.steps):
            allowed = _before(step, left, allowed)
    return allowed


def _before(step: Step, left: list[Weights], allowed: float) -> float:
    """How large the input of a step may be; takes the step's own weights from the end of `left`."""
    match step:
        case Convolve() | Depthwise():
            bias, weights = left.pop().values, left.pop().values
            free = _before_activation(step.activation, allowed) - np.abs(bias.astype(float))
            each = 2 if isinstance(step, Depthwise) else 3  # the axis of the results
            others = tuple(axis for axis in range(4) if axis != each)
            return float(_shares(free, np.abs(weights.astype(float)).sum(others)).min())
        case Activate(function):
            return _before_activation(function, allowed)
        case CombineBlocks("magnitude", blocks):
            return min(allowed, sqrt(LARGEST)) / sqrt(blocks)
        case CombineBlocks("sum", blocks):
            return allowed / blocks
        case CombineBlocks("mean", blocks):
            return min(allowed, LARGEST / blocks)
        case Pooling(size, "average"):
            return min(allowed, LARGEST / (size[0] * size[1]))
    return allowed


def _shares(free: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """free / sums, LARGEST at most; weights that are all zero leave room for anything."""
    return np.where(free < 0, free, free / np.maximum(sums, np.maximum(free / LARGEST, 1e-300)))


def _before_activation(function: str, allowed: float) -> float:
    trusted = TRUSTED.get(function, LARGEST)
    if allowed < 0:
        return allowed
    if function == "exponential":
        return min(trusted, float(np.log(max(allowed, 1e-300))))
    if function in _NEVER_LARGER:
        return min(trusted, allowed)
    return min(trusted, allowed / 2 - 10)  # no activation gives more than 2·|x| + 20


def within(source: LazyPlanes, largest: float) -> LazyPlanes:
    """The source; asking for rows that hold NaN or a value larger than `largest` raises BeyondReachError."""
    if source.largest <= largest:
        return source

    def rows(top: int, bottom: int) -> np.ndarray:
        found = source.rows(top, bottom)
        if not (found.max() <= largest and found.min() >= -largest):  # of NaN neither is true
            raise BeyondReachError
        return found

    return LazyPlanes(source.size, source.channels, rows, largest)


def instead(first: LazyPlanes, second: Callable[[], LazyPlanes]) -> LazyPlanes:
    """The rows of `first`; those that raise BeyondReachError when asked for one by one come from `second`.

    So where a row comes from does not depend on the strip it is asked for in. `second` is called when it is
    first needed, and its result is asked by one thread at a time.
    """
    lock = Lock()
    made: list[LazyPlanes] = []

    def other(top: int, bottom: int) -> np.ndarray:
        with lock:
            if not made:
                made.append(second())
            return made[0].rows(top, bottom)

    def rows(top: int, bottom: int) -> np.ndarray:
        found: list[np.ndarray] = []
        for missing, run in groupby(_parts(first, top, bottom), lambda part: part[2] is None):
            parts = list(run)
            if missing:
                found.append(other(parts[0][0], parts[-1][1]))
            else:
                found += [part[2] for part in parts if part[2] is not None]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    return LazyPlanes(first.size, first.channels, rows)


def _parts(raster: LazyPlanes, top: int, bottom: int) -> Iterator[tuple[int, int, np.ndarray | None]]:
    """Yield (top, bottom, rows) of parts of top:bottom, found by bisection; rows is None for a single row
    that is beyond reach."""
    try:
        found = raster.rows(top, bottom)
    except BeyondReachError:
        if bottom - top == 1:
            yield top, bottom, None
            return
        middle = (top + bottom) // 2
        yield from _parts(raster, top, middle)
        yield from _parts(raster, middle, bottom)
    else:
        yield top, bottom, found
