"""What is wrong with a JSON file, in one line with its place and fix: pydantic's errors in plain words."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from convfilter.errors import did_you_mean
from convfilter.filters.json_document import Path_

Model = TypeVar("Model", bound=BaseModel)


def validate(
    model: type[Model], data: Any, fail: Any, parts: Mapping[str, type[BaseModel]] = MappingProxyType({})
) -> Model:
    """`model` from JSON data, its first mistake reported through `fail(message, path)`.

    `parts` are the models of its unions by their tags; their fields are suggested for an unknown one.
    """
    if not isinstance(data, dict):
        fail(f"expected an object in braces, not {_kind(data)}", ())
    try:
        return model.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
        first = max((e for e in errors if _same_value(e, first, data)), key=lambda e: _fit(e, data))
        path = _path_in(data, first)
        tag = next((part for part in reversed(first["loc"]) if part in parts), "")
        message = _explain(first, path, parts.get(str(tag), model))
        fail(message, (*path, first["ctx"]["max_length"]) if first["type"] == "too_long" else path)
        raise


def _same_value(error: Any, other: Any, data: Any) -> bool:
    """Whether both are about one value or a part of it, seen as different branches of a union."""
    path = _path_in(data, other)
    return _path_in(data, error)[: len(path)] == path


def _fit(error: Any, data: Any) -> tuple[bool, int]:
    """How well a union's branch fits what was written: its kind first, then how far it agreed."""
    wrong_word = error["type"] == "literal_error" and not isinstance(error["input"], str)
    return error["type"] not in _WANTED and not wrong_word, len(_path_in(data, error))


def _path_in(data: Any, error: Any) -> Path_:
    """pydantic's location less its union tags: the keys and indices that lead through `data`."""
    path: list[str | int] = []
    for part in error["loc"]:
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int)):
            data = data[part]
            path.append(part)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return tuple(path)


_WANTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def _explain(error: Any, path: Path_, model: type[BaseModel]) -> str:
    kind, where = error["type"], field_name(path, _levels(error))
    if kind == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        hint = did_you_mean(path[-1], known, "remove it", quote='"')
        return f'unknown field "{str(path[-1])[:40]}"; {hint}'
    if kind == "missing":
        return f'no "{path[-1]}"; add it'
    if kind == "finite_number":
        return f"{where} is too large for a number; use a finite one"
    if kind == "too_short":
        return (
            f"{where} holds {error['ctx']['actual_length']}; it needs at least {error['ctx']['min_length']}"
        )
    if kind == "too_long":
        return f"{where} holds more than {error['ctx']['max_length']}; remove the rest"
    if kind == "float_type" and type(error["input"]) is int:
        return f"{where} is too large for a number; use a smaller one"
    got = _kind(error.get("input"))
    if kind in _WANTED:
        return f"{where} must be {_WANTED[kind]}, not {got}"
    if kind == "literal_error":
        hint = did_you_mean(error["input"], _choices(error), quote='"')
        return f"{where} must be {error['ctx']['expected']}, not {got}{hint and '; '}{hint}"
    message = error["msg"]
    return f"{where}: {message[0].lower()}{message[1:]}"


def _choices(error: Any) -> list[str]:
    return list(re.findall("'([^']*)'", error["ctx"]["expected"]))


def _levels(error: Any) -> int:
    """How deep the weights are nested: the union tag in the error's location."""
    tags = (str(part)[1:] for part in error["loc"] if str(part).startswith("#"))
    return next((int(tag) for tag in tags if tag.isdecimal()), 2)


def field_name(path: Path_, levels: int = 2) -> str:
    """`weights, row 2, number 3` for ("weights", 1, 2); `layers 3 strides` for ("layers", 2, "strides")."""
    if path[:1] == ("weights",) and len(path) > 1:
        numbers = [part + 1 for part in path if isinstance(part, int)]
        names = ["item"] * (levels - 2) + ["row", "number"]
        words = (f"{name} {number}" for name, number in zip(names, numbers, strict=False))
        return ", ".join(["weights", *words])
    return " ".join(str(part + 1 if isinstance(part, int) else part) for part in path) or "the file"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return str(value)[:40]
