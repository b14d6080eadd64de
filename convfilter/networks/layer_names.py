"""Layers and variables of a network by name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convfilter.model.boot import keras


def named_layers(model: "keras.Model", prefix: str = "") -> dict[str, Any]:
    """Every layer that is no model itself, by its name; those of a model inside as MODEL/LAYER."""
    found: dict[str, Any] = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found.update(named_layers(layer, f"{prefix}{layer.name}/"))
        else:
            found[prefix + layer.name] = layer
    return found


def named_weights(model: "keras.Model") -> dict[str, Any]:
    """The variables by LAYER/VARIABLE, with a number where a layer has two of one name."""
    found: dict[str, Any] = {}
    for name, layer in named_layers(model).items():
        for number, variable in enumerate(layer.weights):
            key = f"{name}/{variable.name}"
            found[f"{key}-{number}" if key in found else key] = variable
    return found
