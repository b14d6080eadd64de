"""One picture through one pipeline: pixels → planes → engine → range → pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import FilterError, PictureError
from convfilter.filters import make_pipeline
from convfilter.geometry import flat_response, geometry, peak_bytes, receptive_fields
from convfilter.kernel import Kernel
from convfilter.picture import Metadata, Picture, full_scale, to_gray
from convfilter.pipeline import Pipeline
from convfilter.runtime import available_memory
from convfilter.tone import linear_light, srgb, to_dtype, to_range
from convfilter.words import COLORS, RANGES

Engine = Callable[[Pipeline, np.ndarray, float], np.ndarray]
SHARE = 0.8  # of the free memory that one picture may take
REC_601 = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Look:
    """How pixels enter and leave a pipeline.

    color: "gray", "each" (every channel by itself) or "luma" (brightness only). range: as in
    tone.to_range, or "raw"; None takes the pipeline's own, or "raw" from float to float. Raises FilterError
    for any other word.
    """

    color: str = "gray"
    range: str | None = None
    linear: bool = False

    def __post_init__(self) -> None:
        if self.color not in COLORS:
            raise FilterError(f'no color "{self.color}"; choose one of {", ".join(COLORS)}')
        if self.range is not None and self.range not in RANGES:
            raise FilterError(f'no range "{self.range}"; choose one of {", ".join(RANGES)}')


def apply(
    filters: str | Path | Kernel | Pipeline | Sequence[Any],
    array: np.ndarray,
    *,
    color: str = "each",
    range: str | None = None,
    linear: bool = False,
    device: str = "auto",
    **settings: Any,
) -> np.ndarray:
    """Filter an array as `convfilter apply` filters a picture.

    array: (H, W) or (H, W, C), uint8, uint16 or float32; channels are filtered one by one unless the
    filter takes C channels; (H, W, 1) is taken as (H, W). Returns (H', W') or (H', W', C) of the same
    dtype, a last axis of N for N filters that are not combined; float32 for range="raw". filters: a name,
    a path, a formula, a Kernel, a Pipeline, or a list of them in a row. settings: those of
    pipeline.Settings (border, strides, …). Raises FilterError, BackendError or PictureError.

    >>> apply("sobel-x", np.eye(4, dtype="uint8"), range="raw")[1].tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    from convfilter.engines import keras

    array = np.asarray(array)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype.name not in ("uint8", "uint16", "float32") or array.ndim not in (2, 3):
        raise FilterError(
            f"an array of {array.dtype} {array.shape}: give (H, W) or (H, W, C) of uint8, uint16 or float32"
        )
    pipeline = make_pipeline(filters, **settings)
    look = Look(color, range, linear)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    dtype = np.dtype(np.float32) if (range or pipeline.range) == "raw" else array.dtype

    def engine(pipeline: Pipeline, batch: np.ndarray, full: float) -> np.ndarray:
        return keras.run(pipeline, batch, full, device)

    pages = filter_picture(pipeline, Picture(array), look, dtype, engine)
    return pages[0].pixels if len(pages) == 1 else np.stack([page.pixels for page in pages], axis=-1)


def filter_picture(
    pipeline: Pipeline, picture: Picture, look: Look, dtype: np.dtype, engine: Engine
) -> list[Picture]:
    """The filtered picture as `dtype`, one page a filter that is not combined.

    Raises FilterError where the channels or the size don't fit.
    """
    how = look.range or _default_range(pipeline, picture, look, dtype)
    if how == "raw" and look.color == "luma":
        raise FilterError("--range raw writes results, not colours; use --color gray or each")
    if how == "raw" and dtype.kind != "f":
        raise FilterError(f"{pipeline.name} asks for range raw, which needs floats; choose another --range")
    full = 1.0 if pipeline.values == "unit" else picture.full_scale
    planes = _planes(pipeline, picture, look)
    _check_memory(pipeline, planes, look.linear)
    entering = planes if full == picture.full_scale else planes / np.float32(picture.full_scale)
    if look.linear:
        entering = (linear_light(entering / full) * full).astype(np.float32)
    results, alpha = _run(pipeline, entering, _unit_alpha(picture), full, engine)
    moved = engine(geometry(pipeline), _chroma(picture), 1.0) if look.color == "luma" else None
    pages = []
    for number in range(pipeline.out_channels):
        pixels = _pixels(results[..., number], how, look, pipeline, full, dtype, moved)
        page_alpha = None if alpha is None else to_dtype(alpha[..., number] * full_scale(dtype), dtype)
        pages.append(Picture(pixels, page_alpha, _metadata(picture.metadata, pipeline)))
    return pages


def _check_memory(pipeline: Pipeline, planes: np.ndarray, linear: bool) -> None:
    """PictureError, before any of it is asked for, where the memory at hand would not do."""
    count, rows, columns, _ = planes.shape
    needed, have = peak_bytes(pipeline, (rows, columns), count), available_memory()
    needed += 4 * planes.nbytes if linear else 0  # the steps of the sRGB curve
    if have is not None and needed > SHARE * have:
        raise PictureError(
            f"{pipeline.name} on {rows}×{columns} pixels needs about {needed / 1e9:.1f} GB, "
            f"{have / 1e9:.1f} GB are free; use a smaller picture, fewer filters or less padding"
        )


