"""The arithmetic behind one number of a filtered picture, with the engine's own numbers.

Values come from the engine: a layer's from the pipeline cut after that layer, the pixel from what `apply`
itself runs. Beside them stand the exact products and their sum, and what float32 makes of it.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np

from convfilter.engines.base import Engine, LazyPlanes
from convfilter.engines.raster import border_index
from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import resolve_padding, sizes
from convfilter.filters.intervals import activate
from convfilter.filters.layer import Layer, Pair
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline, channels, color_for
from convfilter.images.picture import ArrayRows, Picture, RowSource, full_scale
from convfilter.play.explanation import Explanation, Field, Numbers, Source, Step, Window
from convfilter.play.written import written
from convfilter.processing.colour import engine_planes
from convfilter.processing.options import PixelOptions
from convfilter.system.values import dataclass

Places = list[int | None]  # rows or columns of a plane; None where the border rule gives zero
_MOST_WINDOWS = 64  # filters whose sums are shown behind a combination


def explain(
    pipeline: Pipeline,
    picture: Picture | RowSource,
    options: PixelOptions,
    dtype: np.dtype,
    engine: Engine,
    x: int,
    y: int,
    layer: int | None = None,
    channel: int = 0,
    plane: int = 0,
) -> Explanation:
    """The arithmetic behind the number in column `x`, row `y` of a layer's result.

    layer: its place, from 0; None is the last, with the pixel that `apply` writes as `dtype`. channel: which
    of its filters; plane: which colour, where each is filtered by itself. Raises FilterError for a place,
    layer, filter or plane that is not there, and whatever filtering the picture raises.
    """
    source = ArrayRows(picture) if isinstance(picture, Picture) else picture
    options = replace(options, color=color_for(pipeline, options.color))
    planes = engine_planes(pipeline, source, options.color, options.linear)
    _check("plane", plane, source.channels if options.color == "luma" else len(planes))
    taken = planes[min(plane, len(planes) - 1)]  # one luma for all colours
    settled = resolve_padding(pipeline, taken.size)
    number = len(settled.layers) - 1 if layer is None else layer
    _check("layer", number, len(settled.layers))
    size, count = sizes(settled, taken.size)[number + 1], channels(settled)[number + 1]
    if not (0 <= x < size[1] and 0 <= y < size[0]):
        raise FilterError(
            f"no pixel in column {x}, row {y}; they count from 0, to {size[1] - 1} and {size[0] - 1}"
        )
    _check("channel", channel, count)
    full = 1.0 if pipeline.values == "unit" else full_scale(source.dtype)
    results = _Results(settled, taken, full, engine)
    last = number == len(settled.layers) - 1
    field = _field(settled.layers[: number + 1], x, y)
    return Explanation(
        filter=pipeline.name,
        x=x,
        y=y,
        layer=number,
        channel=channel,
        size=size,
        channels=count,
        layers=[each.label for each in settled.layers],
        steps=_steps(results, number, channel, y, x),
        field=field,
        source=_source(source, taken, options, field),
        pixel=written(pipeline, source, options, dtype, engine, (y, x), channel, plane) if last else None,
    )


def _check(what: str, value: int, count: int) -> None:
    if not 0 <= value < count:
        there = f"there are {count}, counted from 0" if count > 1 else "there is only 0"
        raise FilterError(f"no {what} {value}; {there}")


@dataclass(frozen=True, eq=False)
class _Results:
    """What every layer makes of a plane, from the engine. Of place −1 is the plane itself."""

    pipeline: Pipeline
    plane: LazyPlanes
    full: float
    engine: Engine

    @cached_property
    def sizes(self) -> list[Pair]:
        """Rows and columns before each layer, and after the last."""
        return sizes(self.pipeline, self.plane.size)

    @cached_property
    def opened(self) -> Callable[[int], LazyPlanes]:
        return lru_cache(self._open)

    def _open(self, place: int) -> LazyPlanes:
        if place < 0:
            return self.plane
        cut = replace(self.pipeline, layers=self.pipeline.layers[: place + 1])
        return self.engine.open(cut, self.plane, self.full)

    def at(self, place: int, row: int, column: int) -> list[float]:
        """Every channel's number after the layer of that place."""
        return [float(value) for value in self.opened(place).rows(row, row + 1)[:, 0, column]]

    def window(self, place: int, rows: Places, columns: Places) -> np.ndarray:
        """Numbers (channels, rows, columns), float64; zeros where a place is None."""
        planes = self.opened(place)
        found = np.zeros((planes.channels, len(rows), len(columns)))
        inside = [number for number, column in enumerate(columns) if column is not None]
        taken = [column for column in columns if column is not None]
        for number, row in enumerate(rows):
            if row is not None:
                found[:, number, inside] = planes.rows(row, row + 1)[:, 0, taken]
        return found


