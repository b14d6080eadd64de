"""The kinds of layers that a Pipeline is made of, and those that need few words; see conv.py and padding.py.

No framework is known here; model/build.py makes Keras layers of them, engines/stages.py the steps of the
compiled engine. A new kind is a class here and an entry in KINDS.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from convfilter import choices
from convfilter.filters.conv import Conv
from convfilter.filters.intervals import Box
from convfilter.filters.layer import KEEP_WHOLE, Layer, Pair, Window, one_or_two, pair, windows_fit
from convfilter.filters.padding import Pad
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class Activation(Layer):
    """A function of each number, by the name of Keras' activation, or "abs"."""

    keras_name: ClassVar[str] = "Activation"

    function: str

    @property
    def description(self) -> str:
        return self.function

    @property
    def functions(self) -> tuple[str, ...]:
        return (self.function,)

    def flat_response(self, response: np.ndarray) -> np.ndarray | None:
        return response if self.function == "linear" else None

    def bounds(self, box: Box, full_scale: float) -> Box | None:
        return box.activated(self.function)

    def largest_whole(self, largest: float, channels: int, full_scale: float) -> float | None:
        return largest if self.function in KEEP_WHOLE else None

    @classmethod
    def file_fields(cls) -> dict[str, Any]:
        """An activation as a layer of its own."""
        return {"activation": (choices.Activation, ...)}

    @classmethod
    def from_file(cls, fields: Any) -> Activation:
        return cls(fields.activation)

    def file_data(self, following: Layer | None) -> dict[str, Any]:
        return {"activation": self.function}


@dataclass(frozen=True)
class Combine(Layer):
    """All channels into one: magnitude is the root of the sum of squares, absmax the largest |value|."""

    keras_name: ClassVar[str] = "CombineFilters"

    how: str

    @property
    def description(self) -> str:
        return self.how

    def out_channels(self, channels: int) -> int:
        return 1

    def flat_response(self, response: np.ndarray) -> np.ndarray | None:
        if self.how not in ("sum", "mean"):
            return None
        return np.array([response.sum() if self.how == "sum" else response.mean()])

    def bounds(self, box: Box, full_scale: float) -> Box:
        return box.combined(self.how)

    def largest_whole(self, largest: float, channels: int, full_scale: float) -> float | None:
        return {"sum": largest * channels, "max": largest, "absmax": largest}.get(self.how)

    @classmethod
    def file_fields(cls) -> dict[str, Any]:
        """All channels into one."""
        return {"combine": (choices.Combining, ...)}

    @classmethod
    def from_file(cls, fields: Any) -> Combine:
        return cls(fields.combine)

    def file_data(self, following: Layer | None) -> dict[str, Any]:
        return {"combine": self.how}


@dataclass(frozen=True)
class Pool(Layer):
    """The largest or the mean of each window of `size` pixels, which is also the stride."""

    size: Pair
    mode: str = "max"

    @property
    def keras_name(self) -> str:
        return {"max": "MaxPooling2D", "average": "AveragePooling2D"}[self.mode]

    @property
    def description(self) -> str:
        return f"{self.size[0]}×{self.size[1]}"

    @property
    def label(self) -> str:
        return f"{self.mode}-pool {self.size[0]}×{self.size[1]}"

    @property
    def window(self) -> Window:
        return Window(self.size, self.size)

    def output_size(self, size: Pair) -> Pair:
        return windows_fit("the pool", self.window, size)

    @property
    def impulse(self) -> Pool:
        """The mean, which carries what belongs to the pixels it makes one of."""
        return replace(self, mode="average")

    def flat_response(self, response: np.ndarray) -> np.ndarray | None:
        return response if self.mode == "average" else None

    def bounds(self, box: Box, full_scale: float) -> Box:
        return box.pooled() if self.size != (1, 1) else replace(box, bank=None)

    def largest_whole(self, largest: float, channels: int, full_scale: float) -> float | None:
        return largest if self.mode == "max" else None

    @classmethod
    def file_fields(cls) -> dict[str, Any]:
        """Pooling; the stride is the pool's size."""
        from convfilter.filters.json_types import Steps

        return {"pool": (Steps, ...), "mode": (choices.PoolMode, "max")}

    @classmethod
    def from_file(cls, fields: Any) -> Pool:
        return cls(pair(fields.pool), fields.mode)

    def file_data(self, following: Layer | None) -> dict[str, Any]:
        return {"pool": one_or_two(self.size), "mode": self.mode}


# The field that marks a layer in a pipeline file → its kind. A conv may also say activation and combine, so
# it comes before these.
KINDS: dict[str, type[Layer]] = {
    "conv": Conv,
    "pad": Pad,
    "pool": Pool,
    "combine": Combine,
    "activation": Activation,
}
