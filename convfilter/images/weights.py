"""Draw a kernel's weights as squares from blue, below 0, to red, with the numbers in them."""

from pathlib import Path

import numpy as np

from convfilter.images.drawing import (
    INK,
    LABEL,
    LINE,
    NOTE,
    PAPER,
    SOFT,
    TITLE,
    WHITE,
    coloured,
    paper,
    put,
    save_sheet,
    sheet_format,
    stacked,
    text_line,
)
from convfilter.images.text import text_mask

NUMBERED = 15  # rows and columns up to which numbers stand in the squares
PLAIN = 480  # about how many pixels wide the squares of more are in all
MOST_FILTERS, MOST_CHANNELS = 64, 4
DARK = 120  # mean of a square's colour below which its number is white
WIDE = 1000  # pixels after which another line of filters begins
GAP = 24  # pixels between two filters


def draw_weights(weights: np.ndarray, path: Path, *, title: str, note: str = "") -> None:
    """Draw weights (kh, kw, in, out) under a title and a note: a grid for each filter and input channel.

    All are on one scale, so that a colour means the same everywhere. Of more than MOST_FILTERS filters or
    MOST_CHANNELS channels the first are drawn, and the sheet says so. Raises FilterError for a format without
    colour, PictureError if the file can't be written.
    """
    sheet_format(path)
    drawn = weights[:, :, :MOST_CHANNELS, :MOST_FILTERS]
    lines = [(title, TITLE, INK), (note, NOTE, SOFT), (_left_out(weights.shape, drawn.shape), NOTE, SOFT)]
    head = [text_line(*line) for line in lines if line[0]]
    save_sheet(stacked([*head, *_lines(_grids(drawn))]), path)


def _left_out(shape: tuple[int, ...], drawn: tuple[int, ...]) -> str:
    if shape == drawn:
        return ""
    return f"Drawn: {drawn[3]} of {shape[3]} filters, {drawn[2]} of {shape[2]} channels each."


def _grids(weights: np.ndarray) -> list[np.ndarray]:
    """Each filter and channel, with a line that says which where there are several."""
    kh, kw, channels, filters = weights.shape
    side = max(2, PLAIN // max(kh, kw))
    numbered = max(kh, kw) <= NUMBERED
    texts = np.array([f"{value + 0:.4g}" for value in weights.ravel()]).reshape(weights.shape)
    if numbered:
        side = max(36, *(text_mask(text, LABEL).shape[1] + 8 for text in {*texts.ravel()}))
    colours = coloured(weights.reshape(kh, -1), True).reshape(*weights.shape, 3)
    grids = []
    for number, channel in np.ndindex(filters, channels):
        grid = _squares(colours[:, :, channel, number], side)
        if numbered:
            _write_numbers(grid, texts[:, :, channel, number], colours[:, :, channel, number], side)
        grids.append(_under(_which(number, channel, filters, channels), grid))
    return grids


def _which(number: int, channel: int, filters: int, channels: int) -> str:
    words = [f"filter {number + 1}"] if filters > 1 else []
    return ", ".join([*words, *([f"channel {channel + 1}"] if channels > 1 else [])])


def _squares(colours: np.ndarray, side: int) -> np.ndarray:
    """Squares (H·side + 1, W·side + 1, 3) of colours (H, W, 3); lines between them where they are wide."""
    grid = np.repeat(np.repeat(colours, side, 0), side, 1)
    framed = np.broadcast_to(LINE, (grid.shape[0] + 1, grid.shape[1] + 1, 3)).copy()
    if side < 6:
        put(framed, grid, 0, 0)
        return framed
    rows, columns = np.indices(grid.shape[:2])
    inside = (rows % side > 0) & (columns % side > 0)
    framed[:-1, :-1][inside] = grid[inside]
    return framed


def _write_numbers(grid: np.ndarray, texts: np.ndarray, colours: np.ndarray, side: int) -> None:
    """Write each number into the middle of its square, white on dark ones."""
    for row, column in np.ndindex(texts.shape):
        mask = text_mask(str(texts[row, column]), LABEL)[..., None]
        square = colours[row, column]
        ink = WHITE if square.mean() < DARK else INK
        top, left = (side - mask.shape[0]) // 2, (side - mask.shape[1]) // 2
        put(grid, square + mask * (ink - square), row * side + top + 1, column * side + left + 1)


def _under(label: str, grid: np.ndarray) -> np.ndarray:
    if not label:
        return grid
    line = text_line(label, LABEL, SOFT)
    sheet = paper(line.shape[0] + 2 + grid.shape[0], max(line.shape[1], grid.shape[1]))
    put(sheet, line, 0, 0)
    put(sheet, grid, line.shape[0] + 2, 0)
    return sheet


def _lines(grids: list[np.ndarray]) -> list[np.ndarray]:
    """The grids, all alike but for their labels, in lines of at most WIDE pixels, or one grid."""
    height, width = (max(grid.shape[axis] for grid in grids) for axis in (0, 1))
    most = max(1, (WIDE + GAP) // (width + GAP))
    lines = []
    for first in range(0, len(grids), most):
        group = grids[first : first + most]
        line = np.broadcast_to(PAPER, (height, len(group) * (width + GAP) - GAP, 3)).copy()
        for number, grid in enumerate(group):
            put(line, grid, 0, number * (width + GAP))
        lines.append(line)
    return lines