def _steps(results: _Results, place: int, channel: int, row: int, column: int) -> list[Step]:
    """The steps back from a number to the first layer that has a window, or to the picture."""
    if place < 0:
        return []
    layer = results.pipeline.layers[place]
    value = results.at(place, row, column)[channel]
    start = Step(place, _kind(layer), layer.label, channel, value)
    if isinstance(layer, Conv):
        return [_convolved(results, layer, start, row, column)]
    if isinstance(layer, Pool):
        return [_pooled(results, layer, start, row, column)]
    if isinstance(layer, Pad):
        _, [from_row], [from_column] = _before(results, place + 1, [row], [column])
        return [replace(start, windows=[Window(channel, [from_row], [from_column], [[value]])])]
    inputs = results.at(place - 1, row, column)
    if isinstance(layer, Combine):
        behind = range(min(len(inputs), _MOST_WINDOWS))
        own = replace(start, inputs=inputs, how=layer.how)
        return [own, *(step for each in behind for step in _steps(results, place - 1, each, row, column))]
    function = layer.functions[0] if layer.functions else layer.label
    across = layer.out_channels(len(inputs)) != len(inputs) or function in _ACROSS
    taken = inputs if across else [inputs[channel]]
    own = replace(start, inputs=taken, activation=function)
    return [own, *_steps(results, place - 1, channel, row, column)]


_ACROSS = ("softmax", "log_softmax", "sparsemax")  # functions of all channels at once


def _kind(layer: Layer) -> str:
    kinds = {Conv: "conv", Pool: "pool", Pad: "pad", Combine: "combine", Activation: "activation"}
    return kinds.get(type(layer), type(layer).__name__.lower())


def _convolved(results: _Results, conv: Conv, step: Step, row: int, column: int) -> Step:
    """A convolution's products and their exact sum."""
    rows = [row * conv.strides[0] + number * conv.dilation[0] for number in range(conv.weights.shape[0])]
    columns = [
        column * conv.strides[1] + number * conv.dilation[1] for number in range(conv.weights.shape[1])
    ]
    place, from_rows, from_columns = _before(results, step.layer, rows, columns)
    values = results.window(place, from_rows, from_columns)
    weights = np.moveaxis(conv.weights[..., step.channel].astype(np.float32).astype(np.float64), 2, 0)
    products = values * weights
    total = math.fsum(products.ravel()) if np.isfinite(products).all() else float(products.sum())
    bias = float(np.float32(conv.bias[step.channel] * results.full))
    before = total + bias
    exact = _activated(conv.activation, before)
    windows = [
        Window(number, from_rows, from_columns, _listed(value), _listed(weight), _listed(product))
        for number, (value, weight, product) in enumerate(zip(values, weights, products, strict=True))
    ]
    return replace(
        step,
        windows=windows,
        sum=total,
        bias=bias,
        before=before,
        activation=conv.activation,
        rounding=None if exact is None else step.value - exact,
    )


def _activated(function: str, value: float) -> float | None:
    """The function of a number in float64; None for one that is not known here."""
    if function == "abs":
        return abs(value)
    found = activate(function, np.array([value]), np.array([value]))
    return None if found is None else float(found[0][0])


def _pooled(results: _Results, pool: Pool, step: Step, row: int, column: int) -> Step:
    """What a pool takes the largest or the mean of."""
    rows = [row * pool.size[0] + number for number in range(pool.size[0])]
    columns = [column * pool.size[1] + number for number in range(pool.size[1])]
    place, from_rows, from_columns = _before(results, step.layer, rows, columns)
    values = results.window(place, from_rows, from_columns)[step.channel]
    return replace(
        step, windows=[Window(step.channel, from_rows, from_columns, _listed(values))], mode=pool.mode
    )


def _before(results: _Results, place: int, rows: list[int], columns: list[int]) -> tuple[int, Places, Places]:
    """The last layer before `place` that is no padding, and where its result has the rows and columns that
    the paddings between make of it."""
    down: Places = [*rows]
    across: Places = [*columns]
    place -= 1
    while place >= 0 and isinstance(pad := results.pipeline.layers[place], Pad):
        height, width = results.sizes[place]
        down = [_unpadded(row, pad.top, height, pad.border) for row in down]
        across = [_unpadded(column, pad.left, width, pad.border) for column in across]
        place -= 1
    return place, down, across


def _unpadded(place: int | None, added: int, length: int, border: str) -> int | None:
    """Where a padded row or column comes from; None for a zero."""
    if place is None or 0 <= place - added < length:
        return None if place is None else place - added
    return None if border == "zero" else int(border_index(np.array([place - added]), length, border)[0])


def _listed(values: np.ndarray) -> Numbers:
    found: Numbers = values.tolist()
    return found


def _field(layers: tuple[Layer, ...], x: int, y: int) -> Field:
    """The rows and columns of the picture that decide a number of the last of the layers."""
    rows, columns = (y, y + 1), (x, x + 1)
    for layer in reversed(layers):
        window = layer.window
        top, left = (layer.top, layer.left) if isinstance(layer, Pad) else (0, 0)
        rows, columns = (
            (span[0] * stride - before, (span[1] - 1) * stride + extent - before)
            for span, stride, extent, before in (
                (rows, window.strides[0], window.extent[0], top),
                (columns, window.strides[1], window.extent[1], left),
            )
        )
    return Field(rows[0], columns[0], rows[1], columns[1])


def _source(source: RowSource, plane: LazyPlanes, options: PixelOptions, field: Field) -> Source | None:
    """The picture's pixel in the middle of a field; None where that lies outside."""
    y, x = (field.top + field.bottom - 1) // 2, (field.left + field.right - 1) // 2
    if not (0 <= y < plane.size[0] and 0 <= x < plane.size[1]):
        return None
    pixels, alpha = source.rows(y, y + 1)
    values = [*np.atleast_1d(pixels[0, x]), *([] if alpha is None else [alpha[0, x]])]
    return Source(
        options.color or "gray",
        x,
        y,
        [float(value) for value in values],
        float(plane.rows(y, y + 1)[0, 0, x]),
    )
