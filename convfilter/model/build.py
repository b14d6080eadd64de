"""Pipeline → keras.Sequential."""

from collections.abc import Callable
from numbers import Real
from typing import Any, Unpack

import numpy as np

from convfilter.choices import ACROSS_CHANNELS
from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.layer import Layer
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.load import Filters, make_pipeline
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.settings import FilterSettings
from convfilter.model.boot import keras, layers
from convfilter.model.layers import BorderPadding2D, CombineFilters, CoverPadding2D, activation_of


def build(filters: Filters, full_scale: float = 1.0, **settings: Unpack[FilterSettings]) -> keras.Sequential:
    """A Pipeline, or what make_pipeline makes one of, as a Keras model with fixed weights.

    Takes and gives float32 (batch, height, width, channels), or (batch, channels, height, width) for
    "channels_first"; any height and width. `full_scale` is what biases are fractions of: 255 or 65535
    for pixels as stored in 8 or 16 bits, 1 for floats. settings: see settings.FilterSettings.

    On the TensorFlow backend a channels_first model transposes at its two ends, since TensorFlow's
    kernels for the CPU want the channels last.

    Raises FilterError as make_pipeline does, and for a full scale that is no positive number.
    """
    pipeline = make_pipeline(filters, **settings)
    if not isinstance(full_scale, Real) or isinstance(full_scale, bool) or not 0 < full_scale < np.inf:
        raise FilterError(f"full scale can't be {full_scale!r}; use 255, 65535 or 1")
    first = pipeline.data_format == "channels_first"
    inside = pipeline.data_format if _runs_channels_first(pipeline) else "channels_last"
    shape = (pipeline.in_channels, None, None) if first else (None, None, pipeline.in_channels)
    stack = [KERAS_LAYERS[type(layer)](layer, inside, following) for layer, following in pipeline.pairs]
    if first and inside == "channels_last":
        stack = [layers.Permute((2, 3, 1)), *stack, layers.Permute((3, 1, 2))]
    model = keras.Sequential([keras.Input(shape, dtype="float32"), *stack])
    convs = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    for layer, conv in zip(convs, pipeline.convs, strict=True):
        bias = [np.float32(conv.bias * full_scale)] if layer.use_bias else []
        layer.set_weights([np.float32(conv.for_keras().weights), *bias])
    return model


def _runs_channels_first(pipeline: Pipeline) -> bool:
    """Whether the layers themselves have the channels first, rather than between two transpositions."""
    functions = {function for layer in pipeline.layers for function in layer.functions}
    return (
        pipeline.data_format == "channels_first"
        and keras.config.backend() != "tensorflow"
        and functions.isdisjoint(ACROSS_CHANNELS)  # these need the channels last
    )


def _conv(conv: Conv, data_format: str, following: Layer | None) -> layers.Layer:
    conv = conv.for_keras()
    return layers.Conv2D(
        filters=conv.weights.shape[3],
        kernel_size=conv.weights.shape[:2],
        strides=conv.strides,
        dilation_rate=conv.dilation,
        padding="valid",
        data_format=data_format,
        activation=activation_of(conv.activation),
        use_bias=bool(conv.bias.any()),
        trainable=False,
        dtype="float32",
    )


def _pad(pad: Pad, data_format: str, following: Layer | None) -> layers.Layer:
    padding = ((pad.top, pad.bottom), (pad.left, pad.right))
    if pad.border == "zero":
        return layers.ZeroPadding2D(padding, data_format=data_format, dtype="float32")
    return BorderPadding2D(padding, pad.border, data_format, dtype="float32")


def _cover_pad(pad: CoverPad, data_format: str, following: Layer | None) -> layers.Layer:
    assert following  # a Pipeline has made sure
    window = following.window
    return CoverPadding2D(window.extent, window.strides, pad.border, data_format, dtype="float32")


def _activation(activation: Activation, data_format: str, following: Layer | None) -> layers.Layer:
    return layers.Activation(activation_of(activation.function), dtype="float32")


def _combine(combine: Combine, data_format: str, following: Layer | None) -> layers.Layer:
    return CombineFilters(combine.how, data_format, dtype="float32")


def _pool(pool: Pool, data_format: str, following: Layer | None) -> layers.Layer:
    pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[pool.mode]
    return pooling(pool.size, data_format=data_format, dtype="float32")


# What each kind of layer becomes, of the layer, the data format, and the layer after it.
KERAS_LAYERS: dict[type[Layer], Callable[[Any, str, Layer | None], layers.Layer]] = {
    Conv: _conv,
    Pad: _pad,
    CoverPad: _cover_pad,
    Activation: _activation,
    Combine: _combine,
    Pool: _pool,
}
