"""What every layer of a pipeline makes of a picture, or of a small grid of numbers, by the engine."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from convfilter.engines.base import Engine, LazyPlanes, of_array
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.layer import Layer
from convfilter.filters.layers import Combine, Pool
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline, color_for
from convfilter.images.contact_sheet import thumbnail
from convfilter.images.picture import ArrayRows, Picture, full_scale
from convfilter.play.description import kind_of, layer_rows, weight_counts
from convfilter.play.pictures import data_address
from convfilter.play.work import Refusal, Work
from convfilter.processing.colour import engine_planes

MOST_CHANNELS, WIDTH = 16, 256  # of a layer that are drawn, and how wide
MOST_LAYERS = 32
MOST_NUMBERS = 2**28  # that a layer may hold: 1 GiB
MOST_SIDE = 32  # of a grid


def layer_pictures(work: Work, picture: Picture, engine: Engine) -> dict[str, Any]:
    """The picture as it enters, then each layer: its row of the table, its range and its channels drawn."""
    source, pipeline = ArrayRows(picture), work.pipeline
    rows = layer_rows(pipeline, source.shape)
    _check(rows)
    full = 1.0 if pipeline.values == "unit" else full_scale(source.dtype)
    color = color_for(pipeline, work.options.color)
    planes = engine_planes(pipeline, source, color, work.options.linear)
    entry = {
        "kind": "input", "keras": "Input", "label": "input", "what": "the picture as it enters",
        "shape": [*source.shape, planes[0].channels], "parameters": 0, "field": [1, 1], "stride": [1, 1],
    }  # fmt: skip
    found = stages(pipeline, planes, full, engine)
    return {"layers": [drawn(row, values) for row, values in zip([entry, *rows], found, strict=True)]}


def stages(pipeline: Pipeline, planes: list[LazyPlanes], full: float, engine: Engine) -> Iterator[np.ndarray]:
    """The planes, then what the first layer, the first two, … make of them: (channels, H, W) float32, of one
    plane after the other."""
    height = planes[0].size[0]
    yield np.concatenate([plane.rows(0, height).astype(np.float32) for plane in planes])
    resolved = resolve_padding(pipeline, planes[0].size)
    for count in range(1, len(resolved.layers) + 1):
        part = replace(resolved, layers=resolved.layers[:count])
        outputs = [engine.open(part, plane, full) for plane in planes]
        yield np.concatenate([output.rows(0, output.size[0]) for output in outputs])


def drawn(row: dict[str, Any], values: np.ndarray) -> dict[str, Any]:
    """A layer's row with its range and the pictures of its first channels; values (channels, H, W)."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    signed = low is not None and low < 0
    channels = [data_address(thumbnail(plane, signed, WIDTH)) for plane in values[:MOST_CHANNELS]]
    return {**row, "low": low, "high": high, "channels": channels}


def window_numbers(work: Work, grid: Any, engine: Engine) -> dict[str, Any]:
    """Every layer's numbers for a grid, of whose numbers 1 is white, and what each layer looks at."""
    plane, pipeline = _plane(grid), work.pipeline
    if pipeline.in_channels != 1:
        raise Refusal(f"{pipeline.name} takes {pipeline.in_channels} channels, and a grid is one")
    size = plane.shape[1], plane.shape[2]
    _check(layer_rows(pipeline, size))
    layers = resolve_padding(pipeline, size).layers
    first, *found = stages(pipeline, [of_array(plane)], 1.0, engine)
    entry = {"kind": "input", "keras": "Input", "label": "input", "values": first.tolist()}
    told = [{**_told(layer), "values": values.tolist()} for layer, values in zip(layers, found, strict=True)]
    return {"layers": [entry, *told], "weights": weight_counts(pipeline, size)}


def _plane(grid: Any) -> np.ndarray:
    """(1, H, W) float32. Raises Refusal for what is no grid."""
    try:
        with np.errstate(over="ignore"):
            plane = np.array(grid, np.float32)
    except (TypeError, ValueError, OverflowError):
        plane = np.empty(0, np.float32)
    sides = plane.shape if plane.ndim == 2 else (0, 0)
    if not (min(sides) >= 1 and max(sides) <= MOST_SIDE and np.isfinite(plane).all()):
        raise Refusal(f"a grid is up to {MOST_SIDE} rows of as many numbers, all rows alike")
    return plane[None]


def _check(rows: list[dict[str, Any]]) -> None:
    """Raise Refusal for more than the page shows."""
    if len(rows) > MOST_LAYERS:
        raise Refusal(f"{len(rows)} layers, and {MOST_LAYERS} are shown; use fewer filters")
    if max(float(np.prod(row["shape"], dtype=float)) for row in rows) > MOST_NUMBERS:
        raise Refusal("a layer too large to show; use a smaller picture, or fewer filters")


def _told(layer: Layer) -> dict[str, Any]:
    """What the page must know of a layer to do its arithmetic."""
    window = layer.window
    dilation = layer.dilation if isinstance(layer, Conv) else (1, 1)
    looks = {"extent": window.extent, "strides": window.strides, "dilation": dilation}
    told = {"kind": kind_of(layer), "keras": layer.keras_name, "label": layer.label, "window": looks}
    return {**told, **_own(layer)}


def _own(layer: Layer) -> dict[str, Any]:
    """What only layers of this kind have."""
    if isinstance(layer, Pad):
        return {"pad": {key: getattr(layer, key) for key in ("top", "bottom", "left", "right", "border")}}
    if isinstance(layer, Conv):
        numbers = {"weights": layer.weights.tolist(), "bias": layer.bias.tolist()}
        return {**numbers, "activation": layer.activation}
    if isinstance(layer, Combine):
        return {"combine": layer.how}
    if isinstance(layer, Pool):
        return {"mode": layer.mode}
    return {"activation": getattr(layer, "function", "linear")}
