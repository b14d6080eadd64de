"""Pipeline → keras.Sequential: the only module that imports Keras."""

import tempfile
from numbers import Real
from typing import Any, Unpack

import numpy as np

from convfilter.backend import choose_backend, configured_backend, house_keras
from convfilter.engines.stages import ACROSS_CHANNELS
from convfilter.errors import BackendError, FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.layer import Layer
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.load import Filters, make_pipeline
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.settings import FilterSettings
from convfilter.system.interrupts import interrupts_held
from convfilter.system.machine import address_space, schedulable_cores
from convfilter.system.stderr import hush_matplotlib, quiet

_NEEDED, _NEEDED_PER_CORE = 2.8e9, 8e7  # bytes of address space, measured; with less TensorFlow crashes


def _check_room() -> None:
    """Raise BackendError where Keras would crash, or fail without saying what can be done."""
    needed, have = _NEEDED + _NEEDED_PER_CORE * schedulable_cores(), address_space()
    if have is not None and have < needed:
        raise BackendError(
            f"Keras needs {needed / 1e9:.1f} GB of address space, {have / 1e9:.1f} GB are left; "
            "raise the limit (ulimit -v)"
        )
    try:
        tempfile.gettempdir()
    except OSError as error:
        raise BackendError(
            "Keras needs a folder for temporary files, none can be written; set TMPDIR to one that can"
        ) from error


choose_backend(configured_backend())
_check_room()
house_keras()
hush_matplotlib()
try:
    with interrupts_held(), quiet(replay=False):
        import keras
        from keras import layers, ops
except Exception as error:  # a broken installation, or settings of Keras that it refuses
    said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    raise BackendError(f"Keras can't start ({said}); mend the installation or its keras.json") from error

_register = keras.saving.register_keras_serializable(package="convfilter")


@_register
def absolute(x: Any) -> Any:
    """|x|, the activation "abs"."""
    return ops.abs(x)


def _axes(data_format: str) -> tuple[int, int]:
    """The axes of height and width."""
    return (1, 2) if data_format == "channels_last" else (2, 3)


def _margin(x: Any, axis: int, index: Any, border: str) -> Any:
    """The rows or columns that stand at `index` outside the picture."""
    length = ops.shape(x)[axis]
    if border == "zero":
        row = ops.zeros_like(ops.take(x, [0], axis=axis))  # then taken: OpenVINO fails on empty zeros
        return ops.take(row, ops.zeros_like(index), axis=axis)
    return ops.take(x, _source(index, length, border), axis=axis)


def _source(index: Any, length: Any, border: str) -> Any:
    """The row or column of the picture that stands at `index` outside it."""
    if border == "edge":
        return ops.clip(index, 0, length - 1)
    if border == "wrap":
        return _modulo(index, length)
    if border == "symmetric":
        index = _modulo(index, 2 * length)
        return ops.minimum(index, 2 * length - 1 - index)
    index = _modulo(index, ops.maximum(2 * (length - 1), 1))
    return ops.minimum(index, 2 * (length - 1) - index)


def _modulo(index: Any, period: Any) -> Any:
    """index mod period, never negative, in an exported file too: ONNX rounds -1 / 3 to 0."""
    return ops.mod(ops.mod(index, period) + period, period)


@_register
class BorderPadding2D(layers.Layer):
    """Padding by what the picture's own edge shows; ZeroPadding2D's sister.

    padding: ((top, bottom), (left, right)). border: edge | reflect | symmetric | wrap, as in numpy.pad,
    also where the padding is wider than the picture. Shapes as ZeroPadding2D's.
    """

    def __init__(self, padding: Any, border: str, data_format: str = "channels_last", **kwargs: Any):
        super().__init__(**kwargs)
        self.padding = tuple(tuple(side) for side in padding)
        self.border = border
        self.data_format = data_format

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = list(input_shape)
        for axis, (before, after) in zip(_axes(self.data_format), self.padding, strict=True):
            shape[axis] = None if shape[axis] is None else shape[axis] + before + after
        return tuple(shape)

    def call(self, x: Any) -> Any:
        for axis, (before, after) in zip(_axes(self.data_format), self.padding, strict=True):
            length = ops.shape(x)[axis]
            head = _margin(x, axis, ops.arange(-before, 0), self.border)
            tail = _margin(x, axis, ops.arange(after) + length, self.border)
            x = ops.concatenate([head, x, tail], axis=axis)
        return x

    def get_config(self) -> dict[str, Any]:
        own = {"padding": self.padding, "border": self.border, "data_format": self.data_format}
        return {**super().get_config(), **own}


