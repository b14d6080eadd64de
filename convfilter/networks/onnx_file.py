"""The convolutions in an ONNX file, as layers that extract.py takes, and a run of the file for its features.

The file is data: nothing in it is code, and weights that lie in other files are not read.
"""

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.errors import BackendError, DataError, FilterError, first_line, printable
from convfilter.system.values import dataclass

if TYPE_CHECKING:
    from convfilter.model.boot import keras

SUFFIX = ".onnx"
_ACTIVATIONS = {  # that are the same function in Keras, whatever a node's attributes
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Abs": "abs",
    "Softsign": "softsign",
}  # fmt: skip
# Nodes that are layers; of pictures, ONNX has their channels before rows and columns.
_LAYERS = {
    *_ACTIVATIONS, "Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "BatchNormalization", "LRN",
    "LeakyRelu", "Elu", "HardSigmoid", "Gelu", "Clip", "Gemm", "MatMul", "Softmax",
}  # fmt: skip


@dataclass(frozen=True)
class Convolutions:
    """What stands for a network: `layers`, built Conv2D layers under the names of the file's nodes."""

    name: str
    layers: list[Any]


def read_convolutions(path: Path) -> Convolutions:
    """The file's two-dimensional convolutions whose weights lie in it; a function that follows is their
    activation where a kernel file has a word for it.

    Raises DataError for a file that can't be read, FilterError where it holds none, BackendError without the
    package onnx.
    """
    graph, array = _model(path).graph, _package("onnx.numpy_helper").to_array
    weights = {each.name: array(each) for each in graph.initializer if not each.data_location}
    following: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            following.setdefault(name, []).append(node)
    found = [
        _layer(node, weights, following.get(node.output[0], []), _node_name(node))
        for node in graph.node
        if node.op_type == "Conv" and weights.get(node.input[1], np.empty(0)).ndim == 4
    ]
    if not found:
        raise FilterError(f"{printable(path)}: no convolution with weights of its own; nothing to extract")
    return Convolutions(path.stem, found)


def node_outputs(path: Path, pixels: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """What every layer of the file makes of pixels (H, W, C) of 0 to 1, as (H, W, C), in order; what has no
    rows and columns as (1, n, 1).

    Raises DataError where the file doesn't run on them, BackendError without onnx and onnxruntime.
    """
    onnx, runtime = _package("onnx"), _package("onnxruntime")
    model = _model(path)
    names = [node.output[0] for node in model.graph.node if node.op_type in _LAYERS]
    if not names:
        raise FilterError(f"{printable(path)}: no layer that can be shown")
    known = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    given = pixels.astype(np.float32)
    if channels_first(path):
        given = np.moveaxis(given, 2, 0)
    try:
        session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        [taken] = session.get_inputs()
        results = [np.asarray(each, np.float32) for each in session.run(names, {taken.name: given[None]})]
    except Exception as error:  # as hostile files make it raise anything
        raise DataError(f"{printable(path)}: ONNX Runtime can't run it ({first_line(error)})") from error
    maps = [_map(result) for result in results]
    return [(name.lstrip("/"), found) for name, found in zip(names, maps, strict=True)]


def input_size(path: Path) -> tuple[int | None, int | None, int]:
    """Rows, columns, None for any, and channels that the file takes. Raises as node_outputs."""
    sides = _input_sides(path)
    first = channels_first(path)
    rows, columns, channels = sides[2:] + sides[1:2] if first else sides[1:]
    return rows, columns, channels or 3


def channels_first(path: Path) -> bool:
    """Whether the channels of the file's pictures come before rows and columns, as is usual."""
    sides = _input_sides(path)
    return sides[1] in (1, 3) or sides[3] not in (1, 3)


def _input_sides(path: Path) -> list[int | None]:
    """The four sides of the picture that the file takes. FilterError where it takes something else."""
    graph = _model(path).graph
    inside = {each.name for each in graph.initializer}
    inputs = [each for each in graph.input if each.name not in inside]
    sides = [side.dim_value or None for side in inputs[0].type.tensor_type.shape.dim] if inputs else []
    if len(inputs) != 1 or len(sides) != 4:
        raise FilterError(f"{printable(path)}: doesn't take one picture (batch, channels, rows, columns)")
    return sides


def _map(result: np.ndarray) -> np.ndarray:
    return np.moveaxis(result[0], 0, 2) if result.ndim == 4 else result.reshape(1, -1, 1)


def _layer(node: Any, weights: dict[str, np.ndarray], after: Any, name: str) -> "keras.layers.Conv2D":
    """A Conv2D of the node's weights; its padding is "same" where the node pads so, else "valid"."""
    from convfilter.model.boot import layers
    from convfilter.model.layers import activation_of

    value_of = _package("onnx.helper").get_attribute_value
    said = {each.name: value_of(each) for each in node.attribute}
    kernel = np.moveaxis(weights[node.input[1]], (2, 3, 1, 0), (0, 1, 2, 3))
    bias = weights.get(node.input[2]) if len(node.input) > 2 else None
    rates, steps = said.get("dilations", [1, 1]), said.get("strides", [1, 1])
    extents = [(side - 1) * rate for side, rate in zip(kernel.shape[:2], rates, strict=True)]
    same = [extent // 2 for extent in extents] + [extent - extent // 2 for extent in extents]
    pads = list(said.get("pads", [0] * 4))
    pads = same if said.get("auto_pad") == b"SAME_UPPER" else pads
    function = _ACTIVATIONS.get(after[0].op_type, "linear") if len(after) == 1 else "linear"
    groups = said.get("group", 1)
    try:
        layer = layers.Conv2D(
            filters=kernel.shape[3],
            kernel_size=kernel.shape[:2],
            strides=tuple(steps),
            padding="same" if any(pads) and pads == same else "valid",
            dilation_rate=tuple(rates),
            groups=groups,
            activation=activation_of(function),
            use_bias=bias is not None,
            name=name,
        )
    except ValueError as error:
        raise DataError(f"{name}: no convolution that Keras has ({first_line(error)})") from error
    layer.build((None, None, None, kernel.shape[2] * groups))
    layer.set_weights([kernel, *([] if bias is None else [bias])])
    return layer


def _node_name(node: Any) -> str:
    return re.sub(r"[^\w.-]+", "-", node.name or node.output[0]).strip("-.") or "conv"


def _model(path: Path) -> Any:
    onnx = _package("onnx")
    try:
        return onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise DataError(f"{printable(path)}: {first_line(error)}; give the path of an .onnx file") from error
    except Exception as error:  # as damaged files make it raise anything
        raise DataError(f"{printable(path)}: no sound ONNX file ({first_line(error)})") from error


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BackendError(f"{name} is not installed; install convfilter[export]") from error
