"""Samples as a file stores them, to pixels and alpha: bands by name, inks to light, premultiplied colours."""

import numpy as np

from convfilter.images.picture import full_scale


def colour_and_alpha(samples: np.ndarray, names: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Split samples (H, W, C) into pixels, (H, W) or (H, W, channels), and alpha, (H, W) or None.

    names: one letter per sample: L for gray, RGB, CMYK, N for any other band, A for alpha, a for an alpha
    that the colours were multiplied by. CMYK becomes RGB.
    """
    if samples.ndim == 2:
        return samples, None
    full = full_scale(samples.dtype)
    place = next((place for place, name in enumerate(names) if name in "Aa"), None)
    alpha = None if place is None else samples[..., place]
    pixels = samples[..., : len(names)] if place is None else _without(samples, place)
    if pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if names.startswith("CMYK"):  # as Pillow does it: white light passes each ink, then the black
        light = full - pixels.astype(np.float64)
        pixels = np.rint(light[..., :3] * light[..., 3:] / full).astype(samples.dtype)
    if "a" in names and alpha is not None:
        pixels = _divided(pixels, alpha, full)
    return pixels, alpha


def _without(samples: np.ndarray, place: int) -> np.ndarray:
    """Samples (H, W, C) without one channel; a view if it is the last one."""
    last = place == samples.shape[2] - 1
    return samples[..., :place] if last else np.delete(samples, place, axis=2)


def _divided(pixels: np.ndarray, alpha: np.ndarray, full: float) -> np.ndarray:
    """Divide premultiplied colours by their alpha; where alpha is 0 they stay as they are."""
    weight = (alpha if pixels.ndim == 2 else alpha[..., np.newaxis]).astype(np.float64)
    straight = pixels * (full / np.where(weight > 0, weight, full))
    if pixels.dtype.kind == "u":
        straight = np.minimum(np.rint(straight), full)
    return straight.astype(pixels.dtype)
