"""The road back: a convolution's learned weights as kernel files.

A kernel file holds weights, bias and activation. Padding, strides and dilation are said to `apply`, and
`settings` and the file's description give them. Biases are fractions of full scale, and the networks here
are trained on pixels of 0 to 1: with values="unit" the results are the layer's own.
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from convfilter.choices import ACTIVATIONS
from convfilter.errors import FilterError, printable
from convfilter.filters.json_document import MAX_BYTES
from convfilter.filters.kernel import MAX_NAME, MAX_WEIGHTS, dilated, parse_kernel
from convfilter.filters.kernel_writer import format_json
from convfilter.networks.layer_names import named_layers
from convfilter.system.atomic import atomic_write, make_folder
from convfilter.system.checksum import file_hash

if TYPE_CHECKING:
    from convfilter.model.build import keras

# Classes whose weights can be had as one kernel, and of those the ones with zeros between.
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "GroupedConv2D", "TableConv2D")


def source_of(path: Path | str) -> str:
    """What `source` says of a model file: its name and SHA-256."""
    return f"{printable(Path(path).name)}, SHA-256 {file_hash(path)}"


def extract(model: "keras.Model", layer_name: str, source: str) -> dict[str, Any]:
    """A convolution layer as one kernel file (the JSON object), all its filters in it.

    source: where the model is from, as source_of(path) says it. A depthwise or grouped convolution becomes
    the full kernel that computes the same, zeros between channels that don't meet; so does LeNet-5's
    table. Raises FilterError for a layer that is none of these, or too large for a kernel file.
    """
    layer = find_layer(model, layer_name)
    weights = _weights(layer, layer_name)
    if _written_out(layer):
        weights = dilated(weights, _dilation(layer))
    bias = _bias(layer, weights.shape[3])
    _check_finite(layer_name, weights, bias)
    activation, left_out = _activation(layer)
    file: dict[str, Any] = {
        "name": _name(f"{model.name}-{layer_name}"),
        "description": _describe(layer, layer_name, model.name, weights.shape, left_out),
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
    anchor = _anchor(layer)
    if anchor is not None:
        file["anchor"] = anchor
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        file["data_format"] = "channels_first"
    _check(file)
    return file


def extract_each(model: "keras.Model", layer_name: str, source: str) -> list[dict[str, Any]]:
    """The layer's filters as a kernel file each, numbered from 1; those of one channel as one matrix."""
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
    """Write each file as folder/NAME.json, whole or not at all; the paths.

    Makes the folder. Raises FilterError for a file larger than is read back, PictureError where it
    can't be written.
    """
    folder = Path(folder)
    texts = {folder / f"{_file_name(file['name'])}.json": format_json(file) for file in files}
    for path, text in texts.items():
        if len(text.encode()) > MAX_BYTES:
            raise FilterError(
                f"{printable(path)}: {len(text):,} characters, more than the {MAX_BYTES:,} of a kernel file; "
                "extract one file a filter"
            )
    make_folder(folder)
    for path, text in texts.items():
        with atomic_write(path) as file:
            file.write(text.encode())
    return list(texts)


def settings(layer: Any) -> dict[str, Any]:
    """What `convfilter.apply` must be told to compute as the layer does, besides range="raw".

    pad "same" is Keras' own for strides of 1, and for larger ones where the picture's sides are a multiple
    of the stride plus 1; elsewhere Keras puts less of the padding before the picture.
    """
    return {
        "values": "unit",
        "pad": getattr(layer, "padding", "valid"),
        "strides": tuple(getattr(layer, "strides", (1, 1))),
        "dilation": (1, 1) if _written_out(layer) else _dilation(layer),
    }


def _dilation(layer: Any) -> tuple[int, int]:
    return tuple(getattr(layer, "dilation_rate", (1, 1)))


def _first_padding(layer: Any) -> list[int]:
    """Rows above and columns left of the picture that Keras' "same" adds: the smaller half."""
    return [
        (side - 1) * rate // 2 for side, rate in zip(layer.kernel.shape[:2], _dilation(layer), strict=True)
    ]


def _written_out(layer: Any) -> bool:
    """Whether a dilated kernel is written with its zeros: an even one whose middle, for "same", is on one."""
    padding = zip(_first_padding(layer), _dilation(layer), strict=True)
    return getattr(layer, "padding", "valid") == "same" and any(first % rate for first, rate in padding)


def find_layer(model: "keras.Model", name: str) -> Any:
    """The convolution layer called `name` (MODEL/LAYER in a model inside). Raises FilterError."""
    layers = named_layers(model)
    usable = [key for key, layer in layers.items() if type(layer).__name__ in _CONVOLUTIONS]
    if name in usable:
        return layers[name]
    have = f"its convolution layers: {', '.join(usable)}" if usable else "it has no convolution layer"
    if name in layers:
        raise FilterError(
            f'{model.name}: "{name}" is a {type(layers[name]).__name__} layer, which is no kernel; {have}'
        )
    near = difflib.get_close_matches(name, usable, 1, 0.5)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    raise FilterError(f'{model.name}: no layer "{printable(name)}"; {hint}{have}')


