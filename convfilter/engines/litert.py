"""A compiled model as a function, run by LiteRT on one thread."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from convfilter.engines.raster import Fill, Run, Take
from convfilter.engines.stages import Shape
from convfilter.system.stderr import quiet


def function(model: bytes) -> Run:
    """The model as a function; as many interpreters are made as threads call it at once.

    Both tensors are used in place. LiteRT refuses to run while an array of its memory is still held.
    """
    idle: list[_Interpreter] = []

    def run(shape: Shape, fill: Fill, take: Take) -> np.ndarray:
        try:
            mine = idle.pop()
        except IndexError:  # all are at work
            mine = _Interpreter(model)
        mine.resize(shape)
        fill(mine.input())
        mine.invoke()
        result = take(mine.output())
        idle.append(mine)
        return result

    return run


def in_a_row(functions: Sequence[Run]) -> Run:
    """The functions one after the other, as one."""
    *before, last = functions
    if not before:
        return last

    def run(shape: Shape, fill: Fill, take: Take) -> np.ndarray:
        for each in before:
            result = each(shape, fill, np.copy)
            shape, fill = result.shape, partial(_copy, result)
        return last(shape, fill, take)

    return run


def _copy(values: np.ndarray, into: np.ndarray) -> None:
    np.copyto(into, values, casting="no")  # pieces that don't fit together must not pass for pixels


class _Interpreter:
    """LiteRT's interpreter for one input and one output."""

    def __init__(self, model: bytes) -> None:
        with quiet():  # it logs its delegate
            from ai_edge_litert.interpreter import Interpreter

            made = Interpreter(model_content=model, num_threads=1)
        self._interpreter = made
        self._shape: Shape | None = None
        self._place = made.get_input_details()[0]["index"]
        self.input = made.tensor(self._place)
        self.output = made.tensor(made.get_output_details()[0]["index"])
        self.invoke = made.invoke

    def resize(self, shape: Shape) -> None:
        """Make ready for an input of this shape."""
        if shape != self._shape:
            with quiet():
                self._interpreter.resize_tensor_input(self._place, shape)
                self._interpreter.allocate_tensors()
            self._shape = shape
