"""A convolution layer of Keras as numbers: weights, bias, activation, and how `apply` computes the same."""

from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.choices import ACTIVATIONS
from convfilter.errors import FilterError, did_you_mean, printable
from convfilter.filters.kernel import MAX_WEIGHTS, spread
from convfilter.networks.layer_names import named_layers

if TYPE_CHECKING:
    from convfilter.model.boot import keras

# Classes of layers whose weights make one kernel; all but Conv2D may have zeros in it.
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D", "GroupedConv2D", "TableConv2D")


def convolutions(model: "keras.Model") -> list[str]:
    """The names of the convolution layers whose weights make one kernel."""
    return [key for key, layer in named_layers(model).items() if type(layer).__name__ in _CONVOLUTIONS]


def find_layer(model: "keras.Model", name: str) -> Any:
    """The convolution layer called `name` (MODEL/LAYER in a model inside). Raises FilterError."""
    layers, usable = named_layers(model), convolutions(model)
    if name in usable:
        return layers[name]
    have = f"its convolution layers: {', '.join(usable)}" if usable else "it has no convolution layer"
    if name in layers:
        raise FilterError(
            f'{model.name}: "{name}" is a {type(layers[name]).__name__} layer, which is no kernel; {have}'
        )
    hint = did_you_mean(name, usable, quote='"', cutoff=0.5)
    raise FilterError(f'{model.name}: no layer "{printable(name)}"; {hint}{hint and " "}{have}')


def preprocessing_of(model: Any, name: str) -> Any:
    """The Preprocess layer right before the layer called `name`; None where there is none."""
    if not any(type(layer).__name__ == "Preprocess" for layer in model.layers):
        return None
    from convfilter.networks.preprocess import before

    return before(model, name)


def settings(layer: Any) -> dict[str, Any]:
    """The arguments with which `convfilter.apply` computes what the layer does, besides range="raw".

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


def weights_of(layer: Any, name: str) -> np.ndarray:
    """(kh, kw, in, out) float32: zeros where a filter doesn't see a channel, and between the weights of a
    dilated kernel that is written with its zeros.

    Raises FilterError for a layer `name` that isn't built, or is too large for a kernel file.
    """
    weights = _full_weights(layer, name)
    return spread(weights, _dilation(layer)) if _written_out(layer) else weights


def _full_weights(layer: Any, name: str) -> np.ndarray:
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


def bias_of(layer: Any, filters: int) -> np.ndarray:
    """(filters,) float32; zeros where the layer has none."""
    bias = getattr(layer, "bias", None)
    return np.zeros(filters, np.float32) if bias is None else _float32(bias)


def _float32(variable: Any) -> np.ndarray:
    from convfilter.model.boot import keras

    fixed = variable if isinstance(variable, keras.Variable) else keras.ops.stop_gradient(variable)
    return np.asarray(fixed).astype(np.float32)


def activation_of(layer: Any) -> tuple[str, str]:
    """Its name in a kernel file, or "linear" and the name of what a kernel file can't say."""
    from convfilter.model.boot import keras
    from convfilter.model.layers import absolute

    if layer.activation is absolute:
        return "abs", ""
    found = keras.activations.serialize(layer.activation)
    if isinstance(found, str) and found in ACTIVATIONS:
        return found, ""
    if isinstance(found, dict):
        is_function = found.get("class_name") == "function"
        found = found["config"] if is_function else found.get("class_name", "unknown")
    return "linear", str(found).rpartition(">")[2]


def anchor_of(layer: Any) -> list[int] | None:
    """(row, column) of the weight that lies on the pixel; None for the usual one, at half the kernel's size.

    Keras' "same" puts the smaller half of an even kernel's padding first.
    """
    if settings(layer)["pad"] != "same" or all(side % 2 for side in layer.kernel.shape[:2]):
        return None
    rates = (1, 1) if _written_out(layer) else _dilation(layer)
    return [first // rate for first, rate in zip(_first_padding(layer), rates, strict=True)]
