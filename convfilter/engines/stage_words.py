"""A stage in one line of plain words, for the list of what is kept compiled."""

from collections.abc import Iterator

from convfilter.engines.stages import Activate, CombineBlocks, Convolve, Depthwise, Pooling, Stage


def in_words(stage: Stage) -> str:
    """`2 filters of 3×3, magnitude`: the windows of its filters, then what is done to their results."""
    return ", ".join(_parts(stage))


def _parts(stage: Stage) -> Iterator[str]:
    combines = [step for step in stage.steps if isinstance(step, CombineBlocks)]
    if any(isinstance(step, Convolve | Depthwise) for step in stage.steps):
        count = combines[0].blocks if combines else stage.channels[1]
        on = f" on {stage.channels[0]} channels" if stage.channels[0] > 1 else ""
        yield f"{count} filter{'s' * (count > 1)} of {_by(stage.extent)}{on}"
        if stage.strides != (1, 1):
            yield f"strides {_by(stage.strides)}"
    for step in stage.steps:
        match step:
            case Convolve(activation=function) if function != "linear":
                yield function
            case Activate(function):
                yield function
            case CombineBlocks(how):
                yield how
            case Pooling(size, mode):
                yield f"{mode} pool of {_by(size)}"


def _by(pair: tuple[int, int]) -> str:
    return f"{pair[0]}×{pair[1]}"
