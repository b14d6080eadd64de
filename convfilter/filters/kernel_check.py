"""Whether a kernel file is right, decided in microseconds and without pydantic.

Loading pydantic takes longer than filtering a picture. So a file that is surely good is accepted here, and
anything else is handed to kernel_schema.py, which has the last word and explains the mistake. A test holds
that the two agree.
"""

from collections.abc import Callable
from itertools import chain
from math import isfinite
from typing import Any

from convfilter.choices import ACTIVATIONS, BORDERS, COLORS, COMBINES, DATA_FORMATS, LAYOUTS, RANGES, VALUES
from convfilter.filters.kernel import MAX_BIAS, MAX_NAME


def good_fields(data: Any) -> dict[str, Any] | None:
    """The fields of a good kernel file except its weights, those not given with their defaults.

    None where the file is not surely good.
    """
    if type(data) is not dict or not data.keys() <= _KNOWN:
        return None
    try:
        good = _are_weights(data.get("weights")) and all(
            is_good(data[name]) for name, (_, is_good) in _FIELDS.items() if name in data
        )
    except OverflowError:  # a whole number larger than any float
        return None
    return {name: data.get(name, default) for name, (default, _) in _FIELDS.items()} if good else None


def _are_weights(value: Any) -> bool:
    depth = _depth(value)
    return 2 <= depth <= 4 or (depth == 5 and len(value) == 1)


def _depth(value: Any) -> int:
    """How deep the nested lists hold finite numbers; 0 unless all do, equally deep, and no list is empty."""
    level, depth = [value], 0
    while set(map(type, level)) == {list} and all(level):
        level, depth = list(chain.from_iterable(level)), depth + 1
    return depth if set(map(type, level)) <= {int, float} and all(map(isfinite, level)) else 0


def _number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _text(value: Any) -> bool:
    return type(value) is str


def _name(value: Any) -> bool:
    if value is None:
        return True
    # Half a surrogate pair is no character, so a text that holds one has no length.
    return _text(value) and len(value) <= MAX_NAME and not any("\ud800" <= c <= "\udfff" for c in value)


def _texts(value: Any) -> bool:
    return type(value) is list and all(map(_text, value))


def _bias(value: Any) -> bool:
    numbers = value if type(value) is list else [value]
    return bool(numbers) and all(_number(number) and abs(number) <= MAX_BIAS for number in numbers)


def _anchor(value: Any) -> bool:
    if value is None:
        return True
    return type(value) is list and len(value) == 2 and all(type(at) is int and at >= 0 for at in value)


def _one_of(words: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and value in words


# The default of each field but the weights, and what is good in it.
_FIELDS: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "$schema": (None, lambda value: value is None or _text(value)),
    "name": (None, _name),
    "description": ("", _text),
    "source": ("", _text),
    "tags": ([], _texts),
    "layout": ("kh,kw,in,out", _one_of(LAYOUTS)),
    "divisor": (1, lambda value: value == "sum" or _number(value)),
    "bias": (0, _bias),
    "flip": (False, lambda value: type(value) is bool),
    "anchor": (None, _anchor),
    "activation": ("linear", _one_of(ACTIVATIONS)),
    "combine": ("none", _one_of(COMBINES)),
    "data_format": ("channels_last", _one_of(DATA_FORMATS)),
    "range": ("clip", _one_of(RANGES)),
    "values": ("stored", _one_of(VALUES)),
    "color": ("gray", _one_of(COLORS)),
    "border": ("zero", _one_of(BORDERS)),
}
_KNOWN = {"weights", *_FIELDS}
