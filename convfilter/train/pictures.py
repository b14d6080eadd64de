"""The pictures of a run folder, by matplotlib: its data, its course, its errors and its kernels.

NAME(…, path) writes a PNG, draw_NAME(…) gives it as a Figure. Only Figure objects are made, so neither
pyplot nor rcParams changes for a program that uses them too.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.errors import DataError, FilterError
from convfilter.train.data import Data, Dataset
from convfilter.train.figures import (
    BLUE,
    CELL,
    DIAGONAL,
    EMPTY,
    FAINT,
    GREEN,
    INK,
    MOST_ROWS,
    ORANGE,
    PURPLE,
    RED,
    SMALL,
    TEXT,
    TITLE,
    as_floats,
    colour_bar,
    displayed,
    draw_line,
    integers,
    labels_of,
    mosaic,
    name_ticks,
    new_figure,
    no_maths,
    percent,
    require_matplotlib,
    save,
    shown_names,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, float]

LABEL_COUNTS = "label-counts.png"
SAMPLE_DIGITS = "sample-digits.png"
AUGMENTED = "augmented.png"
LEARNING_CURVES = "learning-curves.png"
CONFUSION_MATRIX = "confusion-matrix.png"
WORST_ERRORS = "worst-errors.png"
FIRST_KERNELS = "first-kernels.png"

MOST_KERNELS = 128
MOST_CHANNELS = 4  # up to which a kernel's channels are drawn side by side; of more, their mean


def write_all(
    folder: Path,
    data: Data,
    model: Any,
    recipe: Any,
    history: Sequence[Row],
    report: dict[str, Any],
    seed: int,
) -> list[Path]:
    """Write the run's pictures and return their paths.

    Without labelled test pictures there is no confusion matrix and no gallery of errors, without a Conv2D
    layer there are no kernels. Everything else that goes wrong raises, before any picture is written.
    """
    from convfilter.train.loop import predict

    require_matplotlib()
    if data.train is None:
        raise DataError(f"{data.source}: no pictures to train on, so none to draw; give labelled ones")
    figures = {
        LABEL_COUNTS: draw_label_counts(data),
        SAMPLE_DIGITS: draw_sample_digits(data.train, data.classes),
        AUGMENTED: draw_augmented(recipe, data.train, seed),
        LEARNING_CURVES: draw_learning_curves(history),
    }
    if data.test is not None and data.test.labels is not None:
        figures[CONFUSION_MATRIX] = draw_confusion_matrix(report["confusion"], data.classes)
        figures[WORST_ERRORS] = draw_worst_errors(
            data.test, predict(model, data.test.images), data.classes, count=24
        )
    if first_conv(model) is not None:
        figures[FIRST_KERNELS] = draw_first_kernels(model)
    for name, figure in figures.items():
        save(figure, folder / name)
    return [folder / name for name in figures]


# Label counts


def label_counts(data: Data, path: Path) -> None:
    """How many pictures each class has."""
    save(draw_label_counts(data), path)


def draw_label_counts(data: Data) -> "Figure":
    """A panel of bars for the training part and one for the test part, where that has labels."""
    parts = {"Training": data.train, "Test": data.test}
    drawn = {name: part for name, part in parts.items() if part is not None and part.labels is not None}
    size = len(data.classes)
    figure = new_figure(1 + 4.4 * max(1, len(drawn)), 1.1 + 0.36 * np.clip(size, 5, MOST_ROWS))
    panels = figure.subplots(1, max(1, len(drawn)), squeeze=False, sharey=True)[0]
    for axes, (name, part), color in zip(panels, drawn.items(), (BLUE, PURPLE), strict=False):
        counts, even = part.counts(size), len(part) / size
        axes.barh(np.arange(size), counts, height=0.72, color=color)
        styled(axes, f"{name}: {len(part):,} pictures", grid="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, max(1, counts.max()) * 1.05)
        if size <= MOST_ROWS:
            _number_bars(axes, counts)
        axes.axvline(even, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_xlabel(f"pictures (dashed: an even share, {even:,.0f})", fontsize=TEXT, color=INK)
        axes.xaxis.set_major_locator(integers(5))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    name_ticks(panels[0].yaxis, data.classes)
    panels[0].set_ylim(size - 0.4, -0.6)  # the first class on top
    return figure


def _number_bars(axes: "Axes", counts: np.ndarray) -> None:
    """Each bar's number at its foot, or beyond its end where it is too short to hold it."""
    most = max(1, counts.max())
    for place, count in enumerate(counts):
        inside = count > 0.2 * most
        x, color = (0, "white") if inside else (count, INK)
        axes.annotate(
            f"{count:,}",
            (x, place),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=color,
        )


# Pictures of the data, and augmented


def sample_digits(dataset: Dataset, classes: Sequence[str], path: Path) -> None:
    """Some pictures of each class."""
    save(draw_sample_digits(dataset, classes), path)


