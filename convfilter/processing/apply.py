"""One picture through one pipeline, strip by strip: rows → planes → engine → range → rows."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, Unpack

import numpy as np

from convfilter.choices import COLORS, RANGES, Color, Plan, Range, check_word
from convfilter.choices import Engine as EngineName
from convfilter.engines import choose_engine
from convfilter.engines.raster import LazyPlanes
from convfilter.errors import FilterError, PictureError
from convfilter.filters.geometry import flat_response, impulse_pipeline, receptive_fields
from convfilter.filters.layer import Pair
from convfilter.filters.load import Filters
from convfilter.filters.pipeline import Pipeline, color_for
from convfilter.filters.settings import FilterSettings
from convfilter.images.picture import ArrayRows, Metadata, Picture, RowSource, full_scale, to_gray
from convfilter.processing.arrays import pictures_of
from convfilter.processing.tone import RangeMap, extremes, linear_light, range_map, srgb, to_dtype
from convfilter.system.machine import SHARE, available_memory

STRIP = 2**17  # pixels of all pages that are computed at once: their floats fit a core's cache
LEAST_ROWS = 32
REC_601 = np.array([0.299, 0.587, 0.114], np.float32)


class Engine(Protocol):
    """Runs pipelines on rasters."""

    @property
    def threads(self) -> int:
        """How many strips may be computed at once."""

    def open(self, pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> LazyPlanes:
        """The pipeline's result for `source`, computed when its rows are asked for.

        Raises FilterError when the picture is too small for the pipeline, PictureError or BackendError when
        it can't be computed here.
        """


@dataclass(frozen=True)
class PixelOptions:
    """How pixels enter and leave a pipeline.

    color: "gray", "each" (every channel by itself) or "luma" (brightness only); None takes what suits the
    pipeline. range: as in tone.to_range, or "raw"; None takes the pipeline's own, or "raw" from float to
    float. linear: in linear light instead of sRGB values. Raises FilterError for anything else.
    """

    color: str | None = None
    range: str | None = None
    linear: bool = False

    def __post_init__(self) -> None:
        if self.color is not None:
            check_word("color", self.color, COLORS)
        if self.range is not None:
            check_word("range", self.range, RANGES)
        if not isinstance(self.linear, bool | np.bool_):
            raise FilterError(f"linear can't be {self.linear!r}; use True or False")


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
    from convfilter.filters.load import make_pipeline

    pipeline = make_pipeline(filters, **settings)
    look = PixelOptions(color_for(pipeline, color), range, linear)
    pictures = pictures_of(array, batch=batch, channels=channels, takes=pipeline.in_channels)
    dtype = np.dtype(np.float32) if (range or pipeline.range) == "raw" else pictures.dtype
    chosen = choose_engine(engine, device=device, plan=plan)

    def filtered(pixels: np.ndarray) -> np.ndarray:
        pages = filter_picture(pipeline, Picture(pixels), look, dtype, chosen)
        return pages[0].pixels if len(pages) == 1 else np.stack([page.pixels for page in pages], axis=-1)

    return np.stack([filtered(pixels) for pixels in pictures]) if batch else filtered(pictures[0])


@dataclass(frozen=True)
class LazyPicture:
    """A filtered picture, computed when its rows are asked for.

    size: rows and columns. channels: of each page. metadata: that of every page. `rows(top, bottom)` gives
    for each page the pixels (n, W) or (n, W, channels) of `dtype`, and alpha (n, W) or None.
    """

    size: Pair
    pages: int
    channels: int
    has_alpha: bool
    dtype: np.dtype
    metadata: Metadata
    rows: Callable[[int, int], list[tuple[np.ndarray, np.ndarray | None]]]
    threads: int = 1


def filter_picture(
    pipeline: Pipeline, picture: Picture, look: PixelOptions, dtype: np.dtype, engine: Engine
) -> list[Picture]:
    """The filtered picture as `dtype`, one page a filter that is not combined.

    Raises FilterError where the channels or the size don't fit, PictureError where memory would not do.
    """
    return collect(filter_rows(pipeline, ArrayRows(picture), look, dtype, engine))


def filter_rows(
    pipeline: Pipeline, source: RowSource, look: PixelOptions, dtype: np.dtype, engine: Engine
) -> LazyPicture:
    """The filtered picture as `dtype`, to be computed by rows. Raises as filter_picture does."""
    look = replace(look, color=color_for(pipeline, look.color))
    how = look.range or _default_range(pipeline, source, look, dtype)
    if how == "raw" and look.color == "luma":
        raise FilterError('range="raw" gives results, not colours; use color="gray" or color="each"')
    if how == "raw" and dtype.kind != "f":
        raise FilterError(
            f'{pipeline.name} asks for the range raw, which needs floats; use range="clip", or another'
        )
    white = full_scale(source.dtype)
    full = 1.0 if pipeline.values == "unit" else white
    planes = [_entering(plane, look, full, white) for plane in _planes(pipeline, source, look)]
    size, results = _results(pipeline, planes, _unit_alpha(source), full, engine)
    chroma = _chroma(pipeline, source, engine) if look.color == "luma" else None
    channels = len(chroma) if chroma else len(planes)
    result = LazyPicture(
        size, pipeline.out_channels, channels, _unit_alpha(source) is not None, dtype,
        _metadata(source.metadata, pipeline), lambda top, bottom: [], engine.threads,
    )  # fmt: skip
    maps = _maps(how, look, pipeline, full, result, results)

    def rows(top: int, bottom: int) -> list[tuple[np.ndarray, np.ndarray | None]]:
        values, alpha = results(top, bottom)
        moved = None if chroma is None else np.concatenate([each.rows(top, bottom) for each in chroma])
        return [
            (
                _pixels(values[number], maps[number], look, dtype, moved),
                None if alpha is None else to_dtype(alpha[number] * full_scale(dtype), dtype),
            )
            for number in range(result.pages)
        ]

    return replace(result, rows=rows)


def strips(result: LazyPicture, rows: int | None = None) -> Iterator[tuple[int, int]]:
    """Top and bottom of the strips a result is computed in; all of one height, so that the last may begin
    within the one before."""
    height, width = result.size
    step = min(height, rows or max(LEAST_ROWS, STRIP // (width * result.pages)))
    for top in range(0, height, step):
        yield min(top, height - step), min(top, height - step) + step


def collect(result: LazyPicture, tile: int | None = None) -> list[Picture]:
    """All of it in memory, computed by strips of `tile` rows. Raises PictureError, before any memory is asked
    for, where there is not enough."""
    _check_memory(result)
    pages = [_empty(result) for _ in range(result.pages)]

    def work(strip: tuple[int, int]) -> None:
        for page, (pixels, alpha) in zip(pages, result.rows(*strip), strict=True):
            page.pixels[slice(*strip)] = pixels
            if page.alpha is not None:
                page.alpha[slice(*strip)] = alpha

    for _ in in_order(work, strips(result, tile), result.threads):
        pass
    return pages


def in_order(work: Callable[[Any], Any], items: Iterator[Any], threads: int) -> Iterator[Any]:
    """work(item) of each, in order, some of them at once; never far ahead of who takes them."""
    first = list(itertools.islice(items, threads + 1))
    if threads == 1 or len(first) < 2:
        yield from map(work, itertools.chain(first, items))
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(work, item) for item in first)
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in itertools.islice(items, 1))
        finally:
            for future in waiting:
                future.cancel()


def _empty(result: LazyPicture) -> Picture:
    shape = result.size if result.channels == 1 else (*result.size, result.channels)
    alpha = np.empty(result.size, result.dtype) if result.has_alpha else None
    return Picture(np.empty(shape, result.dtype), alpha, result.metadata)


def _check_memory(result: LazyPicture) -> None:
    """PictureError where the results don't fit the memory at hand."""
    values = result.size[0] * result.size[1] * result.pages * (result.channels + result.has_alpha)
    needed, have = values * result.dtype.itemsize, available_memory()
    if have is not None and needed > SHARE * have:
        raise PictureError(
            f"{result.pages} × {result.size[0]}×{result.size[1]} pixels need about {needed / 1e9:.1f} GB, "
            f"{have / 1e9:.1f} GB are free; use a smaller picture, fewer filters or less padding"
        )