@_register
class CoverPadding2D(layers.Layer):
    """Padding that depends on the picture: the least with which strided windows reach every pixel.

    extent, strides: rows and columns of the windows and of their steps. The odd row or column goes to the
    bottom or right. border: zero, or as in BorderPadding2D.
    """

    def __init__(
        self, extent: Any, strides: Any, border: str, data_format: str = "channels_last", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.extent, self.strides = tuple(extent), tuple(strides)
        self.border = border
        self.data_format = data_format

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = list(input_shape)
        for axis, extent, stride in zip(_axes(self.data_format), self.extent, self.strides, strict=True):
            if shape[axis] is not None:
                shape[axis] += max(-(-(shape[axis] - extent) // stride), 0) * stride + extent - shape[axis]
        return tuple(shape)

    def call(self, x: Any) -> Any:
        for axis, extent, stride in zip(_axes(self.data_format), self.extent, self.strides, strict=True):
            length = ops.shape(x)[axis]
            larger = max if isinstance(length, int) else ops.maximum  # JAX wants sizes that it knows
            steps = larger((length - extent + stride - 1) // stride, 0)
            missing = steps * stride + extent - length
            before = missing // 2
            head = _margin(x, axis, ops.arange(-before, 0), self.border)
            tail = _margin(x, axis, ops.arange(length, length + missing - before), self.border)
            x = ops.concatenate([head, x, tail], axis=axis)
        return x

    def get_config(self) -> dict[str, Any]:
        own = {"extent": self.extent, "strides": self.strides, "border": self.border}
        return {**super().get_config(), **own, "data_format": self.data_format}


@_register
class CombineFilters(layers.Layer):
    """All channels into one. how: magnitude | max | absmax | sum | mean."""

    def __init__(self, how: str, data_format: str = "channels_last", **kwargs: Any):
        super().__init__(**kwargs)
        self.how = how
        self.data_format = data_format

    @property
    def _axis(self) -> int:
        return 3 if self.data_format == "channels_last" else 1

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(1 if axis == self._axis else length for axis, length in enumerate(input_shape))

    def call(self, x: Any) -> Any:
        if self.how == "magnitude":
            return ops.sqrt(ops.sum(ops.square(x), axis=self._axis, keepdims=True))
        if self.how == "absmax":
            return ops.max(ops.abs(x), axis=self._axis, keepdims=True)
        reduce = {"max": ops.max, "sum": ops.sum, "mean": ops.mean}[self.how]
        return reduce(x, axis=self._axis, keepdims=True)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "how": self.how, "data_format": self.data_format}


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
    following = [*pipeline.layers[1:], None]
    stack = [_lower(layer, inside, after) for layer, after in zip(pipeline.layers, following, strict=True)]
    if first and inside == "channels_last":
        stack = [layers.Permute((2, 3, 1)), *stack, layers.Permute((3, 1, 2))]
    model = keras.Sequential([keras.Input(shape, dtype="float32"), *stack])
    convs = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    for layer, conv in zip(convs, pipeline.convs, strict=True):
        bias = [np.float32(conv.bias * full_scale)] if layer.use_bias else []
        layer.set_weights([np.float32(_weights(conv)), *bias])
    return model


def _runs_channels_first(pipeline: Pipeline) -> bool:
    functions = {layer.activation for layer in pipeline.convs}
    functions |= {layer.function for layer in pipeline.layers if isinstance(layer, Activation)}
    return (
        pipeline.data_format == "channels_first"
        and keras.config.backend() != "tensorflow"
        and functions.isdisjoint(ACROSS_CHANNELS)  # these need the channels last
    )


def _lower(layer: Layer, data_format: str, following: Layer | None) -> layers.Layer:
    """One layer of a pipeline as a Keras layer."""
    match layer:
        case Pad(top, bottom, left, right, "zero"):
            padding = ((top, bottom), (left, right))
            return layers.ZeroPadding2D(padding, data_format=data_format, dtype="float32")
        case Pad(top, bottom, left, right, border):
            padding = ((top, bottom), (left, right))
            return BorderPadding2D(padding, border, data_format, dtype="float32")
        case Conv():
            return _conv(layer, data_format)
        case Activation(function):
            return layers.Activation(activation_of(function), dtype="float32")
        case Combine(how):
            return CombineFilters(how, data_format, dtype="float32")
        case Pool(size, mode):
            pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[mode]
            return pooling(size, data_format=data_format, dtype="float32")
        case CoverPad(border):
            assert isinstance(following, Conv)  # a Pipeline has made sure
            return CoverPadding2D(following.extent, following.strides, border, data_format, dtype="float32")


def _conv(conv: Conv, data_format: str) -> layers.Conv2D:
    weights = _weights(conv)
    return layers.Conv2D(
        filters=weights.shape[3],
        kernel_size=weights.shape[:2],
        strides=conv.strides,
        dilation_rate=conv.dilation if conv.strides == (1, 1) else 1,
        padding="valid",
        data_format=data_format,
        activation=activation_of(conv.activation),
        use_bias=bool(conv.bias.any()),
        trainable=False,
        dtype="float32",
    )


def _weights(conv: Conv) -> np.ndarray:
    """The weights; with zeros between them where Keras can't dilate, which is beside strides."""
    if conv.strides == (1, 1) or conv.dilation == (1, 1):
        return conv.weights
    spread = np.zeros((*conv.extent, *conv.weights.shape[2:]))
    spread[:: conv.dilation[0], :: conv.dilation[1]] = conv.weights
    return spread


def activation_of(name: str) -> Any:
    """The function of a Keras activation's name, or of abs."""
    return absolute if name == "abs" else keras.activations.get(name)
