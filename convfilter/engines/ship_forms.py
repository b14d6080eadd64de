"""Makes forms.bin, the forms that come with the package: `python -m convfilter.engines.ship_forms`.

Every step has a form of its own, so that shipped forms together compute any stage of such steps; what is
used most comes as a whole, which is faster. To be run again when what Keras exports has changed, which a test
finds.
"""

import sys
from collections.abc import Iterator

from convfilter.choices import ACTIVATIONS
from convfilter.engines.compiling import NotCompiled, export
from convfilter.engines.form import Form, Part, blank, form_of
from convfilter.engines.shipped import FILE, packed
from convfilter.engines.stages import (
    BANDS,
    Activate,
    Bands,
    CombineBlocks,
    Convolve,
    Depthwise,
    FromBytes,
    Planes,
    Pooling,
    Rows,
    Step,
    ToBytes,
)
from convfilter.system.cache import Entry

Steps = tuple[Step, ...]

WAYS = ("magnitude", "max", "absmax", "sum", "mean")
COUNTS = (*range(1, 11), 12, 16, 25, 30, 48)  # of filters that are combined; the last are banks with a name
COPIES = range(1, 25)  # of channels that a DepthwiseConv2D filters
_CONVOLVE = Convolve((3, 2), 8, 8)


def forms() -> list[Form]:
    """All of them, each once."""
    wanted = [*whole(), *((step,) for step in single())]
    return list(dict.fromkeys(form_of(Part(steps, (), 8)) for steps in wanted))


def whole() -> Iterator[Steps]:
    """What is computed by one model: the usual stages, with floats or bytes at their ends."""
    for core in (*_over_bands(), *_over_columns(), (Pooling((2, 2), "max"),), (Pooling((2, 2), "average"),)):
        for first in ((), (FromBytes(),)):
            for last in ((), (ToBytes(),), (Activate("abs"), ToBytes())):
                yield *first, *core, *last


def _over_bands() -> Iterator[Steps]:
    for count in range(1, 9):
        yield Bands(), Depthwise((3, 3), BANDS, count), Rows()
    for how, count in (("magnitude", 2), ("absmax", 2), ("absmax", 6), ("max", 8)):
        yield Bands(), Depthwise((3, 3), BANDS, count), CombineBlocks(how, count), Rows()
    for rank in (1, 2, 3):
        total = (CombineBlocks("sum", rank),) if rank > 1 else ()
        yield Bands(), Depthwise((3, 1), BANDS, rank), Depthwise((1, 3), BANDS * rank), *total, Rows()
    columns = Depthwise((3, 1), BANDS, 2)
    yield Bands(), columns, Depthwise((1, 3), BANDS * 2), CombineBlocks("magnitude", 2), Rows()


def _over_columns() -> Iterator[Steps]:
    yield (_CONVOLVE,)
    yield _CONVOLVE, Planes()
    yield _CONVOLVE, CombineBlocks("magnitude", 2)
    yield _CONVOLVE, _CONVOLVE
    yield _CONVOLVE, _CONVOLVE, Planes()
    for rank in (1, 2, 3):
        yield Depthwise((3, 1), 8, rank), _CONVOLVE


def single() -> Iterator[Step]:
    """Every step by itself."""
    yield from (FromBytes(), ToBytes(), Bands(), Rows(), Planes(), _CONVOLVE)
    for function in ACTIVATIONS:
        if function not in ("linear", "sparsemax"):  # of which each number of channels is a form
            yield Activate(function)
    for copies in COPIES:
        yield Depthwise((3, 3), 8, copies)
    for how in WAYS:
        for count in COUNTS:
            yield CombineBlocks(how, count)


def main() -> None:
    made: dict[Form, Entry] = {}
    for form in forms():
        try:
            made[form] = blank(export(form), form)
        except NotCompiled as error:
            print(f"left out: {form.steps}: {error}", file=sys.stderr)
    import keras
    import tensorflow

    data = packed(made, f"Keras {keras.__version__}, TensorFlow {tensorflow.__version__}")
    FILE.write_bytes(data)
    print(f"{len(made)} forms, {len(data):,} bytes in {FILE}")


if __name__ == "__main__":
    main()