def _default_range(pipeline: Pipeline, source: RowSource, look: PixelOptions, dtype: np.dtype) -> str:
    """Floats that stay floats are not clipped, their full scale being only a convention; except on the
    way back from luma or linear light, where it has a meaning."""
    floats = source.dtype.kind == dtype.kind == "f"
    return "raw" if floats and look.color != "luma" and not look.linear else pipeline.range


def _planes(pipeline: Pipeline, source: RowSource, look: PixelOptions) -> list[LazyPlanes]:
    """The channels as separate one-channel rasters, or as one of the C channels the filter takes."""
    wanted, have = pipeline.in_channels, source.channels
    if wanted != 1:
        if look.color == "luma":
            raise FilterError(f'{pipeline.name} takes {wanted} channels, luma is one; use color="each"')
        if have != wanted:
            raise FilterError(
                f"{pipeline.name} takes {wanted} channels, the picture has {have}; use a filter of {have}"
            )
        return [_raster(source, have, lambda pixels: np.moveaxis(pixels, 2, 0))]
    colours = have == 3 and not source.metadata.bands
    if look.color == "luma" and have != 1 and not colours:
        raise FilterError(f'a picture of {have} channels has no luma; use color="each"')
    if look.color == "gray" and have != 1 and not colours:
        raise PictureError(
            f'its {have} bands are no colours, so they have no gray; filter each with color="each"'
        )
    if look.color == "luma" and colours:
        return [_raster(source, 1, lambda pixels: (pixels @ REC_601)[None])]
    if look.color == "gray" and colours:
        return [_raster(source, 1, lambda pixels: to_gray(pixels)[None])]
    if have == 1:
        return [_raster(source, 1, lambda pixels: pixels.reshape(1, *pixels.shape[:2]))]
    return [_raster(source, 1, partial(_channel, number)) for number in range(have)]


