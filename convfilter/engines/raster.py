"""Rows on demand: a picture, a stage's result or a whole pipeline's, computed strip by strip.

Whoever wants rows of a result asks for them; each stage works out which rows of its input it needs, asks
for those, pads them at the picture's borders, and runs. So a picture of any height takes the memory of a
few strips, and every pixel goes through the same arithmetic, whatever strip it lies in.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from convfilter.engines.stages import Stage
from convfilter.filters.layer import Pair

LARGE = 2**25  # pixels; a larger picture is worked on by strips
Run = Callable[[np.ndarray], np.ndarray]  # float32 (1, rows, columns, channels) → the result, or its planes


@dataclass(frozen=True)
class LazyPlanes:
    """`rows(top, bottom)` gives (channels, bottom − top, width), of any dtype; the caller must not write
    to it. largest: what no pixel exceeds, of either sign; infinite where pixels may be anything, NaN too."""

    size: Pair
    channels: int
    rows: Callable[[int, int], np.ndarray]
    largest: float = np.inf


def of_array(planes: np.ndarray) -> LazyPlanes:
    """A Raster of an array (channels, height, width)."""
    channels, height, width = planes.shape
    largest = float(np.iinfo(planes.dtype).max) if planes.dtype.kind == "u" else np.inf
    return LazyPlanes((height, width), channels, lambda top, bottom: planes[:, top:bottom], largest)


def to_array(raster: LazyPlanes) -> np.ndarray:
    """(channels, height, width)."""
    return raster.rows(0, raster.size[0])


def through(source: LazyPlanes, stages: Sequence[Stage], runs: Sequence[Run | None]) -> LazyPlanes:
    """The result of the stages; `runs` are their models, None where a stage only pads. Threads may ask for
    rows at once."""
    for stage, run in zip(stages, runs, strict=True):
        source = _after(source, stage, run)
    return source


def _after(source: LazyPlanes, stage: Stage, run: Run | None) -> LazyPlanes:
    size = stage.size(source.size)
    buffers, most = threading.local(), max(stage.rows_at_once(size[1]), 1)

    def strip(top: int, bottom: int) -> np.ndarray:
        first = top * stage.strides[0] - stage.pad.top
        last = (bottom - 1) * stage.strides[0] + stage.extent[0] - stage.pad.top
        blocks = -(-size[1] // stage.phases) + stage.blocks - 1
        width = (
            blocks * stage.phases if stage.phases > 1 else source.size[1] + stage.pad.left + stage.pad.right
        )
        buffer = _buffer(buffers, (last - first, width, source.channels))
        _fill(buffer, source, stage, first, last)
        if run is None:
            return np.moveaxis(buffer, 2, 0).copy()
        shape = (1, len(buffer), -1, source.channels * stage.phases)
        return _planes(run(buffer.reshape(shape))[0], stage, size[1])

    def rows(top: int, bottom: int) -> np.ndarray:
        # It must not call itself: a function that holds itself keeps the picture until a garbage collection.
        if bottom - top <= most:
            return strip(top, bottom)
        parts = range(top, bottom, most)
        return np.concatenate([strip(part, min(part + most, bottom)) for part in parts], axis=1)

    return LazyPlanes(size, stage.channels[1], rows)


def _buffer(kept: threading.local, shape: tuple[int, int, int]) -> np.ndarray:
    """This thread's buffer, kept from strip to strip: fresh memory costs more than the arithmetic."""
    if getattr(kept, "shape", None) != shape:
        kept.shape, kept.buffer = shape, np.zeros(shape, np.float32)
    buffer: np.ndarray = kept.buffer
    return buffer


def _planes(result: np.ndarray, stage: Stage, width: int) -> np.ndarray:
    """(rows, blocks, channels·phases), or (channels·phases, rows, blocks), as (channels, rows, width)."""
    channels, phases = stage.channels[1], stage.phases
    if channels == 1:
        return result.reshape(1, len(result), -1)[:, :, :width]
    if not stage.planar:
        apart = result.reshape(*result.shape[:2], channels, phases).transpose(2, 0, 1, 3)
    elif phases == 1:
        return result
    else:
        apart = np.empty((channels, *result.shape[1:], phases), np.float32)
        for phase in range(phases):
            apart[..., phase] = result[phase::phases]
    return apart.reshape(channels, apart.shape[1], -1)[:, :, :width]


def _fill(buffer: np.ndarray, source: LazyPlanes, stage: Stage, first: int, last: int) -> None:
    """Rows first … last − 1 of the padded input; what lies right of the padding is left as it is: its
    results are cut off."""
    (height, width), pad = source.size, stage.pad
    low, high = max(first, 0), min(last, height)
    inner = slice(pad.left, pad.left + width)
    if low < high:
        part = source.rows(low, high)
        for channel, plane in enumerate(part):
            buffer[low - first : high - first, inner, channel] = plane
    outside = [row for row in range(first, last) if not 0 <= row < height]
    if pad.border == "zero":
        for row in outside:
            buffer[row - first] = 0
        buffer[:, : pad.left] = 0
        buffer[:, pad.left + width : pad.left + width + pad.right] = 0
        return
    _fill_rows(buffer[:, inner], source, outside, pad.border, first, (low, high))
    margins = np.r_[-pad.left : 0, width : width + pad.right]
    buffer[:, margins + pad.left] = buffer[:, border_index(margins, width, pad.border) + pad.left]


def _fill_rows(
    inner: np.ndarray, source: LazyPlanes, outside: list[int], border: str, first: int, have: Pair
) -> None:
    """Rows outside the picture, from those of it that are in the buffer, else from the source."""
    mirrored = border_index(np.array(outside, int), source.size[0], border).tolist()
    pairs = zip(outside, mirrored, strict=True)
    missing = []
    for row, at in pairs:
        if have[0] <= at < have[1]:
            inner[row - first] = inner[at - first]
        else:
            missing.append((row, at))
    for _, run in groupby(enumerate(missing), lambda item: item[1][1] - item[0]):  # consecutive rows at once
        rows = [pair for _, pair in run]
        part = source.rows(rows[0][1], rows[-1][1] + 1)
        for number, (row, _) in enumerate(rows):
            inner[row - first] = part[:, number].T


def border_index(index: np.ndarray, length: int, border: str) -> np.ndarray:
    """The row or column of the picture that stands at `index` outside it, as in numpy.pad."""
    if border == "edge":
        found = np.clip(index, 0, length - 1)
    elif border == "wrap":
        found = index % length
    elif border == "symmetric":
        found = np.minimum(index % (2 * length), 2 * length - 1 - index % (2 * length))
    else:
        period = max(2 * (length - 1), 1)
        found = np.minimum(index % period, 2 * (length - 1) - index % period)
    return np.asarray(found)
