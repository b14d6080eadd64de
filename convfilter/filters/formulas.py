"""Kernels by formula: a function each, whose docstring holds the formula, its source and its units.

Lengths are in pixels, angles in degrees; x runs to the right, y down. Weights are correlation kernels.
An even size has its centre between four pixels, which moves the picture by half a pixel.
"""

from collections.abc import Callable
from math import ceil, cos, isqrt, pi, radians, sin
from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.formula_samples import bell, coverage, derivative, laplacian, steps
from convfilter.filters.kernel import MAX_SIDE, MAX_WEIGHTS, Kernel, kernel_of
from convfilter.system.values import dataclass

# Lowest and highest value. Below sigma 0.1 the samples miss the bell, below wavelength 2 the wave; a dog's
# second Gaussian is the wider one; a disk of radius 0.5 is one pixel.
LIMITS: dict[str, tuple[float, float]] = {
    "sigma": (0.1, 1000), "ratio": (1.01, 100), "size": (1, MAX_SIDE), "amount": (0, 100),
    "length": (1, 1000), "angle": (-360, 360), "radius": (0.5, 511), "orientations": (1, 360),
    "theta": (-360, 360), "wavelength": (2, 10000), "gamma": (0.01, 100), "psi": (-360, 360),
}  # fmt: skip
WHOLE = {"size", "orientations"}


def gaussian(sigma: float = 1.0, size: int | None = None) -> Kernel:
    """Gaussian blur.

    exp(−(x² + y²) / 2σ²), sampled and divided by the sum: for odd sizes, the only ones it documents, equal
    to OpenCV's getGaussianKernel, down and across. sigma and size in pixels; size is 2·ceil(3σ) + 1 unless
    given.
    """
    _check(sigma=sigma, size=size)
    side = _side(size, 3 * sigma)
    return _kernel("gaussian", bell(sigma, side), sigma=sigma, size=side)


def dog(sigma: float = 1.0, ratio: float = 1.6, size: int | None = None) -> Kernel:
    """Difference of Gaussians: edges and bright spots of the size sigma.

    gaussian(σ) − gaussian(σ·ratio), each of sum 1, so this sums to 0 (Marr & Hildreth 1980, ratio 1.6).
    sigma and size in pixels; size is 2·ceil(3·σ·ratio) + 1 unless given.
    """
    _check(sigma=sigma, ratio=ratio, size=size)
    side = _side(size, 3 * sigma * ratio, least=3)
    weights = bell(sigma, side) - bell(sigma * ratio, side)
    return _kernel("dog", weights, sigma=sigma, ratio=ratio, size=side)


def log(sigma: float = 1.4, size: int | None = None) -> Kernel:
    """Laplacian of Gaussian: edges where it changes sign, dark spots of the size sigma.

    (r² − 2σ²) / σ⁴ · exp(−r² / 2σ²) / 2πσ² with r² = x² + y², sampled, less its mean, so it sums to 0
    (Marr & Hildreth 1980); the centre is negative. sigma and size in pixels; size is 2·ceil(4σ) + 1 unless
    given.
    """
    _check(sigma=sigma, size=size)
    side = _side(size, 4 * sigma, least=3)
    return _kernel("log", laplacian(sigma, side), sigma=sigma, size=side)


def motion(length: float = 9, angle: float = 0) -> Kernel:
    """Motion blur: the mean along a straight line.

    Weights are the shares of the pixels that a centred rectangle of length × 1 pixels covers, divided by
    their sum. length in pixels; angle in degrees, counter-clockwise from the x axis as seen in the picture.
    """
    _check(length=length, angle=angle)
    c, s = cos(radians(angle)), sin(radians(angle))

    def inside(x: np.ndarray, y: np.ndarray) -> Any:
        return (np.abs(x * c - y * s) <= length / 2) & (np.abs(x * s + y * c) <= 0.5)

    weights = coverage(inside, length * abs(c) + abs(s), length * abs(s) + abs(c))
    return _kernel("motion", weights, length=length, angle=angle)