def _weights(layer: Any, name: str) -> np.ndarray:
    """(kh, kw, in, out) float32, with zeros where a filter doesn't see a channel."""
    if not layer.built:
        raise FilterError(f"{name}: has no weights yet; call or load the model first")
    kernel = _float32(layer.kernel)
    kh, kw, depth, count = kernel.shape
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    groups = depth if depthwise else int(getattr(layer, "groups", 1))
    shape = (kh, kw, depth, depth * count) if depthwise else (kh, kw, depth * groups, count)
    size = int(np.prod(shape, dtype=np.int64))
    if size > MAX_WEIGHTS:
        raise FilterError(
            f"{name}: {'×'.join(map(str, shape))} is {size:,} weights, more than the {MAX_WEIGHTS:,} "
            "of a kernel file; choose a smaller layer"
        )
    if groups == 1 and not depthwise:
        return kernel
    full = np.zeros(shape, np.float32)
    inputs, outputs = shape[2] // groups, shape[3] // groups
    for group in range(groups):
        across, along = (
            slice(group * inputs, (group + 1) * inputs),
            slice(group * outputs, (group + 1) * outputs),
        )
        full[:, :, across, along] = kernel[:, :, across] if depthwise else kernel[..., along]
    return full


def _bias(layer: Any, filters: int) -> np.ndarray:
    bias = getattr(layer, "bias", None)
    return np.zeros(filters, np.float32) if bias is None else _float32(bias)


def _float32(variable: Any) -> np.ndarray:
    from convfilter.model.build import keras

    fixed = variable if isinstance(variable, keras.Variable) else keras.ops.stop_gradient(variable)
    return np.asarray(fixed).astype(np.float32)


def _check_finite(name: str, *arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise FilterError(f"{name}: holds NaN or infinity, so its training diverged; use an earlier model")


def _activation(layer: Any) -> tuple[str, str]:
    """Its name in a kernel file, or "linear" and the name of what a kernel file can't say."""
    from convfilter.model.build import absolute, keras

    if layer.activation is absolute:
        return "abs", ""
    found = keras.activations.serialize(layer.activation)
    if isinstance(found, str) and found in ACTIVATIONS:
        return found, ""
    if isinstance(found, dict):
        is_function = found.get("class_name") == "function"
        found = found["config"] if is_function else found.get("class_name", "unknown")
    return "linear", str(found).rpartition(">")[2]


def _anchor(layer: Any) -> list[int] | None:
    """Keras' "same" puts the smaller half of an even kernel's padding first; None for the usual middle."""
    if settings(layer)["pad"] != "same" or all(side % 2 for side in layer.kernel.shape[:2]):
        return None
    rates = (1, 1) if _written_out(layer) else _dilation(layer)
    return [first // rate for first, rate in zip(_first_padding(layer), rates, strict=True)]


def _describe(layer: Any, name: str, model: str, shape: Sequence[int], left_out: str) -> str:
    kh, kw, depth, count = shape
    kind, told = type(layer).__name__, settings(layer)
    words = [f"The {count} filters of {kh}×{kw}×{depth} that the layer {name} of {model} learned."]
    if kind == "DepthwiseConv2D" or getattr(layer, "groups", 1) > 1 or kind == "TableConv2D":
        what = {"DepthwiseConv2D": "depthwise", "TableConv2D": "partly connected"}.get(kind, "grouped")
        words.append(
            f"The layer is {what}: written in full, with zeros for the channels a filter doesn't see."
        )
    if left_out:
        words.append(f"Its activation {left_out} is left out, as a kernel file has no word for it.")
    options = [f"--pad {told['pad']}"]
    for option in ("strides", "dilation"):
        rows, columns = told[option]
        if (rows, columns) != (1, 1):
            options.append(f"--{option} {rows},{columns}")
    does = "has before its activation" if left_out else "does"
    words.append(f"With {' '.join(options)} --range raw, apply computes what the layer {does}.")
    if told["pad"] == "same" and max(told["strides"]) > 1:
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
    """The file is one that `apply` reads: its own reader says so."""

    def fail(message: str, path: Any = ()) -> NoReturn:
        raise FilterError(f"{file['name']}: {message}")

    parse_kernel(file, file["name"], fail)


def _name(text: str, suffix: str = "") -> str:
    return re.sub(r"[\s/\\]+", "-", text)[: MAX_NAME - len(suffix)] + suffix


def _file_name(name: str) -> str:
    """Letters, digits, dots and dashes, and not hidden."""
    return re.sub(r"[^\w.-]+", "-", name).lstrip(".-") or "kernel"
