"""A stage's steps as a keras.Sequential of Keras' own layers and two small ones."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.model import activation_of, keras, layers, ops
from convfilter.runtime import quiet
from convfilter.stages import Activate, Columns, CombineBlocks, Convolve, Numbers, Pooling, Step

_register = keras.saving.register_keras_serializable(package="convfilter")


@_register
class ColumnFilter2D(layers.Layer):
    """Every channel, `copies` times one after the other, filtered down its columns by (taps × 1) kernels
    of its own, without padding; in parts of some taps, as few taps run fast.

    (batch, height, width, channels) → (batch, height − (taps − 1)·dilation, width, copies·channels).
    """

    def __init__(self, parts: Sequence[int], channels: int, copies: int, dilation: int = 1, **kwargs: Any):
        super().__init__(trainable=False, **kwargs)
        self.parts, self.channels = tuple(parts), channels
        self.copies, self.dilation = copies, dilation
        shapes = [(taps, 1, channels * copies, 1) for taps in self.parts]
        self.kernels = [self.add_weight(shape=shape, name=f"part{n}") for n, shape in enumerate(shapes)]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        lost = (sum(self.parts) - 1) * self.dilation
        return batch, height and height - lost, width, channels * self.copies

    def call(self, x: Any) -> Any:
        x = ops.concatenate([x] * self.copies, axis=-1) if self.copies > 1 else x
        total, start, result = ops.shape(x)[1], 0, None
        lost = (sum(self.parts) - 1) * self.dilation
        for kernel, taps in zip(self.kernels, self.parts, strict=True):
            reach = total - lost + (taps - 1) * self.dilation
            part = x[:, start : start + reach] if len(self.parts) > 1 else x
            filtered = ops.depthwise_conv(part, kernel, 1, "valid", dilation_rate=(self.dilation, 1))
            result = filtered if result is None else result + filtered
            start += taps * self.dilation
        return result

    def get_config(self) -> dict[str, Any]:
        own = {"parts": self.parts, "channels": self.channels, "copies": self.copies}
        return {**super().get_config(), **own, "dilation": self.dilation}


@_register
class CombineChannelBlocks(layers.Layer):
    """`blocks` equal runs of channels into one, element by element; how: as in CombineFilters."""

    def __init__(self, how: str, blocks: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.how, self.blocks = how, blocks

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], input_shape[-1] // self.blocks)

    def call(self, x: Any) -> Any:
        if self.how == "magnitude":
            return ops.sqrt(self._reduce(ops.square(x), ops.add))
        if self.how in ("max", "absmax"):
            return self._reduce(ops.abs(x) if self.how == "absmax" else x, ops.maximum)
        total = self._reduce(x, ops.add)
        return total / self.blocks if self.how == "mean" else total

    def _reduce(self, x: Any, join: Any) -> Any:
        result, *rest = ops.split(x, self.blocks, axis=-1)
        for block in rest:
            result = join(result, block)
        return result

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "how": self.how, "blocks": self.blocks}


def build_stage(steps: Sequence[Step], channels: int) -> keras.Sequential:
    """Takes and gives float32 (1, height, width, channels), any height and width; weights not yet set."""
    stack = [_layer(step) for step in steps]
    return keras.Sequential([keras.Input((None, None, channels), batch_size=1, dtype="float32"), *stack])


def export_litert(model: keras.Sequential) -> bytes:
    """Keras' export for LiteRT. Raises whatever the converter raises."""
    with quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stage.tflite")
        model.export(str(path), format="litert", verbose=False)
        return path.read_bytes()


def set_numbers(model: keras.Sequential, numbers: Sequence[Numbers]) -> None:
    """Put a stage's numbers, which stand in the order of the layers' weights, into its model."""
    model.set_weights([np.asarray(number.values) for number in numbers])


def _layer(step: Step) -> layers.Layer:
    match step:
        case Convolve(size, _, filters, strides, dilation, activation):
            return layers.Conv2D(
                filters, size, strides, "valid", dilation_rate=dilation, dtype="float32",
                activation=activation_of(activation), trainable=False,
            )  # fmt: skip
        case Columns(parts, channels, copies, dilation):
            return ColumnFilter2D(parts, channels, copies, dilation, dtype="float32")
        case Activate(function):
            return layers.Activation(activation_of(function), dtype="float32")
        case CombineBlocks(how, blocks):
            return CombineChannelBlocks(how, blocks, dtype="float32")
        case Pooling(size, mode):
            pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[mode]
            return pooling(size, dtype="float32")
