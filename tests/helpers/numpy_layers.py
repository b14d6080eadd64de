"""A pipeline's layers written out in NumPy, and convolutions to try them with."""

from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convfilter.filters.conv import Conv
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import Pad

MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}


def conv(size=(3, 3), strides=(1, 1), dilation=(1, 1), filters=1, into=1, seed=0, **fields):
    """A convolution with positive random weights, none of them 0, so that every pixel matters."""
    weights = np.random.default_rng(seed).uniform(0.5, 1, (*size, into, filters))
    made = Conv(
        "random", weights, np.zeros(filters), (size[0] // 2, size[1] // 2), "linear", strides, dilation
    )
    return replace(made, **fields)


def run(pipeline, picture):
    """The pipeline on a picture (H, W, channels), written out in NumPy for linear activations and abs."""
    x = picture
    for layer in pipeline.layers:
        if isinstance(layer, Pad):
            amounts = ((layer.top, layer.bottom), (layer.left, layer.right), (0, 0))
            x = np.pad(x, amounts, mode=MODES[layer.border])
        elif isinstance(layer, Conv):
            windows = sliding_window_view(x, layer.extent, axis=(0, 1))
            windows = windows[
                :: layer.strides[0], :: layer.strides[1], :, :: layer.dilation[0], :: layer.dilation[1]
            ]
            x = np.einsum("yxcij,ijco->yxo", windows, layer.weights) + layer.bias
        elif isinstance(layer, Pool):
            windows = sliding_window_view(x, layer.size, axis=(0, 1))[:: layer.size[0], :: layer.size[1]]
            x = (np.max if layer.mode == "max" else np.mean)(windows, axis=(3, 4))
        elif isinstance(layer, Combine):
            x = {"sum": np.sum, "mean": np.mean, "max": np.max}[layer.how](x, axis=2, keepdims=True)
        else:
            assert layer == Activation("linear")
    return x
