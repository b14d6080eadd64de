"""From the last layer's number to the pixel that `apply` writes, change by change."""

from collections.abc import Callable, Iterator

import numpy as np

from convfilter.engines.base import Engine, LazyPlanes
from convfilter.engines.pixels import RangeMap
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline
from convfilter.images.picture import RowSource, full_scale
from convfilter.play.explanation import Change, Written
from convfilter.processing.apply import default_range, filter_rows
from convfilter.processing.colour import (
    Results,
    chroma_of,
    in_units,
    kept_of_flat,
    planes_of,
    results_of,
    unit_alpha,
)
from convfilter.processing.options import PixelOptions
from convfilter.processing.tone import extremes, range_map, srgb


def written(
    pipeline: Pipeline,
    source: RowSource,
    options: PixelOptions,
    dtype: np.dtype,
    engine: Engine,
    place: Pair,
    channel: int,
    plane: int,
) -> Written:
    """The pixel at `place` (row, column) as `apply` computes it, and what leads there from the last layer's
    number. channel: which filter; plane: which colour."""
    how = options.range or default_range(pipeline, source, options, dtype)
    pixel = _pixel(pipeline, source, options, dtype, engine, place, channel, plane)
    white = full_scale(source.dtype)
    full = 1.0 if pipeline.values == "unit" else white
    planes = [
        in_units(each, options.linear, full, white) for each in planes_of(pipeline, source, options.color)
    ]
    alpha = unit_alpha(source)
    results = results_of(pipeline, planes, alpha, full, engine)
    row, column = place
    values = results.rows(row, row + 1)[0][channel, min(plane, len(planes) - 1), :, column]
    changes = []
    if alpha is not None and kept_of_flat(pipeline) is not None:
        changes.append(Change("divided by the alpha that the window keeps", float(values[0])))
    if how == "raw":
        return Written(how, changes, changes[-1].value if changes else float(values[0]), pixel)
    top = 1.0 if options.linear else full_scale(dtype)
    seen = _extremes(results, channel) if how == "rescale" else (0.0, 0.0)
    changes += _mapped(values.copy(), range_map(how, pipeline, full, top, seen))
    value: np.ndarray = np.array([changes[-1].value if changes else values[0]], np.float32)
    if options.linear:
        value = srgb(value) * np.float32(full_scale(dtype))
        changes.append(Change("linear light to sRGB", float(value[0])))
    if options.color == "luma":
        chroma = _chroma(chroma_of(pipeline, source, engine), place, plane)
        value = value + chroma * np.float32(full_scale(dtype))
        changes.append(Change("plus the colour's distance from its luma", float(value[0])))
    changes += _clipped(float(value[0]), dtype)
    last = np.float32(changes[-1].value if changes else value[0])
    return Written(how, changes, float(last if dtype.kind == "f" else np.rint(last)), pixel)


def _pixel(
    pipeline: Pipeline,
    source: RowSource,
    options: PixelOptions,
    dtype: np.dtype,
    engine: Engine,
    place: Pair,
    channel: int,
    plane: int,
) -> float:
    """What `apply` writes, by the same way."""
    columns = filter_rows(pipeline, source, options, dtype, engine).columns
    row, column = place
    band = next(number for number, (_, right) in enumerate(columns.bands) if column < right)
    pixels, _ = columns.open(band)(row, row + 1)[channel]
    return float(np.atleast_1d(pixels[0, column - columns.bands[band][0]])[plane])


def _extremes(results: Results, channel: int) -> tuple[float, float]:
    values, _ = results.rows(0, results.size[0])
    low, high = extremes(values[channel])
    return (low, high) if low <= high else (0.0, 0.0)


def _mapped(values: np.ndarray, mapped: RangeMap) -> list[Change]:
    """The parts of a range map, each as it changes the number."""
    parts: list[tuple[str, RangeMap]] = []
    if mapped.absolute:
        parts.append(("absolute value", RangeMap(absolute=True)))
    if mapped.less is not None:
        parts.append((f"less {mapped.less:.10g}", RangeMap(less=mapped.less)))
    if mapped.times != 1:
        parts.append((f"times {mapped.times:.10g}", RangeMap(times=mapped.times)))
    if mapped.plus is not None:
        parts.append((f"plus {mapped.plus:.10g}", RangeMap(plus=mapped.plus)))
    return [Change(what, _after(values, part.in_place)) for what, part in parts]


def _after(values: np.ndarray, change: Callable[[np.ndarray], None]) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        change(values)
    return float(values[0])


def _chroma(chroma: list[LazyPlanes], place: Pair, plane: int) -> np.ndarray:
    row, column = place
    return chroma[plane].rows(row, row + 1)[0, 0, column : column + 1]


def _clipped(value: float, dtype: np.dtype) -> Iterator[Change]:
    """Clipping, where it changes the number."""
    white = full_scale(dtype)
    if np.isnan(value):
        if dtype.kind != "f":
            yield Change("no number: black", 0.0)
    elif not 0 <= value <= white:
        yield Change("clipped at black" if value < 0 else "clipped at white", min(max(value, 0.0), white))
