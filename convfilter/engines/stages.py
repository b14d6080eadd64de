"""A pipeline cut into stages, each of which can be computed strip by strip.

A stage is the padding of its input, then at most one convolution or pool, then what works pixel by pixel. Its
steps (sizes, channels, activations) are its structure, which is what is compiled; its weights are kept apart.

Two views give a picture of one channel enough of them for a convolution to be fast:

- Phases are those of a polyphase decomposition: B neighbouring columns are seen as B channels, (H, W, 1)
  as (H, W/B, B). The kernel becomes banded; the output has B channels per filter, one for each column of a
  block.
- Bands: the picture is cut into BANDS upright bands, which become the channels of a DepthwiseConv2D.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from convfilter.choices import ACROSS_CHANNELS
from convfilter.errors import BackendError
from convfilter.filters.conv import Conv
from convfilter.filters.layer import Layer, Pair
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.system.values import dataclass

MOST_POINTERS = 2**24  # LiteRT keeps one for each tap and pixel of a convolution's or pool's result
NO_PAD = Pad(0, 0, 0, 0)
WIDE = 8  # phases
BANDS = 16
BYTES = np.dtype(np.uint8)


class NoStep(BackendError):
    """A layer that has no step, so that only Keras can run it, on whole pictures."""


Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Convolve:
    """A Conv2D without padding, with a bias."""

    size: Pair
    channels: int
    filters: int
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    activation: str = "linear"


@dataclass(frozen=True)
class Depthwise:
    """Each channel, `copies` times one after the other, filtered by itself: a DepthwiseConv2D without
    padding, with a bias."""

    size: Pair
    channels: int  # of the input
    copies: int = 1
    dilation: Pair = (1, 1)
    activation: str = "linear"


@dataclass(frozen=True)
class Bands:
    """(1, H, bands, columns) as (1, H, columns, bands): bands become channels."""


@dataclass(frozen=True)
class Rows:
    """The way back from Bands: (1, H, columns, filters · bands) as (1, H, filters · bands, columns), in which
    each filter's rows are whole."""


@dataclass(frozen=True)
class Activate:
    function: str


@dataclass(frozen=True)
class CombineBlocks:
    """`blocks` equal runs of channels into one, element by element."""

    how: str
    blocks: int


@dataclass(frozen=True)
class Pooling:
    size: Pair
    mode: str


@dataclass(frozen=True)
class Planes:
    """(1, H, W, C) as (1, C, H, W)."""


@dataclass(frozen=True)
class FromBytes:
    """Bytes as floats of the same values."""


@dataclass(frozen=True)
class ToBytes:
    """Floats as bytes: clipped to 0 … 255 and rounded, halves to even."""


Step = Convolve | Depthwise | Bands | Rows | Activate | CombineBlocks | Pooling | Planes | FromBytes | ToBytes


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of a step, float32 in Keras' shape."""

    values: np.ndarray


@dataclass(frozen=True)
class Rewrite:
    """One way to compute a convolution: steps, weights, largest error as a fraction of full scale.

    phases: columns per block that are seen as channels, 1 for none. blocks: how many blocks of `phases`
    columns an output block depends on. bands: how many bands the picture is cut into, 1 for none; its steps
    begin with Bands, and Rows is still to come.
    """

    name: str
    steps: tuple[Step, ...]
    weights: tuple[Weights, ...]
    phases: int = 1
    blocks: int = 1
    bands: int = 1
    error: float = 0.0