def disk(radius: float = 3) -> Kernel:
    """Disk blur, as of a lens out of focus: the mean over a circle.

    Weights are the shares of the pixels that a centred circle covers (area coverage, counted on 16×16
    points a pixel), divided by their sum. radius in pixels.
    """
    _check(radius=radius)
    weights = coverage(lambda x, y: x * x + y * y <= radius * radius, 2 * radius, 2 * radius)
    return _kernel("disk", weights, radius=radius)


def gabor(
    sigma: float = 3, theta: float = 0, wavelength: float = 6, gamma: float = 0.5, psi: float = 0,
    size: int | None = None,
) -> Kernel:  # fmt: skip
    """Gabor filter: stripes of one wavelength and direction.

    exp(−(u² + γ²v²) / 2σ²) · cos(2πu / wavelength − ψ), u = x·cos θ + y·sin θ, v = y·cos θ − x·sin θ
    (Daugman 1985): OpenCV's values, not made zero-sum. sigma, wavelength and size in pixels; gamma, the
    width over the length, a number; psi, the phase, and theta, across the stripes and clockwise as seen, in
    degrees. size is 2·ceil(3·max(σ, σ/γ)) + 1 unless given, and odd: OpenCV makes an even one odd.
    """
    _check(sigma=sigma, theta=theta, wavelength=wavelength, gamma=gamma, psi=psi, size=size)
    side = _side(size, 3 * sigma / min(gamma, 1), odd=True)
    x, y, c, s = steps(side), steps(side)[:, None], cos(radians(theta)), sin(radians(theta))
    u, v = x * c + y * s, y * c - x * s
    envelope = np.exp(-(u**2 + (gamma * v) ** 2) / (2 * sigma**2))
    weights = envelope * np.cos(2 * pi * u / wavelength - radians(psi))
    values = {"sigma": sigma, "theta": theta, "wavelength": wavelength, "gamma": gamma, "psi": psi}
    return _kernel("gabor", weights, **values, size=side)


def gabor_bank(
    orientations: int = 8, sigma: float = 3, wavelength: float = 6, gamma: float = 0.5, psi: float = 0,
    size: int | None = None,
) -> Kernel:  # fmt: skip
    """Gabor filters in equally spaced directions.

    Filter k is gabor with theta = 180°·k / orientations; other parameters, units and size as there.
    """
    values = {"sigma": sigma, "wavelength": wavelength, "gamma": gamma, "psi": psi}
    _check(orientations=orientations, **values, size=size)
    side = _side(size, 3 * sigma / min(gamma, 1), odd=True, filters=orientations)
    thetas = [180 * k / orientations for k in range(orientations)]
    bank = np.stack([gabor(theta=theta, **values, size=side).weights[:, :, 0, 0] for theta in thetas])
    return _kernel("gabor-bank", bank, orientations=orientations, **values, size=side)


def leung_malik(size: int = 49) -> Kernel:
    """Leung–Malik bank: 48 texture filters, of edges, bars, spots and blurs.

    0–17 are first, 18–35 second derivatives of Gaussians, σ = √2, 2, 2√2 across and 3σ along, in six
    directions: the k-th differentiates towards 90° − 30°·k, counter-clockwise from the x axis as seen.
    36–47 are, for σ = √2, 2, 2√2, 4, a Gaussian, a Laplacian of Gaussian of σ and one of 3σ. All but the
    Gaussians have mean 0; absolute values sum to 1. size in pixels, odd, so that a pixel is the centre.
    Leung & Malik 2001, in the Visual Geometry Group's version, where the Gaussians, too, lose their mean.
    """
    _check(size=size)
    side = _side(size, 0, least=3, odd=True, filters=48)
    scales = [2 ** (k / 2) for k in range(1, 5)]
    kinds = [(order, sigma, 90 - 30 * k) for order in (1, 2) for sigma in scales[:3] for k in range(6)]
    bank = [derivative(*kind, side) for kind in kinds]
    for sigma in scales:
        bank += [bell(sigma, side), laplacian(sigma, side), laplacian(3 * sigma, side)]
    return _kernel("leung-malik", np.stack([f / np.abs(f).sum() for f in bank]), size=side)


