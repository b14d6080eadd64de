"""A filter as plain data: the frozen layers a picture passes, and the rules for rows of them.

No framework is known here; model/build.py turns a Pipeline into a keras.Sequential.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.kernel import Kernel
from convfilter.filters.layer import Layer, Pair
from convfilter.filters.layers import Combine, Pool
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.settings import DEFAULTS, Settings
from convfilter.system.values import dataclass


@dataclass(frozen=True, eq=False)
class Pipeline:
    """The layers in order, and how their result becomes a picture unless the user says otherwise.

    range: clip | abs | rescale | signed | gain | raw. values: "stored" (0–255, 0–65535, float) or
    "unit" (0–1). color: gray | each | luma, unless the user says otherwise (color_for). Raises FilterError
    when the channels of two layers don't fit.
    """

    layers: tuple[Layer, ...]
    name: str = "pipeline"
    range: str = "clip"
    values: str = "stored"
    data_format: str = "channels_last"
    color: str = "gray"

    def __post_init__(self) -> None:
        if not self.layers:
            raise FilterError(f"{self.name}: no layers; add at least one")
        channels(self)
        for layer, following in self.pairs:
            if fault := layer.fault(following):
                raise FilterError(f"{self.name}: {fault}")

    @cached_property
    def _identity(self) -> tuple[Any, ...]:
        """Everything that decides the numbers."""
        layers = (layer.identity for layer in self.layers)
        return self.values, self.data_format, self.range, self.color, *layers

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self._identity == other._identity

    def _repr_html_(self) -> str:
        """What notebooks show."""
        from convfilter.filters.notebook import pipeline_html

        how = f"color {self.color}, range {self.range}"
        return pipeline_html(self.name, how, self.layers, channels(self)[1:])

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides the numbers."""
        import hashlib  # 10 ms that most runs can do without

        return hashlib.sha256(repr(self._identity).encode()).hexdigest()

    @property
    def pairs(self) -> Iterator[tuple[Layer, Layer | None]]:
        """Each layer and the one after it."""
        return zip(self.layers, (*self.layers[1:], None), strict=True)

    @cached_property
    def in_channels(self) -> int:
        """Channels it takes."""
        return in_channels(self.layers)

    @cached_property
    def out_channels(self) -> int:
        return channels(self)[-1]

    @property
    def convs(self) -> tuple[Conv, ...]:
        return tuple(layer for layer in self.layers if isinstance(layer, Conv))

    @property
    def needs_size(self) -> bool:
        """Whether the layers depend on the picture's size (`cover`)."""
        return any(layer.needs_size for layer in self.layers)


def chain(parts: Iterable[Kernel | Pipeline], settings: Settings = DEFAULTS) -> Pipeline:
    """Kernels and pipelines one after the other; kernels are padded, strided, … as `settings` say.

    >>> from convfilter.filters.kernel_file import make_kernel
    >>> [type(layer).__name__ for layer in chain([make_kernel([[1, 0, -1]])]).layers]
    ['Pad', 'Conv']
    """
    parts = tuple(parts)
    if not parts:
        raise FilterError("no filter; give at least one")
    if len(parts) == 1 and isinstance(parts[0], Pipeline) and settings == DEFAULTS:
        return parts[0]
    return (_kernels_chained if all(isinstance(part, Kernel) for part in parts) else _chained)(
        parts, settings
    )


def _chained(parts: tuple[Kernel | Pipeline, ...], settings: Settings) -> Pipeline:
    layers: list[Layer] = []
    for part in parts:
        layers += part.layers if isinstance(part, Pipeline) else kernel_layers(part, settings)
    if settings.pool:
        layers.append(Pool(settings.pool, settings.pool_mode))
    last = parts[-1]
    values = "unit" if any(part.values == "unit" for part in parts) else "stored"
    return Pipeline(
        layers=tuple(layers),
        name=" + ".join(part.name for part in parts),
        range=_range(last, settings.combine),
        values=settings.values or values,
        data_format=settings.data_format or last.data_format,
        color=_color(parts),
    )


_kernels_chained = lru_cache(maxsize=16)(_chained)  # kernels are equal only to themselves, names and all


def color_for(pipeline: Pipeline, asked: str | None, *, format_holds_color: bool = True) -> str:
    """How a picture's colours are filtered: as asked, or else as suits the pipeline.

    A file format that holds no colour gets the gray picture unless colour was asked for.
    """
    return asked or (pipeline.color if format_holds_color else "gray")


def _color(parts: Sequence[Kernel | Pipeline]) -> str:
    """What suits all parts; gray where they differ: what finds edges wants one picture, blurred or not."""
    (first, *others) = {part.color for part in parts}
    return "gray" if others else first


def _range(last: Kernel | Pipeline, combine: str | None) -> str:
    """The last part's own range; but what a magnitude makes of a signed bank is never negative."""
    if isinstance(last, Kernel) and last.range == "signed" and combine in ("magnitude", "absmax"):
        return "gain"
    return last.range


def kernel_layers(kernel: Kernel, settings: Settings) -> list[Layer]:
    """[Pad], Conv, [Combine] of one kernel."""
    bias = kernel.bias if settings.bias is None else np.full(kernel.filters, settings.bias, np.float64)
    conv = Conv(
        name=kernel.name,
        weights=kernel.weights,
        bias=bias,
        anchor=kernel.anchor,
        activation=settings.activation or kernel.activation,
        strides=settings.strides,
        dilation=settings.dilation,
    )
    how = settings.combine or kernel.combine
    pad = pad_for(settings.pad, settings.border or kernel.border, conv)
    return [*pad, conv, *([Combine(how)] if how != "none" else [])]


def pad_for(amount: str | Pair, border: str, conv: Conv) -> list[Layer]:
    """The padding in front of `conv`: none for "valid", or for an amount of 0."""
    if amount == "valid":
        return []
    if amount == "cover":
        return [CoverPad(border)]
    if isinstance(amount, tuple):
        pad = Pad(amount[0], amount[0], amount[1], amount[1], border)
    else:  # "same"
        pad = conv.same_padding(border)
    return [pad] if pad != Pad(0, 0, 0, 0, border) else []


def in_channels(layers: Iterable[Layer]) -> int:
    """Channels that the first convolution, or another layer that says so, takes; 1 where none does."""
    return next((layer.in_channels for layer in layers if layer.in_channels), 1)


def channels(pipeline: Pipeline) -> list[int]:
    """Channels before the first layer and after each."""
    counts = [pipeline.in_channels]
    for number, layer in enumerate(pipeline.layers, 1):
        try:
            counts.append(layer.out_channels(counts[-1]))
        except FilterError as error:
            raise FilterError(f"{pipeline.name}: layer {number}: {error}") from None
    return counts
