"""A stage compiled for LiteRT: Keras' export of its structure, and the comparison with Keras' own result."""

from collections.abc import Sequence

import numpy as np

from convfilter.engines.base import LazyPlanes
from convfilter.engines.stages import Stage, Step, Weights
from convfilter.errors import BackendError, FilterError, first_line
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.whole_numbers import stays_whole
from convfilter.system.cache import Entry
from convfilter.system.values import dataclass

TOLERANCE = 1e-4  # of full scale
SAMPLE = 2**20  # pixels of a picture that are compared
STRIP = 64  # rows that are compared at once


class NotCompiled(BackendError):
    """A filter that can't be compiled, or whose compiled result differs from Keras'."""


@dataclass(frozen=True)
class Structure:
    """What is compiled: a stage's steps without their weights, and the channels that enter them."""

    steps: tuple[Step, ...]
    channels: int

    @classmethod
    def of(cls, stage: Stage) -> "Structure":
        return cls(stage.steps, stage.channels[0] * stage.phases)


def export(structure: Structure) -> Entry:
    """Keras' export of the structure, and where in it each of its weights lies: they are random numbers whose
    bytes can be found. Raises NotCompiled where LiteRT can't run it."""
    from convfilter.engines.stage_model import build_stage, export_litert
    from convfilter.model.boot import keras

    if keras.config.backend() != "tensorflow":
        raise NotCompiled(
            f'compiling needs TensorFlow, Keras runs on {keras.config.backend()}; use engine="keras"'
        )
    model = build_stage(structure.steps, structure.channels)
    rng = np.random.default_rng(1)
    marks = [rng.uniform(1, 2, weight.shape).astype(np.float32) for weight in model.weights]
    model.set_weights(marks)
    try:
        exported = export_litert(model)
    except Exception as error:  # whatever the converter raises
        raise NotCompiled(
            f'LiteRT can\'t run this filter ({first_line(error)}); use engine="keras"'
        ) from error
    places = tuple(exported.find(_bytes(mark)) for mark in marks)
    if -1 in places or any(exported.count(_bytes(mark)) > 1 for mark in marks):
        raise NotCompiled('the exported filter does not hold its weights one by one; use engine="keras"')
    return Entry(places, exported)


def with_weights(entry: Entry, weights: Sequence[Weights]) -> bytes:
    """The compiled model with these weights in place of those it was exported with. Raises ValueError where
    they don't fit."""
    model = bytearray(entry.model)
    for place, each in zip(entry.places, weights, strict=True):
        data = _bytes(each.values)
        if place + len(data) > len(model):
            raise ValueError("weights beyond the end of the model")
        model[place : place + len(data)] = data
    return bytes(model)


def sample_of(pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> np.ndarray:
    """(channels, rows, width) to compare on: the picture, or its upper part if the pipeline needs no more.

    NaN and values beyond full scale become noise, since beside them no difference would be seen.
    """
    height, width = source.size
    rows = min(height, max(SAMPLE // width, 64))
    try:
        resolve_padding(pipeline, (rows, width))
    except FilterError:
        rows = height
    sample = np.asarray(source.rows(0, rows), np.float32)
    noise = np.random.default_rng(1).uniform(0, full_scale, sample.shape)
    return np.where(np.abs(sample) <= full_scale, sample, noise.astype(np.float32))


def compare(pipeline: Pipeline, sample: np.ndarray, full_scale: float, result: LazyPlanes) -> None:
    """Raise NotCompiled unless `result`, the compiled pipeline's for the sample, is Keras' own: the same bits
    where the layers keep whole numbers whole, else within TOLERANCE of full scale."""
    from convfilter.engines import keras_engine as keras

    wanted = keras.run(pipeline, np.moveaxis(sample, 0, 2)[None], full_scale, "cpu")[0]
    tops = range(0, result.size[0], STRIP)
    strips = [result.rows(top, min(top + STRIP, result.size[0])) for top in tops]
    found = np.moveaxis(np.concatenate(strips, axis=1), 0, 2)
    whole = np.array_equal(sample, np.rint(sample))
    exact = whole and stays_whole(pipeline, float(np.abs(sample).max(initial=0)), full_scale)
    bound = 0.0 if exact else TOLERANCE * max(full_scale, float(np.abs(wanted).max(initial=0)))
    differs = ~(np.abs(found - wanted) <= bound)
    if found.shape != wanted.shape or differs.any():
        raise NotCompiled(f'compiled, {pipeline.name} gives other results than Keras; use engine="keras"')


def _bytes(values: np.ndarray) -> bytes:
    """A step's weights as they lie in a LiteRT file."""
    axes = {4: (3, 0, 1, 2), 1: (0,)}[values.ndim]
    return np.ascontiguousarray(values.transpose(axes), "<f4").tobytes()