def _channel(number: int, pixels: np.ndarray) -> np.ndarray:
    return pixels[None, ..., number]


def _raster(source: RowSource, channels: int, planes: Callable[[np.ndarray], np.ndarray]) -> LazyPlanes:
    largest = full_scale(source.dtype) if source.dtype.kind == "u" else np.inf
    return LazyPlanes(
        source.shape, channels, lambda top, bottom: planes(source.rows(top, bottom)[0]), largest
    )


def _entering(plane: LazyPlanes, look: PixelOptions, full: float, white: float) -> LazyPlanes:
    """The plane in the units that the pipeline wants: 0 to `full`, and linear light if asked for."""
    if full == white and not look.linear:
        return plane

    def rows(top: int, bottom: int) -> np.ndarray:
        pixels = plane.rows(top, bottom)
        values = pixels if full == white else pixels / np.float32(white)
        return (linear_light(values / full) * full).astype(np.float32) if look.linear else values

    return replace(plane, rows=rows, largest=full if plane.largest <= white else np.inf)


def _unit_alpha(source: RowSource) -> LazyPlanes | None:
    """(1, H, W) in 0–1; None where nothing is translucent."""
    if not source.has_alpha:
        return None
    white = np.float32(full_scale(source.dtype))

    def rows(top: int, bottom: int) -> np.ndarray:
        alpha = source.rows(top, bottom)[1]
        assert alpha is not None
        return (alpha[None] / white).astype(np.float32)

    return LazyPlanes(source.shape, 1, rows, 1.0)


def _chroma(pipeline: Pipeline, source: RowSource, engine: Engine) -> list[LazyPlanes]:
    """What each channel has over the luma, in 0–1, moved as the pipeline moves pixels; nothing of a gray
    picture."""
    white = np.float32(full_scale(source.dtype))

    def over(number: int, pixels: np.ndarray) -> np.ndarray:
        unit = pixels / white
        return (unit[..., number] - unit @ REC_601).astype(np.float32)[None]

    if source.channels == 1:
        planes = [_raster(source, 1, lambda pixels: np.zeros((1, *pixels.shape[:2]), np.float32))]
    else:
        planes = [_raster(source, 1, partial(over, number)) for number in range(3)]
    return [engine.open(impulse_pipeline(pipeline), plane, 1.0) for plane in planes]