def unsharp(sigma: float = 1.0, amount: float = 1.0, size: int | None = None) -> Kernel:
    """Unsharp mask: adds what a Gaussian blur takes away.

    (1 + amount)·impulse − amount·gaussian(σ), which sums to 1, as in the darkroom. sigma and size in
    pixels; size is 2·ceil(3σ) + 1 unless given, and odd, so that the impulse has a pixel.
    """
    _check(sigma=sigma, amount=amount, size=size)
    side = _side(size, 3 * sigma, odd=True)
    weights = -amount * bell(sigma, side)
    weights[side // 2, side // 2] += 1 + amount
    return _kernel("unsharp", weights, sigma=sigma, amount=amount, size=side)


@dataclass(frozen=True)
class Formula:
    """A function from parameters to a Kernel, and what all its kernels share."""

    make: Callable[..., Kernel]
    tags: str
    source: str
    range: str = "clip"
    color: str = "gray"
    border: str = "zero"

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.make.__doc__ or "").partition("\n")[0]


MARR = "D. Marr, E. Hildreth, Theory of Edge Detection, Proceedings of the Royal Society B 207, 1980"
DAUGMAN = "J. G. Daugman, Uncertainty relation for resolution in space, JOSA A 2(7), 1985; values as OpenCV's"
TEXTONS = "T. Leung, J. Malik, IJCV 43(1), 2001; as described by the Visual Geometry Group, Oxford"

FOR_THE_EYE: dict[str, str] = {"color": "each", "border": "edge"}  # photographs stay photographs

FORMULAS: dict[str, Formula] = {
    "gaussian": Formula(
        gaussian, "blur gaussian", "By definition; equal to OpenCV's getGaussianKernel", **FOR_THE_EYE
    ),
    "dog": Formula(dog, "edge blob gaussian", MARR, "signed"),
    "log": Formula(log, "edge laplacian log blob", MARR, "signed"),
    "motion": Formula(
        motion, "blur motion", "Uniform motion, by area coverage of a line 1 pixel wide", **FOR_THE_EYE
    ),
    "disk": Formula(
        disk, "blur disk defocus", "Circle of confusion, by area coverage of a disk", **FOR_THE_EYE
    ),
    "gabor": Formula(gabor, "texture gabor orientation", DAUGMAN, "signed"),
    "gabor-bank": Formula(gabor_bank, "bank texture gabor orientation", DAUGMAN, "signed"),
    "leung-malik": Formula(leung_malik, "bank texture", TEXTONS, "signed"),
    "unsharp": Formula(
        unsharp, "sharpen detail", "Photographic unsharp masking, with a Gaussian", **FOR_THE_EYE
    ),
}


def _check(**values: float | None) -> None:
    for key, value in values.items():
        low, high = LIMITS[key]
        if value is None:
            continue
        if not low <= value <= high:  # NaN, too
            raise FilterError(f"{key} must be from {low} to {high}, not {_text(value)}")
        if key in WHOLE and value != int(value):
            raise FilterError(f"{key} must be a whole number, not {_text(value)}")


def _side(size: int | None, reach: float, *, least: int = 1, odd: bool = False, filters: int = 1) -> int:
    """Rows and columns of a filter: `size`, or enough for `reach` pixels on each side of the centre."""
    side = 2 * ceil(reach) + 1 if size is None else size
    largest = min(MAX_SIDE, isqrt(MAX_WEIGHTS // filters))
    if side > largest:
        largest -= odd and largest % 2 == 0
        raise FilterError(f"needs {side}×{side} weights a filter, too many; use size={largest} or less")
    if side < least:
        raise FilterError(f"size must be {least} or more, not {side}; a smaller filter is all zeros")
    if odd and side % 2 == 0:
        raise FilterError(f"size must be odd, so that a pixel is the centre; use {side - 1} or {side + 1}")
    return side


def _kernel(formula: str, weights: np.ndarray, **values: float) -> Kernel:
    """The kernel of these weights, (kh, kw) or (filters, kh, kw), whose name is the text that makes it
    again."""
    about = FORMULAS[formula]
    return kernel_of(
        np.moveaxis(weights.reshape(-1, *weights.shape[-2:]), 0, -1)[:, :, None],
        name=f"{formula}:" + ",".join(f"{key}={_text(value)}" for key, value in values.items()),
        description=about.summary,
        source=about.source,
        tags=tuple(about.tags.split()),
        range=about.range,
        color=about.color,
        border=about.border,
    )


def _text(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
