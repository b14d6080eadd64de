"""Kernels and pipelines as the text of files that load again: for people to read and edit."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.json_document import MAX_BYTES
from convfilter.filters.kernel import HOW, MAX_NAME, Kernel
from convfilter.filters.pipeline import (
    Activation,
    Combine,
    Conv,
    CoverPad,
    Layer,
    Pad,
    Pair,
    Pipeline,
    Pool,
    pad_for,
)

MAX_DIVISOR = 1024


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
    about = {"name": _name(kernel.name), "description": kernel.description, "source": kernel.source}
    return {
        **{key: text for key, text in about.items() if text},
        "tags": list(kernel.tags),
        **_numbers(kernel.weights, kernel.bias, kernel.anchor),
        **{word: getattr(kernel, word) for word in HOW},
    }


def pipeline_data(pipeline: Pipeline) -> dict[str, Any]:
    """The fields of a pipeline's file."""
    following = (*pipeline.layers[1:], None)
    return {
        "name": _name(pipeline.name),
        "layers": [_layer(*pair) for pair in zip(pipeline.layers, following, strict=True)],
        "range": pipeline.range,
        "values": pipeline.values,
        "data_format": pipeline.data_format,
        "color": pipeline.color,
    }


def _layer(layer: Layer, following: Layer | None) -> dict[str, Any]:
    match layer:
        case Conv():
            steps = {"strides": layer.strides, "dilation": layer.dilation}
            kernel = {
                "name": _name(layer.name),
                **_numbers(layer.weights, layer.bias, layer.anchor),
                "activation": layer.activation,
            }
            return {"conv": kernel, **{key: _one(pair) for key, pair in steps.items() if pair != (1, 1)}}
        case Pad():
            return {"pad": _amount(layer, following), "border": layer.border}
        case CoverPad(border):
            return {"pad": "cover", "border": border}
        case Pool(size, mode):
            return {"pool": _one(size), "mode": mode}
        case Activation(function):
            return {"activation": function}
        case Combine(how):
            return {"combine": how}


def _amount(pad: Pad, following: Layer | None) -> Any:
    if pad.top == pad.bottom and pad.left == pad.right:
        return _one((pad.top, pad.left))
    if isinstance(following, Conv) and pad_for("same", pad.border, following) == [pad]:
        return "same"
    sides = ", ".join(f"{side} {size}" for side, size in asdict(pad).items() if side != "border")
    raise FilterError(f"a padding of {sides}: a pipeline file pads both sides alike; write it by hand")


def _one(pair: Pair) -> Any:
    return pair[0] if pair[0] == pair[1] else list(pair)


def _name(name: str) -> str:
    """As much of it as a file may say."""
    return name.encode(errors="replace").decode()[:MAX_NAME]


def _numbers(weights: np.ndarray, bias: np.ndarray, anchor: Pair) -> dict[str, Any]:
    """Weights (kh, kw, in, out) as a matrix or a bank where there is one input channel."""
    whole, divisor = _fraction(weights)
    one_channel = weights.shape[2] == 1
    if one_channel:
        whole = np.moveaxis(whole[:, :, 0], -1, 0)
    if one_channel and len(whole) == 1:
        whole = whole[0]
    biases = _short(bias.tolist())
    return {
        "weights": _short(whole.tolist()),
        **({} if one_channel else {"layout": "kh,kw,in,out"}),
        **({} if divisor == 1 else {"divisor": divisor}),
        "bias": biases[0] if len(set(map(repr, biases))) == 1 else biases,
        "anchor": list(anchor),
    }


def _fraction(weights: np.ndarray) -> tuple[np.ndarray, int]:
    """Whole numbers and a divisor of which the quotients are exactly the weights; if none is, they and 1."""
    few = weights.ravel()[:: -(-weights.size // 1000)]
    for divisor in range(1, MAX_DIVISOR + 1):
        for some in (few, weights):
            whole = np.rint(some * divisor)
            if not np.array_equal(whole / divisor, some):
                break
        else:
            return whole, divisor
    return weights, 1


def _short(value: Any) -> Any:
    """Nested lists of floats with 3 for 3.0, but not 0 for -0.0."""
    if isinstance(value, list):
        return [_short(part) for part in value]
    whole = value.is_integer() and abs(value) < 2**53 and str(value) != "-0.0"
    return int(value) if whole else value


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
