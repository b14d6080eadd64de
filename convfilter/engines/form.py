"""A form: what is compiled once for stages of every size.

Keras exports one small model of a form. Where in that file the arrays, strides, dilations and pool sizes lie
is kept beside it, and a stage's own are written there: its arrays behind the end of the file.
"""

import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from convfilter.engines.stages import (
    BANDS,
    Activate,
    Bands,
    CombineBlocks,
    Convolve,
    Depthwise,
    Pooling,
    Stage,
    Step,
    Weights,
)
from convfilter.system.cache import Entry
from convfilter.system.values import dataclass

_SIZE = (1, 2)  # of the windows in what is exported
_PRIMES = (11, 13, 17)  # channels there: those that enter, and those of each convolution's every block
_COUNTING = ("sparsemax",)  # activations in whose model the number of channels is more than a shape's
_ALIGNED = 16  # bytes: where LiteRT wants arrays to begin


@dataclass(frozen=True)
class Form:
    """A stage's steps with small sizes in place of its own, and the channels that enter them."""

    steps: tuple[Step, ...]
    channels: int

    @property
    def exact(self) -> bool:
        """Whether its numbers of channels are the stage's own."""
        return Bands() in self.steps or any(_function(step) in _COUNTING for step in self.steps)


@dataclass(frozen=True, eq=False)
class Part:
    """Steps in a row of a stage, their weights, and the channels that enter them."""

    steps: tuple[Step, ...]
    weights: tuple[Weights, ...]
    channels: int

    @classmethod
    def of(cls, stage: Stage) -> "Part":
        """All of a stage."""
        return cls(stage.steps, stage.weights, stage.channels[0] * stage.phases)

    def between(self, start: int, end: int) -> "Part":
        """Its steps from `start` to before `end`."""
        first = sum(_arrays(step) for step in self.steps[:start])
        count = sum(_arrays(step) for step in self.steps[start:end])
        channels = channels_along(self.steps, self.channels)[start]
        return Part(self.steps[start:end], self.weights[first : first + count], channels)

    def unfused(self) -> "Part":
        """The same with each activation of a convolution as a step of its own."""
        steps: list[Step] = []
        for step in self.steps:
            if isinstance(step, Convolve | Depthwise) and step.activation != "linear":
                steps += [replace(step, activation="linear"), Activate(step.activation)]
            else:
                steps.append(step)
        return replace(self, steps=tuple(steps))


def pieces(part: Part, known: Callable[[Form], bool]) -> list[Part] | None:
    """The part as pieces of known forms, the first as long as there is one; None where there are none."""
    found, start = [], 0
    while start < len(part.steps):
        ends = range(len(part.steps), start, -1)
        longest = next((end for end in ends if known(form_of(part.between(start, end)))), None)
        if longest is None:
            return None
        found.append(part.between(start, longest))
        start = longest
    return found


def form_of(part: Part) -> Form:
    """The part's form."""
    entering = 1 if Bands() in part.steps else part.channels
    own = Form(tuple(_smaller(step) for step in part.steps), entering)
    if own.exact:
        return own
    blocks = next((step.blocks for step in own.steps if isinstance(step, CombineBlocks)), 1)
    convolutions = [step for step in own.steps if isinstance(step, Convolve)]
    entering, *others = _PRIMES
    first = count = entering if convolutions else entering * blocks
    steps: list[Step] = []
    for step in own.steps:
        if isinstance(step, Convolve):
            step = replace(step, channels=count, filters=others.pop(0) * blocks)
        elif isinstance(step, Depthwise):
            step = replace(step, channels=count)
        steps.append(step)
        count = _after(step, count)
    return Form(tuple(steps), first)


def channels_along(steps: Sequence[Step], channels: int) -> list[int]:
    """How many channels enter the steps, and how many leave each."""
    found = [channels]
    for step in steps:
        found.append(_after(step, found[-1]))
    return found


def _after(step: Step, channels: int) -> int:
    match step:
        case Bands():
            return BANDS
        case Convolve(filters=filters):
            return filters
        case Depthwise(copies=copies):
            return channels * copies
        case CombineBlocks(blocks=blocks):
            return channels // blocks
    return channels


