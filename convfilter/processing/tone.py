"""Results to pixels: range maps, the only rounding, and sRGB to linear light and back."""

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.bounds import bounds
from convfilter.filters.pipeline import Pipeline
from convfilter.images.picture import full_scale
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class RangeMap:
    """Results → values where 0 is black, not yet clipped or rounded: (|x| or x − less)·times + plus."""

    absolute: bool = False
    less: float | None = None
    times: float = 1.0
    plus: float | None = None

    def __call__(self, result: np.ndarray) -> np.ndarray:
        if self.absolute:
            result = np.abs(result)
        if self.less is not None:
            result = result - np.float32(self.less)
        if self.times != 1:
            result = result * np.float32(self.times)
        return result if self.plus is None else result + np.float32(self.plus)


def range_map(
    how: str, pipeline: Pipeline, full: float, white: float, extremes: tuple[float, float] = (0.0, 0.0)
) -> RangeMap:
    """How results for pixels in [0, full] become values from 0 to `white`.

    clip: results as they are. abs: absolute values. rescale: the smallest of the `extremes` to 0, the
    largest to white. signed: 0 to mid-grey, the largest possible |result| to black or white. gain: the
    smallest possible result (or 0) to black and the largest possible to white; neither of the last two ever
    clips, and pictures stay comparable. raw is not a map: its caller keeps the results. Raises FilterError
    where signed or gain is asked for and the activations have no known bounds.
    """
    if how in ("clip", "abs"):
        return RangeMap(absolute=how == "abs", times=white / full)
    if how == "rescale":
        low, high = extremes
        return RangeMap(less=low, times=white / (high - low or 1))
    found = bounds(pipeline, full)
    if found is None:
        raise FilterError(
            f'range="{how}": no bounds are known for the activations of {pipeline.name}; use range="rescale"'
        )
    if how == "signed":
        return RangeMap(times=white / (2 * found.largest or 1), plus=white / 2)
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    return RangeMap(less=low, times=white / (high - low or 1))


def extremes(values: np.ndarray) -> tuple[float, float]:
    """The smallest and largest number; NaN and infinity are none. (inf, −inf) where there is no number."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)
    return low, high


def to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values of 0 to full scale as pixels of `dtype`, clipped; for integers rounded, halves to even, with NaN
    as black."""
    values = np.clip(values, 0, full_scale(dtype))
    if dtype.kind != "f":
        if np.isnan(values.max(initial=0)):
            values = np.nan_to_num(values, copy=False)
        np.rint(values, out=values)
    pixels: np.ndarray = values.astype(dtype)
    return pixels


def linear_light(unit: np.ndarray) -> np.ndarray:
    """sRGB values 0–1 to linear light (IEC 61966-2-1)."""
    return np.where(unit <= 0.04045, unit / 12.92, ((np.maximum(unit, 0) + 0.055) / 1.055) ** 2.4)


def srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light 0–1 to sRGB values (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
