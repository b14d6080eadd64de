"""A pipeline cut into stages, each of which can be computed strip by strip.

A stage is the padding of its input, then at most one convolution or pool, then what works pixel by pixel. Its
steps (sizes, channels, activations) are its structure, which is what is compiled; its weights are kept apart.

Phases are those of a polyphase decomposition: B neighbouring columns of a one-channel picture are seen as B
channels, (H, W, 1) as (H, W/B, B). That costs nothing, and gives a convolution enough channels to be fast.
Its kernel becomes banded; the output has B channels per filter, one for each column of a block.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from convfilter.choices import ACROSS_CHANNELS
from convfilter.errors import BackendError
from convfilter.filters.conv import Conv
from convfilter.filters.kernel import spread
from convfilter.filters.layer import Layer, Pair
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.system.values import dataclass

MOST_POINTERS = 2**24  # LiteRT keeps one for each tap and pixel of a convolution's or pool's result
NO_PAD = Pad(0, 0, 0, 0)
WIDE = 8  # phases


class NoStep(BackendError):
    """A layer that has no step, so that only Keras can run it, on whole pictures."""


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
class Columns:
    """Each channel, `copies` times one after the other, filtered down its columns: a DepthwiseConv2D of
    (taps, 1) kernels without padding."""

    taps: int
    channels: int  # of the input
    copies: int
    dilation: int = 1


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


Step = Convolve | Columns | Activate | CombineBlocks | Pooling | Planes


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of a step, float32 in Keras' shape."""

    values: np.ndarray


@dataclass(frozen=True)
class Rewrite:
    """One way to compute a convolution: steps, weights, largest error as a fraction of full scale.

    phases: columns per block that are seen as channels, 1 for none. blocks: how many blocks of `phases`
    columns an output block depends on.
    """

    name: str
    steps: tuple[Step, ...]
    weights: tuple[Weights, ...]
    phases: int = 1
    blocks: int = 1
    error: float = 0.0


@dataclass(frozen=True, eq=False)
class Stage:
    """A padding, and steps that need no other rows than those of the window of an output pixel.

    extent: rows and columns of that window. strides: rows and columns from one window to the next. channels:
    of the picture, before and after. phases, blocks: as in Rewrite.
    """

    pad: Pad
    steps: tuple[Step, ...]
    weights: tuple[Weights, ...]
    channels: tuple[int, int]
    extent: Pair = (1, 1)
    strides: Pair = (1, 1)
    phases: int = 1
    blocks: int = 1
    name: str = "direct"

    @property
    def planar(self) -> bool:
        """Whether its result has the channels first."""
        return Planes() in self.steps

    def rows_at_once(self, columns: int) -> int:
        """How many rows of a result of so many columns may be computed in one call."""
        taps = [step.taps if isinstance(step, Columns) else step.size[0] * step.size[1]
                for step in self.steps if isinstance(step, Convolve | Columns | Pooling)]  # fmt: skip
        return MOST_POINTERS // (max(taps, default=1) * -(-columns // self.phases))

    def size(self, size: Pair) -> Pair:
        """Rows and columns of the output."""
        rows = size[0] + self.pad.top + self.pad.bottom
        columns = size[1] + self.pad.left + self.pad.right
        return (
            (rows - self.extent[0]) // self.strides[0] + 1,
            (columns - self.extent[1]) // self.strides[1] + 1,
        )


Chooser = Callable[[Conv, bool], Rewrite]  # a convolution, and whether its columns may be phases


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
            chosen.phases, chosen.blocks, chosen.name,
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


def direct(conv: Conv, phases: int = 1) -> Rewrite:
    """The convolution as it is; with phases, as a banded kernel over blocks of columns. Its bias must be in
    the units of the pixels."""
    if phases == 1:
        conv = conv.for_keras()
        kh, kw, channels, filters = conv.weights.shape
        step = Convolve((kh, kw), channels, filters, conv.strides, conv.dilation, conv.activation)
        return Rewrite("direct", (step,), _as_weights(conv.weights, conv.bias))
    band = banded(spread(conv.weights, (1, conv.dilation[1])), phases)
    kh, blocks, channels, filters = band.shape
    step = Convolve((kh, blocks), channels, filters, (1, 1), (conv.dilation[0], 1), conv.activation)
    as_weights = _as_weights(band, np.repeat(conv.bias, phases))
    return Rewrite(f"direct over {phases} columns", (step,), as_weights, phases, blocks)


def _as_weights(weights: np.ndarray, bias: np.ndarray) -> tuple[Weights, Weights]:
    return Weights(weights.astype(np.float32)), Weights(bias.astype(np.float32))


def banded(weights: np.ndarray, phases: int) -> np.ndarray:
    """(kh, kw, copies, filters) → (kh, blocks, copies·phases, filters·phases): output column b of a block
    looks at columns b … b + kw − 1 from the block's first on."""
    kh, kw, copies, filters = weights.shape
    blocks = (phases + kw - 2) // phases + 1
    band = np.zeros((kh, blocks, copies, phases, filters, phases), weights.dtype)
    for b in range(phases):
        for tap in range(kw):
            block, phase = divmod(b + tap, phases)
            band[:, block, :, phase, :, b] = weights[:, tap]
    return band.reshape(kh, blocks, copies * phases, filters * phases)
