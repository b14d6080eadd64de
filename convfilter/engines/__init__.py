"""Engines run pipelines on rasters; one engine a file, imported when it is used.

    keras.KerasEngine        Keras itself, on the backend and device asked for: the definition of a filter
    compiled.CompiledEngine  Keras' export of it, run by LiteRT on the CPU

Both have the same `threads`, `sharing` and `open`.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

from convfilter.choices import ENGINES, PLANS, check_word
from convfilter.errors import BackendError
from convfilter.system.machine import cores


def choose_engine(
    name: str = "auto",
    *,
    device: str = "auto",
    plan: str = "auto",
    tile: int | None = None,
) -> Any:
    """The engine called `name`; auto is the compiled one unless a GPU or another backend is at hand or asked
    for, and Keras for what LiteRT can't run. Raises BackendError.

    plan: auto | direct, as in planner.choose. tile: rows of a strip.
    """
    from convfilter.backend import check_device, configured_backend

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
    """Whether an NVIDIA driver and TensorFlow's CUDA libraries are here; says nothing of their fitting."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    there = Path("/proc/driver/nvidia/version").exists()
    return there and not hidden and importlib.util.find_spec("nvidia") is not None
