"""The padding layers: rows and columns around the picture, of a fixed number or as its size needs."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, ClassVar

import numpy as np

from convfilter import choices
from convfilter.errors import FilterError
from convfilter.filters.intervals import Box
from convfilter.filters.layer import Layer, Pair, one_or_two, pair
from convfilter.system.values import dataclass


class Padding(Layer):
    """What all paddings have in common."""

    border: str  # what stands in the added rows and columns

    @property
    def impulse(self) -> Layer:
        return self

    def flat_response(self, response: np.ndarray) -> np.ndarray:
        return response  # away from the border

    def bounds(self, box: Box, full_scale: float) -> Box:
        return box.beside_zeros() if self.border == "zero" else replace(box, bank=None)

    def largest_whole(self, largest: float, channels: int, full_scale: float) -> float:
        return largest


@dataclass(frozen=True)
class Pad(Padding):
    """Rows and columns added around the picture; `border` says what stands in them.

    Borders are named as in numpy.pad: zero is "constant" 0, edge repeats the last pixel, reflect mirrors
    without repeating it, symmetric mirrors and repeats it, wrap goes on at the other side.
    """

    top: int
    bottom: int
    left: int
    right: int
    border: str = "zero"

    @property
    def keras_name(self) -> str:
        return "ZeroPadding2D" if self.border == "zero" else "BorderPadding2D"

    @property
    def description(self) -> str:
        sides = f"top {self.top}, bottom {self.bottom}, left {self.left}, right {self.right}"
        return f"{sides}: {self.border}"

    @property
    def label(self) -> str:
        return f"pad {self.border}"

    def output_size(self, size: Pair) -> Pair:
        return size[0] + self.top + self.bottom, size[1] + self.left + self.right

    @classmethod
    def file_fields(cls) -> dict[str, Any]:
        """Rows and columns around the picture."""
        from pydantic import Field

        from convfilter.filters.json_types import Amounts

        amount = "a number, [rows, columns], or what the next conv needs: same or cover"
        return {"pad": (Amounts, Field(description=amount)), "border": (choices.Border, "zero")}

    @classmethod
    def from_file(cls, fields: Any) -> Pad:
        """Of an amount in numbers; the others are up to the convolution that follows."""
        rows, columns = pair(fields.pad)
        return cls(rows, rows, columns, columns, fields.border)

    def file_data(self, following: Layer | None) -> dict[str, Any]:
        return {"pad": self._amount(following), "border": self.border}

    def _amount(self, following: Layer | None) -> Any:
        if self.top == self.bottom and self.left == self.right:
            return one_or_two((self.top, self.left))
        if following and following.same_padding(self.border) == self:
            return "same"
        sides = ", ".join(f"{side} {size}" for side, size in asdict(self).items() if side != "border")
        raise FilterError(f"a padding of {sides}: a pipeline file pads both sides alike; write it by hand")


@dataclass(frozen=True)
class CoverPad(Padding):
    """Padding that depends on the picture's size: just enough that the strided windows of the following Conv
    reach every pixel; the odd row or column goes to the bottom or right."""

    keras_name: ClassVar[str] = "CoverPadding2D"

    border: str = "zero"

    @property
    def description(self) -> str:
        return f"as the picture's size needs: {self.border}"

    @property
    def needs_size(self) -> bool:
        return True

    def resolved(self, following: Layer | None, size: Pair) -> Pad:
        assert following  # a Pipeline has made sure
        window = following.window
        rows, columns = (
            max(-(-(length - extent) // stride), 0) * stride + extent - length
            for length, extent, stride in zip(size, window.extent, window.strides, strict=True)
        )
        return Pad(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2, self.border)

    def fault(self, following: Layer | None) -> str | None:
        if following and following.same_padding(self.border):
            return None
        return 'the padding "cover" must stand right before a convolution'

    def file_data(self, following: Layer | None) -> dict[str, Any]:
        return {"pad": "cover", "border": self.border}
