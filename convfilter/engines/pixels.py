"""Results to pixels: range maps and the only rounding."""

import numpy as np

from convfilter.system.values import dataclass

FLOAT32 = np.dtype(np.float32)


@dataclass(frozen=True)
class RangeMap:
    """Results → values where 0 is black, not yet clipped or rounded: (|x| or x − less)·times + plus."""

    absolute: bool = False
    less: float | None = None
    times: float = 1.0
    plus: float | None = None

    def in_place(self, results: np.ndarray) -> None:
        """Map an array of float32."""
        if self.absolute:
            np.abs(results, out=results)
        if self.less is not None:
            results -= np.float32(self.less)
        if self.times != 1:
            results *= np.float32(self.times)
        if self.plus is not None:
            results += np.float32(self.plus)


@dataclass(frozen=True)
class Pixels:
    """How results become pixels of `dtype`, whose white is `white`; one range map for all channels."""

    map: RangeMap
    dtype: np.dtype
    white: float

    @property
    def as_bytes(self) -> bool:
        """Whether pixels are the results, or their absolute values, clipped and rounded to bytes."""
        plain = self.map in (RangeMap(), RangeMap(absolute=True))
        return plain and self.dtype == np.uint8

    def of(self, results: np.ndarray) -> np.ndarray:
        """Pixels of float32 results, which may hold anything; an array of its own."""
        values = results.copy()
        with np.errstate(invalid="ignore", over="ignore"):
            self.map.in_place(values)
        return rounded(values, self.dtype, self.white)

    def of_finite(self, results: np.ndarray) -> np.ndarray:
        """The same of finite results, which are overwritten; faster."""
        self.map.in_place(results)
        return _rounded(results, self.dtype, self.white)


def rounded(values: np.ndarray, dtype: np.dtype, white: float) -> np.ndarray:
    """Values of 0 to `white` as pixels of `dtype`, clipped; for integers rounded, halves to even, with NaN as
    black. Overwrites the values."""
    if dtype.kind != "f" and np.isnan(values.max(initial=0)):
        np.nan_to_num(values, copy=False)
    return _rounded(values, dtype, white)


def _rounded(values: np.ndarray, dtype: np.dtype, white: float) -> np.ndarray:
    np.clip(values, 0, white, out=values)
    if dtype.kind != "f":
        np.rint(values, out=values)
    return values.astype(dtype)
