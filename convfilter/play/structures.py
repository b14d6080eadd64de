"""The networks of the article's figures 6 to 9 and 18, as data for the page: made from the models themselves.

`python -m convfilter.play.structures` makes static/structures.js again, with Keras; a test compares it. The
page draws from that file and so needs no Keras.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convfilter.networks.architectures import build

if TYPE_CHECKING:
    from convfilter.model.boot import keras

FILE = Path(__file__).parent / "static" / "structures.js"
# name → (title, input (height, width, channels), classes), each as in its paper.
PAPERS: dict[str, tuple[str, tuple[int, int, int], int]] = {
    "lenet5": ("LeNet-5, 1998", (32, 32, 1), 10),
    "alexnet": ("AlexNet, 2012", (227, 227, 3), 1000),
    "zfnet": ("ZF Net, 2013", (224, 224, 3), 1000),
    "vgg16": ("VGG-16, 2014", (224, 224, 3), 1000),
    "googlenet": ("GoogLeNet, 2014", (224, 224, 3), 1000),
}
_HEAD = "// Made by `python -m convfilter.play.structures` from the networks' models; edit those instead.\n\n"


def structure(name: str) -> dict[str, Any]:
    """One network: its title, number of parameters, and layers from the input on.

    A layer has name, kind (Keras' class), shape (its output's, without the batch) and parameters; window and
    stride, sides of squares, where it has windows, the stride only where it is not 1.
    """
    from convfilter.model.boot import keras

    title, shape, classes = PAPERS[name]
    with keras.StatelessScope(initialize_variables=False):  # shapes only: VGG-16 has 138 million weights
        model = build(name, shape, classes)
    rows = [_layer(layer) for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    entry = {"name": "input", "kind": "Input", "shape": list(shape), "parameters": 0}
    return {"title": title, "parameters": model.count_params(), "layers": [entry, *rows]}


def module_text() -> str:
    """The whole of static/structures.js, a layer a line."""
    blocks = [f"  {name}: {_block(structure(name))}" for name in PAPERS]
    return _HEAD + "export const STRUCTURES = {\n" + "".join(blocks) + "};\n"


def write() -> None:
    """Make static/structures.js again."""
    FILE.write_text(module_text(), encoding="utf-8")


def _layer(layer: "keras.layers.Layer") -> dict[str, Any]:
    name, kind = layer.name, type(layer).__name__
    row = {
        "name": name,
        "kind": kind,
        "shape": list(layer.output.shape[1:]),
        "parameters": layer.count_params(),
    }
    if window := _side(layer, "kernel_size") or _side(layer, "pool_size"):
        stride = _side(layer, "strides") or 1
        row |= {"window": window, **({"stride": stride} if stride > 1 else {})}
    return row


def _side(layer: "keras.layers.Layer", name: str) -> int | None:
    """An attribute such as (3, 3), which is a square's in all of these networks, as one number."""
    sides = getattr(layer, name, None)
    if sides is None:
        return None
    return int(sides[0] if isinstance(sides, tuple | list) else sides)


def _block(found: dict[str, Any]) -> str:
    rows = "".join(f"      {_row(layer)},\n" for layer in found["layers"])
    head = f"    title: {json.dumps(found['title'])},\n    parameters: {found['parameters']},\n"
    return f"{{\n{head}    layers: [\n{rows}    ],\n  }},\n"


def _row(layer: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{key}: {json.dumps(value)}" for key, value in layer.items()) + " }"


if __name__ == "__main__":
    write()
