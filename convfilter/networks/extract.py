"""Learned convolutions as kernel files.

A kernel file holds weights, bias and activation. Padding, strides and dilation are arguments of `apply`:
convolution.settings and the file's description say which. Biases are fractions of full scale, and the
networks here are trained on pixels of 0 to 1: with values="unit" the results are the layer's own.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from convfilter.errors import FilterError, printable
from convfilter.filters.json_document import MAX_BYTES
from convfilter.filters.kernel import MAX_NAME
from convfilter.filters.kernel_file import parse_kernel
from convfilter.filters.kernel_writer import format_json
from convfilter.networks.convolution import (
    activation_of,
    anchor_of,
    bias_of,
    find_layer,
    preprocessing_of,
    settings,
    weights_of,
)
from convfilter.system.atomic import atomic_write, make_folder
from convfilter.system.checksum import file_hash

if TYPE_CHECKING:
    from convfilter.model.boot import keras


def source_of(path: Path | str) -> str:
    """The `source` of a model file, for kernels taken from it: its name and SHA-256."""
    return f"{printable(Path(path).name)}, SHA-256 {file_hash(path)}"


def extract(model: "keras.Model", layer_name: str, source: str) -> dict[str, Any]:
    """A convolution layer as one kernel file (the JSON object), all its filters in it.

    source: where the model is from, as source_of(path) says it. A depthwise or grouped convolution becomes
    the full kernel that computes the same, zeros between channels that don't meet; so does LeNet-5's
    table. Raises FilterError for a layer that is none of these, or too large for a kernel file.
    """
    layer = find_layer(model, layer_name)
    weights = weights_of(layer, layer_name)
    bias = bias_of(layer, weights.shape[3])
    prepared = preprocessing_of(model, layer_name)
    if prepared is not None:
        weights, bias = prepared.folded(weights, bias)
    _check_finite(layer_name, weights, bias)
    activation, left_out = activation_of(layer)
    file: dict[str, Any] = {
        "name": _name(f"{model.name}-{layer_name}"),
        "description": _describe(
            layer, layer_name, model.name, weights.shape, left_out, prepared is not None
        ),
        "source": f"layer {layer_name} of {source}",
        "tags": ["learned"],
        "weights": _plain(weights),
        "layout": "kh,kw,in,out",
        "bias": _plain(bias),
        "activation": activation,
        "range": "signed",
        "values": "unit",
        "color": "gray",
        "border": "zero",  # as in Keras' own padding
    }
    anchor = anchor_of(layer)
    if anchor is not None:
        file["anchor"] = anchor
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        file["data_format"] = "channels_first"
    _check(file)
    return file


def extract_each(model: "keras.Model", layer_name: str, source: str) -> list[dict[str, Any]]:
    """One kernel file for each filter of the layer, numbered from 1; a filter of one channel is a matrix."""
    bank = extract(model, layer_name, source)
    weights = np.array(bank["weights"])  # (kh, kw, in, out)
    count = weights.shape[3]
    if bank["activation"] in ("softmax", "log_softmax", "sparsemax") and count > 1:
        raise FilterError(
            f"{layer_name}: its {bank['activation']} needs all filters at once; extract the layer as one file"
        )
    files = []
    for number in range(count):
        label = f"{number + 1:0{len(str(count))}}"
        one = weights[..., number : number + 1] if weights.shape[2] > 1 else weights[:, :, 0, number]
        own = {
            "name": _name(f"{model.name}-{layer_name}", f"-{label}"),
            "description": f"Filter {number + 1} of {count}. {bank['description']}",
            "weights": one.tolist(),
            "bias": bank["bias"][number],
        }
        files.append(
            {key: own.get(key, value) for key, value in bank.items() if key != "layout" or one.ndim == 4}
        )
    return files


def write(folder: Path | str, files: Sequence[dict[str, Any]]) -> list[Path]:
    """Write each file as folder/NAME.json, whole or not at all; returns the paths.

    Makes the folder. Raises FilterError for a file larger than is read back, PictureError where it
    can't be written.
    """
    folder = Path(folder)
    texts = {folder / f"{_file_name(file['name'])}.json": format_json(file) for file in files}
    for path, text in texts.items():
        if len(text.encode()) > MAX_BYTES:
            raise FilterError(
                f"{printable(path)}: {len(text):,} characters, more than the {MAX_BYTES:,} of a kernel file; "
                "extract one file for each filter"
            )
    make_folder(folder)
    for path, text in texts.items():
        with atomic_write(path) as file:
            file.write(text.encode())
    return list(texts)


def _check_finite(name: str, *arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise FilterError(f"{name}: holds NaN or infinity, so its training diverged; use an earlier model")


def _describe(layer: Any, name: str, model: str, shape: Sequence[int], left_out: str, folded: bool) -> str:
    kh, kw, depth, count = shape
    kind, applied = type(layer).__name__, settings(layer)
    words = [f"The {count} filters of {kh}×{kw}×{depth} that the layer {name} of {model} learned."]
    if kind == "DepthwiseConv2D" or getattr(layer, "groups", 1) > 1 or kind == "TableConv2D":
        what = {"DepthwiseConv2D": "depthwise", "TableConv2D": "partly connected"}.get(kind, "grouped")
        words.append(
            f"The layer is {what}: written in full, with zeros for the channels a filter doesn't see."
        )
    if left_out:
        words.append(f"Its activation {left_out} is left out, as a kernel file has no word for it.")
    if folded:
        words.append(
            "What the network does to pixels before is in the numbers: they are for red, green and blue. At "
            "the border results differ, as the network pads what it has prepared."
        )
    options = [f"--pad {applied['pad']}"]
    for option in ("strides", "dilation"):
        rows, columns = applied[option]
        if (rows, columns) != (1, 1):
            options.append(f"--{option} {rows},{columns}")
    does = "has before its activation" if left_out else "does"
    words.append(f"With {' '.join(options)} --range raw, apply computes what the layer {does}.")
    if applied["pad"] == "same" and max(applied["strides"]) > 1:
        words.append("(For sides that are a multiple of the stride plus 1; Keras shifts the others.)")
    return " ".join(words)


def _plain(array: np.ndarray) -> Any:
    """Nested lists of the shortest decimals that are these float32 values and no others."""
    short = np.array([_shortest(value) for value in array.ravel()], np.float64)
    return short.reshape(array.shape).tolist()


def _shortest(value: np.float32) -> float:
    number = float(str(value))
    return number if np.float32(number) == value else float(value)


def _check(file: dict[str, Any]) -> None:
    """Raise FilterError unless the file is one that `apply` reads, as its own reader says."""

    def fail(message: str, path: Any = ()) -> NoReturn:
        raise FilterError(f"{file['name']}: {message}")

    parse_kernel(file, file["name"], fail)


def _name(text: str, suffix: str = "") -> str:
    return re.sub(r"[\s/\\]+", "-", text)[: MAX_NAME - len(suffix)] + suffix


def _file_name(name: str) -> str:
    """Letters, digits, dots and dashes, and not hidden."""
    return re.sub(r"[^\w.-]+", "-", name).lstrip(".-") or "kernel"
