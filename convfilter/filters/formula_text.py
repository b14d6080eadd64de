"""Kernels by formula as text: `gaussian:sigma=2,size=13`, or `gaussian` alone for the defaults."""

import inspect
from math import isfinite

from convfilter.errors import FilterError, did_you_mean
from convfilter.filters.formulas import FORMULAS, WHOLE
from convfilter.filters.kernel import Kernel


def is_formula(text: str) -> bool:
    """Whether the part before the colon is a formula's name."""
    return text.partition(":")[0] in FORMULAS


def signature(name: str) -> dict[str, float | None]:
    """Parameters and defaults of the formula `name`; None is worked out from the others."""
    return {key: value.default for key, value in inspect.signature(FORMULAS[name].make).parameters.items()}


def parse_formula(text: str) -> Kernel:
    """The kernel of `name` or `name:parameter=value,…`. Raises FilterError.

    >>> parse_formula("gaussian:sigma=2").size
    (13, 13)
    """
    name, colon, rest = text.partition(":")
    try:
        if name not in FORMULAS:
            hint = did_you_mean(name, FORMULAS, f"use {', '.join(FORMULAS)}")
            raise FilterError(f"no such formula; {hint}")
        return FORMULAS[name].make(**_parameters(name, rest) if colon else {})
    except FilterError as error:
        message = f"{text[:100]}: {error}"
        raise FilterError("".join(c if c.isprintable() else "?" for c in message)) from None


def _parameters(name: str, text: str) -> dict[str, float]:
    known = signature(name)
    found: dict[str, float] = {}
    for part in text.split(","):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals:
            value = key[:40] if _is_number(key) else "…"
            raise FilterError(f'"{part[:40]}" has no "="; write {name}:{next(iter(known))}={value}')
        if key not in known:
            hint = did_you_mean(key, known, f"use {', '.join(known)}")
            raise FilterError(f'unknown parameter "{key[:40]}"; {hint}')
        if key in found:
            raise FilterError(f"{key} is given twice; remove one")
        found[key] = _number(key, value)
    return found


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise FilterError(f'{key} must be a number, not "{text[:40]}"') from None
    return int(value) if key in WHOLE and value.is_integer() else value


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False
