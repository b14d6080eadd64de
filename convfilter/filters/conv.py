"""The convolution layer: correlation with a kernel's fixed weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from convfilter import choices
from convfilter.errors import FilterError
from convfilter.filters.intervals import Box
from convfilter.filters.kernel import spread
from convfilter.filters.kernel_fields import name_field, number_fields
from convfilter.filters.layer import KEEP_WHOLE, Layer, Pair, Window, one_or_two, windows_fit
from convfilter.filters.padding import Pad
from convfilter.system.values import dataclass

MAX_DENSE = 4_194_304  # weights of a kernel with the zeros between them


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    """Correlation with fixed weights, without padding of its own.

    weights: float64 (kh, kw, in, out). bias: float64 (out,), a fraction of full scale.
    anchor: row and column of the weight that lies on the output pixel.
    """

    keras_name: ClassVar[str] = "Conv2D"

    name: str
    weights: np.ndarray
    bias: np.ndarray
    anchor: Pair
    activation: str = "linear"
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)

    @property
    def extent(self) -> Pair:
        """Rows and columns one output pixel looks at: (k − 1)·dilation + 1."""
        kh, kw = self.weights.shape[:2]
        return (kh - 1) * self.dilation[0] + 1, (kw - 1) * self.dilation[1] + 1

    def same_padding(self, border: str) -> Pad:
        top, left = self.anchor[0] * self.dilation[0], self.anchor[1] * self.dilation[1]
        return Pad(top, self.extent[0] - 1 - top, left, self.extent[1] - 1 - left, border)

    @property
    def needs_spreading(self) -> bool:
        """Whether Keras must be given the zeros between the weights, since it can't dilate beside strides."""
        return self.strides != (1, 1) and self.dilation != (1, 1)

    def for_keras(self) -> Conv:
        """The same convolution as Keras can run it: without dilation where there are strides."""
        if not self.needs_spreading:
            return self
        anchor = self.anchor[0] * self.dilation[0], self.anchor[1] * self.dilation[1]
        weights = spread(self.weights, self.dilation)
        return replace(self, weights=weights, anchor=anchor, dilation=(1, 1))

    @property
    def description(self) -> str:
        kh, kw, _, out = self.weights.shape
        words = [self.name, f"{out} × {kh}×{kw}"]
        words += [f"strides {self.strides}"] if self.strides != (1, 1) else []
        words += [f"dilation {self.dilation}"] if self.dilation != (1, 1) else []
        words += [self.activation] if self.activation != "linear" else []
        return ", ".join(words)

    @property
    def label(self) -> str:
        return self.name if self.activation == "linear" else f"{self.name}, {self.activation}"

    @property
    def identity(self) -> Any:
        structure = self.weights.shape, self.activation, self.strides, self.dilation, self.anchor
        return *structure, self.weights.tobytes(), self.bias.tobytes()

    @property
    def parameters(self) -> int:
        return self._weight_count + (self.weights.shape[3] if self.bias.any() else 0)

    @property
    def _weight_count(self) -> int:
        """Weights of the Keras layer."""
        rows, columns = self.extent if self.needs_spreading else self.weights.shape[:2]
        return int(rows * columns * self.weights.shape[2] * self.weights.shape[3])

    @property
    def functions(self) -> tuple[str, ...]:
        return (self.activation,)

    @property
    def in_channels(self) -> int:
        return int(self.weights.shape[2])

    def out_channels(self, channels: int) -> int:
        if channels != self.in_channels:
            raise FilterError(
                f"{self.name} takes {self.in_channels} channels but gets {channels}; "
                "combine the filters before it, or change its weights"
            )
        return int(self.weights.shape[3])

    @property
    def window(self) -> Window:
        return Window(self.extent, self.strides)

    def output_size(self, size: Pair) -> Pair:
        return windows_fit(f"the kernel {self.name}", self.window, size)

    def fault(self, following: Layer | None) -> str | None:
        if self.needs_spreading and self._weight_count > MAX_DENSE:
            return f"{self.name} is too wide to be dilated beside strides; use less"
        return None

    @property
    def impulse(self) -> Conv:
        """The unit impulse at the anchor."""
        impulse = np.zeros((*self.weights.shape[:2], 1, 1))
        impulse[self.anchor] = 1
        return replace(self, name="impulse", weights=impulse, bias=np.zeros(1), activation="linear")

    def flat_response(self, response: np.ndarray) -> np.ndarray | None:
        if self.activation != "linear" or self.bias.any():
            return None
        return np.asarray(response @ self.weights.sum((0, 1)))

    def bounds(self, box: Box, full_scale: float) -> Box | None:
        return box.convolved(self.weights, self.bias * full_scale, self.activation)

    def largest_whole(self, largest: float, channels: int, full_scale: float) -> float | None:
        bias = self.bias * full_scale
        if self.activation not in KEEP_WHOLE or (self.weights % 1).any() or (bias % 1).any():
            return None
        return float((np.abs(self.weights).sum((0, 1, 2)) * largest + np.abs(bias)).max())

    @classmethod
    def file_fields(cls) -> dict[str, Any]:
        """A convolution with a kernel's weights, without padding of its own."""
        # pipeline_file.py finds the kernel, and makes layers of it.
        from pydantic import Field

        from convfilter.filters.json_types import Bias, Steps

        of_kernel = "default: the kernel's own"
        kernel = Field(description="a kernel's name or path, a formula, or a kernel written out")
        bias = Field(None, description=f"a fraction of full scale; {of_kernel}")
        return {
            "conv": (str | dict[str, Any] | list[Any], kernel),
            "strides": (Steps, 1),
            "dilation": (Steps, 1),
            "activation": (choices.Activation | None, Field(None, description=of_kernel)),
            "bias": (Bias | None, bias),
            "combine": (choices.Combine | None, Field(None, description=of_kernel)),
        }

    def file_data(self, following: Layer | None) -> dict[str, Any]:
        numbers = number_fields(self.weights, self.bias, self.anchor)
        kernel = {"name": name_field(self.name), **numbers, "activation": self.activation}
        steps = {"strides": self.strides, "dilation": self.dilation}
        return {"conv": kernel, **{key: one_or_two(step) for key, step in steps.items() if step != (1, 1)}}
