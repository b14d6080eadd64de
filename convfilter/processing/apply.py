"""One picture through one pipeline: rows → planes → engine → range → rows."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from convfilter.choices import Color, Plan, Range
from convfilter.choices import Engine as EngineName
from convfilter.engines.base import Engine, LazyPlanes
from convfilter.engines.choose import choose_engine, takes_bands
from convfilter.engines.pixels import Pixels, RangeMap, rounded
from convfilter.errors import FilterError, nearest
from convfilter.filters.columns import bands, whole
from convfilter.filters.geometry import receptive_fields
from convfilter.filters.load import Filters, make_pipeline
from convfilter.filters.pipeline import Pipeline, color_for
from convfilter.filters.settings import FilterSettings
from convfilter.images.picture import ArrayRows, Metadata, Picture, RowSource, full_scale
from convfilter.processing.arrays import pictures_of
from convfilter.processing.colour import Results, chroma_of, in_units, planes_of, results_of, unit_alpha
from convfilter.processing.options import PixelOptions
from convfilter.processing.strips import Block, Columns, LazyPicture, Result, blocks, collect, in_order
from convfilter.processing.tone import extremes, range_map, srgb
from convfilter.system.values import dataclass


def apply(
    filters: Filters,
    array: Any,
    *,
    batch: bool = False,
    channels: int | None = None,
    color: Color | None = None,
    range: Range | None = None,
    linear: bool = False,
    device: str = "auto",
    engine: EngineName = "auto",
    plan: Plan = "auto",
    **settings: Unpack[FilterSettings],
) -> np.ndarray:
    """Filter an array as `convfilter apply` filters a picture, with the same defaults.

    filters: a kernel's name, a path, a formula, a Kernel, a Pipeline, or a list of them in a row.

    array: one picture, (H, W) or (H, W, C), rows first. C is 1 (taken as (H, W)), 3 (red, green, blue), or
        as many channels as the filter takes; any other C must be said by `channels`. White is 255 in uint8,
        65535 in uint16 and 1.0 in floats. float64 is computed, and returned, as float32; bool as uint8 of 0
        and 255.
    batch: whether the first axis counts pictures: (N, H, W) or (N, H, W, C). Each is filtered by itself.
    channels: the length of the last axis, where it holds neither one nor three.
    color: "gray" (Rec. 601 luma of three channels), "each" (every channel by itself) or "luma" (brightness
        is filtered, colour differences stay). None: what suits the filter, gray for most.
    range: how results become pixels: "clip", "abs", "rescale" (of each picture), "signed", "gain", or "raw"
        (float32, as computed). None: the filter's own; from float to float "raw".
    linear: compute in linear light instead of sRGB values.
    device: "auto", "cpu", "gpu" or "gpu:N". engine: "auto", "keras" or "compiled". plan: "auto", or "direct"
        to rewrite no convolution.
    settings: how kernels become layers (border, strides, …); see settings.FilterSettings.

    Returns (H', W'), or (H', W', C) for color="each" and "luma" of C channels, of the array's dtype, float32
    for "raw"; then an axis of N for N filters that are not combined; for a batch, the axis of pictures first.

    Raises FilterError for a filter, a setting or an array that can't be used, a shape that may mean two
    things among them; BackendError for an engine or device that is not here; PictureError where memory would
    not do.

    >>> apply("sobel-x", np.eye(4, dtype="uint8"), range="raw")[1].tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    _check_names(settings)
    pipeline = make_pipeline(filters, **settings)
    options = PixelOptions(color_for(pipeline, color), range, linear)
    pictures = pictures_of(array, batch=batch, channels=channels, takes=pipeline.in_channels)
    if options.color == "gray" and pipeline.in_channels == 1 and pictures.shape[3:] not in ((), (3,)):
        raise FilterError(f'a picture of {pictures.shape[3]} channels has no gray; use color="each"')
    dtype = np.dtype(np.float32) if (range or pipeline.range) == "raw" else pictures.dtype
    chosen = choose_engine(engine, device=device, plan=plan)

    def filtered(pixels: np.ndarray) -> np.ndarray:
        pages = filter_picture(pipeline, Picture(pixels), options, dtype, chosen)
        return pages[0].pixels if len(pages) == 1 else np.stack([page.pixels for page in pages], axis=-1)

    return np.stack([filtered(pixels) for pixels in pictures]) if batch else filtered(pictures[0])


