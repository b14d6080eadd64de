"""Results to pixels: the range map and the one rounding at the end; sRGB to linear light and back."""

import numpy as np

from convfilter.errors import FilterError
from convfilter.gain import bounds
from convfilter.picture import full_scale
from convfilter.pipeline import Pipeline


def to_range(result: np.ndarray, how: str, pipeline: Pipeline, full: float, white: float) -> np.ndarray:
    """float32 results for pixels in [0, full] → float32 where 0 is black, not yet clipped or rounded.

    clip: results as they are. abs: absolute values. rescale: smallest to 0, largest to white. signed: 0
    to mid-grey, the largest possible |result| to black or white. gain: the smallest possible result (or
    0) to black and the largest possible to white; neither of the last two ever clips, and pictures stay
    comparable. raw is not a map: its caller keeps the results. Raises FilterError where signed or gain
    is asked for and the activations have no known bounds.
    """
    if how == "clip":
        return _scaled(result, white / full)
    if how == "abs":
        return _scaled(np.abs(result), white / full)
    if how == "rescale":
        low, high = _extremes(result)
        return _scaled(result - np.float32(low), white / (high - low or 1))
    found = bounds(pipeline, full)
    if found is None:
        raise FilterError(
            f"--range {how}: no bounds are known for the activations of {pipeline.name}; use --range rescale"
        )
    if how == "signed":
        return _scaled(result, white / (2 * found.largest or 1)) + np.float32(white / 2)
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    return _scaled(result - np.float32(low), white / (high - low or 1))


def _extremes(values: np.ndarray) -> tuple[float, float]:
    """The smallest and largest number; NaN and infinity are none."""
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return low, high


def _scaled(result: np.ndarray, factor: float) -> np.ndarray:
    return result if factor == 1 else result * np.float32(factor)


def to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values of 0 to full scale as pixels of `dtype`, clipped; integers are rounded, halves to even, and
    what is no number is black."""
    values = np.clip(values, 0, full_scale(dtype))
    if dtype.kind == "f":
        return values.astype(dtype)
    pixels: np.ndarray = np.nan_to_num(np.rint(values), copy=False).astype(dtype)
    return pixels


def linear_light(unit: np.ndarray) -> np.ndarray:
    """sRGB values 0–1 to linear light (IEC 61966-2-1)."""
    return np.where(unit <= 0.04045, unit / 12.92, ((np.maximum(unit, 0) + 0.055) / 1.055) ** 2.4)


def srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light 0–1 to sRGB values (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