def draw_sample_digits(dataset: Dataset, classes: Sequence[str], each: int = 12) -> "Figure":
    """A row a class, with up to `each` of its pictures, evenly spread over the data set."""
    labels, rows = labels_of(dataset), min(len(classes), MOST_ROWS)
    tiles = np.ones((rows, each, *dataset.images.shape[1:]), np.float32)  # 1 is white
    for label in range(rows):
        found = np.flatnonzero(labels == label)
        count = min(each, len(found))
        if count:
            tiles[label, :count] = as_floats(dataset.images[found[np.arange(count) * len(found) // count]])
    figure = new_figure(1.5 + CELL * each, 0.8 + CELL * rows)
    some = "" if rows == len(classes) else f"the first {rows} of {len(classes)} classes"
    axes = mosaic(figure, tiles, f"Samples of {some or 'each class'}")
    name_ticks(axes.yaxis, classes[:rows])
    return figure


def augmented(recipe: Any, dataset: Dataset, seed: int, path: Path) -> None:
    """A few pictures, and what the recipe's augmentation makes of them."""
    save(draw_augmented(recipe, dataset, seed), path)


def draw_augmented(recipe: Any, dataset: Dataset, seed: int, versions: int = 10) -> "Figure":
    """A row a picture: itself, a space, and `versions` of what recipe.batch(images, rng) makes of it."""
    from convfilter.model import keras

    firsts = np.unique(labels_of(dataset), return_index=True)[1][:10]  # the first picture of each class
    originals = as_floats(dataset.images[firsts])  # (n, H, W, C)
    batch = recipe.batch(np.repeat(originals, versions, axis=0), np.random.default_rng(seed))
    made = np.asarray(keras.ops.convert_to_numpy(batch), np.float32)
    made = made.reshape(len(firsts), versions, *originals.shape[1:])
    space = np.ones_like(originals[:, None])
    tiles = np.concatenate([originals[:, None], space, made], axis=1)
    figure = new_figure(0.5 + CELL * (versions + 2), 1.1 + CELL * len(firsts))
    name = getattr(recipe, "__name__", "").rpartition(".")[2]
    axes = mosaic(figure, tiles, "Augmentation" + (f' by the recipe "{name}"' if name else ""))
    for row in range(len(firsts)):
        axes.text(1, row, "→", ha="center", va="center", fontsize=16, color=FAINT)
    heads = ["original", f"{versions} of its versions in training"]
    axes.xaxis.set_ticks([0, 2 + (versions - 1) / 2], heads, fontsize=TEXT, color=INK)
    axes.xaxis.set_tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    return figure


# Learning curves


def learning_curves(history: Sequence[Row], path: Path) -> None:
    """Loss, accuracy and learning rate by epoch."""
    save(draw_learning_curves(history), path)


def draw_learning_curves(history: Sequence[Row]) -> "Figure":
    """Three panels over one axis of epochs; the best validation accuracy is marked."""
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


# Errors


def confusion_matrix(counts: Any, classes: Sequence[str], path: Path) -> None:
    """What was taken for what. counts: (classes, classes), rows are the true class."""
    save(draw_confusion_matrix(counts, classes), path)


def draw_confusion_matrix(counts: Any, classes: Sequence[str]) -> "Figure":
    """Errors coloured by their share of the row, on a scale of their own; the right answers pale blue."""
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


def worst_errors(
    dataset: Dataset, probabilities: np.ndarray, classes: Sequence[str], path: Path, count: int = 24
) -> None:
    """The wrong answers that the model was surest of. probabilities: (n, classes)."""
    save(draw_worst_errors(dataset, probabilities, classes, count), path)


def draw_worst_errors(
    dataset: Dataset, probabilities: np.ndarray, classes: Sequence[str], count: int = 24
) -> "Figure":
    """Up to `count` pictures, each under its true class, the predicted one and that one's probability."""
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
    said = "true → predicted class, and the probability that the model gave it"
    figure.text(0.5, 1 - 0.42 / figure.get_figheight(), said, ha="center", fontsize=TEXT, color=FAINT)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, i in zip(figure.axes, worst, strict=False):
        answer = int(probabilities[i].argmax())
        axes.imshow(displayed(as_floats(dataset.images[i])), cmap="gray", vmin=0, vmax=1)
        text = f"{names[labels[i]]}{chr(10) if long else ' '}→ {names[answer]}"
        axes.set_title(f"{text}\n{percent(probabilities[i, answer], 1)}", fontsize=TEXT, color=INK, pad=5)
    return figure


# Kernels


def first_conv(model: Any) -> Any | None:
    """The model's first Conv2D layer, be it in a model within; None where it has none."""
    from convfilter.model import keras

    return next((layer for layer in _layers(model) if isinstance(layer, keras.layers.Conv2D)), None)


def _layers(model: Any) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _layers(layer)


def first_kernels(model: Any, path: Path) -> None:
    """The kernels of the first Conv2D layer."""
    save(draw_first_kernels(model), path)


def draw_first_kernels(model: Any) -> "Figure":
    """A grid of kernels on one scale from blue through white, which is 0, to red.

    Up to four input channels stand side by side in a kernel; of more, their mean is drawn.
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
    shown = _side_by_side(kernels[..., :MOST_KERNELS])  # (n, h, w)
    columns = _columns(len(shown), shown.shape[2] / shown.shape[1])
    rows = -(-len(shown) // columns)
    tiles = np.full((rows * columns, *shown.shape[1:], 1), np.nan)
    tiles[: len(shown), ..., 0] = shown
    most = float(np.max(np.abs(shown), where=np.isfinite(shown), initial=0)) or 1.0
    shape = shown.shape[2] / shown.shape[1]
    high = min(0.75, 9 / (columns * shape))  # inches of a kernel
    figure = new_figure(2 + high * shape * columns, 1.1 + high * rows)
    grid = tiles.reshape(rows, columns, *tiles.shape[1:])
    axes = mosaic(figure, grid, title, fill=np.nan, cmap="RdBu_r", vmin=-most, vmax=most)
    last = [min((row + 1) * columns, len(shown)) - 1 for row in range(rows)]
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
