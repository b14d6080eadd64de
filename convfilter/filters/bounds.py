"""How large and how small a filter's results can get: exact for one convolution, bounds for several.

Over inputs in a box, a linear filter is largest where each pixel is at the end its weight's sign asks for.
A magnitude is convex, so it is largest at a corner of the box; for two filters the corners that matter are
the vertices of a zonotope in the plane, found by sorting its edges by angle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convfilter.filters.pipeline import Activation, Combine, Conv, CoverPad, Pad, Pipeline, Pool

MAX_CORNER_TAPS = 12  # up to 2**12 corners are tried one by one for magnitudes of three filters and more
MAX_TRIED = 10_000_000  # results at the corners that are tried

# NumPy twins of the Keras activations that never fall; Keras' defaults for their parameters.
_RISING: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
}
_COMBINE: dict[str, Callable[[np.ndarray], Any]] = {
    "magnitude": lambda v: np.sqrt((v**2).sum(1)),
    "max": lambda v: v.max(1),
    "absmax": lambda v: np.abs(v).max(1),
    "sum": lambda v: v.sum(1),
    "mean": lambda v: v.mean(1),
}
_SQUARE_CONVEX = ("linear", "abs", "relu", "leaky_relu")  # act(x)² is convex


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
    """Bounds of the results for inputs in [0, full_scale]; None where an activation has no known bounds."""
    low, high = np.zeros(pipeline.in_channels), np.full(pipeline.in_channels, full_scale)
    exact, layers = True, list(pipeline.layers)
    convs = 0
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, Pad | CoverPad) and layer.border == "zero":
            exact = exact and bool((low <= 0).all() and (high >= 0).all())  # a border is not any pixel
            low, high = np.minimum(low, 0), np.maximum(high, 0)
        elif isinstance(layer, Conv):
            following = layers[0] if layers else None
            how = following.how if isinstance(following, Combine) else None
            layers = layers[1:] if how else layers
            found = _conv(layer, low, high, full_scale, how)
            if found is None:
                return None
            low, high, sharp = found
            convs += 1
            exact = exact and sharp and convs == 1
        elif isinstance(layer, Activation):
            activated = _activate(layer.function, low, high)
            if activated is None:
                return None
            low, high = activated
        elif isinstance(layer, Combine):
            low, high = _combine_intervals(layer.how, low, high)
            exact = False
        elif isinstance(layer, Pool) and layer.size != (1, 1):
            exact = exact and convs == 0  # neighbouring results of a convolution share pixels
    return Bounds(float(low.min()), float(high.max()), exact)


def _activate(name: str, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    if name == "abs":
        straddles = (low < 0) & (high > 0)
        ends = np.abs(low), np.abs(high)
        return np.where(straddles, 0, np.minimum(*ends)), np.maximum(*ends)
    function = _RISING.get(name)
    return (function(low), function(high)) if function else None


def _conv(
    conv: Conv, low: np.ndarray, high: np.ndarray, full_scale: float, how: str | None
) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Per-channel bounds after `conv` (and the Combine behind it) for inputs in the box [low, high]."""
    kh, kw, _, filters = conv.weights.shape
    weights = conv.weights.reshape(-1, filters)
    box = np.tile(low, kh * kw), np.tile(high, kh * kw)
    bias = conv.bias * full_scale
    if how in ("sum", "mean") and conv.activation == "linear":
        share = 1 if how == "sum" else filters
        weights, bias = weights.sum(1, keepdims=True) / share, bias.sum(keepdims=True) / share
        how = None
    linear = _linear(weights, bias, box)
    activated = _activate(conv.activation, *linear)
    if activated is None:
        return None
    if how is None:
        return *activated, True
    return _combined(how, conv.activation, weights, bias, box, activated)


def _linear(
    weights: np.ndarray, bias: np.ndarray, box: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
    low, high = box
    return low @ positive + high @ negative + bias, high @ positive + low @ negative + bias


def _combine(how: str, values: np.ndarray) -> np.ndarray:
    """values (points, filters) → (points,)."""
    return np.asarray(_COMBINE[how](values))


def _combine_intervals(how: str, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if how in ("magnitude", "absmax"):
        ends = _activate("abs", low, high)
        assert ends is not None
        low, high = ends
    return _combine(how, low[None]), _combine(how, high[None])


def _combined(
    how: str,
    activation: str,
    weights: np.ndarray,
    bias: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    intervals: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Bounds of a combined bank, compared with results that corners of the box do reach."""
    linear = _corners(weights, bias, box)
    rising = _RISING.get(activation, np.abs)
    reached = _combine(how, rising(linear))
    low, high = _combine_intervals(how, *intervals)
    taps = int((weights != 0).any(1).sum())
    filters = weights.shape[1]
    if how == "magnitude" and activation in _SQUARE_CONVEX and (filters == 2 or _few(taps, filters)):
        high = np.array([reached.max()])
    if how == "max" and activation == "linear":  # no smaller than the mean of the filters can get
        mean_low = _linear(weights.mean(1, keepdims=True), bias.mean(keepdims=True), box)[0]
        low = np.maximum(low, mean_low)
    exact = _equal(low[0], reached.min()) and _equal(high[0], reached.max())
    return low, high, exact


def _equal(a: float, b: float) -> bool:
    return bool(np.isclose(a, b, rtol=1e-12, atol=1e-12))


def _few(taps: int, filters: int) -> bool:
    """Whether every corner of the box can be tried."""
    return taps <= MAX_CORNER_TAPS and 2**taps * filters <= MAX_TRIED


def _corners(weights: np.ndarray, bias: np.ndarray, box: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Linear results (points, filters) at the corners of the box worth trying."""
    low, high = box
    used = (weights != 0).any(1)
    weights, low, width = weights[used], low[used], (high - low)[used]
    base = low @ weights + bias
    edges = weights * width[:, None]  # what moving one pixel from low to high adds
    some = edges[:, : max(1, MAX_TRIED // (2 * edges.shape[1]))]
    tried = np.concatenate([some, edges.mean(1, keepdims=True)], 1)
    choices = [tried.T > 0, tried.T < 0, np.zeros((1, len(edges)), bool)]
    count, filters = edges.shape
    if filters > 2 and _few(count, filters):
        choices.append((np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool))
    points = np.concatenate(choices).astype(float) @ edges
    if filters == 2:
        points = np.concatenate([points, _zonotope_vertices(edges)])
    return np.asarray(base + points)


def _zonotope_vertices(edges: np.ndarray) -> np.ndarray:
    """The vertices (vertices, 2) of the polygon {Σ tᵢ·edgeᵢ : 0 ≤ tᵢ ≤ 1}, whose sides are the edges in the
    order of their angles, from the lowest vertex up, and again on the opposite side."""
    x, y = edges[:, 0], edges[:, 1]
    down = (y < 0) | ((y == 0) & (x < 0))
    up = np.where(down[:, None], -edges, edges)
    up = up[np.argsort(np.arctan2(up[:, 1], up[:, 0]))]
    half = edges[down].sum(0) + np.cumsum(np.concatenate([np.zeros((1, 2)), up]), 0)
    return np.concatenate([half, edges.sum(0) - half])