Results = Callable[[int, int], tuple[np.ndarray, np.ndarray | None]]


def _results(
    pipeline: Pipeline, planes: list[LazyPlanes], alpha: LazyPlanes | None, full: float, engine: Engine
) -> tuple[Pair, Results]:
    """Rows → results (filters, planes, n, W) and alpha (filters, n, W) in 0–1, and the size of them all.

    A linear filter that keeps some of a flat area is an average: colours count by their alpha, which is
    filtered too. Any other filter (edges above all) sees the colours as they are, and alpha goes along.
    """
    flat = flat_response(pipeline)
    averages = pipeline.in_channels == 1 and flat is not None and not (np.abs(flat) < 1e-6).any()
    if alpha is not None and averages:
        planes = [_times(plane, alpha) for plane in planes]
    opened = [engine.open(pipeline, plane, full) for plane in planes]
    if alpha is None:
        return opened[0].size, lambda top, bottom: (_stacked(opened, top, bottom), None)
    moved = engine.open(
        pipeline if averages else impulse_pipeline(pipeline), alpha, full if averages else 1.0
    )

    def rows(top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
        results, weight = _stacked(opened, top, bottom), moved.rows(top, bottom)
        if not averages:
            return results, np.repeat(weight, pipeline.out_channels, axis=0)
        assert flat is not None
        weight = weight / flat.astype(np.float32)[:, None, None]
        visible = np.where(weight > 1e-6, weight, np.inf)
        return results / visible[:, None], np.clip(weight, 0, 1)

    return opened[0].size, rows


def _times(plane: LazyPlanes, alpha: LazyPlanes) -> LazyPlanes:
    return replace(plane, rows=lambda top, bottom: plane.rows(top, bottom) * alpha.rows(top, bottom))


def _stacked(opened: list[LazyPlanes], top: int, bottom: int) -> np.ndarray:
    """(filters, planes, n, W)."""
    if len(opened) == 1:
        return opened[0].rows(top, bottom)[:, None]
    return np.stack([each.rows(top, bottom) for each in opened], axis=1)


def _maps(
    how: str, look: PixelOptions, pipeline: Pipeline, full: float, result: LazyPicture, results: Results
) -> list[RangeMap | None]:
    """Each page's range map; None for raw results. Looking for extremes is a pass over the picture."""
    if how == "raw":
        return [None] * result.pages
    white = 1.0 if look.linear else full_scale(result.dtype)
    if how != "rescale":
        return [range_map(how, pipeline, full, white)] * result.pages

    def look_at(strip: tuple[int, int]) -> list[tuple[float, float]]:
        return [extremes(page) for page in results(*strip)[0]]

    found = np.array([*in_order(look_at, strips(result), result.threads)])  # (strips, pages, 2)
    low, high = found[..., 0].min(0), found[..., 1].max(0)
    nothing = low > high
    low[nothing], high[nothing] = 0, 0
    return [range_map(how, pipeline, full, white, pair) for pair in zip(low, high, strict=True)]


def _pixels(
    values: np.ndarray,
    mapped: RangeMap | None,
    look: PixelOptions,
    dtype: np.dtype,
    chroma: np.ndarray | None,
) -> np.ndarray:
    """Results (planes, n, W) of one filter → pixels (n, W) or (n, W, planes)."""
    if mapped is None:
        return _channels_last(values).astype(dtype)
    white = np.float32(full_scale(dtype))
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity of float pictures go their way
        values = mapped(values)
        if look.linear:
            values = srgb(values) * white
        if chroma is not None:
            values = values + chroma * white
        return _channels_last(to_dtype(values, dtype))


def _channels_last(planes: np.ndarray) -> np.ndarray:
    return planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1)


def _metadata(metadata: Metadata, pipeline: Pipeline) -> Metadata:
    """Dots per inch hold for the output's larger pixels after strides and pools."""
    rows, columns = receptive_fields(pipeline)[-1].stride
    dpi = metadata.dpi and (metadata.dpi[0] / columns, metadata.dpi[1] / rows)
    return replace(metadata, dpi=dpi)
