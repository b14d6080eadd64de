"""Kernels and pipelines as the text of files that load again: for people to read and edit."""

import json
from typing import Any

from convfilter.errors import FilterError
from convfilter.filters.json_document import MAX_BYTES
from convfilter.filters.kernel import HOW, Kernel
from convfilter.filters.kernel_fields import name_field, number_fields
from convfilter.filters.pipeline import Pipeline


def file_text(filter_: Kernel | Pipeline) -> str:
    """The filter as a file: what is loaded from it is equal, to the last bit of every weight.

    Divisor and flip are in the numbers already, and a pipeline's kernels are written out. Raises FilterError
    for what a file can't hold.
    """
    text = format_json(kernel_data(filter_) if isinstance(filter_, Kernel) else pipeline_data(filter_))
    if len(text.encode()) > MAX_BYTES:
        raise FilterError(
            f"{filter_.name}: {len(text):,} characters as a file, which may have {MAX_BYTES:,}; "
            "use its name or formula instead"
        )
    return text


def kernel_data(kernel: Kernel) -> dict[str, Any]:
    """The fields of a kernel's file."""
    about = {"name": name_field(kernel.name), "description": kernel.description, "source": kernel.source}
    return {
        **{key: text for key, text in about.items() if text},
        "tags": list(kernel.tags),
        **number_fields(kernel.weights, kernel.bias, kernel.anchor),
        **{word: getattr(kernel, word) for word in HOW},
    }


def pipeline_data(pipeline: Pipeline) -> dict[str, Any]:
    """The fields of a pipeline's file."""
    following = (*pipeline.layers[1:], None)
    return {
        "name": name_field(pipeline.name),
        "layers": [layer.file_data(after) for layer, after in zip(pipeline.layers, following, strict=True)],
        "range": pipeline.range,
        "values": pipeline.values,
        "data_format": pipeline.data_format,
        "color": pipeline.color,
    }


def format_json(file: dict[str, Any]) -> str:
    """JSON for people: each field, and each row of numbers, on a line of its own."""
    return _object(file, 0) + "\n"


def _object(file: dict[str, Any], indent: int) -> str:
    inner = " " * (indent + 2)
    fields = (f"{inner}{json.dumps(key)}: {_formatted(value, indent + 2)}" for key, value in file.items())
    return "{\n" + ",\n".join(fields) + f"\n{' ' * indent}}}"


def _formatted(value: Any, indent: int) -> str:
    if isinstance(value, dict) and any(map(_is_deep, value.values())):
        return _object(value, indent)
    if isinstance(value, dict) or not _is_deep(value):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(value) == 1 and isinstance(value[0], list):
        return f"[{_formatted(value[0], indent)}]"
    inner = " " * (indent + 2)
    return "[\n" + ",\n".join(inner + _formatted(item, indent + 2) for item in value) + f"\n{' ' * indent}]"


def _is_deep(value: Any) -> bool:
    """Whether it takes more than a line: an object, or a list of lists or objects."""
    return isinstance(value, dict) or (
        isinstance(value, list) and isinstance(next(iter(value), 0), list | dict)
    )
