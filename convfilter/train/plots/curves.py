"""The picture of loss, accuracy and learning rate by epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from convfilter.errors import DataError
from convfilter.train.data.dataset import Row
from convfilter.train.plots.figures import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    RED,
    TEXT,
    draw_line,
    integers,
    new_figure,
    percent,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_learning_curves(history: Sequence[Row]) -> "Figure":
    """Three panels over one axis of epochs; the best validation accuracy is marked.

    Raises DataError for a history of no epoch.
    """
    if not history:
        raise DataError("no epoch has been trained, so there are no learning curves to draw")
    figure = new_figure(8, 7.6)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.6))
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(panels, ("loss", "accuracy"), strict=False):
        styled(axes, name.capitalize())
        for key, label, color in ((name, "training", BLUE), (f"val_{name}", "validation", ORANGE)):
            if key in history[0]:
                draw_line(axes, epochs, [row[key] for row in history], color, label)
    if "val_accuracy" in history[0]:
        best = max(history, key=lambda row: row["val_accuracy"])
        said = f"best: {percent(best['val_accuracy'], 2)} in epoch {best['epoch']:.0f}"
        ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgewidth": 1.6}
        panels[1].plot([best["epoch"]], [best["val_accuracy"]], color=RED, linestyle="", label=said, **ring)
    panels[1].yaxis.set_major_formatter(lambda value, _: f"{value * 100:.4g} %")
    for axes in panels[:2]:
        axes.legend(frameon=False, fontsize=TEXT, labelcolor=INK)
    _draw_rates(panels[2], epochs, np.array([row["rate"] for row in history]))
    panels[2].xaxis.set_major_locator(integers(12))
    panels[2].set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    return figure


def _draw_rates(axes: "Axes", epochs: Sequence[float], rates: np.ndarray) -> None:
    """The learning rate at the end of each epoch, on a log axis unless it is zero throughout."""
    from matplotlib.ticker import LogLocator, NullLocator

    styled(axes, "Learning rate")
    axes.set_xlabel("epoch", fontsize=TEXT, color=INK)
    positive = rates[rates > 0]
    if len(positive):
        least, most = positive.min(), positive.max()
        axes.set_yscale("log")
        axes.set_ylim(least / 1.7, most * 1.7)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 8 * least else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        rates = np.where(rates > 0, rates, np.nan)
    draw_line(axes, epochs, rates, GREEN, "rate")
