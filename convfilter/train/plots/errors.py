"""Pictures of a model's errors: the confusion matrix, and the wrong answers it was surest of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.networks.predict import as_floats
from convfilter.train.data.dataset import Dataset, labels_of
from convfilter.train.plots.figures import (
    DIAGONAL,
    EMPTY,
    FAINT,
    INK,
    MOST_ROWS,
    SMALL,
    TEXT,
    TITLE,
    colour_bar,
    displayed,
    name_ticks,
    new_figure,
    percent,
    shown_names,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_confusion_matrix(counts: Any, classes: Sequence[str]) -> "Figure":
    """What was taken for what. counts: (classes, classes), rows are the true class.

    Errors are coloured by their share of the row, on a scale of their own; the right answers are pale blue.
    """
    figure = new_figure(3.7 + 0.5 * min(len(classes), MOST_ROWS), 2 + 0.5 * min(len(classes), MOST_ROWS))
    from matplotlib import colormaps, colors

    counts = np.asarray(counts)
    size, right = len(counts), np.eye(len(counts), dtype=bool)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    errors = np.ma.masked_where(right | (counts == 0), shares)
    edges, most = np.arange(size + 1) - 0.5, float(shares[~right].max(initial=0))
    lines: dict[str, Any] = {"edgecolors": "white", "linewidth": 1.5 if size <= MOST_ROWS else 0.2}
    axes = figure.subplots()
    reds = colormaps["OrRd"].with_extremes(bad=EMPTY)
    mesh = axes.pcolormesh(edges, edges, errors, cmap=reds, vmin=0, vmax=most or 1.0, **lines)
    apart = np.ma.masked_where(~right, shares)
    axes.pcolormesh(edges, edges, apart, cmap=colors.ListedColormap([DIAGONAL]), **lines)
    wrong, total = int(counts[~right].sum()), int(counts.sum())
    styled(axes, f"{wrong:,} {'error' if wrong == 1 else 'errors'} among {total:,} pictures", grid=None)
    if size <= MOST_ROWS:
        _number_cells(axes, counts, shares > 0.55 * most)
    name_ticks(axes.xaxis, classes)
    name_ticks(axes.yaxis, classes)
    if size > MOST_ROWS or max(map(len, shown_names(classes))) > 2:
        axes.xaxis.set_tick_params(rotation=90)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal")
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class", fontsize=TEXT, color=INK)
    axes.set_ylabel("true class", fontsize=TEXT, color=INK)
    bar = colour_bar(figure, mesh, axes, "share of the true class's pictures")
    bar.set_major_formatter(lambda value, _: f"{value * 100:.3g} %")
    return figure


def _number_cells(axes: "Axes", counts: np.ndarray, dark: np.ndarray) -> None:
    """The counts, white where the cell is `dark`, and right of each row its recall."""
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "color": INK}
    for row, column in np.argwhere(counts):
        own = {"weight": "bold"} if row == column else {"color": "white" if dark[row, column] else INK}
        axes.text(column, row, f"{counts[row, column]}", **{**style, **own})
    for row, total in enumerate(counts.sum(1)):
        if total:
            axes.text(len(counts) + 0.2, row, percent(counts[row, row] / total, 1), **style)
    axes.text(len(counts) + 0.2, -0.8, "recall", **{**style, "color": FAINT})


def rank_errors(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Indices of the pictures with a wrong answer, the surest first; equals in the order of the data."""
    wrong = np.flatnonzero(probabilities.argmax(1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")]


def draw_worst_errors(
    dataset: Dataset, probabilities: np.ndarray, classes: Sequence[str], count: int = 24
) -> "Figure":
    """The wrong answers that the model was surest of, up to `count`. probabilities: (n, classes).

    Each picture is under its true class, the predicted one and that one's probability.
    """
    labels, names, columns = labels_of(dataset), shown_names(classes), 6
    ranked = rank_errors(labels, probabilities)
    worst = ranked[:count]
    long = max(map(len, names)) > 6
    rows = -(-len(worst) // columns)
    figure = new_figure(8.4, 0.9 + (1.95 if long else 1.75) * rows)
    if not len(worst):
        figure.suptitle(f"No errors among {len(labels):,} pictures", fontsize=TITLE, color=INK, y=0.6)
        return figure
    some = "All" if len(worst) == len(ranked) else f"The {len(worst)} surest of"
    title = "One error" if len(ranked) == 1 else f"{some} {len(ranked):,} errors"
    figure.suptitle(f"{title} among {len(labels):,} pictures\n\n", fontsize=TITLE, color=INK)
    caption = "true → predicted class, and the probability that the model gave it"
    figure.text(0.5, 1 - 0.42 / figure.get_figheight(), caption, ha="center", fontsize=TEXT, color=FAINT)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, i in zip(figure.axes, worst, strict=False):
        answer = int(probabilities[i].argmax())
        axes.imshow(displayed(as_floats(dataset.images[i])), cmap="gray", vmin=0, vmax=1)
        text = f"{names[labels[i]]}{chr(10) if long else ' '}→ {names[answer]}"
        axes.set_title(f"{text}\n{percent(probabilities[i, answer], 1)}", fontsize=TEXT, color=INK, pad=5)
    return figure
