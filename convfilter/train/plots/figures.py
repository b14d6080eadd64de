"""Colours, sizes and axes that all pictures of a run share. Figure objects only: no pyplot, no rcParams."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.errors import ConvfilterError
from convfilter.system.atomic import atomic_write
from convfilter.system.stderr import hush_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE = "#4C72B0", "#DD8452", "#55A868", "#C44E52", "#8172B3"  # seaborn's "deep"
INK, FAINT, GRID, EMPTY, DIAGONAL = "#2F3440", "#70757F", "#E6E8EC", "#F6F7F9", "#D5E0EF"
TITLE, TEXT, SMALL = 13, 10.5, 9.5  # points
DOTS = 120  # per inch
CELL = 0.6  # inches of a small picture

MOST_ROWS = 20  # classes up to which each has a row of pictures, a number and a name
NAME_LENGTH = 14  # letters of a class name


def require_matplotlib() -> None:
    """Raise ConvfilterError where matplotlib can't be imported; worth a call before hours of training."""
    hush_matplotlib()
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ConvfilterError(
            f"a run's pictures need matplotlib, which can't be imported ({error}); "
            "get it with pip install matplotlib"
        ) from error
    except OSError as error:
        raise ConvfilterError(
            "a run's pictures need matplotlib, which finds no folder to write in; "
            "set MPLCONFIGDIR or TMPDIR to one that can be written"
        ) from error


def new_figure(width: float, height: float) -> "Figure":
    """An empty white figure, in inches, that lays itself out."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure((width, height), dpi=DOTS, layout="constrained", facecolor="white")


def save(figure: "Figure", path: Path) -> None:
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DOTS, facecolor="white", bbox_inches="tight", pad_inches=0.15)


def styled(axes: "Axes", title: str, grid: Any = "y") -> None:
    """A light grid behind the data, no frame on top and right, the title on the left."""
    axes.set_facecolor("white")
    axes.set_title(title, loc="left", fontsize=TITLE, color=INK, pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color("#B9BDC5")
    axes.tick_params(colors=INK, labelsize=TEXT, length=0, pad=6)
    axes.grid(visible=False)
    if grid:
        axes.grid(axis=grid, color=GRID, linewidth=0.9)
    axes.set_axisbelow(True)


def draw_line(axes: "Axes", x: Any, y: Any, color: str, label: str) -> None:
    marker = "o" if len(x) <= 50 else ""
    axes.plot(x, y, color=color, label=label, linewidth=2, marker=marker, markersize=4.5)


def mosaic(
    figure: "Figure", tiles: np.ndarray, title: str, fill: float = 1.0, cmap: str = "gray", **scale: Any
) -> "Axes":
    """Tiles (rows, columns, H, W, C) as one image, in whose axes tile (r, c) has its centre at (c, r)."""
    gap = max(1, tiles.shape[2] // 20)
    around = ((0, 0), (0, 0), (gap, gap), (gap, gap), (0, 0))
    padded = np.pad(tiles, around, constant_values=fill)
    rows, columns, height, width, channels = padded.shape
    image = padded.swapaxes(1, 2).reshape(rows * height, columns * width, channels)
    axes = figure.subplots()
    styled(axes, title, grid=None)
    axes.spines[:].set_visible(False)
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    scale = scale or {"vmin": 0, "vmax": 1}
    axes.imshow(
        displayed(image), cmap=cmap, extent=extent, aspect=height / width, interpolation="nearest", **scale
    )
    axes.set(xticks=[], yticks=[])
    return axes


def displayed(image: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) for imshow from (H, W, C)."""
    return image[..., 0] if image.shape[-1] == 1 else image.clip(0, 1)


def colour_bar(figure: "Figure", drawn: Any, axes: "Axes", label: str) -> Any:
    """A slim colour bar right of `axes`; its axis."""
    bar = figure.colorbar(drawn, ax=axes, aspect=30, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, length=0)
    bar.set_label(label, fontsize=TEXT, color=INK)
    return bar.ax.yaxis


def integers(most: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most, integer=True, min_n_ticks=1)


def name_ticks(axis: Any, names: Sequence[str]) -> None:
    """One tick per class; where there are many, one for every few."""
    step = -(-len(names) // MOST_ROWS)
    size = TEXT if len(names) <= 12 else SMALL
    axis.set_ticks(range(0, len(names), step), shown_names(names)[::step], fontsize=size, color=INK)
    axis.set_tick_params(length=0)


def shown_names(classes: Sequence[str]) -> list[str]:
    """The classes' names, shortened; the number of a class whose name the font can't write, as #7."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    drawable = [bool(name) and all(font.get_char_index(ord(letter)) for letter in name) for name in classes]
    short = [name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…" for name in classes]
    return [no_maths(short[i]) if can else f"#{i}" for i, can in enumerate(drawable)]


def no_maths(text: str) -> str:
    """`text` with its dollars, which matplotlib takes for mathematics, as they are."""
    return text.replace("$", r"\$")


def percent(share: float, digits: int) -> str:
    return f"{share * 100:.{digits}f} %"