def _check_names(settings: Iterable[str]) -> None:
    """FilterError for a misspelt argument of apply's own, which make_pipeline doesn't know."""
    own = tuple(apply.__kwdefaults__ or ())  # its layer settings come as one dictionary
    known = (*own, *FilterSettings.__annotations__)
    for name in settings:
        near = nearest(name, known)
        if name not in known and near and near[0] in own:
            raise FilterError(f"no setting {name}; did you mean {near[0]}?")


def filter_picture(
    pipeline: Pipeline, picture: Picture, options: PixelOptions, dtype: np.dtype, engine: Engine
) -> list[Picture]:
    """The filtered picture as `dtype`, one page per filter that is not combined.

    Raises FilterError where the channels or the size don't fit, PictureError where memory would not do.
    """
    return collect(filter_rows(pipeline, ArrayRows(picture), options, dtype, engine))


def filter_rows(
    pipeline: Pipeline, source: RowSource, options: PixelOptions, dtype: np.dtype, engine: Engine
) -> LazyPicture:
    """The filtered picture as `dtype`, its rows computed when they are asked for; a wide one by bands of
    columns. Raises as filter_picture."""
    options = replace(options, color=color_for(pipeline, options.color))
    how = options.range or default_range(pipeline, source, options, dtype)
    _check_range(how, pipeline, options, dtype)
    white = full_scale(source.dtype)
    full = 1.0 if pipeline.values == "unit" else white
    parts = bands(pipeline, source.shape) if takes_bands(engine) else [whole(pipeline, source.shape)]

    maps, pixels = _range_maps(how, pipeline, source, options, full, dtype)

    def opened(number: int) -> _Opened:
        part = source if len(parts) == 1 else source.columns(*parts[number].source)
        return _opened(parts[number].pipeline, part, options, full, engine, pixels)

    first = opened(0)  # what is wrong is said at once, and Keras may have computed it

    def in_bands(rows: Callable[[_Opened], Callable[[int, int], Result]]) -> Columns[Result]:
        spans = tuple(part.columns for part in parts)
        return Columns(
            spans, lambda number: rows(opened(number) if number else first), together=not source.by_columns
        )

    height = first.results.size[0]
    if how == "rescale":  # the whole picture is computed once more
        values = in_bands(lambda each: lambda top, bottom: each.results.rows(top, bottom)[0])
        pairs = _extremes(values, height, pipeline.out_channels, engine.threads)
        white = 1.0 if options.linear else full_scale(dtype)
        maps = [range_map(how, pipeline, full, white, pair) for pair in pairs]
    return LazyPicture(
        (height, parts[-1].columns[1]),
        pipeline.out_channels,
        len(first.chroma) or first.planes,
        first.has_alpha,
        dtype,
        _metadata(source.metadata, pipeline),
        in_bands(lambda each: partial(_rows, each, maps, options, dtype)),
        engine.threads,
    )


@dataclass(frozen=True)
class _Opened:
    """Some columns' results, and what is added to them. planes: how many a filter's result has."""

    results: Results
    chroma: list[LazyPlanes]
    planes: int
    has_alpha: bool


def _opened(
    pipeline: Pipeline,
    source: RowSource,
    options: PixelOptions,
    full: float,
    engine: Engine,
    pixels: Pixels | None,
) -> _Opened:
    """The pipeline's results for planes of the source from 0 to `full`, or the pixels of them, not yet
    computed."""
    white = full_scale(source.dtype)
    planes = [
        in_units(plane, options.linear, full, white) for plane in planes_of(pipeline, source, options.color)
    ]
    alpha = unit_alpha(source)
    results = results_of(pipeline, planes, alpha, full, engine, pixels)
    chroma = chroma_of(pipeline, source, engine) if options.color == "luma" else []
    return _Opened(results, chroma, len(planes), alpha is not None)


