"""A compiled model as a function, run by LiteRT on one thread."""

import threading
from typing import Any

import numpy as np

from convfilter.engines.raster import Run
from convfilter.system.stderr import quiet


def function(model: bytes) -> Run:
    """The model's function; each thread that calls it gets an interpreter of its own."""
    own = threading.local()

    def run(x: np.ndarray) -> np.ndarray:
        if not hasattr(own, "interpreter"):
            own.interpreter, own.input, own.output = _interpreter(model, x.shape)
            own.shape = x.shape
        if own.shape != x.shape:
            own.interpreter.resize_tensor_input(own.input, x.shape)
            own.interpreter.allocate_tensors()
            own.shape = x.shape
        own.interpreter.set_tensor(own.input, x)
        own.interpreter.invoke()
        result: np.ndarray = own.interpreter.get_tensor(own.output)
        return result

    return run


def _interpreter(model: bytes, shape: tuple[int, ...]) -> tuple[Any, int, int]:
    """An interpreter ready for an input of `shape`, and the numbers of its input and output."""
    with quiet():  # it tells of its delegate
        from ai_edge_litert.interpreter import Interpreter

        made = Interpreter(model_content=model, num_threads=1)
        ends = made.get_input_details()[0]["index"], made.get_output_details()[0]["index"]
        made.resize_tensor_input(ends[0], shape)
        made.allocate_tensors()
        return made, *ends
