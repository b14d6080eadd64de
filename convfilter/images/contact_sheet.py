"""Draw the outputs of a model's layers, as arrays, on one contact sheet."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convfilter.errors import FilterError
from convfilter.images.drawing import (
    GAP,
    INK,
    LABEL,
    LINE,
    NOTE,
    PAPER,
    SOFT,
    TITLE,
    coloured,
    paper,
    put,
    save_sheet,
    sheet_format,
    side_by_side,
    sized,
    stacked,
    text_line,
)

COLUMNS = 8
CELL, LARGE_CELL = 114, 322  # width of a channel, and of one of few: 28 pixels 4 or 11 times, and a frame
MIN_CELL, MAX_CELL = 16, 1024
NUMBER, MAX_NUMBER = 3, 28  # least and largest side of a number's square
BLOCK = 64  # rough height of all squares
LABELLED = 20  # up to this many numbers get their index below them
LEGEND = "Each channel on its own scale: 0 black to the largest white, or blue below 0 and red above."


def contact_sheet(
    outputs: Sequence[tuple[str, np.ndarray]],
    path: Path | str,
    *,
    columns: int = COLUMNS,
    cell: int | None = None,
    note: str | None = None,
) -> None:
    """Draw layer outputs, named arrays (H, W, C), as one picture: a strip per layer, with name, shape, range.

    note: a line of text below the first strip. columns: how many channels of a layer are drawn. cell: about
    how many pixels wide a channel is drawn; by default wider if no layer has more than two. A channel is
    scaled to its own largest absolute value: black to white if the layer has nothing below 0, else blue
    (below 0) through white (0) to red. Small maps are enlarged by whole factors, large ones averaged. Arrays
    (1, n, 1) are drawn as squares on one scale. Raises FilterError for a format without colour or for columns
    or a cell out of range, PictureError if the file can't be written.
    """
    path = Path(path)
    sheet_format(path)  # refuses before any work
    if cell is None:
        most = max((maps.shape[2] for _, maps in outputs), default=1)
        cell = LARGE_CELL if most <= 2 else CELL
    if columns < 1 or not MIN_CELL <= cell <= MAX_CELL or not outputs:
        raise FilterError(f"columns must be at least 1, and cell from {MIN_CELL} to {MAX_CELL}")
    first, *others = (_strip(name, maps, columns, cell) for name, maps in outputs)
    notes = [text_line(note, NOTE, INK)] if note else []
    save_sheet(stacked([first, *notes, *others, _legend()]), path)


def thumbnail(plane: np.ndarray, signed: bool, width: int) -> np.ndarray:
    """A channel (H, W) in the sheet's colours, (h, w, 3) uint8, at most `width` pixels a side."""
    small = sized(plane, width) if max(plane.shape) > width else plane
    pixels: np.ndarray = np.rint(coloured(small, signed)).astype(np.uint8)
    return pixels


def _legend() -> np.ndarray:
    return text_line(LEGEND, LABEL, SOFT)


def _strip(name: str, maps: np.ndarray, columns: int, cell: int) -> np.ndarray:
    """One layer: its caption, and below it the first channels, or the numbers."""
    signed = bool((maps < 0).any())
    shape = " x ".join(map(str, maps.shape))
    if maps.shape[0] == 1 and 1 in maps.shape[1:]:
        values = maps.reshape(-1)
        body = _numbers(values, signed, COLUMNS * (cell + GAP) - GAP)
        shape = shape if maps.shape[1] == 1 else str(len(values))
    else:
        drawn = [_cell(maps[..., channel], signed, cell) for channel in range(maps.shape[2])[:columns]]
        body = side_by_side(drawn, cell + GAP)
        if maps.shape[2] > columns:
            shape += f", first {columns}"
    caption = _caption(name, f"{shape}    {_range_words(maps)}")
    strip = paper(caption.shape[0] + body.shape[0], max(body.shape[1], caption.shape[1]))
    put(strip, caption, 0, 0)
    put(strip, body, caption.shape[0], 0)
    return strip


def _range_words(maps: np.ndarray) -> str:
    finite = maps[np.isfinite(maps)]
    if not finite.size:
        return "no finite number"
    broken = maps.size - finite.size
    return f"{finite.min():.4g} to {finite.max():.4g}" + (f", {broken:,} not finite" if broken else "")


def _caption(name: str, facts: str) -> np.ndarray:
    title, note = text_line(name, TITLE, INK), text_line(facts, NOTE, SOFT)
    line = paper(title.shape[0] + 4, title.shape[1] + 14 + note.shape[1])
    put(line, title, 0, 0)
    put(line, note, TITLE - NOTE, title.shape[1] + 14)
    return line


def _cell(plane: np.ndarray, signed: bool, width: int) -> np.ndarray:
    """One channel as a framed picture, about `width` pixels wide."""
    picture = coloured(sized(plane, width - 2), signed)
    framed = np.broadcast_to(LINE, (picture.shape[0] + 2, picture.shape[1] + 2, 3)).copy()
    put(framed, picture, 1, 1)
    return framed


def _numbers(values: np.ndarray, signed: bool, width: int) -> np.ndarray:
    """Numbers as squares, in lines of at most `width` pixels; one scale for all."""
    count = len(values)
    side = int(np.clip((width * BLOCK / count) ** 0.5, NUMBER, MAX_NUMBER))
    lines = math.ceil(count / max(1, width // side))
    across = math.ceil(count / lines)
    colours = np.broadcast_to(PAPER, (lines * across, 3)).copy()
    colours[:count] = coloured(values[None], signed)[0]
    squares = np.repeat(np.repeat(colours.reshape(lines, across, 3), side, 0), side, 1)
    if side > 2 * NUMBER:  # frames
        rows, columns = np.indices(squares.shape[:2])
        is_value = rows // side * across + columns // side < count
        squares[is_value & ((rows % side % (side - 1) == 0) | (columns % side % (side - 1) == 0))] = LINE
    return squares if count > LABELLED else _numbered(squares, count, side)


def _numbered(squares: np.ndarray, count: int, side: int) -> np.ndarray:
    """A line of squares with 0, 1, 2, … below them."""
    labels = [text_line(str(number), LABEL, SOFT) for number in range(count)]
    below = paper(labels[0].shape[0] + 2, squares.shape[1])
    for number, label in enumerate(labels):
        put(below, label, 2, number * side + (side - label.shape[1]) // 2)
    return np.concatenate([squares, below])
