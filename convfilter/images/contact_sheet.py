"""Draw the outputs of a model's layers, as arrays, on one contact sheet."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convfilter.errors import FilterError, printable
from convfilter.images.formats import format_of
from convfilter.images.picture import Picture
from convfilter.images.text import text_mask
from convfilter.images.write import write
from convfilter.system.atomic import atomic_write

# Colours: float32 RGB, 0–255
PAPER, INK, SOFT, LINE = (np.array((gray,) * 3, np.float32) for gray in (250, 25, 115, 205))
BLUE, WHITE, RED = (np.array(c, np.float32) for c in ((5, 75, 160), (252, 252, 252), (180, 20, 35)))
BROKEN = np.array((255, 0, 255), np.float32)  # NaN and infinities
MARGIN, GAP = 20, 6  # pixels
TITLE, NOTE, LABEL = 15, 13, 12  # sizes of text, in pixels
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
    format = format_of(path)
    if not format.colour or not format.writable or "uint8" not in format.dtypes:
        raise FilterError(f"{printable(path)}: a sheet needs colour; write a .png")
    if cell is None:
        most = max((maps.shape[2] for _, maps in outputs), default=1)
        cell = LARGE_CELL if most <= 2 else CELL
    if columns < 1 or not MIN_CELL <= cell <= MAX_CELL or not outputs:
        raise FilterError(f"columns must be at least 1, and cell from {MIN_CELL} to {MAX_CELL}")
    first, *others = (_strip(name, maps, columns, cell) for name, maps in outputs)
    notes = [_text(note, NOTE, INK)] if note else []
    pixels = _stacked([first, *notes, *others, _legend()])
    with atomic_write(path) as file:
        write(file, [Picture(pixels)], format)


def thumbnail(plane: np.ndarray, signed: bool, width: int) -> np.ndarray:
    """A channel (H, W) in the sheet's colours, (h, w, 3) uint8, at most `width` pixels a side."""
    small = _sized(plane, width) if max(plane.shape) > width else plane
    pixels: np.ndarray = np.rint(_coloured(small, signed)).astype(np.uint8)
    return pixels


def _stacked(strips: list[np.ndarray]) -> np.ndarray:
    """The strips one below the other on paper: (H, W, 3) uint8."""
    width = max(strip.shape[1] for strip in strips) + 2 * MARGIN
    height = sum(strip.shape[0] for strip in strips) + MARGIN * (len(strips) + 1)
    sheet = _paper(height, width)
    top = MARGIN
    for strip in strips:
        _put(sheet, strip, top, MARGIN)
        top += strip.shape[0] + MARGIN
    pixels: np.ndarray = np.rint(sheet).astype(np.uint8)
    return pixels


def _legend() -> np.ndarray:
    return _text(LEGEND, LABEL, SOFT)


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
        body = _side_by_side(drawn, cell + GAP)
        if maps.shape[2] > columns:
            shape += f", first {columns}"
    caption = _caption(name, f"{shape}    {_range_words(maps)}")
    strip = _paper(caption.shape[0] + body.shape[0], max(body.shape[1], caption.shape[1]))
    _put(strip, caption, 0, 0)
    _put(strip, body, caption.shape[0], 0)
    return strip


def _range_words(maps: np.ndarray) -> str:
    finite = maps[np.isfinite(maps)]
    if not finite.size:
        return "no finite number"
    broken = maps.size - finite.size
    return f"{finite.min():.4g} to {finite.max():.4g}" + (f", {broken:,} not finite" if broken else "")


def _caption(name: str, facts: str) -> np.ndarray:
    title, note = _text(name, TITLE, INK), _text(facts, NOTE, SOFT)
    line = _paper(title.shape[0] + 4, title.shape[1] + 14 + note.shape[1])
    _put(line, title, 0, 0)
    _put(line, note, TITLE - NOTE, title.shape[1] + 14)
    return line


def _text(text: str, size: int, colour: np.ndarray) -> np.ndarray:
    """A line of text on paper. Pillow's typeface has no multiplication sign."""
    coloured: np.ndarray = PAPER + text_mask(text.replace("×", "x"), size)[..., None] * (colour - PAPER)
    return coloured


