"""Pictures as planes that an engine takes: gray, channels, luma and chroma, and alpha beside them."""

from collections.abc import Callable
from functools import partial

import numpy as np

from convfilter.engines.base import Engine, LazyPlanes
from convfilter.engines.pixels import Pixels
from convfilter.errors import FilterError, PictureError
from convfilter.filters.geometry import flat_response, impulse_pipeline
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline
from convfilter.images.luma import luma, to_gray
from convfilter.images.picture import RowSource, full_scale
from convfilter.processing.tone import linear_light
from convfilter.system.values import dataclass

VISIBLE = 1e-6  # alpha of 0 to 1 that is more than a rounding error


def planes_of(pipeline: Pipeline, source: RowSource, color: str | None) -> list[LazyPlanes]:
    """The planes to run the pipeline on, in the picture's own units: one by one, or together if it takes
    several.

    color: gray | each | luma. Raises FilterError, or PictureError, where the channels don't fit the pipeline
    or the color.
    """
    _check_channels(pipeline, source, color)
    colours = _has_colours(source)
    if pipeline.in_channels != 1:
        return [_plane(source, source.channels, lambda pixels: np.moveaxis(pixels, 2, 0))]
    if color == "luma" and colours:
        return [_plane(source, 1, lambda pixels: luma(pixels)[None], np.dtype(np.float32))]
    if color == "gray" and colours:
        return [_plane(source, 1, lambda pixels: to_gray(pixels)[None])]
    if source.channels == 1:
        return [_plane(source, 1, lambda pixels: pixels.reshape(1, *pixels.shape[:2]))]
    return [_plane(source, 1, partial(_channel, number)) for number in range(source.channels)]


def _has_colours(source: RowSource) -> bool:
    """Whether the channels are red, green and blue."""
    return source.channels == 3 and not source.metadata.bands


def _check_channels(pipeline: Pipeline, source: RowSource, color: str | None) -> None:
    wanted, have = pipeline.in_channels, source.channels
    if wanted != 1 and color == "luma":
        raise FilterError(f'{pipeline.name} takes {wanted} channels, luma is one; use color="each"')
    if wanted not in (1, have):
        raise FilterError(
            f"{pipeline.name} takes {wanted} channels, the picture has {have}; use a filter of {have}"
        )
    if wanted != 1 or have == 1 or _has_colours(source):
        return
    if color == "luma":
        raise FilterError(f'a picture of {have} channels has no luma; use color="each"')
    if color == "gray":
        raise PictureError(
            f'its {have} bands are no colours, so they have no gray; filter each with color="each"'
        )


def _channel(number: int, pixels: np.ndarray) -> np.ndarray:
    return pixels[None, ..., number]


def _plane(
    source: RowSource,
    channels: int,
    planes: Callable[[np.ndarray], np.ndarray],
    dtype: np.dtype | None = None,
) -> LazyPlanes:
    """The planes that the function makes of rows of pixels (n, W) or (n, W, C); dtype: theirs, the pixels'
    unless given."""
    largest = full_scale(source.dtype) if source.dtype.kind == "u" else np.inf

    def rows(top: int, bottom: int) -> np.ndarray:
        return planes(source.rows(top, bottom)[0])

    return LazyPlanes(source.shape, channels, rows, largest, dtype or source.dtype)


def in_units(plane: LazyPlanes, linear: bool, full: float, white: float) -> LazyPlanes:
    """The plane, whose white is `white`, from 0 to `full`; linear: in linear light."""
    if full == white and not linear:
        return plane

    def rows(top: int, bottom: int) -> np.ndarray:
        pixels = plane.rows(top, bottom)
        values = pixels if full == white else pixels / np.float32(white)
        return (linear_light(values / full) * full).astype(np.float32) if linear else values

    largest = full if plane.largest <= white else np.inf
    return LazyPlanes(plane.size, plane.channels, rows, largest)


def unit_alpha(source: RowSource) -> LazyPlanes | None:
    """Alpha from 0 to 1; None where the picture is opaque."""
    if not source.has_alpha:
        return None
    white = np.float32(full_scale(source.dtype))

    def rows(top: int, bottom: int) -> np.ndarray:
        alpha = source.rows(top, bottom)[1]
        assert alpha is not None
        return (alpha[None] / white).astype(np.float32)

    return LazyPlanes(source.shape, 1, rows, 1.0)