def _rows(
    opened: _Opened,
    maps: list[RangeMap | None],
    options: PixelOptions,
    dtype: np.dtype,
    top: int,
    bottom: int,
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Each page's pixels and alpha, from row `top` to before `bottom`."""
    values, weights = opened.results.rows(top, bottom)
    moved = _concatenated(opened.chroma, top, bottom)
    return [
        (
            _pixels(values[page], mapped, options, dtype, moved),
            None if weights is None else _rounded_alpha(weights[page], dtype),
        )
        for page, mapped in enumerate(maps)
    ]


def default_range(pipeline: Pipeline, source: RowSource, options: PixelOptions, dtype: np.dtype) -> str:
    """Floats that stay floats are not clipped, their full scale being only a convention; except on the
    way back from luma or linear light, where it has a meaning."""
    floats = source.dtype.kind == dtype.kind == "f"
    return "raw" if floats and options.color != "luma" and not options.linear else pipeline.range


def _check_range(how: str, pipeline: Pipeline, options: PixelOptions, dtype: np.dtype) -> None:
    """Raise FilterError where the range is raw and can't be."""
    if how == "raw" and options.color == "luma":
        raise FilterError('range="raw" gives results, not colours; use color="gray" or color="each"')
    if how == "raw" and dtype.kind != "f":
        raise FilterError(
            f'{pipeline.name} asks for the range raw, which needs floats; use range="clip", or another'
        )


def _range_maps(
    how: str,
    pipeline: Pipeline,
    source: RowSource,
    options: PixelOptions,
    full: float,
    dtype: np.dtype,
) -> tuple[list[RangeMap | None], Pixels | None]:
    """Each page's range map, None for raw results or what the engine gives as pixels already; and how it does
    that, where nothing stands between."""
    as_they_are: list[RangeMap | None] = [None] * pipeline.out_channels
    if how in ("raw", "rescale"):
        return as_they_are, None
    white = 1.0 if options.linear else full_scale(dtype)
    found = range_map(how, pipeline, full, white)
    if source.has_alpha or options.color == "luma" or options.linear:
        return [found] * pipeline.out_channels, None
    return as_they_are, Pixels(found, dtype, white)


def _extremes(
    values: Columns[np.ndarray], height: int, pages: int, threads: int
) -> list[tuple[float, float]]:
    """The smallest and largest number in each page's results; zeros where it has no number."""

    def of_block(block: Block[np.ndarray]) -> list[tuple[float, float]]:
        return [extremes(page) for page in block.compute(*block.rows)]

    found = np.array([*in_order(of_block, blocks(values, height, pages), threads)])  # (blocks, pages, 2)
    low, high = found[..., 0].min(0), found[..., 1].max(0)
    nothing = low > high
    low[nothing], high[nothing] = 0, 0
    return [*zip(low, high, strict=True)]


def _concatenated(planes: list[LazyPlanes], top: int, bottom: int) -> np.ndarray | None:
    """(planes, n, W); None of no planes."""
    return np.concatenate([each.rows(top, bottom) for each in planes]) if planes else None


def _pixels(
    values: np.ndarray,
    mapped: RangeMap | None,
    options: PixelOptions,
    dtype: np.dtype,
    chroma: np.ndarray | None,
) -> np.ndarray:
    """Results (planes, n, W) of one filter → pixels (n, W) or (n, W, planes)."""
    if mapped is None:
        return _channels_last(values).astype(dtype, copy=False)
    white = np.float32(full_scale(dtype))
    with np.errstate(invalid="ignore", over="ignore"):  # float pictures may hold NaN and infinity
        values = values.copy()
        mapped.in_place(values)
        if options.linear:
            values = srgb(values) * white
        if chroma is not None:
            values = values + chroma * white
        return _channels_last(rounded(values, dtype, float(white)))


def _rounded_alpha(weights: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Alpha of 0 to 1 as pixels."""
    return rounded(weights * np.float32(full_scale(dtype)), dtype, full_scale(dtype))


def _channels_last(planes: np.ndarray) -> np.ndarray:
    return planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)


def _metadata(metadata: Metadata, pipeline: Pipeline) -> Metadata:
    """Dots per inch hold for the output's larger pixels after strides and pools."""
    rows, columns = receptive_fields(pipeline)[-1].stride
    dpi = metadata.dpi and (metadata.dpi[0] / columns, metadata.dpi[1] / rows)
    return replace(metadata, dpi=dpi)
