"""A kernel: the fixed weights of one Conv2D layer, as a frozen value.

They are correlation kernels, which is what Keras' Conv2D and OpenCV's filter2D compute.
"""

from typing import Any

import numpy as np

from convfilter.system.values import dataclass

MAX_WEIGHTS = 1_048_576
MAX_SIDE = 1023  # rows or columns of one filter
MAX_BIAS = 1e6  # of full scale
MAX_NAME = 100  # characters
# How a kernel is applied, in words; fields of the same name in its file and in Kernel.
HOW = ("activation", "combine", "data_format", "range", "values", "color", "border")


@dataclass(frozen=True, eq=False)
class Kernel:
    """The effective kernel: divisor and flip are already in the numbers.

    weights: float64 (kh, kw, in, out), correlation order, read-only.
    bias: float64 (out,), a fraction of full scale, read-only.
    anchor: (row, column) of the weight on the output pixel.
    color, border: what suits it, which options override: how the colours of a picture are filtered, and what
    stands outside it.
    notes: what loading did that the author should know.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    anchor: tuple[int, int]
    activation: str = "linear"
    combine: str = "none"
    data_format: str = "channels_last"
    range: str = "clip"
    values: str = "stored"
    color: str = "gray"
    border: str = "zero"
    description: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of one filter."""
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def channels(self) -> int:
        return int(self.weights.shape[2])

    @property
    def filters(self) -> int:
        return int(self.weights.shape[3])

    def _repr_html_(self) -> str:
        """What notebooks show."""
        from convfilter.filters.notebook import kernel_html

        bias = " ".join(f"{number:.4g}" for number in self.bias[:8]) if self.bias.any() else ""
        how = {key: getattr(self, key) for key in HOW}
        facts = {
            "": self.description,
            "bias": bias,
            "anchor": f"row {self.anchor[0]}, column {self.anchor[1]}",
        }
        return kernel_html(self.name, self.weights, {**facts, **how})


def kernel_of(weights: np.ndarray, **fields: Any) -> Kernel:
    """A kernel of good numbers (kh, kw, in, out), without bias, anchored at half its size."""
    kh, kw, _, filters = weights.shape
    return Kernel(
        weights=frozen(weights.astype(np.float64)),
        bias=frozen(np.zeros(filters)),
        anchor=(kh // 2, kw // 2),
        **fields,
    )


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, contiguous and read-only."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def spread(weights: np.ndarray, dilation: tuple[int, int]) -> np.ndarray:
    """Weights (kh, kw, …) with dilation − 1 rows and columns of zeros between them."""
    if dilation == (1, 1):
        return weights
    kh, kw = weights.shape[:2]
    rows, columns = (kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1
    wide = np.zeros((rows, columns, *weights.shape[2:]), weights.dtype)
    wide[:: dilation[0], :: dilation[1]] = weights
    return wide