def _default_range(pipeline: Pipeline, picture: Picture, look: Look, dtype: np.dtype) -> str:
    """Floats that stay floats are not clipped, their full scale being only a convention; except on the
    way back from luma or linear light, where it has a meaning."""
    floats = picture.pixels.dtype.kind == dtype.kind == "f"
    return "raw" if floats and look.color != "luma" and not look.linear else pipeline.range


def _planes(pipeline: Pipeline, picture: Picture, look: Look) -> np.ndarray:
    """float32 (n, H, W, C): the channels as separate one-channel pictures, or as the C the filter takes."""
    pixels, wanted = picture.pixels, pipeline.in_channels
    have = 1 if pixels.ndim == 2 else pixels.shape[2]
    if wanted != 1:
        if look.color == "luma":
            raise FilterError(f"{pipeline.name} takes {wanted} channels, luma is one; use --color each")
        if have != wanted:
            raise FilterError(
                f"{pipeline.name} takes {wanted} channels, the picture has {have}; use a filter of {have}"
            )
        return pixels[None].astype(np.float32)
    if look.color == "gray" and have == 3:
        pixels, have = to_gray(pixels), 1
    if look.color == "luma" and have != 1:
        if have != 3:
            raise FilterError(f"a picture of {have} channels has no luma; use --color each")
        return (pixels @ REC_601)[None, :, :, None]
    return np.moveaxis(pixels.reshape(*pixels.shape[:2], have), 2, 0)[..., None].astype(np.float32)


def _unit_alpha(picture: Picture) -> np.ndarray | None:
    """(1, H, W, 1) in 0–1; None where nothing is translucent."""
    if picture.alpha is None or (picture.alpha == picture.full_scale).all():
        return None
    return (picture.alpha / np.float32(picture.full_scale)).astype(np.float32)[None, :, :, None]


def _chroma(picture: Picture) -> np.ndarray:
    """(3, H, W, 1): what each channel has over the luma, in 0–1; nothing for a gray picture."""
    pixels = picture.pixels / np.float32(picture.full_scale)
    if pixels.ndim == 2:
        return np.zeros((1, *pixels.shape, 1), np.float32)
    return np.moveaxis(pixels - (pixels @ REC_601)[..., None], 2, 0)[..., None].astype(np.float32)


def _run(
    pipeline: Pipeline, planes: np.ndarray, alpha: np.ndarray | None, full: float, engine: Engine
) -> tuple[np.ndarray, np.ndarray | None]:
    """Results (n, H', W', filters) and alpha (H', W', filters) in 0–1.

    A linear filter that keeps some of a flat area is an average: colours count by their alpha, which is
    filtered too. Any other filter (edges above all) sees the colours as they are, and alpha goes along.
    """
    if alpha is None:
        return engine(pipeline, planes, full), None
    flat = flat_response(pipeline)
    if pipeline.in_channels > 1 or flat is None or (np.abs(flat) < 1e-6).any():
        moved = engine(geometry(pipeline), alpha, 1.0)[0]
        return engine(pipeline, planes, full), np.repeat(moved, pipeline.out_channels, axis=2)
    results = engine(pipeline, np.concatenate([planes * alpha, alpha]), full)
    weight = results[-1] / flat.astype(np.float32)
    visible = np.where(weight > 1e-6, weight, np.inf)
    return results[:-1] / visible, np.clip(weight, 0, 1)


def _pixels(
    result: np.ndarray,
    how: str,
    look: Look,
    pipeline: Pipeline,
    full: float,
    dtype: np.dtype,
    chroma: np.ndarray | None,
) -> np.ndarray:
    """Results (n, H', W') of one filter → pixels (H', W') or (H', W', n)."""
    if how == "raw":
        return _channels_last(result).astype(dtype)
    white = full_scale(dtype)
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity of float pictures go their way
        values = to_range(result, how, pipeline, full, 1.0 if look.linear else white)
        if look.linear:
            values = srgb(values) * np.float32(white)
        if chroma is not None:
            values = values + chroma[..., 0] * np.float32(white)
        return _channels_last(to_dtype(values, dtype))


def _channels_last(planes: np.ndarray) -> np.ndarray:
    return planes[0] if len(planes) == 1 else np.ascontiguousarray(np.moveaxis(planes, 0, -1))


def _metadata(metadata: Metadata, pipeline: Pipeline) -> Metadata:
    """Dots per inch hold for the output's larger pixels after strides and pools."""
    rows, columns = receptive_fields(pipeline)[-1].stride
    dpi = metadata.dpi and (metadata.dpi[0] / columns, metadata.dpi[1] / rows)
    return replace(metadata, dpi=dpi)
