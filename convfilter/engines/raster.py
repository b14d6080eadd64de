"""Stages computed strip by strip: the rows that are asked for, from the input rows that they need.

Asked for rows of its result, a stage works out which rows of its input it needs, asks for those, pads them at
the picture's borders, and runs its model. So a picture of any height takes the memory of a few strips, and
every pixel goes through the same arithmetic, whatever strip it lies in.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np

from convfilter.engines.base import LazyPlanes
from convfilter.engines.pixels import FLOAT32, Pixels
from convfilter.engines.stages import Shape, Stage
from convfilter.filters.layer import Pair
from convfilter.filters.padding import Pad

Fill = Callable[[np.ndarray], None]  # writes what has Stage.input_shape where the model reads it
Take = Callable[[np.ndarray], np.ndarray]  # makes an array of its own of what the model has written
Run = Callable[[Shape, Fill, Take], np.ndarray]  # a stage's model


def through(
    source: LazyPlanes, stages: Sequence[Stage], runs: Sequence[Run | None], pixels: Pixels | None = None
) -> LazyPlanes:
    """What the stages make of `source`, or the pixels of that.

    runs: the function of each stage's model, None where a stage only pads. Several threads may ask for rows
    at once.
    """
    for stage, run in zip(stages[:-1], runs[:-1], strict=True):
        source = _after(source, stage, run, None)
    return _after(source, stages[-1], runs[-1], pixels)


def _after(source: LazyPlanes, stage: Stage, run: Run | None, pixels: Pixels | None) -> LazyPlanes:
    """What one stage makes of `source`."""
    size = stage.size(source.size)
    buffers, most = threading.local(), max(stage.rows_at_once(size[1]), 1)
    margins = _margins(stage.pad, source.size[1])

    def taken(result: np.ndarray) -> np.ndarray:
        planes = _planes(result, stage)
        if pixels is not None and not stage.gives_bytes:
            return pixels.of_finite(planes)[:, :, : size[1]]
        return planes[:, :, : size[1]].copy()

    def strip(top: int, bottom: int) -> np.ndarray:
        first = top * stage.strides[0] - stage.pad.top
        last = (bottom - 1) * stage.strides[0] + stage.extent[0] - stage.pad.top
        width = max(stage.columns_taken(size[1]), source.size[1] + stage.pad.left + stage.pad.right)
        buffer = _buffer(buffers, (last - first, width, source.channels), source.dtype)
        _fill(buffer, source, stage.pad, first, last, margins)
        if run is None:
            return taken(np.moveaxis(buffer[:, :, None].astype(np.float32), 3, 0))
        return run(stage.input_shape(len(buffer), width), lambda into: _lay(buffer, into), taken)

    def rows(top: int, bottom: int) -> np.ndarray:
        # Not recursive: a function that refers to itself is a reference cycle, which would keep the picture.
        if bottom - top <= most:
            return strip(top, bottom)
        parts = range(top, bottom, most)
        return np.concatenate([strip(part, min(part + most, bottom)) for part in parts], axis=1)

    return LazyPlanes(size, stage.channels[1], rows, dtype=FLOAT32 if pixels is None else pixels.dtype)


def _buffer(kept: threading.local, shape: tuple[int, int, int], dtype: np.dtype) -> np.ndarray:
    """This thread's buffer, reused from strip to strip: fresh memory costs more time than the arithmetic."""
    if getattr(kept, "shape", None) != shape:
        kept.shape, kept.buffer = shape, np.zeros(shape, dtype)
    buffer: np.ndarray = kept.buffer
    return buffer


def _lay(padded: np.ndarray, into: np.ndarray) -> None:
    """Write the padded rows (rows, columns, channels) as a stage's input."""
    bands, width = into.shape[2:]
    if into.size == padded.size:
        into[0].reshape(padded.shape)[...] = padded
        return
    step = (padded.shape[1] - width) // (bands - 1)
    rows, column, _ = padded.strides
    into[0] = np.lib.stride_tricks.as_strided(padded, into.shape[1:], (rows, step * column, column))


def _planes(result: np.ndarray, stage: Stage) -> np.ndarray:
    """A stage's result as (channels, rows, columns), of which the last columns may be none of the picture."""
    result, channels, phases = result[0], stage.channels[1], stage.phases
    if stage.bands > 1:
        return result.reshape(len(result), channels, -1).transpose(1, 0, 2)
    if channels == 1:
        return result.reshape(1, len(result), -1)
    if not stage.planar:
        apart = result.reshape(*result.shape[:2], channels, phases).transpose(2, 0, 1, 3)
    elif phases == 1:
        return result
    else:
        apart = np.empty((channels, *result.shape[1:], phases), result.dtype)
        for phase in range(phases):
            apart[..., phase] = result[phase::phases]
    return apart.reshape(channels, apart.shape[1], -1)


def _margins(pad: Pad, width: int) -> list[tuple[int, int]]:
    """Which columns of the padded input stand outside the picture, and the ones in it that each repeats."""
    outside = np.array([*range(-pad.left, 0), *range(width, width + pad.right)], int)
    if pad.border == "zero":
        return []
    repeated = border_index(outside, width, pad.border)
    return [*zip((outside + pad.left).tolist(), (repeated + pad.left).tolist(), strict=True)]


def _fill(
    buffer: np.ndarray, source: LazyPlanes, pad: Pad, first: int, last: int, margins: Sequence[Pair]
) -> None:
    """Fill the buffer (rows, columns, channels) with rows first … last − 1 of the padded input.

    Columns to the right of the padding stay zeros: what is computed from them is cut off.
    """
    height, width = source.size
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
    for column, repeated in margins:
        buffer[:, column] = buffer[:, repeated]


def _fill_rows(
    inner: np.ndarray, source: LazyPlanes, outside: list[int], border: str, first: int, have: Pair
) -> None:
    """Fill the rows outside the picture: from rows first:last of the picture, `have`, which are in the buffer
    already, else from the source."""
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
    """Which rows (or columns) of the picture numpy.pad would repeat at `index`, outside 0 … length − 1."""
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
