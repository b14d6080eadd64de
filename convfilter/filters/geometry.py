"""Where a pixel goes: sizes, receptive fields, and padding that depends on the picture."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.fields import Field, fields_of
from convfilter.filters.layer import Layer, Pair
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline, channels

MAX_PIXELS = 2**31  # of one layer's output: what a pipeline may make of a smaller picture by padding


def sizes(pipeline: Pipeline, size: Pair) -> list[Pair]:
    """Rows and columns before the first layer of a pipeline without CoverPad, and after each."""
    found = [size]
    for layer in pipeline.layers:
        found.append(layer.output_size(found[-1]))
    return found


def resolve_padding(pipeline: Pipeline, size: Pair) -> Pipeline:
    """The pipeline with every CoverPad made a Pad for a picture of `size`; checks that `size` is enough."""
    layers: list[Layer] = []
    most = max(MAX_PIXELS, 2 * size[0] * size[1])
    for layer, following in pipeline.pairs:
        layers.append(layer.resolved(following, size))
        size = layers[-1].output_size(size)
        if size[0] * size[1] > most:
            raise FilterError(f"{pipeline.name}: a layer of {size[0]}×{size[1]} pixels; pad less")
    return replace(pipeline, layers=tuple(layers)) if pipeline.needs_size else pipeline


def peak_bytes(pipeline: Pipeline, size: Pair, planes: int) -> int:
    """About how much memory a picture of `planes` takes on its way: the two largest neighbouring layers
    of one plane as float32, every plane twice, and its results four times, as they are mapped and written;
    measured at 5.5 planes of results in all for a picture that is only padded, where this says 6."""
    resolved = resolve_padding(pipeline, size)
    cells = [
        rows * columns * count
        for (rows, columns), count in zip(sizes(resolved, size), channels(resolved), strict=True)
    ]
    return 4 * (max(a + b for a, b in pairwise(cells)) + planes * (2 * cells[0] + 4 * cells[-1]))


def receptive_fields(pipeline: Pipeline) -> list[Field]:
    """The receptive field after each layer."""
    return fields_of(pipeline.layers)


def impulse_pipeline(pipeline: Pipeline) -> Pipeline:
    """A one-channel pipeline of the same geometry that only moves pixels: each kernel becomes the unit
    impulse at its anchor. It carries alpha and chroma along with strides, pools and cropping."""
    moving = tuple(layer.impulse for layer in pipeline.layers if layer.impulse) or (Pad(0, 0, 0, 0),)
    return replace(pipeline, layers=moving, values="stored", data_format="channels_last")


def flat_response(pipeline: Pipeline) -> np.ndarray | None:
    """What each output is where every input is 1 and no border is near: the sums of the kernels.
    None for a pipeline that is not linear."""
    response: np.ndarray | None = np.ones(pipeline.in_channels)
    for layer in pipeline.layers:
        response = None if response is None else layer.flat_response(response)
    return response