def chroma_of(pipeline: Pipeline, source: RowSource, engine: Engine) -> list[LazyPlanes]:
    """Each channel less the luma, with white at 1, moved and resized as the pipeline moves and resizes
    pixels.

    A gray picture has one plane of zeros.
    """
    white = np.float32(full_scale(source.dtype))

    def less_luma(number: int, pixels: np.ndarray) -> np.ndarray:
        unit = pixels / white
        chroma: np.ndarray = unit[..., number] - luma(unit)
        return chroma.astype(np.float32)[None]

    float32 = np.dtype(np.float32)

    if source.channels == 1:
        planes = [_plane(source, 1, lambda pixels: np.zeros((1, *pixels.shape[:2]), np.float32), float32)]
    else:
        planes = [_plane(source, 1, partial(less_luma, number), float32) for number in range(3)]
    return [engine.open(impulse_pipeline(pipeline), plane, 1.0) for plane in planes]


@dataclass(frozen=True)
class Results:
    """What the filters make of the planes.

    size: rows and columns. `rows(top, bottom)` gives results (filters, planes, n, W), and alpha (filters, n,
    W) from 0 to 1, or None for an opaque picture.
    """

    size: Pair
    rows: Callable[[int, int], tuple[np.ndarray, np.ndarray | None]]


def results_of(
    pipeline: Pipeline,
    planes: list[LazyPlanes],
    alpha: LazyPlanes | None,
    full: float,
    engine: Engine,
    pixels: Pixels | None = None,
) -> Results:
    """The filters' results for planes from 0 to `full`, and for alpha from 0 to 1.

    pixels: what the results of an opaque picture become.

    A linear filter that keeps some of a flat area is an average: colours count by their alpha, which is
    filtered too. Any other filter (edges above all) sees the colours as they are, and alpha is only moved
    along.
    """
    if alpha is None:
        outputs = [engine.open(pipeline, plane, full, pixels) for plane in planes]
        return Results(outputs[0].size, lambda top, bottom: (_stacked(outputs, top, bottom), None))
    flat = kept_of_flat(pipeline)
    if flat is None:
        return _beside_alpha(pipeline, planes, alpha, full, engine)
    return _averages(pipeline, planes, alpha, full, flat[:, None, None], engine)


def kept_of_flat(pipeline: Pipeline) -> np.ndarray | None:
    """What an average makes of a flat area of 1, float32 (filters,); None for a filter that is none, whose
    result alpha does not weight."""
    flat = flat_response(pipeline) if pipeline.in_channels == 1 else None
    return None if flat is None or (np.abs(flat) < 1e-6).any() else flat.astype(np.float32)


def engine_planes(pipeline: Pipeline, source: RowSource, color: str | None, linear: bool) -> list[LazyPlanes]:
    """The planes just as an engine gets them, colours times alpha where they count by it."""
    white = full_scale(source.dtype)
    full = 1.0 if pipeline.values == "unit" else white
    planes = [in_units(plane, linear, full, white) for plane in planes_of(pipeline, source, color)]
    alpha = unit_alpha(source)
    weighted = alpha is not None and kept_of_flat(pipeline) is not None
    return [_times(plane, alpha) for plane in planes] if alpha and weighted else planes


def _beside_alpha(
    pipeline: Pipeline, planes: list[LazyPlanes], alpha: LazyPlanes, full: float, engine: Engine
) -> Results:
    """Results of the colours as they are, and alpha moved along."""
    outputs = [engine.open(pipeline, plane, full) for plane in planes]
    moved = engine.open(impulse_pipeline(pipeline), alpha, 1.0)

    def rows(top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
        values = _stacked(outputs, top, bottom)
        return values, np.repeat(moved.rows(top, bottom), pipeline.out_channels, axis=0)

    return Results(outputs[0].size, rows)


def _averages(
    pipeline: Pipeline,
    planes: list[LazyPlanes],
    alpha: LazyPlanes,
    full: float,
    flat: np.ndarray,
    engine: Engine,
) -> Results:
    """Averages weighted by alpha. flat: each filter's result for a flat area of 1, (filters, 1, 1)."""
    outputs = [engine.open(pipeline, _times(plane, alpha), full) for plane in planes]
    weights = engine.open(pipeline, alpha, full)

    def rows(top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
        values, weight = _stacked(outputs, top, bottom), weights.rows(top, bottom) / flat
        visible = np.where(weight > VISIBLE, weight, np.inf)
        return values / visible[:, None], np.clip(weight, 0, 1)

    return Results(outputs[0].size, rows)


def _times(plane: LazyPlanes, alpha: LazyPlanes) -> LazyPlanes:
    def rows(top: int, bottom: int) -> np.ndarray:
        product: np.ndarray = plane.rows(top, bottom) * alpha.rows(top, bottom)
        return product

    return LazyPlanes(plane.size, plane.channels, rows, plane.largest)


def _stacked(outputs: list[LazyPlanes], top: int, bottom: int) -> np.ndarray:
    """(filters, planes, n, W) of the outputs (filters, n, W) of each plane."""
    if len(outputs) == 1:
        return outputs[0].rows(top, bottom)[:, None]
    return np.stack([each.rows(top, bottom) for each in outputs], axis=1)
