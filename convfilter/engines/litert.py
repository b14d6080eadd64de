"""A compiled model as a function, run by LiteRT on one thread."""

import threading
from typing import Any

import numpy as np

from convfilter.engines.raster import Run
from convfilter.system.stderr import quiet


def function(model: bytes) -> Run:
    """The model as a function; each thread that calls it gets its own interpreter."""
    local = threading.local()

    def run(x: np.ndarray) -> np.ndarray:
        if not hasattr(local, "interpreter"):
            local.interpreter, local.input, local.output = _interpreter(model, x.shape)
            local.shape = x.shape
        if local.shape != x.shape:
            local.interpreter.resize_tensor_input(local.input, x.shape)
            local.interpreter.allocate_tensors()
            local.shape = x.shape
        local.interpreter.set_tensor(local.input, x)
        local.interpreter.invoke()
        result: np.ndarray = local.interpreter.get_tensor(local.output)
        return result

    return run


def _interpreter(model: bytes, shape: tuple[int, ...]) -> tuple[Any, int, int]:
    """An interpreter ready for an input of `shape`, and the indices of its input and output tensors."""
    with quiet():  # it logs its delegate
        from ai_edge_litert.interpreter import Interpreter

        made = Interpreter(model_content=model, num_threads=1)
        ends = made.get_input_details()[0]["index"], made.get_output_details()[0]["index"]
        made.resize_tensor_input(ends[0], shape)
        made.allocate_tensors()
        return made, *ends
