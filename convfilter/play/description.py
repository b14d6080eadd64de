"""What the page says of some work beside its picture: kernels, layers, bounds, and the same as a command."""

import json
import shlex
from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.bounds import Bounds, bounds
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_fields import fraction
from convfilter.filters.kernel_file import arranged
from convfilter.filters.kernel_writer import file_text
from convfilter.filters.layer import Layer, Pair
from convfilter.filters.layer_table import sharing, table
from convfilter.filters.layers import KINDS
from convfilter.filters.load import is_document
from convfilter.filters.padding import Padding
from convfilter.filters.pipeline import Pipeline, color_for
from convfilter.play.work import PIXELS, SETTINGS, Work

MOST_WEIGHTS = 200_000  # of one kernel that the page gets as numbers


def described(work: Work, size: Pair) -> dict[str, Any]:
    """What the page says of the work at a picture's size, rows and columns. Raises FilterError where the
    picture is too small for it. bounds: of the results for pixels of 0 to 1."""
    pipeline, found = work.pipeline, bounds(work.pipeline)
    how = work.options.range or pipeline.range
    return {
        "name": pipeline.name,
        "kernels": [
            entry for number, part in enumerate(work.parts) for entry in _kernels(work, number, part)
        ],
        "files": [_file(part) for part in work.parts],
        "layers": layer_rows(pipeline, size),
        "weights": weight_counts(pipeline, size),
        "bounds": found and {"low": found.low, "high": found.high, "exact": found.exact},
        "pages": pipeline.out_channels,
        "range": how,
        "color": color_for(pipeline, work.options.color),
        "border": _border(pipeline, work.parts[0]),
        "signed": _loses_sign(found, how),
        "command": command_of(work),
    }


def layer_rows(pipeline: Pipeline, size: Pair) -> list[dict[str, Any]]:
    """The layer table, each layer's kind and label in it."""
    resolved = resolve_padding(pipeline, size)
    return [
        {
            "kind": kind_of(layer),
            "keras": row.layer,
            "label": layer.label,
            **{key: getattr(row, key) for key in ("what", "shape", "parameters", "field", "stride")},
        }
        for layer, row in zip(resolved.layers, table(pipeline, size), strict=True)
    ]


def weight_counts(pipeline: Pipeline, size: Pair) -> list[dict[str, Any]]:
    """How many weights each convolution has, and would have without sharing."""
    return [vars(row) for row in sharing(pipeline, size)]


def kind_of(layer: Layer) -> str:
    """The word for a layer in a pipeline file: conv, pad, pool, combine, activation."""
    if isinstance(layer, Padding):
        return "pad"
    return next(key for key, kind in KINDS.items() if isinstance(layer, kind))


def command_of(work: Work) -> str:
    """The command that does the work, quoted for a shell; a kernel's text is a file, ./kernel.json, in it."""
    documents = [number for number, text in enumerate(work.texts) if is_document(text)]
    names = {number: f"./kernel{f'-{n}' if n > 1 else ''}.json" for n, number in enumerate(documents, 1)}
    first, *others = (names.get(number, text) for number, text in enumerate(work.texts))
    floats = (work.options.range or work.pipeline.range) == "raw"
    out = "out.tif" if floats or work.pipeline.out_channels > 1 else "out.png"
    words = ["convfilter", "apply", first, "photo.jpg", out]
    for text in others:
        words += _option("then", text)
    pixels = {name: getattr(work.options, name) for name in PIXELS}
    for name in (*SETTINGS, *PIXELS):
        words += _option(name, {**work.settings, **pixels}.get(name))
    return shlex.join(words)


def _option(name: str, value: Any) -> list[str]:
    option = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    if isinstance(value, list):
        value = ",".join(map(str, value if value[0] != value[-1] else value[:1]))
    return [option, str(value)]


def _kernels(work: Work, number: int, part: Kernel | Pipeline) -> list[dict[str, Any]]:
    """What the page shows of a filter's kernels: one, or those of a pipeline's convolutions."""
    if isinstance(part, Kernel):
        stored = _stored(work.texts[number]) or fraction(part.weights)
        return [{"filter": number, **_numbers(part, *stored), "combine": part.combine, **_suits(part)}]
    border = _border(part, part)
    convs = [layer for layer in part.layers if isinstance(layer, Conv)]
    suits = {"combine": "none", "range": part.range, "color": part.color, "border": border}
    return [{"filter": number, **_numbers(conv, *fraction(conv.weights)), **suits} for conv in convs]


def _numbers(kernel: Kernel | Conv, stored: np.ndarray, divisor: Any) -> dict[str, Any]:
    """Weights (kh, kw, in, out) as a file has them, and as they are used; None where there are too many."""
    few = kernel.weights.size <= MOST_WEIGHTS
    return {
        "name": kernel.name,
        "weights": stored.tolist() if few else None,
        "effective": kernel.weights.tolist() if few else None,
        "divisor": divisor,
        "bias": kernel.bias.tolist(),
        "anchor": list(kernel.anchor),
        "activation": kernel.activation,
    }


def _stored(text: str) -> tuple[np.ndarray, Any] | None:
    """The weights and the divisor that a kernel's text says; None for a name or a formula."""
    if not is_document(text):
        return None
    data = json.loads(text)
    fields = data if isinstance(data, dict) else {"weights": data}
    return arranged(fields["weights"], fields.get("layout", "kh,kw,in,out")), fields.get("divisor", 1)


def _suits(kernel: Kernel) -> dict[str, Any]:
    return {"range": kernel.range, "color": kernel.color, "border": kernel.border}


def _border(pipeline: Pipeline, first: Kernel | Pipeline) -> str:
    """The border of the first padding; where there is none, what suits the first kernel."""
    padded = (layer.border for layer in pipeline.layers if isinstance(layer, Padding))
    return next(padded, first.border if isinstance(first, Kernel) else "zero")


def _loses_sign(found: Bounds | None, how: str) -> bool:
    """Whether results can be below 0, and become black."""
    return how == "clip" and found is not None and found.low < 0


def _file(part: Kernel | Pipeline) -> str | None:
    """The filter as a file; None for what a file can't hold."""
    try:
        return file_text(part)
    except FilterError:
        return None
