"""Whether a filter's arithmetic is exact: whole numbers stay whole, and float32 holds every one of them."""

import numpy as np

from convfilter.filters.pipeline import Activation, Combine, Conv, Layer, Pipeline, Pool, channels

EXACT = 2.0**24  # whole numbers up to here are exact in float32
_ACTIVATIONS = ("linear", "relu", "abs")
_COMBINES = ("sum", "max", "absmax")


def stays_whole(pipeline: Pipeline, largest: float, full_scale: float) -> bool:
    """Whether every number on the way is a whole one that float32 holds, for pixels that are whole numbers
    from -largest to largest. full_scale: what biases are fractions of."""
    for layer, count in zip(pipeline.layers, channels(pipeline)[:-1], strict=True):
        if not _keeps_whole(layer, full_scale):
            return False
        if isinstance(layer, Conv):
            sums = np.abs(layer.weights).sum((0, 1, 2)) * largest + np.abs(layer.bias) * full_scale
            largest = float(sums.max())
        elif isinstance(layer, Combine) and layer.how == "sum":
            largest *= count
        if largest >= EXACT:
            return False
    return True


def _keeps_whole(layer: Layer, full_scale: float) -> bool:
    """Whether whole numbers stay whole."""
    match layer:
        case Conv():
            numbers = np.concatenate([layer.weights.ravel(), layer.bias * full_scale])
            return bool((numbers % 1 == 0).all()) and layer.activation in _ACTIVATIONS
        case Activation(function):
            return function in _ACTIVATIONS
        case Combine(how):
            return how in _COMBINES
        case Pool():
            return layer.mode == "max"
    return True  # padding
