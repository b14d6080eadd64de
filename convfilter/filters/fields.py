"""Receptive fields: what a pixel of a layer's output sees of the picture."""

from collections.abc import Iterable

from convfilter.filters.layer import Layer, Pair
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class Field:
    """What one output pixel sees: rows and columns of input, and input pixels between two outputs."""

    size: Pair = (1, 1)
    stride: Pair = (1, 1)


def fields_of(layers: Iterable[Layer]) -> list[Field]:
    """The receptive field after each layer."""
    fields, current = [], Field()
    for layer in layers:
        (rows, columns), (down, right) = layer.window.extent, layer.window.strides
        (height, width), (below, beside) = current.size, current.stride
        current = Field(
            (height + (rows - 1) * below, width + (columns - 1) * beside), (below * down, beside * right)
        )
        fields.append(current)
    return fields
