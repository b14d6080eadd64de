"""A stage's steps as a keras.Sequential of Keras' own layers and two small ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convfilter.engines.stages import (
    Activate,
    Columns,
    CombineBlocks,
    Convolve,
    Planes,
    Pooling,
    Step,
    Weights,
)
from convfilter.model.build import activation_of, keras, layers, ops
from convfilter.system.stderr import quiet
from convfilter.system.temporary import folder_in

_register = keras.saving.register_keras_serializable(package="convfilter")


@_register
class RepeatChannels(layers.Layer):
    """All channels, `copies` times one after the other."""

    def __init__(self, copies: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.copies = copies

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], input_shape[-1] * self.copies)

    def call(self, x: Any) -> Any:
        return ops.concatenate([x] * self.copies, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "copies": self.copies}


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
    stack = [layer for step in steps for layer in _layers(step)]
    return keras.Sequential([keras.Input((None, None, channels), batch_size=1, dtype="float32"), *stack])


def export_litert(model: keras.Sequential) -> bytes:
    """Keras' export for LiteRT. Raises whatever the converter raises."""
    with quiet(), folder_in() as folder:
        path = folder / "stage.tflite"
        model.export(str(path), format="litert", verbose=False)
        return path.read_bytes()


def set_weights(model: keras.Sequential, weights: Sequence[Weights]) -> None:
    """Put a stage's weights, which stand in the order of its layers, into its model."""
    model.set_weights([np.asarray(each.values) for each in weights])


def _layers(step: Step) -> list[layers.Layer]:
    match step:
        case Convolve(size, _, filters, strides, dilation, activation):
            conv = layers.Conv2D(
                filters, size, strides, "valid", dilation_rate=dilation, dtype="float32",
                activation=activation_of(activation), trainable=False,
            )  # fmt: skip
            return [conv]
        case Columns(taps, _, copies, dilation):
            down = layers.DepthwiseConv2D(
                (taps, 1), dilation_rate=(dilation, 1), use_bias=False, dtype="float32", trainable=False
            )
            return [*([RepeatChannels(copies, dtype="float32")] if copies > 1 else []), down]
        case Activate(function):
            return [layers.Activation(activation_of(function), dtype="float32")]
        case CombineBlocks(how, blocks):
            return [CombineChannelBlocks(how, blocks, dtype="float32")]
        case Pooling(size, mode):
            pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[mode]
            return [pooling(size, dtype="float32")]
        case Planes():
            return [layers.Permute((3, 1, 2), dtype="float32")]
