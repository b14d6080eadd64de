"""The Keras engine: one model per pipeline, one compiled function for pictures of every size."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np

from convfilter.engines.base import LazyPlanes, as_pixels, of_array
from convfilter.engines.form import Part
from convfilter.engines.pixels import Pixels
from convfilter.engines.raster import Fill, Run, Take, through
from convfilter.engines.rewrites import direct
from convfilter.engines.stages import Shape, Stage, cut
from convfilter.errors import BackendError, ConvfilterError, PictureError, reason
from convfilter.filters.geometry import peak_bytes, resolve_padding
from convfilter.filters.pipeline import Pipeline
from convfilter.model.boot import keras
from convfilter.model.build import build
from convfilter.system.interrupts import interrupts_held
from convfilter.system.machine import SHARE, available_memory
from convfilter.system.stderr import quiet
from convfilter.system.values import dataclass

_OUT_OF_MEMORY = ("resource_exhausted", "resourceexhausted", "out of memory", "oom when", "can't allocate")


@dataclass(frozen=True)
class KerasEngine:
    """Filters as Keras computes them: the whole picture through one model.

    Where `tile` is given, or memory would not do, strips of `tile` rows go through one model per stage.
    device: auto | cpu | gpu | gpu:N.
    """

    device: str = "auto"
    tile: int | None = None

    @property
    def threads(self) -> int:
        """One: the backend has threads of its own."""
        return 1

    def sharing(self, pictures: int) -> "KerasEngine":
        """As base.Engine: one for all, since one picture is computed at a time."""
        return self

    def open(
        self, pipeline: Pipeline, source: LazyPlanes, full_scale: float, pixels: Pixels | None = None
    ) -> LazyPlanes:
        """As base.Engine."""
        return as_pixels(self._open(pipeline, source, full_scale), pixels)

    def _open(self, pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> LazyPlanes:
        settled = resolve_padding(pipeline, source.size)  # is the picture large enough?
        needed, have = peak_bytes(settled, source.size, 1), available_memory()
        if self.tile is None and (have is None or needed < SHARE * have):
            whole = np.asarray(np.moveaxis(source.rows(0, source.size[0]), 0, 2)[None], np.float32)
            return of_array(np.moveaxis(run(pipeline, whole, full_scale, self.device)[0], 2, 0))
        stages = _stages_of(settled, full_scale)
        return through(source, stages, [_stage_run(stage, self.device, pipeline.name) for stage in stages])


@lru_cache(maxsize=64)
def _stages_of(pipeline: Pipeline, full_scale: float) -> tuple[Stage, ...]:
    return cut(pipeline, full_scale, lambda conv, _: direct(conv))


@lru_cache(maxsize=64)  # by the identity of the stage; Keras keeps something of every model that is built
def _stage_run(stage: Stage, device: str, name: str) -> Run | None:
    if not stage.steps:
        return None
    from convfilter.engines.stage_model import build_stage, set_weights

    with _working(device, name), quiet():
        _exact_floats()
        model = build_stage(stage.steps, stage.channels[0] * stage.phases)
        set_weights(model, Part.of(stage))

    def run(shape: Shape, fill: Fill, take: Take) -> np.ndarray:
        x = np.empty(shape, np.float32)
        fill(x)
        with _working(device, name):
            return take(np.array(model.predict_on_batch(x)))

    return run


@contextmanager
def _working(device: str, name: str) -> Iterator[None]:
    """Run the body on the device; what the backend raises becomes a PictureError about the filter `name`."""
    try:
        with interrupts_held(), _on(device):
            yield
    except ConvfilterError:
        raise
    except Exception as error:
        raise PictureError(_what_failed(error, name)) from error


def run(pipeline: Pipeline, batch: np.ndarray, full_scale: float, device: str = "auto") -> np.ndarray:
    """The pipeline's result for float32 (n, height, width, channels), in the same order of axes.

    device: auto | cpu | gpu | gpu:N. Raises FilterError when the picture is too small for the
    pipeline, PictureError when memory runs out, BackendError when the device is not here.
    """
    resolve_padding(pipeline, (batch.shape[1], batch.shape[2]))  # is the picture large enough?
    first = pipeline.data_format == "channels_first"
    if first:
        batch = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    has_bias = any(conv.bias.any() for conv in pipeline.convs)
    with _working(device, pipeline.name):
        predict = _model(pipeline, full_scale if has_bias else 1.0, device)
        # One at a time: less memory, and oneDNN in TensorFlow aborts on batches with wide kernels.
        results = [predict(batch[n : n + 1]) for n in range(len(batch))]
        result: np.ndarray = results[0] if len(results) == 1 else np.concatenate(results)
    return result.transpose(0, 2, 3, 1) if first else result


def _what_failed(error: Exception, name: str) -> str:
    """The message for an error that the backend raised."""
    said = reason(error)
    if isinstance(error, MemoryError) or any(words in said.lower() for words in _OUT_OF_MEMORY):
        return f"not enough memory for {name}; make the picture smaller"
    return f"Keras on {keras.config.backend()} failed in {name}: {said}"


def devices() -> list[str]:
    """The devices Keras' backend can use, as Keras names them: cpu:0, gpu:0, …"""
    with quiet():
        return ["cpu:0", *_gpus()]


@lru_cache(maxsize=32)
def _model(pipeline: Pipeline, full_scale: float, device: str) -> Any:
    """The predict function of the pipeline's model; it is compiled once for pictures of any size."""
    with quiet():
        _exact_floats()
        model = build(pipeline, full_scale)
        return model.predict_on_batch


def _on(device: str) -> Any:
    """A context manager in which Keras uses the device. Raises BackendError where it is not here."""
    if device == "auto":
        return nullcontext()
    if device == "cpu":
        return keras.device("cpu:0")
    with quiet():
        found = _gpus()
    wanted = "gpu:0" if device == "gpu" else device
    if wanted not in found:
        have = f"found {', '.join(found)}" if found else "found none"
        raise BackendError(
            f"device {device}: looked for {wanted} among the GPUs that Keras' backend "
            f"{keras.config.backend()} can use, and {have}; use the device cpu"
        )
    return keras.device(wanted)


def _gpus() -> list[str]:
    if keras.config.backend() == "torch":
        import torch

        return [f"gpu:{number}" for number in range(torch.cuda.device_count())]
    try:
        return list(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # JAX has no GPU platform
        return []


def _exact_floats() -> None:
    """Full 32-bit products on GPUs, whose default may be TF32."""
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # retracing hints
        tf.config.experimental.enable_tensor_float_32_execution(False)
    elif backend == "torch":
        import torch

        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    elif backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
