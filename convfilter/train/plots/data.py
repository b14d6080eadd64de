"""Pictures of a run's data: how many there are of each class, some of each, and augmented ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.networks.predict import as_floats
from convfilter.train.data.dataset import Data, Dataset, labels_of
from convfilter.train.plots.figures import (
    BLUE,
    CELL,
    FAINT,
    INK,
    MOST_ROWS,
    PURPLE,
    SMALL,
    TEXT,
    integers,
    mosaic,
    name_ticks,
    new_figure,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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


def draw_sample_digits(dataset: Dataset, classes: Sequence[str], each: int = 12) -> "Figure":
    """One row per class, with up to `each` of its pictures, evenly spread over the data set."""
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


def draw_augmented(recipe: Any, dataset: Dataset, seed: int, versions: int = 10) -> "Figure":
    """One row per picture: itself, a space, and `versions` of what recipe.batch(images, rng) makes of it."""
    from convfilter.model.boot import keras

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
