"""Where a pixel goes: sizes, receptive fields, and padding that depends on the picture."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from convfilter.errors import FilterError
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

MAX_PIXELS = 2**31  # of one layer's output: what a pipeline may make of a picture by padding


def output_size(layer: Layer, size: Pair) -> Pair:
    """Rows and columns after `layer`. Raises FilterError where nothing would be left."""
    if isinstance(layer, Pad):
        return size[0] + layer.top + layer.bottom, size[1] + layer.left + layer.right
    if isinstance(layer, Conv):
        extent, strides, what = layer.extent, layer.strides, f"the kernel {layer.name}"
    elif isinstance(layer, Pool):
        extent, strides, what = layer.size, layer.size, "the pool"
    else:
        return size
    if extent[0] > size[0] or extent[1] > size[1]:
        raise FilterError(
            f"{what} ({extent[0]}×{extent[1]}) is larger than what it gets ({size[0]}×{size[1]}); "
            "use a larger picture or more padding"
        )
    return (size[0] - extent[0]) // strides[0] + 1, (size[1] - extent[1]) // strides[1] + 1


def sizes(pipeline: Pipeline, size: Pair) -> list[Pair]:
    """Rows and columns before the first layer of a settled pipeline and after each."""
    found = [size]
    for layer in pipeline.layers:
        found.append(output_size(layer, found[-1]))
    return found


def resolve_padding(pipeline: Pipeline, size: Pair) -> Pipeline:
    """The pipeline with every CoverPad made a Pad for a picture of `size`; checks that `size` is enough."""
    layers: list[Layer] = []
    for layer, following in _with_next(pipeline.layers):
        if isinstance(layer, CoverPad):
            layer = _cover(layer, following, size)
        size = output_size(layer, size)
        if size[0] * size[1] > MAX_PIXELS:
            raise FilterError(f"{pipeline.name}: a layer of {size[0]}×{size[1]} pixels; pad less")
        layers.append(layer)
    return replace(pipeline, layers=tuple(layers)) if pipeline.needs_size else pipeline


def _with_next(layers: tuple[Layer, ...]) -> Iterator[tuple[Layer, Layer | None]]:
    return zip(layers, (*layers[1:], None), strict=True)


def _cover(layer: CoverPad, following: Layer | None, size: Pair) -> Pad:
    assert isinstance(following, Conv)  # a Pipeline has made sure
    rows, columns = (
        max(-(-(length - extent) // stride), 0) * stride + extent - length
        for length, extent, stride in zip(size, following.extent, following.strides, strict=True)
    )
    return Pad(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2, layer.border)


def peak_bytes(pipeline: Pipeline, size: Pair, planes: int) -> int:
    """About how much memory a picture of `planes` takes on its way: the two largest neighbouring layers
    of one plane as float32, every plane twice, and its results four times, as they are mapped and written;
    measured at 5.5 planes of results in all for a picture that is only padded, where this says 6."""
    settled = resolve_padding(pipeline, size)
    cells = [
        rows * columns * count
        for (rows, columns), count in zip(sizes(settled, size), channels(settled), strict=True)
    ]
    return 4 * (max(a + b for a, b in pairwise(cells)) + planes * (2 * cells[0] + 4 * cells[-1]))


@dataclass(frozen=True)
class Field:
    """What one output pixel sees: rows and columns of input, and input pixels between two outputs."""

    size: Pair = (1, 1)
    stride: Pair = (1, 1)


def receptive_fields(pipeline: Pipeline) -> list[Field]:
    """The receptive field after each layer."""
    fields, current = [], Field()
    for layer in pipeline.layers:
        if isinstance(layer, Conv | Pool):
            extent, strides = (
                (layer.extent, layer.strides) if isinstance(layer, Conv) else (layer.size, layer.size)
            )
            current = Field(
                (
                    current.size[0] + (extent[0] - 1) * current.stride[0],
                    current.size[1] + (extent[1] - 1) * current.stride[1],
                ),
                (current.stride[0] * strides[0], current.stride[1] * strides[1]),
            )
        fields.append(current)
    return fields


def impulse_pipeline(pipeline: Pipeline) -> Pipeline:
    """A one-channel pipeline of the same geometry that only moves pixels: each kernel becomes the unit
    impulse at its anchor. It carries alpha and chroma along with strides, pools and cropping."""
    layers: list[Layer] = []
    for layer in pipeline.layers:
        if isinstance(layer, Conv):
            impulse = np.zeros((*layer.weights.shape[:2], 1, 1))
            impulse[layer.anchor] = 1
            layers.append(
                replace(layer, weights=impulse, bias=np.zeros(1), activation="linear", name="impulse")
            )
        elif isinstance(layer, Pool):
            layers.append(replace(layer, mode="average"))
        elif not isinstance(layer, Activation | Combine):
            layers.append(layer)
    unmoved = [Pad(0, 0, 0, 0)]
    return replace(pipeline, layers=tuple(layers or unmoved), values="stored", data_format="channels_last")


def flat_response(pipeline: Pipeline) -> np.ndarray | None:
    """What each output is where every input is 1 and no border is near: the sums of the kernels.
    None for a pipeline that is not linear."""
    response = np.ones(pipeline.in_channels)
    for layer in pipeline.layers:
        if isinstance(layer, Conv):
            if layer.activation != "linear" or layer.bias.any():
                return None
            response = response @ layer.weights.sum((0, 1))
        elif isinstance(layer, Combine) and layer.how in ("sum", "mean"):
            response = np.array([response.sum() if layer.how == "sum" else response.mean()])
        elif isinstance(layer, Activation) and layer.function == "linear":
            continue
        elif isinstance(layer, Activation | Combine) or (isinstance(layer, Pool) and layer.mode == "max"):
            return None
    return response
