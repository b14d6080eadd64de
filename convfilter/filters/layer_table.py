"""The layer table of a pipeline, and what sharing weights saves; computed without Keras."""

import math
from dataclasses import dataclass
from typing import Any

from convfilter.filters.geometry import receptive_fields, resolve_padding, sizes
from convfilter.filters.pipeline import (
    Activation,
    Combine,
    Conv,
    CoverPad,
    Layer,
    Pad,
    Pair,
    Pipeline,
    Pool,
    channels,
)


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
    """A row a layer, under Keras' class names. Raises FilterError when `size` is too small."""
    settled = resolve_padding(pipeline, size) if size else pipeline
    shapes = sizes(settled, size)[1:] if size else [(None, None)] * len(pipeline.layers)
    columns = (pipeline.layers, settled.layers, shapes, channels(pipeline)[1:], receptive_fields(pipeline))
    return [
        Row(keras_name(layer), _what(known), (*shape, count), _parameters(layer), field.size, field.stride)
        for layer, known, shape, count, field in zip(*columns, strict=True)
    ]


def sharing(pipeline: Pipeline, size: Pair) -> list[Sharing]:
    """How many weights each convolution would need without sharing."""
    pipeline = resolve_padding(pipeline, size)
    rows = []
    for layer, before, after in zip(
        pipeline.layers, sizes(pipeline, size), sizes(pipeline, size)[1:], strict=False
    ):
        if isinstance(layer, Conv):
            kh, kw, into, out = layer.weights.shape
            outputs, inputs = after[0] * after[1] * out, before[0] * before[1] * into
            rows.append(Sharing(layer.name, inputs * outputs, outputs * kh * kw * into, kh * kw * into * out))
    return rows


def keras_name(layer: Layer) -> str:
    """The class of the Keras layer that `layer` becomes."""
    if isinstance(layer, CoverPad):
        return "CoverPadding2D"
    if isinstance(layer, Pad):
        return "ZeroPadding2D" if layer.border == "zero" else "BorderPadding2D"
    if isinstance(layer, Pool):
        return {"max": "MaxPooling2D", "average": "AveragePooling2D"}[layer.mode]
    return {Conv: "Conv2D", Activation: "Activation", Combine: "CombineFilters"}[type(layer)]


def _what(layer: Layer) -> str:
    match layer:
        case Pad(top, bottom, left, right, border):
            return f"top {top}, bottom {bottom}, left {left}, right {right}: {border}"
        case CoverPad(border):
            return f"as the picture's size needs: {border}"
        case Conv():
            kh, kw, _, out = layer.weights.shape
            words = [layer.name, f"{out} × {kh}×{kw}"]
            words += [f"strides {layer.strides}"] if layer.strides != (1, 1) else []
            words += [f"dilation {layer.dilation}"] if layer.dilation != (1, 1) else []
            words += [layer.activation] if layer.activation != "linear" else []
            return ", ".join(words)
        case Activation(function):
            return function
        case Combine(how):
            return how
        case Pool(size, _):
            return f"{size[0]}×{size[1]}"


def _parameters(layer: Layer) -> int:
    if not isinstance(layer, Conv):
        return 0
    weights = int(layer.weights.size)
    if layer.strides != (1, 1) and layer.dilation != (1, 1):  # Keras gets the zeros between the weights
        weights = math.prod((*layer.extent, *layer.weights.shape[2:]))
    return weights + (layer.weights.shape[3] if layer.bias.any() else 0)


def as_json(pipeline: Pipeline, size: Pair | None) -> dict[str, Any]:
    """The table, and the weights with and without sharing where a size is given."""
    return {
        "name": pipeline.name,
        "color": pipeline.color,
        "range": pipeline.range,
        "layers": [vars(row) for row in table(pipeline, size)],
        "weights": [vars(row) for row in sharing(pipeline, size)] if size else [],
    }
