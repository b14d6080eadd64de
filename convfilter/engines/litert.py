"""A compiled model as a function, run by LiteRT on one thread."""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from convfilter.engines.raster import Fill, Run, Take
from convfilter.engines.stages import Shape
from convfilter.system.stderr import quiet


def function(model: bytes) -> Run:
    """The model as a function; each thread that calls it gets its own interpreter.

    Both tensors are used in place. LiteRT refuses to run while an array of its memory is still held.
    """
    local = threading.local()

    def run(shape: Shape, fill: Fill, take: Take) -> np.ndarray:
        if not hasattr(local, "interpreter"):
            local.interpreter, local.input, local.output = _interpreter(model, shape)
            local.shape = shape
        if local.shape != shape:
            local.interpreter.resize_tensor_input(local.input, shape)
            local.interpreter.allocate_tensors()
            local.shape = shape
        fill(local.interpreter.tensor(local.input)())
        local.interpreter.invoke()
        return take(local.interpreter.tensor(local.output)())

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
    into[...] = values


def _interpreter(model: bytes, shape: Shape) -> tuple[Any, int, int]:
    """An interpreter ready for an input of `shape`, and the indices of its input and output tensors."""
    with quiet():  # it logs its delegate
        from ai_edge_litert.interpreter import Interpreter

        made = Interpreter(model_content=model, num_threads=1)
        ends = made.get_input_details()[0]["index"], made.get_output_details()[0]["index"]
        made.resize_tensor_input(ends[0], shape)
        made.allocate_tensors()
        return made, *ends
