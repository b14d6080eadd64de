"""The pieces that sheets are drawn of: paper, text, numbers as colours; (H, W, 3) float32 of 0–255."""

from pathlib import Path

import numpy as np

from convfilter.errors import FilterError, printable
from convfilter.images.formats import Format, format_of
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


def sheet_format(path: Path) -> Format:
    """The format that the path's extension names; FilterError unless it holds colour."""
    format = format_of(path)
    if not format.colour or not format.writable or "uint8" not in format.dtypes:
        raise FilterError(f"{printable(path)}: a sheet needs colour; write a .png")
    return format


def save_sheet(pixels: np.ndarray, path: Path) -> None:
    """Write pixels (H, W, 3) uint8. Raises as sheet_format, and PictureError where that fails."""
    format = sheet_format(path)
    with atomic_write(path) as file:
        write(file, [Picture(pixels)], format)


def stacked(strips: list[np.ndarray]) -> np.ndarray:
    """The strips one below the other on paper: (H, W, 3) uint8."""
    width = max(strip.shape[1] for strip in strips) + 2 * MARGIN
    height = sum(strip.shape[0] for strip in strips) + MARGIN * (len(strips) + 1)
    sheet = paper(height, width)
    top = MARGIN
    for strip in strips:
        put(sheet, strip, top, MARGIN)
        top += strip.shape[0] + MARGIN
    pixels: np.ndarray = np.rint(sheet).astype(np.uint8)
    return pixels


def text_line(text: str, size: int, colour: np.ndarray) -> np.ndarray:
    """A line of text on paper. Pillow's typeface has no multiplication sign."""
    line: np.ndarray = PAPER + text_mask(text.replace("×", "x"), size)[..., None] * (colour - PAPER)
    return line


def coloured(plane: np.ndarray, signed: bool) -> np.ndarray:
    """(H, W) → colours (H, W, 3): gray, or blue through white to red, by the largest absolute value."""
    finite = np.isfinite(plane)
    values = np.where(finite, plane, 0).astype(np.float64)
    share = (values / (np.abs(values).max() or 1.0))[..., None].astype(np.float32)
    if signed:
        colours: np.ndarray = WHITE + np.abs(share) * (np.where(share < 0, BLUE, RED) - WHITE)
    else:
        colours = share * np.full(3, 255, np.float32)
    return np.where(finite[..., None], colours, BROKEN)


def sized(plane: np.ndarray, width: int) -> np.ndarray:
    """A channel enlarged by a whole factor to about `width`, or averaged down to it.

    Values above and below 0 are averaged apart and the larger mean stays, else fine edges would vanish.
    """
    longest = max(plane.shape)
    if longest <= width:
        times = round(width / longest)
        times -= times * longest > 1.1 * width
        return np.repeat(np.repeat(plane, times, 0), times, 1)
    rows, columns = (max(1, round(side * width / longest)) for side in plane.shape)
    down, across = averages(plane.shape[0], rows), averages(plane.shape[1], columns).T
    finite = np.isfinite(plane)
    values = np.where(finite, plane, 0)
    above, below, broken = (
        down @ part @ across for part in (np.maximum(values, 0), np.maximum(-values, 0), 1.0 - finite)
    )
    return np.where(broken > 0, np.nan, np.where(above >= below, above, -below))


def averages(have: int, wanted: int) -> np.ndarray:
    """A matrix (wanted, have) each of whose rows averages the pixels, and parts of pixels, that it covers."""
    edges = np.linspace(0, have, wanted + 1)
    pixels = np.arange(have)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    averages: np.ndarray = (np.clip(covered, 0, 1) * (wanted / have)).astype(np.float32)
    return averages


def side_by_side(pictures: list[np.ndarray], pitch: int) -> np.ndarray:
    """Pictures in a row, their left sides `pitch` pixels apart, or more for wider ones."""
    height, width, _ = pictures[0].shape  # all alike
    pitch = max(pitch, width + GAP)
    row = paper(height, pitch * (len(pictures) - 1) + width)
    for number, picture in enumerate(pictures):
        put(row, picture, 0, number * pitch)
    return row


def paper(height: int, width: int) -> np.ndarray:
    return np.broadcast_to(PAPER, (height, width, 3)).copy()


def put(sheet: np.ndarray, picture: np.ndarray, top: int, left: int) -> None:
    sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
