"""What every kind of layer can say of itself: the questions that a Pipeline, its table and its file ask."""

from __future__ import annotations

from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.intervals import Box
from convfilter.system.values import dataclass

Pair = tuple[int, int]  # rows and columns
MAX_PAD = 4096  # rows or columns on one side
KEEP_WHOLE = ("linear", "relu", "abs")  # activations that make whole numbers of whole numbers, none larger


@dataclass(frozen=True)
class Window:
    """What one output pixel looks at: its rows and columns, and the input pixels between two of them."""

    extent: Pair = (1, 1)
    strides: Pair = (1, 1)


class Layer:
    """One layer of a Pipeline; each kind is a frozen dataclass derived from this class.

    A kind must say `keras_name`, `description`, `file_fields`, `from_file` and `file_data`. Whatever else it
    doesn't say is what holds for a layer that works on each pixel alone, keeps the channels, and of whose
    numbers nothing is known.
    """

    @property
    def keras_name(self) -> str:
        """The class of the Keras layer that it becomes."""
        raise NotImplementedError

    @property
    def description(self) -> str:
        """Its settings in a few words, for the layer table."""
        raise NotImplementedError

    @property
    def label(self) -> str:
        """What is written under its result in a picture of features."""
        return self.description

    @property
    def identity(self) -> Any:
        """Everything that decides its numbers, hashable, equal for equal layers."""
        return self

    @property
    def parameters(self) -> int:
        """Numbers of the Keras layer: weights and biases."""
        return 0

    @property
    def functions(self) -> tuple[str, ...]:
        """The activations in it."""
        return ()

    @property
    def in_channels(self) -> int | None:
        """Channels that it takes; None where it takes any number."""
        return None

    def out_channels(self, channels: int) -> int:
        """Channels it gives of `channels`. Raises FilterError unless these are what it takes."""
        return channels

    @property
    def window(self) -> Window:
        """What one of its output pixels looks at."""
        return Window()

    def output_size(self, size: Pair) -> Pair:
        """Rows and columns of its result. Raises FilterError where nothing would be left."""
        return size

    def same_padding(self, border: str) -> Layer | None:
        """The padding before it that keeps a picture's size; None for a layer that isn't a convolution,
        before which the paddings "same" and "cover" mean nothing."""
        return None

    @property
    def needs_size(self) -> bool:
        """Whether it depends on the picture's size, so that `resolved` gives another layer."""
        return False

    def resolved(self, following: Layer | None, size: Pair) -> Layer:
        """The layer for what it gets in a picture, rows and columns `size`."""
        return self

    def fault(self, following: Layer | None) -> str | None:
        """What is wrong with it before the `following` layer, in words that follow the pipeline's name."""
        return None

    @property
    def impulse(self) -> Layer | None:
        """A layer of one channel that moves pixels as this one does and changes none; None if none moves."""
        return None

    def flat_response(self, response: np.ndarray) -> np.ndarray | None:
        """What each channel becomes in a flat area, of what it was, float64 (channels,), where 1 is the
        input of the pipeline; None where that is not proportional to the input."""
        return None

    def bounds(self, box: Box, full_scale: float) -> Box | None:
        """How small and large its results get for inputs in the box; None where that is not known."""
        return None

    def largest_whole(self, largest: float, channels: int, full_scale: float) -> float | None:
        """How large its results get, of either sign, for whole numbers up to `largest`; None where they may
        not be whole. full_scale: what biases are fractions of."""
        return None

    @classmethod
    def file_fields(cls) -> dict[str, Any]:
        """The fields of its JSON form, as pydantic.create_model takes them: (type, default). The docstring
        says in the file's schema what the layer is. pydantic is imported here, not at the top."""
        raise NotImplementedError

    @classmethod
    def from_file(cls, fields: Any) -> Layer:
        """The layer of a checked JSON form, whose fields are attributes."""
        raise NotImplementedError

    def file_data(self, following: Layer | None) -> dict[str, Any]:
        """Its JSON form, as loading it again gives it before the `following` layer. Raises FilterError for
        what a file can't say."""
        raise NotImplementedError


def windows_fit(what: str, window: Window, size: Pair) -> Pair:
    """How many windows lie in rows and columns `size`. Raises FilterError, with `what` the windows are of,
    where not one does."""
    extent, strides = window.extent, window.strides
    if extent[0] > size[0] or extent[1] > size[1]:
        raise FilterError(
            f"{what} ({extent[0]}×{extent[1]}) is larger than what it gets ({size[0]}×{size[1]}); "
            "use a larger picture or more padding"
        )
    return (size[0] - extent[0]) // strides[0] + 1, (size[1] - extent[1]) // strides[1] + 1


def pair(value: int | list[int]) -> Pair:
    """Rows and columns from one number or two."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def one_or_two(value: Pair) -> int | list[int]:
    """Rows and columns as a file says them: one number where both are equal."""
    return value[0] if value[0] == value[1] else list(value)