@dataclass(frozen=True, eq=False)
class Stage:
    """A padding, and steps that need no other rows than those of the window of an output pixel.

    extent: rows and columns of that window. strides: rows and columns from one window to the next. channels:
    of the picture, before and after. phases, blocks, bands: as in Rewrite.
    """

    pad: Pad
    steps: tuple[Step, ...]
    weights: tuple[Weights, ...]
    channels: tuple[int, int]
    extent: Pair = (1, 1)
    strides: Pair = (1, 1)
    phases: int = 1
    blocks: int = 1
    bands: int = 1
    name: str = "direct"

    @property
    def gives_bytes(self) -> bool:
        """Whether its result is pixels already."""
        return ToBytes() in self.steps

    @property
    def planar(self) -> bool:
        """Whether its result has the channels first."""
        return Planes() in self.steps

    def rows_at_once(self, columns: int) -> int:
        """How many rows of a result of so many columns may be computed in one call."""
        taps = [step.size[0] * step.size[1] for step in self.steps
                if isinstance(step, Convolve | Depthwise | Pooling)]  # fmt: skip
        return MOST_POINTERS // (max(taps, default=1) * -(-columns // (self.phases * self.bands)))

    def columns_taken(self, columns: int) -> int:
        """How many columns of the padded input a result of so many is computed from; what lies beyond the
        padding has no influence."""
        if self.phases > 1:
            return (-(-columns // self.phases) + self.blocks - 1) * self.phases
        if self.bands > 1:
            return -(-columns // self.bands) * self.bands + self.extent[1] - 1
        return (columns - 1) * self.strides[1] + self.extent[1]

    def input_shape(self, rows: int, columns: int) -> Shape:
        """The shape of what the steps take, for so many rows and columns of the padded input."""
        if self.bands > 1:
            halo = self.extent[1] - 1
            return 1, rows, self.bands, (columns - halo) // self.bands + halo
        return 1, rows, columns // self.phases, self.channels[0] * self.phases

    def size(self, size: Pair) -> Pair:
        """Rows and columns of the output."""
        rows = size[0] + self.pad.top + self.pad.bottom
        columns = size[1] + self.pad.left + self.pad.right
        return (
            (rows - self.extent[0]) // self.strides[0] + 1,
            (columns - self.extent[1]) // self.strides[1] + 1,
        )


def with_bytes(stages: Sequence[Stage], takes: bool, gives: bool, absolute: bool) -> tuple[Stage, ...]:
    """The stages with bytes for floats at the ends asked for. absolute: whether the absolute values of the
    results become bytes."""
    *before, last = stages
    if gives and last.steps:
        magnitudes = (Activate("abs"),) if absolute else ()
        last = replace(last, steps=(*last.steps, *magnitudes, ToBytes()))
    first, *others = [*before, last]
    if takes and first.steps:
        first = replace(first, steps=(FromBytes(), *first.steps))
    return first, *others


Chooser = Callable[[Conv, bool], Rewrite]  # a convolution, and whether its columns may be phases or bands


def cut(pipeline: Pipeline, full_scale: float, choose: Chooser) -> tuple[Stage, ...]:
    """The stages of a pipeline whose padding is resolved; `choose` picks each convolution's rewriting."""
    stages, channels = [], pipeline.in_channels
    for pad, core, following in _segments(pipeline.layers):
        stage = _stage(pad, core, following, channels, full_scale, choose)
        stages.append(stage)
        channels = stage.channels[1]
    return tuple(stages)


def _segments(layers: Sequence[Layer]) -> list[tuple[Pad, Conv | Pool | None, list[Activation | Combine]]]:
    """Each padding with the convolution or pool after it, and what then works pixel by pixel."""
    found: list[tuple[Pad, Conv | Pool | None, list[Activation | Combine]]] = []
    pad: Pad | None = None
    for layer in layers:
        assert not isinstance(layer, CoverPad)  # resolve_padding replaced them
        if isinstance(layer, Pad):
            if pad is not None:
                found.append((pad, None, []))
            pad = layer
        elif isinstance(layer, Conv | Pool):
            found.append((pad or NO_PAD, layer, []))
            pad = None
        elif not isinstance(layer, Activation | Combine):
            raise NoStep(f'only Keras runs {layer.keras_name}, and not by strips; use engine="keras"')
        elif pad is None and found:
            found[-1][2].append(layer)
        else:
            found.append((pad or NO_PAD, None, [layer]))
            pad = None
    return [*found, *([(pad, None, [])] if pad is not None else [])]


def _stage(
    pad: Pad,
    core: Conv | Pool | None,
    following: Sequence[Activation | Combine],
    channels: int,
    full_scale: float,
    choose: Chooser,
) -> Stage:
    if isinstance(core, Conv):
        chosen = choose(replace(core, bias=core.bias * full_scale), phases_fit(core, following))
        filters = core.weights.shape[3]
        stage = Stage(
            pad, chosen.steps, chosen.weights, (channels, filters), core.extent, core.strides,
            chosen.phases, chosen.blocks, chosen.bands, chosen.name,
        )  # fmt: skip
    elif isinstance(core, Pool):
        stage = Stage(pad, (Pooling(core.size, core.mode),), (), (channels, channels), core.size, core.size)
    else:
        stage = Stage(pad, (), (), (channels, channels))
    for layer in following:
        if isinstance(layer, Activation):
            stage = replace(stage, steps=(*stage.steps, Activate(layer.function)))
        else:
            combine = CombineBlocks(layer.how, stage.channels[1])
            stage = replace(stage, steps=(*stage.steps, combine), channels=(channels, 1))
    if stage.bands > 1:
        return replace(stage, steps=(*stage.steps, Rows()))
    if stage.steps and stage.channels[1] > 1 and stage.phases < WIDE:  # of wide blocks it is as fast outside
        stage = replace(stage, steps=(*stage.steps, Planes()))
    return stage


def phases_fit(conv: Conv, following: Sequence[Activation | Combine] = ()) -> bool:
    """Whether columns may be seen as channels: of one channel, without strides or activations across
    channels."""
    functions = functions_of(conv, following)
    return conv.weights.shape[2] == 1 and conv.strides == (1, 1) and functions.isdisjoint(ACROSS_CHANNELS)


def functions_of(core: Conv | Pool | None, following: Sequence[Activation | Combine]) -> set[str]:
    """The activations of a stage."""
    own = {core.activation} if isinstance(core, Conv) else set()
    return own | {layer.function for layer in following if isinstance(layer, Activation)}
