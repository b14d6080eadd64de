"""A picture in the terminal: two pixels per character, the upper half block; without colour, shades."""

from typing import TYPE_CHECKING

import numpy as np

from convfilter.cli.console import out
from convfilter.images.picture import Picture

if TYPE_CHECKING:
    from rich.console import Console

MAX_COLUMNS = 100
SHADES = " ░▒▓█"


def show(picture: Picture, console: "Console | None" = None) -> None:
    """Print `picture`, averaged down to the terminal's width (at most MAX_COLUMNS)."""
    from rich.segment import Segment, Segments
    from rich.style import Style

    console = console or out()
    small = _shrink(_eight_bit(picture), min(console.width, MAX_COLUMNS))
    segments = []
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            if console.color_system is None or console.no_color:
                segments.append(Segment(_shade(top, bottom)))
            else:
                segments.append(Segment("▀", Style.parse(f"rgb({_rgb(top)}) on rgb({_rgb(bottom)})")))
        segments.append(Segment.line())
    console.print(Segments(segments), end="")


def _shade(top: np.ndarray, bottom: np.ndarray) -> str:
    return SHADES[min(int((top.mean() + bottom.mean()) / 512 * len(SHADES)), len(SHADES) - 1)]


def _rgb(pixel: np.ndarray) -> str:
    return ",".join(str(int(value)) for value in pixel)


def _eight_bit(picture: Picture) -> np.ndarray:
    """(H, W, 3) floats of 0–255; floats that leave 0–1 are stretched from smallest to largest."""
    pixels = np.nan_to_num(picture.pixels.astype(np.float32), posinf=1, neginf=0)
    low, high = (0.0, picture.full_scale)
    if picture.pixels.dtype.kind == "f" and (pixels.min() < 0 or pixels.max() > 1):
        low, high = float(pixels.min()), float(pixels.max())
    pixels = (pixels - low) * (255 / (high - low or 1))
    return np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels[..., [0, 1, 2][: pixels.shape[2]]]


def _shrink(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Averages of blocks: at most `columns` wide, an even number of rows."""
    height, width = pixels.shape[:2]
    columns = min(columns, width)
    rows = max(2, round(height * columns / width / 2) * 2)
    down = np.add.reduceat(pixels, np.arange(rows) * height // rows, axis=0)
    both = np.add.reduceat(down, np.arange(columns) * width // columns, axis=1)
    counts = np.diff(np.append(np.arange(rows) * height // rows, height))[:, None] * np.diff(
        np.append(np.arange(columns) * width // columns, width)
    )
    return np.asarray(both / np.maximum(counts, 1)[..., None])
