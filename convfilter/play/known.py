"""What the page may choose from: the catalogue, the formulas and the words of the options."""

from functools import lru_cache
from typing import Any

from convfilter import choices
from convfilter.errors import FilterError
from convfilter.filters.catalogue import files
from convfilter.filters.formula_text import signature
from convfilter.filters.formulas import FORMULAS, LIMITS, WHOLE
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_info import summary
from convfilter.filters.load import load_file

_WORDS = {
    "border": choices.BORDERS,
    "activation": choices.ACTIVATIONS,
    "combine": choices.COMBINES,
    "range": choices.RANGES,
    "pool_mode": choices.POOL_MODES,
    "color": choices.COLORS,
    "data_format": choices.DATA_FORMATS,
    "values": choices.VALUES,
}
_DEGREES = ("angle", "theta", "psi")
_RATIOS = ("ratio", "amount", "gamma", "orientations")  # all others are pixels


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Any]:
    """Kernels and formulas with what is to be said of them, and the words of each option."""
    return {
        "kernels": [row for row in map(_kernel, files()) if row],
        "formulas": [_formula(name) for name in FORMULAS],
        "words": {name: list(words) for name, words in _WORDS.items()},
    }


def _kernel(name: str) -> dict[str, Any] | None:
    """What is said of a kernel; nothing of a pipeline, or of a file of the user's that is wrong."""
    try:
        found = load_file(files()[name])
    except FilterError:
        return None
    return {**summary(found), "name": name} if isinstance(found, Kernel) else None


def _formula(name: str) -> dict[str, Any]:
    about = FORMULAS[name]
    parameters = [_parameter(key, default) for key, default in signature(name).items()]
    return {
        "name": name, "description": about.summary, "source": about.source, "tags": about.tags.split(),
        "parameters": parameters,
    }  # fmt: skip


def _parameter(name: str, default: float | None) -> dict[str, Any]:
    least, most = LIMITS[name]
    unit = "degrees" if name in _DEGREES else "" if name in _RATIOS else "pixels"
    return {
        "name": name, "default": default, "least": least, "most": most, "whole": name in WHOLE, "unit": unit,
    }  # fmt: skip
