"""The layer that makes of pixels from 0 to 1 what a network of keras.applications was trained on."""

from typing import Any

import numpy as np

from convfilter.model.boot import keras, layers, ops

# What each way does to red, green and blue from 0 to 1: times and plus, then the order of the channels.
_MEANS = np.array([123.68, 116.779, 103.939])  # of ImageNet, Caffe's; Keras' imagenet_utils has them too
_TORCH_MEANS, _TORCH_SPREADS = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_SAME = (0, 1, 2)
WAYS: dict[str, tuple[np.ndarray, np.ndarray, tuple[int, ...]]] = {
    "caffe": (np.full(3, 255.0), -_MEANS, (2, 1, 0)),  # blue, green, red, less their means
    "tf": (np.full(3, 2.0), np.full(3, -1.0), _SAME),  # −1 to 1
    "torch": (1 / _TORCH_SPREADS, -_TORCH_MEANS / _TORCH_SPREADS, _SAME),
    "bytes": (np.full(3, 255.0), np.zeros(3), _SAME),  # the network does the rest itself
}


@keras.saving.register_keras_serializable(package="convfilter.networks")
class Preprocess(layers.Layer):
    """(…, 3) of 0 to 1 → the same shape, as `way` (of WAYS) says. Channels last."""

    def __init__(self, way: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.way = way

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def call(self, x: Any) -> Any:
        times, plus, order = WAYS[self.way]
        scaled = x * ops.cast(times, x.dtype) + ops.cast(plus, x.dtype)
        return ops.take(scaled, order, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "way": self.way}

    def folded(self, weights: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights (kh, kw, 3, out) and bias (out,), float64, of a convolution behind this layer, as of one
        that sees red, green and blue from 0 to 1 itself. Zeros that pad the picture make a difference."""
        times, plus, order = WAYS[self.way]
        of_colours = np.empty(weights.shape)
        of_colours[:, :, list(order)] = weights
        moved = (of_colours.sum((0, 1)) * plus[:, None]).sum(0)
        return of_colours * times[:, None], bias + moved


def before(model: "keras.Model", name: str) -> Preprocess | None:
    """The Preprocess layer whose result, at most padded, the layer called `name` sees; None without one."""
    layer = model.get_layer(name) if "/" not in name else None
    while layer is not None and not isinstance(layer, Preprocess):
        found = getattr(layer.input, "_keras_history", None)
        layer = found.operation if found else None
        if not isinstance(layer, Preprocess | layers.ZeroPadding2D):
            return None
    return layer
