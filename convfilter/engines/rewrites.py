"""Exact rewritings of a convolution that are the same sums in another order of memory."""

import numpy as np

from convfilter.engines.stages import BANDS, Bands, Convolve, Depthwise, Rewrite, Weights
from convfilter.filters.conv import Conv
from convfilter.filters.kernel import spread


def direct(conv: Conv, phases: int = 1) -> Rewrite:
    """The convolution as it is; with phases, as a banded kernel over blocks of columns. Its bias must be in
    the units of the pixels."""
    if phases == 1:
        conv = conv.for_keras()
        kh, kw, channels, filters = conv.weights.shape
        step = Convolve((kh, kw), channels, filters, conv.strides, conv.dilation, conv.activation)
        return Rewrite("direct", (step,), _as_weights(conv.weights, conv.bias))
    band = banded(spread(conv.weights, conv.dilation), phases)
    kh, blocks, channels, filters = band.shape
    step = Convolve((kh, blocks), channels, filters, activation=conv.activation)
    as_weights = _as_weights(band, np.repeat(conv.bias, phases))
    return Rewrite(f"direct over {phases} columns", (step,), as_weights, phases, blocks)


def over_bands(conv: Conv) -> Rewrite:
    """The convolution of each band, as DepthwiseConv2D. Its bias must be in the units of the pixels."""
    kernel = spread(conv.weights, conv.dilation)[:, :, 0]
    kh, kw, filters = kernel.shape
    step = Depthwise((kh, kw), BANDS, filters, activation=conv.activation)
    weights = in_bands(kernel, conv.bias)
    return Rewrite("over bands", (Bands(), step), weights, bands=BANDS)


def in_bands(kernels: np.ndarray, bias: np.ndarray) -> tuple[Weights, Weights]:
    """The weights of a Depthwise for kernels (kh, kw, filters): the same in every band."""
    return _as_weights(np.repeat(kernels, BANDS, axis=2)[..., None], np.repeat(bias, BANDS))


def _as_weights(weights: np.ndarray, bias: np.ndarray) -> tuple[Weights, Weights]:
    return Weights(weights.astype(np.float32)), Weights(bias.astype(np.float32))


def banded(weights: np.ndarray, phases: int) -> np.ndarray:
    """(kh, kw, copies, filters) → (kh, blocks, copies·phases, filters·phases): output column b of a block
    looks at columns b … b + kw − 1 from the block's first on."""
    kh, kw, copies, filters = weights.shape
    blocks = (phases + kw - 2) // phases + 1
    band = np.zeros((kh, blocks, copies, phases, filters, phases), weights.dtype)
    for b in range(phases):
        for tap in range(kw):
            block, phase = divmod(b + tap, phases)
            band[:, block, :, phase, :, b] = weights[:, tap]
    return band.reshape(kh, blocks, copies * phases, filters * phases)