def filled(entry: Entry, part: Part) -> bytes:
    """The compiled form with the part's own sizes and arrays. Raises ValueError where they don't fit."""
    model, places, arrays = bytearray(entry.model), iter(entry.places), arrays_of(part)
    try:
        for step, layers in zip(part.steps, layers_along(part.steps), strict=True):
            for _ in range(layers):
                for values in itertools.islice(arrays, _arrays(step)):
                    _put_array(model, places, values)
                for number in numbers_of(step):
                    struct.pack_into("<i", model, next(places), number)
        counts = channels_along(part.steps, part.channels)
        for place, which in zip(places, places, strict=True):
            struct.pack_into("<i", model, place, counts[which])
    except (StopIteration, IndexError, struct.error) as error:
        raise ValueError("a compiled form of other steps") from error
    return bytes(model)


def arrays_of(part: Part) -> Iterator[np.ndarray]:
    """The weights of each layer of the part's model, in Keras' shapes: a Depthwise of several planes is a
    layer for each."""
    weights = iter(part.weights)
    for step, layers in zip(part.steps, layers_along(part.steps), strict=True):
        both = [each.values for each in itertools.islice(weights, _arrays(step))]
        split = [np.split(values, layers, axis=min(2, values.ndim - 1)) for values in both]
        yield from itertools.chain.from_iterable(zip(*split, strict=True))


def layers_along(steps: Sequence[Step]) -> Iterator[int]:
    """How many layers of its model each step is."""
    planes = 1
    for step in steps:
        if isinstance(step, Depthwise):
            planes *= step.copies
            yield planes
            continue
        if isinstance(step, CombineBlocks) and planes % step.blocks == 0:
            planes //= step.blocks
        else:
            planes = 1
        yield 1


def blank(entry: Entry, form: Form) -> Entry:
    """The compiled form with zeros for the weights it was exported with: they compress well."""
    model, places = bytearray(entry.model), iter(entry.places)
    for step, layers in zip(form.steps, layers_along(form.steps), strict=True):
        for _ in range(layers):
            for _ in range(_arrays(step)):
                next(places)
                place = next(places)
                start = place + struct.unpack_from("<I", model, place)[0]
                (length,) = struct.unpack_from("<I", model, start)
                model[start + 4 : start + 4 + length] = bytes(length)
            for _ in numbers_of(step):
                next(places)
    return replace(entry, model=bytes(model))


def _arrays(step: Step) -> int:
    """How many arrays of weights a step has."""
    return 2 if isinstance(step, Convolve | Depthwise) else 0


def numbers_of(step: Step) -> tuple[int, ...]:
    """The numbers of a step that lie in its model beside the arrays, in the order of a form's places."""
    match step:
        case Convolve(strides=strides, dilation=dilation):
            return *strides, *dilation
        case Depthwise(dilation=dilation):
            return dilation
        case Pooling(size):
            return *size, *size  # strides, and the window
    return ()


def as_stored(values: np.ndarray) -> np.ndarray:
    """A step's weights in the order of a LiteRT file, whose arrays begin with the filters."""
    axes = {4: (3, 0, 1, 2), 1: (0,)}[values.ndim]
    return np.ascontiguousarray(values.transpose(axes), "<f4")


def _put_array(model: bytearray, places: Iterator[int], values: np.ndarray) -> None:
    """Write an array behind the model, its shape and where it begins at the next two places."""
    stored = as_stored(values)
    struct.pack_into(f"<{stored.ndim}i", model, next(places), *stored.shape)
    model += bytes(-(len(model) + 4) % _ALIGNED)
    place = next(places)
    struct.pack_into("<I", model, place, len(model) - place)  # FlatBuffers count from where the number lies
    model += struct.pack("<I", stored.nbytes) + stored.tobytes()


def _smaller(step: Step) -> Step:
    match step:
        case Convolve():
            return replace(step, size=_SIZE, strides=(1, 1), dilation=(1, 1))
        case Depthwise():
            return replace(step, size=_SIZE, dilation=(1, 1))
        case Pooling():
            return replace(step, size=_SIZE)
    return step


def _function(step: Step) -> str:
    match step:
        case Convolve(activation=function) | Depthwise(activation=function) | Activate(function):
            return function
    return "linear"
