"""A stage's steps as a keras.Model of Keras' own layers and three of model/layers.py."""

from collections.abc import Sequence
from typing import Any

from convfilter.engines.form import Part, arrays_of
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
)
from convfilter.model.boot import keras, layers
from convfilter.model.layers import ByteValues, CombineChannelBlocks, CombinePlanes, activation_of
from convfilter.system.stderr import quiet
from convfilter.system.temporary import folder_in


def build_stage(steps: Sequence[Step], channels: int) -> keras.Model:
    """Takes and gives float32 (1, height, width, channels), any height and width, or what Bands takes and
    Rows gives; weights not yet set."""
    shape = (None, BANDS, None) if Bands() in steps else (None, None, channels)
    entry = keras.Input(shape, batch_size=1, dtype="float32")
    planes = [entry]
    for step in steps:
        planes = _after(step, planes)
    model = keras.Model(entry, _joined(planes))
    for number, layer in enumerate(model.layers):  # else they are counted on from model to model
        layer.name = f"layer_{number:03}"
    return model


def _after(step: Step, planes: list[Any]) -> list[Any]:
    """What a step makes of planes, arrays whose channels stand one after the other."""
    match step:
        case Depthwise(size, _, copies, dilation, activation):
            return [
                layers.DepthwiseConv2D(
                    size, dilation_rate=dilation, activation=activation_of(activation), dtype="float32",
                    trainable=False,
                )(plane)
                for _ in range(copies) for plane in planes
            ]  # fmt: skip
        case CombineBlocks(how, blocks) if len(planes) % blocks == 0:
            each = len(planes) // blocks
            return [CombinePlanes(how, dtype="float32")(planes[first::each]) for first in range(each)]
    return [_layer(step)(_joined(planes))]


def _joined(planes: list[Any]) -> Any:
    return planes[0] if len(planes) == 1 else layers.Concatenate(dtype="float32")(planes)


def export_litert(model: keras.Model) -> bytes:
    """Keras' export for LiteRT; bytes are still floats at its ends. Raises whatever the converter raises."""
    with quiet(), folder_in() as folder:
        path = folder / "stage.tflite"
        model.export(str(path), format="litert", verbose=False)
        return path.read_bytes()


def set_weights(model: keras.Model, part: Part) -> None:
    """Put a part's weights into its model."""
    model.set_weights(list(arrays_of(part)))


def _layer(step: Step) -> layers.Layer:
    match step:
        case Convolve(size, _, filters, strides, dilation, activation):
            return layers.Conv2D(
                filters, size, strides, "valid", dilation_rate=dilation, dtype="float32",
                activation=activation_of(activation), trainable=False,
            )  # fmt: skip
        case FromBytes() | ToBytes():
            return ByteValues(dtype="float32")
        case Bands() | Rows():
            return layers.Permute((1, 3, 2), dtype="float32")
        case Activate(function):
            return layers.Activation(activation_of(function), dtype="float32")
        case CombineBlocks(how, blocks):
            return CombineChannelBlocks(how, blocks, dtype="float32")
        case Pooling(size, mode):
            pooling = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}[mode]
            return pooling(size, dtype="float32")
        case Planes():
            return layers.Permute((3, 1, 2), dtype="float32")
    raise AssertionError(step)