def _cell(plane: np.ndarray, signed: bool, width: int) -> np.ndarray:
    """One channel as a framed picture, about `width` pixels wide."""
    picture = _coloured(_sized(plane, width - 2), signed)
    framed = np.broadcast_to(LINE, (picture.shape[0] + 2, picture.shape[1] + 2, 3)).copy()
    _put(framed, picture, 1, 1)
    return framed


def _numbers(values: np.ndarray, signed: bool, width: int) -> np.ndarray:
    """Numbers as squares, in lines of at most `width` pixels; one scale for all."""
    count = len(values)
    side = int(np.clip((width * BLOCK / count) ** 0.5, NUMBER, MAX_NUMBER))
    lines = math.ceil(count / max(1, width // side))
    across = math.ceil(count / lines)
    colours = np.broadcast_to(PAPER, (lines * across, 3)).copy()
    colours[:count] = _coloured(values[None], signed)[0]
    squares = np.repeat(np.repeat(colours.reshape(lines, across, 3), side, 0), side, 1)
    if side > 2 * NUMBER:  # frames
        rows, columns = np.indices(squares.shape[:2])
        is_value = rows // side * across + columns // side < count
        squares[is_value & ((rows % side % (side - 1) == 0) | (columns % side % (side - 1) == 0))] = LINE
    return squares if count > LABELLED else _numbered(squares, count, side)


def _numbered(squares: np.ndarray, count: int, side: int) -> np.ndarray:
    """A line of squares with 0, 1, 2, … below them."""
    labels = [_text(str(number), LABEL, SOFT) for number in range(count)]
    below = _paper(labels[0].shape[0] + 2, squares.shape[1])
    for number, label in enumerate(labels):
        _put(below, label, 2, number * side + (side - label.shape[1]) // 2)
    return np.concatenate([squares, below])


def _coloured(plane: np.ndarray, signed: bool) -> np.ndarray:
    """(H, W) → colours (H, W, 3): gray, or blue through white to red, by the largest absolute value."""
    finite = np.isfinite(plane)
    values = np.where(finite, plane, 0).astype(np.float64)
    share = (values / (np.abs(values).max() or 1.0))[..., None].astype(np.float32)
    if signed:
        colours: np.ndarray = WHITE + np.abs(share) * (np.where(share < 0, BLUE, RED) - WHITE)
    else:
        colours = share * np.full(3, 255, np.float32)
    return np.where(finite[..., None], colours, BROKEN)


def _sized(plane: np.ndarray, width: int) -> np.ndarray:
    """A channel enlarged by a whole factor to about `width`, or averaged down to it.

    Values above and below 0 are averaged apart and the larger mean stays, else fine edges would vanish.
    """
    longest = max(plane.shape)
    if longest <= width:
        times = round(width / longest)
        times -= times * longest > 1.1 * width
        return np.repeat(np.repeat(plane, times, 0), times, 1)
    rows, columns = (max(1, round(side * width / longest)) for side in plane.shape)
    down, across = _averages(plane.shape[0], rows), _averages(plane.shape[1], columns).T
    finite = np.isfinite(plane)
    values = np.where(finite, plane, 0)
    above, below, broken = (
        down @ part @ across for part in (np.maximum(values, 0), np.maximum(-values, 0), 1.0 - finite)
    )
    return np.where(broken > 0, np.nan, np.where(above >= below, above, -below))


def _averages(have: int, wanted: int) -> np.ndarray:
    """A matrix (wanted, have) each of whose rows averages the pixels, and parts of pixels, that it covers."""
    edges = np.linspace(0, have, wanted + 1)
    pixels = np.arange(have)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    averages: np.ndarray = (np.clip(covered, 0, 1) * (wanted / have)).astype(np.float32)
    return averages


def _side_by_side(pictures: list[np.ndarray], pitch: int) -> np.ndarray:
    """Pictures in a row, their left sides `pitch` pixels apart, or more for wider ones."""
    height, width, _ = pictures[0].shape  # all alike
    pitch = max(pitch, width + GAP)
    row = _paper(height, pitch * (len(pictures) - 1) + width)
    for number, picture in enumerate(pictures):
        _put(row, picture, 0, number * pitch)
    return row


def _paper(height: int, width: int) -> np.ndarray:
    return np.broadcast_to(PAPER, (height, width, 3)).copy()


def _put(sheet: np.ndarray, picture: np.ndarray, top: int, left: int) -> None:
    sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
