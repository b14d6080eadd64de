"""A stage's steps as a keras.Sequential of Keras' own layers and two of model/layers.py."""

from collections.abc import Sequence

import numpy as np

from convfilter.engines.stages import (
    BANDS,
    Activate,
    Bands,
    CombineBlocks,
    Convolve,
    Depthwise,
    FromBytes,
    Planes,
    Pooling,
    Rows,
    Step,
    ToBytes,
    Weights,
)
from convfilter.model.boot import keras, layers
from convfilter.model.layers import ByteValues, CombineChannelBlocks, RepeatChannels, activation_of
from convfilter.system.stderr import quiet
from convfilter.system.temporary import folder_in


def build_stage(steps: Sequence[Step], channels: int) -> keras.Sequential:
    """Takes and gives float32 (1, height, width, channels), any height and width, or what Bands takes and
    Rows gives; weights not yet set."""
    stack = [layer for step in steps for layer in _layers(step)]
    shape = (None, BANDS, None) if Bands() in steps else (None, None, channels)
    return keras.Sequential([keras.Input(shape, batch_size=1, dtype="float32"), *stack])


def export_litert(model: keras.Sequential) -> bytes:
    """Keras' export for LiteRT; bytes are still floats at its ends. Raises whatever the converter raises."""
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
        case Depthwise(size, _, copies, dilation, activation):
            each = layers.DepthwiseConv2D(
                size, dilation_rate=dilation, activation=activation_of(activation), dtype="float32",
                trainable=False,
            )  # fmt: skip
            return [*([RepeatChannels(copies, dtype="float32")] if copies > 1 else []), each]
        case FromBytes() | ToBytes():
            return [ByteValues(dtype="float32")]
        case Bands() | Rows():
            return [layers.Permute((1, 3, 2), dtype="float32")]
        case Activate(function):
            return [layers.Activation(activation_of(function), dtype="float32")]
        case CombineBlocks(how, blocks):
            return [CombineChannelBlocks(how, blocks, dtype="float32")]
        case Pooling(size, mode):
            pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[mode]
            return [pooling(size, dtype="float32")]
        case Planes():
            return [layers.Permute((3, 1, 2), dtype="float32")]
