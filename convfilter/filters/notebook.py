"""Kernels and pipelines as small HTML tables, which notebooks show; readable on dark and on light paper."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import islice

import numpy as np

from convfilter.filters.fields import fields_of
from convfilter.filters.layer import Layer

MOST_SIDE = 15  # rows and columns of a kernel whose weights are shown
MOST_FILTERS, MOST_CHANNELS = 8, 4
_BLUE, _RED = "64, 128, 255", "235, 64, 70"  # seen on white and on black
_LINE = "1px solid rgba(128, 128, 128, .4)"
_BOX = "color: currentColor; font-variant-numeric: tabular-nums"
_TABLE = "display: inline-table; border-collapse: collapse; margin: 4px 12px 4px 0"
_CELL = f"border: {_LINE}; padding: 2px 6px"


def kernel_html(name: str, weights: np.ndarray, facts: Mapping[str, str]) -> str:
    """A kernel's name, its weights (kh, kw, in, out) as grids, blue below 0 and red above, and its facts.

    Of a kernel or a bank that is too large there are only the sizes.
    """
    kh, kw, channels, filters = weights.shape
    size = f"{kh}×{kw}, {_count(filters, 'filter')}, {_count(channels, 'channel')}"
    grids = "".join(_grids(weights)) if max(kh, kw) <= MOST_SIDE else ""
    left_out = _left_out(weights)
    lines = "".join(f"<br>{escape(key)} {escape(value)}" for key, value in facts.items() if value)
    return (
        f'<div style="{_BOX}"><strong>{escape(name)}</strong> <small>{size}{left_out}</small>'
        f"<div>{grids}</div><small>{lines.removeprefix('<br>')}</small></div>"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("s" if number != 1 else "")


def _left_out(weights: np.ndarray) -> str:
    """What is not shown, after the sizes."""
    kh, kw, channels, filters = weights.shape
    if max(kh, kw) > MOST_SIDE:
        return f"; weights from {weights.min():.4g} to {weights.max():.4g}"
    drawn = min(filters, MOST_FILTERS), min(channels, MOST_CHANNELS)
    return "" if drawn == (filters, channels) else f"; shown: {drawn[0]} filters, {drawn[1]} channels of each"


def _grids(weights: np.ndarray) -> list[str]:
    """A table for each filter and channel that is shown; all on one scale."""
    shown = weights[:, :, :MOST_CHANNELS, :MOST_FILTERS]
    most = float(np.abs(shown).max()) or 1.0
    return [
        _grid(shown[:, :, channel, number], most)
        for number, channel in np.ndindex(shown.shape[3], shown.shape[2])
    ]


def _grid(matrix: np.ndarray, most: float) -> str:
    rows = ("".join(_weight(float(value), most) for value in row) for row in matrix)
    return f'<table style="{_TABLE}">' + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _weight(value: float, most: float) -> str:
    colour = f"rgba({_BLUE if value < 0 else _RED}, {0.55 * abs(value) / most:.3f})"
    return f'<td style="{_CELL}; text-align: right; background: {colour}">{value + 0:.4g}</td>'


def pipeline_html(name: str, how: str, layers: Sequence[Layer], channels: Sequence[int]) -> str:
    """The layer table of `convfilter describe`: a row for each layer. channels: after each of them."""
    head = ("layer", "what", "channels", "parameters", "receptive field", "stride")
    rows = [
        (layer.keras_name, layer.description, f"{count}", f"{layer.parameters:,}",
         "×".join(map(str, field.size)), "×".join(map(str, field.stride)))
        for layer, count, field in zip(layers, channels, fields_of(layers), strict=True)
    ]  # fmt: skip
    shown = "".join(_row("td", row) for row in islice(rows, 100))
    more = f"<small>and {len(rows) - 100} more layers</small>" if len(rows) > 100 else ""
    return (
        f'<div style="{_BOX}"><strong>{escape(name)}</strong> <small>{escape(how)}</small>'
        f'<table style="{_TABLE}">{_row("th", head)}{shown}</table>{more}</div>'
    )


def _row(tag: str, texts: Sequence[str]) -> str:
    style = f"{_CELL}; text-align: left; background: none"
    return "<tr>" + "".join(f'<{tag} style="{style}">{escape(text)}</{tag}>' for text in texts) + "</tr>"
