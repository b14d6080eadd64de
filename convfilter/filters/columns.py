"""A wide picture by bands of columns, each an ordinary picture with paddings of its own."""

from dataclasses import replace

from convfilter.filters.geometry import receptive_fields, resolve_padding, sizes
from convfilter.filters.layer import Layer, Pair
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.system.values import dataclass

WIDE = 4096  # columns of the widest layer; no more are computed as one
BAND = 2048  # columns of that layer in a band: with 64 rows of floats they fit a core's cache
STEP = 16  # a band of the result has a multiple of so many columns, as tiles of a TIFF must have
_TRIES = 4  # widths, as the last band may be too narrow for its border
_HALO = 4  # how many times its field of view a band is wide, so that few columns are computed twice


@dataclass(frozen=True)
class Band:
    """Columns of a pipeline's result, left and before right, and what gives just these: a pipeline for the
    `source` columns of the picture."""

    columns: Pair
    source: Pair
    pipeline: Pipeline


def whole(pipeline: Pipeline, size: Pair) -> Band:
    """All columns as one band."""
    settled = resolve_padding(pipeline, size)
    return Band((0, sizes(settled, size)[-1][1]), (0, size[1]), pipeline)


def bands(pipeline: Pipeline, size: Pair, band: int = BAND, wide: int = WIDE) -> list[Band]:
    """The bands of the result for a picture of `size`, from left to right, alike but for a narrower last one.

    One band of all columns where no layer has more than `wide` of them, and where a border can't be had from
    a band alone: wrap, which needs the other side, and mirrors deeper than the band. band: columns of the
    widest layer in each. Raises FilterError as resolve_padding.
    """
    settled = resolve_padding(pipeline, size)
    widths = [columns for _, columns in sizes(settled, size)]
    if max(widths) <= wide:
        return [whole(pipeline, size)]
    seen = receptive_fields(settled)[-1]
    count = max(1, max(widths) // max(band, _HALO * seen.size[1]))
    step = -(-widths[-1] // (count * STEP)) * STEP
    for wider in range(_TRIES):
        found = [_band(settled, widths, span) for span in _spans(widths[-1], step + wider * STEP)]
        kept = [each for each in found if each is not None]
        if 1 < len(kept) == len(found):
            return kept
    return [whole(pipeline, size)]


def _spans(width: int, step: int) -> list[Pair]:
    return [(left, min(left + step, width)) for left in range(0, width, step)]


def _band(pipeline: Pipeline, widths: list[int], columns: Pair) -> Band | None:
    """What gives these columns, worked out from the last layer back to the first; None where a border needs
    others. pipeline: its padding is resolved. widths: columns before each layer, and of the result."""
    left, right = columns
    layers: list[Layer] = []
    for layer, width in zip(reversed(pipeline.layers), widths[-2::-1], strict=True):
        if isinstance(layer, Pad):
            left, right = left - layer.left, right - layer.left
            before, after = max(-left, 0), max(right - width, 0)
            left, right = max(left, 0), min(right, width)
            if right - left < min(_needed(layer.border, max(before, after), width), width):
                return None
            layer = replace(layer, left=before, right=after)
        else:
            extent, stride = layer.window.extent[1], layer.window.strides[1]
            left, right = left * stride, (right - 1) * stride + extent
        layers.insert(0, layer)
    return Band(columns, (left, right), replace(pipeline, layers=tuple(layers)))


def _needed(border: str, amount: int, width: int) -> int:
    """How many columns beside an edge a padding of `amount` columns there is made of."""
    if amount == 0 or border in ("zero", "edge"):
        return 1
    return {"reflect": amount + 1, "symmetric": amount}.get(border, width)
