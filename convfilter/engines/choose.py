"""Which engine computes a filter."""

import importlib.util
import os
from pathlib import Path

from convfilter.backend import check_device, configured_backend
from convfilter.choices import ENGINES, PLANS, check_word
from convfilter.engines.base import Engine
from convfilter.errors import BackendError
from convfilter.system.machine import cores


def choose_engine(
    name: str = "auto",
    *,
    device: str = "auto",
    plan: str = "auto",
    tile: int | None = None,
) -> Engine:
    """The engine called `name`; neither Keras nor TensorFlow is imported unless it is Keras'.

    name: auto | compiled | keras. auto is the compiled one, with Keras for what LiteRT can't run, unless a
    GPU is present or asked for, or Keras runs on another backend than TensorFlow. device: auto | cpu | gpu |
    gpu:N. plan: auto | direct, as in planner.choose. tile: rows of a strip. Raises BackendError for an
    unknown word, and for the compiled engine on a GPU.
    """
    check_device(device)
    check_word("engine", name, ENGINES, BackendError)
    check_word("plan", plan, PLANS, BackendError)
    on_gpu = device.startswith("gpu") or (device == "auto" and name == "auto" and has_gpu())
    if name == "compiled" and on_gpu:
        raise BackendError(f'the compiled engine runs on the CPU only; use engine="keras" for {device}')
    if name == "keras" or on_gpu or (name == "auto" and configured_backend() != "tensorflow"):
        from convfilter.engines.keras_engine import KerasEngine

        return KerasEngine(device, tile)
    from convfilter.engines.compiled import CompiledEngine

    return CompiledEngine(plan, cores(), name == "auto", device, tile)


def has_gpu() -> bool:
    """Whether an NVIDIA driver and TensorFlow's CUDA libraries are installed; they may not fit together."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    driver = Path("/proc/driver/nvidia/version").exists()
    return driver and not hidden and importlib.util.find_spec("nvidia") is not None


def takes_bands(engine: Engine) -> bool:
    """Whether a picture's bands of columns come out as they do in the whole picture, to the last bit. Keras
    adds in another order where the width is another."""
    from convfilter.engines.compiled import CompiledEngine

    return isinstance(engine, CompiledEngine)
