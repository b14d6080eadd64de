"""The networks that `--arch` names, one file each: as in its paper, and in a form for small pictures.

    build("lenet5")                            for 28×28×1 and ten classes
    build("alexnet", (227, 227, 3), 1000)      the paper's own network

Every network takes float32 (batch, height, width, channels) in [0, 1] and ends in a softmax named
"output", whatever keras.json sets. The registry imports no Keras; the network's module does, when it is
built. A saved model that holds layers of `own_layers` loads once that module is imported.
"""

import importlib
from typing import TYPE_CHECKING, Any

from convfilter.errors import FilterError, did_you_mean
from convfilter.networks.keras_settings import own_settings

if TYPE_CHECKING:
    from convfilter.model.boot import keras

# name → module in this package, which has build(input_shape, classes) and SMALLEST, the least side.
ARCHITECTURES: dict[str, str] = {
    "article": "article",
    "fast": "fast",
    "best": "best",
    "lenet5": "lenet5",
    "alexnet": "alexnet",
    "zfnet": "zfnet",
    "vgg11": "vgg",
    "vgg16": "vgg",
    "googlenet": "googlenet",
}
# What build takes beside, where one module has several networks.
_VARIANTS: dict[str, dict[str, int]] = {"vgg11": {"depth": 11}, "vgg16": {"depth": 16}}


def build(name: str, input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> "keras.Model":
    """The network `name`, with fresh weights. input_shape: (height, width, channels).

    Raises FilterError for an unknown name, a shape that is none, or pictures too small for the network.
    """
    module = _module(name)
    _check(name, module.SMALLEST, input_shape, classes)
    height, width, channels = input_shape
    with own_settings():
        model: keras.Model = module.build((height, width, channels), classes, **_VARIANTS.get(name, {}))
    return model


def check_name(name: str) -> None:
    """Raise FilterError, with the nearest name, for a network that is not here."""
    if name not in ARCHITECTURES:
        hint = did_you_mean(name, ARCHITECTURES, f"choose one of {', '.join(ARCHITECTURES)}", cutoff=0.7)
        raise FilterError(f'no architecture "{name}"; {hint}')


def _module(name: str) -> Any:
    check_name(name)
    return importlib.import_module(f"{__name__}.{ARCHITECTURES[name]}")


def _check(name: str, smallest: int, input_shape: tuple[int, ...], classes: int) -> None:
    if len(input_shape) != 3 or min(input_shape) < 1:
        raise FilterError(f"{name} takes pictures of (height, width, channels), not {tuple(input_shape)}")
    height, width, _ = input_shape
    if min(height, width) < smallest:
        raise FilterError(
            f"{name} needs pictures of at least {smallest}×{smallest}, not {height}×{width}; enlarge them"
        )
    if classes < 2:
        raise FilterError(f"{name} needs at least 2 classes, not {classes}")
