"""The settings of a filter's layers: their types, for editors and type checkers, defaults and checks."""

import reprlib
from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from numbers import Integral, Real
from typing import Any, Literal, TypedDict

from convfilter.choices import (
    ACTIVATIONS,
    BORDERS,
    COMBINES,
    DATA_FORMATS,
    POOL_MODES,
    VALUES,
    Activation,
    Border,
    Combine,
    DataFormat,
    PoolMode,
    Values,
    check_word,
)
from convfilter.errors import FilterError, did_you_mean
from convfilter.filters.kernel import MAX_BIAS
from convfilter.filters.layer import MAX_PAD, Pair
from convfilter.system.values import dataclass

Sizes = int | Pair | list[int]  # rows and columns; one number is both


class FilterSettings(TypedDict, total=False):
    """How kernels become layers: for every kernel of a chain, but for the last four. All may be left out.

    Lengths are pixels of what enters the layer. A Pipeline has its layers already and takes the last four
    only.
    """

    pad: Literal["same", "valid", "cover"] | Sizes
    """Rows and columns added on each side before a convolution, 0 to 4096; or "same" (as many as keep the
    size, the default), "valid" (none), "cover" (as few as let strided windows reach every pixel)."""

    border: Border | None
    """What the added pixels hold: "zero", "edge" (the last pixel), "reflect" (mirrored without the last
    pixel), "symmetric" (mirrored with it), "wrap" (the other side). None: what suits the kernel, zero for
    most."""

    strides: Sizes
    """Step between the windows, 1 to 4096; 1 by default."""

    dilation: Sizes
    """Step between the pixels that one window looks at, 1 to 4096; 1 by default."""

    activation: Activation | None
    """What is done to each result: "relu", another activation of Keras, or "abs". None: the kernel's own."""

    bias: float | None
    """Added to each result, a fraction of full scale, such as 0.5, at most a million. None: the
    kernel's own."""

    combine: Combine | None
    """How the results of a kernel's several filters become one: "magnitude" (root of the sum of squares),
    "max", "absmax" (largest absolute value), "sum", "mean", or "none". None: the kernel's own."""

    pool: Sizes | None
    """Rows and columns that a pool after the last layer makes one of, 1 to 4096. None: no pool."""

    pool_mode: PoolMode
    """What the pool takes of them: "max" (the default) or "average"."""

    values: Values | None
    """Pixels as they are "stored" (0–255, 0–65535, floats), or scaled to 0–1 ("unit"). None: the kernel's."""

    data_format: DataFormat | None
    """Order of the axes inside the network, "channels_last" or "channels_first"; results are the same.
    None: the kernel's."""


OF_LAYERS = ("pad", "border", "strides", "dilation", "activation", "bias", "combine")  # not of a Pipeline's


@dataclass(frozen=True)
class Settings:
    """Checked settings with their defaults; FilterSettings says what each is, and what None means."""

    pad: str | Pair = "same"
    border: str | None = None
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    activation: str | None = None
    bias: float | None = None
    combine: str | None = None
    pool: Pair | None = None
    pool_mode: str = "max"
    values: str | None = None
    data_format: str | None = None


DEFAULTS = Settings()
_WORDS = {
    "border": BORDERS,
    "activation": ACTIVATIONS,
    "combine": COMBINES,
    "pool_mode": POOL_MODES,
    "values": VALUES,
    "data_format": DATA_FORMATS,
}
_PAIRS = {"pad": 0, "strides": 1, "dilation": 1, "pool": 1}  # and their least
_AMOUNTS = ("same", "valid", "cover")  # of padding, beside numbers


def checked(given: Mapping[str, Any]) -> Settings:
    """What was given as Settings. Raises FilterError for what is unknown or wrong."""
    defaults = {field.name: field.default for field in fields(Settings)}
    for name in given:
        if name not in defaults:
            hint = did_you_mean(name, defaults, f"the settings are {', '.join(defaults)}")
            raise FilterError(f"no setting {name}; {hint}")
    return Settings(**{name: _checked(name, value, defaults[name]) for name, value in given.items()})


def _checked(name: str, value: Any, default: Any) -> Any:
    """A setting's value as Settings holds it; None only where that is its default."""
    if value is None and default is None:
        return None
    if name == "bias":
        return _bias(value)
    if name == "pad" and isinstance(value, str) and value in _AMOUNTS:
        return value
    if name in _PAIRS:
        return _pair(name, value)
    check_word(name, value, _WORDS[name])
    return value


def _pair(name: str, value: Any) -> Pair:
    """Rows and columns from one whole number or two."""
    both = value if isinstance(value, list | tuple) else (value, value)
    whole = all(isinstance(part, Integral) and not isinstance(part, bool) for part in both)
    if not whole or len(both) != 2 or not all(_PAIRS[name] <= part <= MAX_PAD for part in both):
        words = ", or same, valid or cover" if name == "pad" else ""
        raise FilterError(
            f"{name} can't be {reprlib.repr(value)}; "
            f"use one whole number or two, from {_PAIRS[name]} to {MAX_PAD}{words}"
        )
    return int(both[0]), int(both[1])


def _bias(value: Any) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not isfinite(value) or abs(value) > MAX_BIAS:
        raise FilterError(f"bias can't be {reprlib.repr(value)}; use a fraction of full scale, such as 0.5")
    return float(value)
