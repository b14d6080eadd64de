"""A filter as plain data: the frozen layers a picture passes, their shapes and receptive fields.

No framework is known here; `model.py` turns a Pipeline into a keras.Sequential.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.kernel import Kernel

Pair = tuple[int, int]
MAX_PAD = 4096  # rows or columns on one side
MAX_DENSE = 4_194_304  # weights of a kernel with the zeros between them


@dataclass(frozen=True)
class Pad:
    """Rows and columns added around the picture; `border` says what stands in them.

    Borders are named as in numpy.pad: zero is "constant" 0, edge repeats the last pixel, reflect mirrors
    without repeating it, symmetric mirrors and repeats it, wrap goes on at the other side.
    """

    top: int
    bottom: int
    left: int
    right: int
    border: str = "zero"


@dataclass(frozen=True)
class CoverPad:
    """Padding that is settled when the size is known: just enough that the strided windows of the
    following Conv reach every pixel; the odd row or column goes to the bottom or right."""

    border: str = "zero"


@dataclass(frozen=True, eq=False)
class Conv:
    """Correlation with fixed weights, without padding of its own.

    weights: float64 (kh, kw, in, out). bias: float64 (out,), a fraction of full scale.
    anchor: row and column of the weight that lies on the output pixel.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    anchor: Pair
    activation: str = "linear"
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)

    @property
    def extent(self) -> Pair:
        """Rows and columns one output pixel looks at: (k − 1)·dilation + 1."""
        kh, kw = self.weights.shape[:2]
        return (kh - 1) * self.dilation[0] + 1, (kw - 1) * self.dilation[1] + 1


@dataclass(frozen=True)
class Activation:
    function: str


@dataclass(frozen=True)
class Combine:
    """All channels into one: magnitude is the root of the sum of squares, absmax the largest |value|."""

    how: str


@dataclass(frozen=True)
class Pool:
    size: Pair
    mode: str = "max"


Layer = Pad | CoverPad | Conv | Activation | Combine | Pool


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
        for layer, following in zip(self.layers, (*self.layers[1:], None), strict=True):
            if isinstance(layer, Conv) and _dense(layer) > MAX_DENSE:
                raise FilterError(
                    f"{self.name}: {layer.name} is too wide to be dilated beside strides; use less"
                )
            if isinstance(layer, CoverPad) and not isinstance(following, Conv):
                raise FilterError(f'{self.name}: the padding "cover" must stand right before a convolution')

    @cached_property
    def _identity(self) -> tuple[Any, ...]:
        """Everything that decides the numbers."""
        return self.values, self.data_format, self.range, self.color, *map(_layer_identity, self.layers)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self._identity == other._identity

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides the numbers."""
        import hashlib  # 10 ms that most runs can do without

        return hashlib.sha256(repr(self._identity).encode()).hexdigest()

    @property
    def in_channels(self) -> int:
        """Channels the first convolution takes (1 where there is none)."""
        return next((layer.weights.shape[2] for layer in self.layers if isinstance(layer, Conv)), 1)

    @property
    def out_channels(self) -> int:
        return channels(self)[-1]

    @property
    def convs(self) -> tuple[Conv, ...]:
        return tuple(layer for layer in self.layers if isinstance(layer, Conv))

    @property
    def needs_size(self) -> bool:
        """Whether the layers depend on the picture's size (`cover`)."""
        return any(isinstance(layer, CoverPad) for layer in self.layers)


@dataclass(frozen=True)
class Settings:
    """What may be said about every convolution of a chain, and the pool after it; each field is described
    in settings.FilterSettings. None leaves it to each kernel."""

    pad: str | Pair = "same"
    border: str | None = None
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    activation: str | None = None
    bias: float | None = None
    combine: str | None = None
    pool: Pair | None = None
    pool_mode: str = "max"
    values: str | None = None
    data_format: str | None = None


def chain(parts: Iterable[Kernel | Pipeline], settings: Settings = Settings()) -> Pipeline:
    """Kernels and pipelines one after the other; kernels are padded, strided, … as `settings` say.

    >>> from convfilter.filters.kernel import make_kernel
    >>> [type(layer).__name__ for layer in chain([make_kernel([[1, 0, -1]])]).layers]
    ['Pad', 'Conv']
    """
    parts = tuple(parts)
    if not parts:
        raise FilterError("no filter; give at least one")
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
        top, left = conv.anchor[0] * conv.dilation[0], conv.anchor[1] * conv.dilation[1]
        pad = Pad(top, conv.extent[0] - 1 - top, left, conv.extent[1] - 1 - left, border)
    return [pad] if (pad.top, pad.bottom, pad.left, pad.right) != (0, 0, 0, 0) else []


def _dense(conv: Conv) -> int:
    """Weights of a convolution whose dilation must be written out, which is beside strides; else 0."""
    if conv.strides == (1, 1) or conv.dilation == (1, 1):
        return 0
    return conv.extent[0] * conv.extent[1] * int(conv.weights.shape[2] * conv.weights.shape[3])


def pair(value: int | list[int]) -> Pair:
    """Rows and columns from one number or two."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def channels(pipeline: Pipeline) -> list[int]:
    """Channels before the first layer and after each."""
    counts = [pipeline.in_channels]
    for number, layer in enumerate(pipeline.layers, 1):
        count = counts[-1]
        if isinstance(layer, Conv):
            if layer.weights.shape[2] != count:
                raise FilterError(
                    f"{pipeline.name}: layer {number} ({layer.name}) takes {layer.weights.shape[2]} channels "
                    f"but gets {count}; combine the filters before it, or change its weights"
                )
            count = layer.weights.shape[3]
        elif isinstance(layer, Combine):
            count = 1
        counts.append(count)
    return counts


def _layer_identity(layer: Layer) -> Any:
    if not isinstance(layer, Conv):
        return layer
    structure = layer.weights.shape, layer.activation, layer.strides, layer.dilation, layer.anchor
    return *structure, layer.weights.tobytes(), layer.bias.tobytes()
