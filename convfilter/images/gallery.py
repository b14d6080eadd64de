"""Draw named pictures, as they come, on one contact sheet."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from convfilter.images.drawing import (
    GAP,
    INK,
    LABEL,
    LINE,
    NOTE,
    SOFT,
    TITLE,
    paper,
    put,
    save_sheet,
    sheet_format,
    side_by_side,
    stacked,
    text_line,
)
from convfilter.images.picture import Picture
from convfilter.images.resize import eight_bit
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class Tile:
    """A picture of at most the sheet's cell, what it is called, and a word about it."""

    name: str
    note: str
    picture: Picture


def gallery(tiles: Iterable[Tile], path: Path, *, title: str, note: str, columns: int, cell: int) -> None:
    """Draw the tiles in rows of `columns`, under a title and a note; a tile at a time is in memory.

    cell: pixels that a tile's column is wide and its row at least high; longer texts are cut there. Raises
    FilterError for a format without colour, PictureError if the file can't be written.
    """
    sheet_format(path)  # refuses before any work
    head = [text_line(title, TITLE, INK), text_line(note, NOTE, SOFT)]
    rows: list[np.ndarray] = []
    waiting: list[np.ndarray] = []
    for tile in tiles:
        waiting.append(_drawn(tile, cell))
        if len(waiting) == columns:
            rows.append(_row(waiting))
            waiting.clear()
    save_sheet(stacked([*head, *rows, *([_row(waiting)] if waiting else [])]), path)


def _drawn(tile: Tile, cell: int) -> np.ndarray:
    """The framed picture, and its name and note below it: (H, cell, 3) uint8."""
    pixels = np.broadcast_to(eight_bit(tile.picture), (*tile.picture.pixels.shape[:2], 3))
    name, note = (text_line(*line)[:, :cell] for line in ((tile.name, NOTE, INK), (tile.note, LABEL, SOFT)))
    drawn = paper(pixels.shape[0] + 2 + GAP + name.shape[0] + note.shape[0], cell)
    drawn[: pixels.shape[0] + 2, : pixels.shape[1] + 2] = LINE
    put(drawn, pixels, 1, 1)
    put(drawn, name, pixels.shape[0] + 2 + GAP, 0)
    put(drawn, note, pixels.shape[0] + 2 + GAP + name.shape[0], 0)
    return np.asarray(np.rint(drawn), np.uint8)


def _row(drawn: list[np.ndarray]) -> np.ndarray:
    """Drawn tiles side by side, each on paper as high as the highest."""
    height = max(each.shape[0] for each in drawn)
    level = []
    for each in drawn:
        sheet = paper(height, each.shape[1])
        put(sheet, each, 0, 0)
        level.append(sheet)
    return np.asarray(side_by_side(level, level[0].shape[1] + 2 * GAP), np.uint8)
