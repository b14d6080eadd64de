"""Keras layers of this package's own for padding and combining, registered so that saved models load.

Arrays are (batch, height, width, channels), or (batch, channels, height, width) for "channels_first".
"""

from typing import Any

from convfilter.model.boot import keras, layers, ops

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


@_register
class CombineChannelBlocks(layers.Layer):
    """`blocks` equal runs of channels into one, element by element; how: as in CombineFilters."""

    def __init__(self, how: str, blocks: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.how, self.blocks = how, blocks

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], input_shape[-1] // self.blocks)

    def call(self, x: Any) -> Any:
        return _combined(ops.split(x, self.blocks, axis=-1), self.how)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "how": self.how, "blocks": self.blocks}


@_register
class CombinePlanes(layers.Layer):
    """Several inputs alike into one, element by element; how: as in CombineFilters."""

    def __init__(self, how: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.how = how

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape[0])

    def call(self, inputs: Any) -> Any:
        return _combined(inputs, self.how)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "how": self.how}


def _combined(blocks: Any, how: str) -> Any:
    """Arrays alike into one, element by element, the first with the second, that with the third …"""
    if how == "magnitude":
        return ops.sqrt(_reduced([ops.square(block) for block in blocks], ops.add))
    if how in ("max", "absmax"):
        return _reduced([ops.abs(block) if how == "absmax" else block for block in blocks], ops.maximum)
    total = _reduced(blocks, ops.add)
    return total / len(blocks) if how == "mean" else total


def _reduced(blocks: Any, join: Any) -> Any:
    result, *rest = blocks
    for block in rest:
        result = join(result, block)
    return result


class ByteValues(layers.Layer):
    """Numbers clipped to 0 … 255 and rounded, halves to even; exported, they become bytes and floats again.

    Only in what is exported for the compiled engine.
    """

    def call(self, x: Any) -> Any:
        return keras.quantizers.fake_quant_with_min_max_vars(x, 0.0, 255.0, num_bits=8)


def activation_of(name: str) -> Any:
    """The function of a Keras activation's name, or of abs."""
    return absolute if name == "abs" else keras.activations.get(name)
