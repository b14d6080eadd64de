"""The picture of what a model's first convolution has learned."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.networks.layer_names import named_layers
from convfilter.train.plots.figures import (
    colour_bar,
    mosaic,
    name_ticks,
    new_figure,
    no_maths,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_KERNELS = 128
MOST_CHANNELS = 4  # up to which a kernel's channels are drawn side by side; of more, their mean


def first_conv(model: Any) -> Any | None:
    """The model's first Conv2D layer, be it in a model within; None where it has none."""
    from convfilter.model.boot import keras

    return next(
        (layer for layer in named_layers(model).values() if isinstance(layer, keras.layers.Conv2D)), None
    )


def draw_first_kernels(model: Any) -> "Figure":
    """A grid of kernels on one scale from blue through white, which is 0, to red.

    Up to four input channels stand side by side in a kernel; of more, their mean is drawn. Raises
    FilterError for a model without a Conv2D layer.
    """
    layer = first_conv(model)
    if layer is None:
        raise FilterError("the model has no Conv2D layer, so there are no kernels to draw")
    kernels = np.asarray(layer.kernel).astype(np.float64)  # (kh, kw, channels, filters)
    height, width, channels, filters = kernels.shape
    title = f"{no_maths(layer.name)}: {filters} {'kernel' if filters == 1 else 'kernels'} of {height}×{width}"
    if channels > MOST_CHANNELS:
        kernels = kernels.mean(2, keepdims=True)
        title += f", mean of {channels} channels"
    elif channels > 1:
        title += f", {channels} channels side by side"
    if filters > MOST_KERNELS:
        title += f" (the first {MOST_KERNELS})"
    drawn = _side_by_side(kernels[..., :MOST_KERNELS])  # (n, h, w)
    columns = _columns(len(drawn), drawn.shape[2] / drawn.shape[1])
    rows = -(-len(drawn) // columns)
    tiles = np.full((rows * columns, *drawn.shape[1:], 1), np.nan)
    tiles[: len(drawn), ..., 0] = drawn
    most = float(np.max(np.abs(drawn), where=np.isfinite(drawn), initial=0)) or 1.0
    shape = drawn.shape[2] / drawn.shape[1]
    high = min(0.75, 9 / (columns * shape))  # inches of a kernel
    figure = new_figure(2 + high * shape * columns, 1.1 + high * rows)
    grid = tiles.reshape(rows, columns, *tiles.shape[1:])
    axes = mosaic(figure, grid, title, fill=np.nan, cmap="RdBu_r", vmin=-most, vmax=most)
    last = [min((row + 1) * columns, len(drawn)) - 1 for row in range(rows)]
    name_ticks(axes.yaxis, [_span(row * columns, end) for row, end in enumerate(last)])
    colour_bar(figure, axes.images[0], axes, "weight")
    return figure


def _columns(count: int, shape: float) -> int:
    """A power of two, as layers have 32 or 64 kernels, for a grid about 1.8 times as wide as high.

    count: tiles, each `shape` times as wide as high.
    """
    wanted = max(1.0, math.sqrt(count * 1.8 / shape))
    return min(count, 1 << round(math.log2(wanted)))


def _span(first: int, last: int) -> str:
    return f"{first}–{last}" if first < last else str(first)


def _side_by_side(kernels: np.ndarray) -> np.ndarray:
    """(kh, kw, channels, n) → (n, 4 kh, 4 kw channels + gaps): weights of 4×4 pixels, channels in a row."""
    large = kernels.transpose(3, 2, 0, 1).repeat(4, axis=2).repeat(4, axis=3)
    spaced = np.pad(large, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=np.nan)
    count, channels, height, width = spaced.shape
    return spaced.transpose(0, 2, 1, 3).reshape(count, height, channels * width)[..., :-1]
