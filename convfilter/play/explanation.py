"""What is said of one number: the windows, products and sums behind it, as plain data."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from convfilter.filters.layer import Pair
from convfilter.system.values import dataclass

Numbers = list[list[float]]  # rows of numbers


@dataclass(frozen=True)
class Window:
    """What one output looks at, in one channel of the plane that the layer's window lies on, before padding.

    rows, columns: where each row and column of the window comes from; None where the border rule gives zero.
    values, weights and products have the window's rows and columns; a pool has values alone.
    """

    channel: int
    rows: list[int | None]
    columns: list[int | None]
    values: Numbers
    weights: Numbers | None = None
    products: Numbers | None = None


@dataclass(frozen=True)
class Step:
    """How one layer makes a number of those before it.

    layer: its place, from 0. value: the engine's float32. of: which of a layer's facts below hold.
    windows: of a convolution or pool. sum: of the products, exact to float64's rounding; before: with the
    bias, before the activation. rounding: the engine's value less the one of exact arithmetic, None where
    that is not known. inputs: what a combination or an activation takes.
    """

    layer: int
    kind: str
    label: str
    channel: int
    value: float
    windows: list[Window] | None = None
    sum: float | None = None
    bias: float | None = None
    before: float | None = None
    activation: str | None = None
    rounding: float | None = None
    mode: str | None = None
    inputs: list[float] | None = None
    how: str | None = None


@dataclass(frozen=True)
class Change:
    """One change on the way from a result to a pixel, in words, and the number after it."""

    what: str
    value: float


@dataclass(frozen=True)
class Written:
    """How the last layer's number becomes a pixel: its changes, then the one rounding. `written` is what
    `apply` writes."""

    range: str
    steps: list[Change]
    rounded: float
    written: float


@dataclass(frozen=True)
class Source:
    """The picture's own pixel, its channels, at the middle of the receptive field, and the number that enters
    the network there."""

    color: str
    x: int
    y: int
    channels: list[float]
    value: float


@dataclass(frozen=True)
class Field:
    """The part of the picture that decides the number: rows and columns, half open; some may lie outside."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Explanation:
    """All that is behind the number in column x, row y of a layer's result.

    size: rows and columns of that result. steps: from the layer back through those that look at one pixel
    only, to the first that has a window; paddings between are passed through. pixel: of the last layer alone.
    """

    filter: str
    x: int
    y: int
    layer: int
    channel: int
    size: Pair
    channels: int
    layers: list[str]
    steps: list[Step]
    field: Field
    source: Source | None
    pixel: Written | None

    def as_json(self) -> dict[str, Any]:
        """Plain objects, lists and numbers, null for those that are not finite, as JSON has none; a step has
        only what its kind of layer says."""
        found = asdict(self)
        found["steps"] = [
            {key: value for key, value in step.items() if value is not None} for step in found["steps"]
        ]
        plain: dict[str, Any] = _finite(found)
        return plain


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
