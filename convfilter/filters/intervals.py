"""Interval arithmetic: how small and large results get, for inputs each between two numbers.

Over inputs in a box, a linear filter is largest where each pixel is at the end its weight's sign asks for.
A magnitude is convex, so it is largest at a corner of the box; for two filters the corners that matter are
the vertices of a zonotope in the plane, found by sorting its edges by angle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from convfilter.system.values import dataclass

Interval = tuple[np.ndarray, np.ndarray]  # lowest and highest, float64 (channels,) each

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


@dataclass(frozen=True, eq=False)
class Bank:
    """A convolution as the function of one window: weights float64 (taps, filters), bias (filters,) in the
    units of the pixels, the interval of each tap's pixel, and the activation of the results."""

    weights: np.ndarray
    bias: np.ndarray
    taps: Interval
    activation: str

    def results(self) -> Interval | None:
        """The interval of each filter's result; None where that of its activation is not known."""
        return activate(self.activation, *_linear(self.weights, self.bias, self.taps))


@dataclass(frozen=True, eq=False)
class Box:
    """Lowest and highest number of each channel, float64 (channels,).

    exact: both are reached. mixed: neighbouring pixels may be results of the same ones, so that not every
    choice of numbers between the two is possible. bank: the convolution whose results these are.
    """

    low: np.ndarray
    high: np.ndarray
    exact: bool = True
    mixed: bool = False
    bank: Bank | None = None

    def beside_zeros(self) -> Box:
        """With zeros as a border: a pixel of which is never any other number."""
        exact = self.exact and bool((self.low <= 0).all() and (self.high >= 0).all())
        return Box(np.minimum(self.low, 0), np.maximum(self.high, 0), exact, self.mixed)

    def convolved(self, weights: np.ndarray, bias: np.ndarray, activation: str) -> Box | None:
        """After a convolution of weights (kh, kw, in, out); None where the activation has no known bounds."""
        kh, kw, _, filters = weights.shape
        taps = np.tile(self.low, kh * kw), np.tile(self.high, kh * kw)
        bank = Bank(weights.reshape(-1, filters), bias, taps, activation)
        found = bank.results()
        return found and Box(*found, exact=self.exact and not self.mixed, mixed=True, bank=bank)

    def activated(self, function: str) -> Box | None:
        """After an activation; None where it has no known bounds."""
        found = activate(function, self.low, self.high)
        return found and replace(self, low=found[0], high=found[1], bank=None)

    def pooled(self) -> Box:
        """After a pool of several pixels."""
        return replace(self, exact=self.exact and not self.mixed, bank=None)

    def combined(self, how: str) -> Box:
        """After all channels were made one."""
        if self.bank is None:
            return Box(*_combine_intervals(how, self.low, self.high), exact=False, mixed=self.mixed)
        low, high, exact = _combined(how, self.bank, (self.low, self.high))
        return Box(low, high, self.exact and exact, mixed=True)


def activate(name: str, low: np.ndarray, high: np.ndarray) -> Interval | None:
    """The interval of an activation's results; None where it is not known."""
    if name == "abs":
        straddles = (low < 0) & (high > 0)
        ends = np.abs(low), np.abs(high)
        return np.where(straddles, 0, np.minimum(*ends)), np.maximum(*ends)
    function = _RISING.get(name)
    return (function(low), function(high)) if function else None


def _linear(weights: np.ndarray, bias: np.ndarray, box: Interval) -> Interval:
    positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
    low, high = box
    return low @ positive + high @ negative + bias, high @ positive + low @ negative + bias


def _combine(how: str, values: np.ndarray) -> np.ndarray:
    """values (points, filters) → (points,)."""
    return np.asarray(_COMBINE[how](values))


def _combine_intervals(how: str, low: np.ndarray, high: np.ndarray) -> Interval:
    if how in ("magnitude", "absmax"):
        ends = activate("abs", low, high)
        assert ends is not None
        low, high = ends
    return _combine(how, low[None]), _combine(how, high[None])


def _combined(how: str, bank: Bank, results: Interval) -> tuple[np.ndarray, np.ndarray, bool]:
    """Bounds of a combined bank, and whether results that corners of the box do reach are as low and high."""
    weights, bias, activation = bank.weights, bank.bias, bank.activation
    if how in ("sum", "mean") and activation == "linear":  # one linear filter again
        share = 1 if how == "sum" else weights.shape[1]
        return *_linear(
            weights.sum(1, keepdims=True) / share, bias.sum(keepdims=True) / share, bank.taps
        ), True
    reached = _combine(how, _RISING.get(activation, np.abs)(_corners(weights, bias, bank.taps)))
    low, high = _combine_intervals(how, *results)
    taps, filters = int((weights != 0).any(1).sum()), weights.shape[1]
    if how == "magnitude" and activation in _SQUARE_CONVEX and (filters == 2 or _few(taps, filters)):
        high = np.array([reached.max()])
    if how == "max" and activation == "linear":  # no smaller than the mean of the filters can get
        mean_low = _linear(weights.mean(1, keepdims=True), bias.mean(keepdims=True), bank.taps)[0]
        low = np.maximum(low, mean_low)
    return low, high, _equal(low[0], reached.min()) and _equal(high[0], reached.max())


def _equal(a: float, b: float) -> bool:
    return bool(np.isclose(a, b, rtol=1e-12, atol=1e-12))


def _few(taps: int, filters: int) -> bool:
    """Whether every corner of the box can be tried."""
    return taps <= MAX_CORNER_TAPS and 2**taps * filters <= MAX_TRIED


def _corners(weights: np.ndarray, bias: np.ndarray, box: Interval) -> np.ndarray:
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
