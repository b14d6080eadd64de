"""The layer table of a pipeline, and what sharing weights saves; computed without Keras."""

from itertools import pairwise
from typing import Any

from convfilter.filters.conv import Conv
from convfilter.filters.geometry import receptive_fields, resolve_padding, sizes
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline, channels
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table. shape: output (height, width, channels), None where it is not known."""

    layer: str
    what: str
    shape: tuple[int | None, int | None, int]
    parameters: int
    field: Pair
    stride: Pair


@dataclass(frozen=True)
class Sharing:
    """Weights of one convolution at a picture's size, biases left out.

    dense: every output joined to every input. local: each output has its own window's weights.
    shared: one set of weights for all windows, which is what Conv2D has.
    """

    layer: str
    dense: int
    local: int
    shared: int


def table(pipeline: Pipeline, size: Pair | None = None) -> list[Row]:
    """One row per layer, under Keras' class names. Raises FilterError when `size` is too small."""
    resolved = resolve_padding(pipeline, size) if size else pipeline
    shapes = sizes(resolved, size)[1:] if size else [(None, None)] * len(pipeline.layers)
    columns = (pipeline.layers, resolved.layers, shapes, channels(pipeline)[1:], receptive_fields(pipeline))
    return [
        Row(layer.keras_name, known.description, (*shape, count), layer.parameters, field.size, field.stride)
        for layer, known, shape, count, field in zip(*columns, strict=True)
    ]


def sharing(pipeline: Pipeline, size: Pair) -> list[Sharing]:
    """How many weights each convolution would need without sharing."""
    pipeline = resolve_padding(pipeline, size)
    rows = []
    for layer, (before, after) in zip(pipeline.layers, pairwise(sizes(pipeline, size)), strict=True):
        if isinstance(layer, Conv):
            kh, kw, into, out = layer.weights.shape
            outputs, inputs = after[0] * after[1] * out, before[0] * before[1] * into
            rows.append(Sharing(layer.name, inputs * outputs, outputs * kh * kw * into, kh * kw * into * out))
    return rows


def as_json(pipeline: Pipeline, size: Pair | None) -> dict[str, Any]:
    """The table, and the weights with and without sharing where a size is given."""
    return {
        "name": pipeline.name,
        "color": pipeline.color,
        "range": pipeline.range,
        "layers": [vars(row) for row in table(pipeline, size)],
        "weights": [vars(row) for row in sharing(pipeline, size)] if size else [],
    }
