"""A form compiled for LiteRT: Keras' export, and the comparison with Keras' own result."""

import numpy as np

from convfilter.engines.base import LazyPlanes
from convfilter.engines.form import Form
from convfilter.engines.pixels import Pixels
from convfilter.errors import BackendError, FilterError, first_line
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.whole_numbers import stays_whole
from convfilter.system.cache import Entry

TOLERANCE = 1e-4  # of full scale
SAMPLE = 2**20  # pixels of a picture that are compared
STRIP = 64  # rows that are compared at once


class NotCompiled(BackendError):
    """A filter that can't be compiled, or whose compiled result differs from Keras'."""


def export(form: Form) -> Entry:
    """Keras' export of the form, and where in it the arrays and numbers of its steps lie. Raises NotCompiled
    where LiteRT can't run it."""
    from convfilter.engines.litert_file import places_in, plain
    from convfilter.engines.stage_model import build_stage, export_litert
    from convfilter.model.boot import keras

    if keras.config.backend() != "tensorflow":
        raise NotCompiled(
            f'compiling needs TensorFlow, Keras runs on {keras.config.backend()}; use engine="keras"'
        )
    model = build_stage(form.steps, form.channels)
    rng = np.random.default_rng(1)
    marks = [rng.uniform(1, 2, weight.shape).astype(np.float32) for weight in model.weights]
    model.set_weights(marks)
    try:
        exported = plain(export_litert(model), form.steps)
    except Exception as error:  # whatever the converter raises
        raise NotCompiled(
            f'LiteRT can\'t run this filter ({first_line(error)}); use engine="keras"'
        ) from error
    places = places_in(exported, form, marks)
    if places is None:
        raise NotCompiled('the exported filter does not hold its weights one by one; use engine="keras"')
    return Entry(places, exported)


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
    sample = np.asarray(source.rows(0, rows))
    if source.dtype.kind == "u":
        return sample
    noise = np.random.default_rng(1).uniform(0, full_scale, sample.shape)
    return np.where(np.abs(sample) <= full_scale, sample, noise.astype(np.float32))


def compare(
    pipeline: Pipeline, sample: np.ndarray, full_scale: float, result: LazyPlanes, pixels: Pixels | None
) -> None:
    """Raise NotCompiled unless `result`, the compiled pipeline's for the sample, or the pixels of it, is
    Keras' own: the same bits where the layers keep whole numbers whole, else within TOLERANCE of full scale,
    or of whole numbers the next."""
    from convfilter.engines import keras_engine as keras

    floats = np.asarray(sample, np.float32)
    wanted = np.moveaxis(keras.run(pipeline, np.moveaxis(floats, 0, 2)[None], full_scale, "cpu")[0], 2, 0)
    wanted = wanted if pixels is None else pixels.of(wanted).astype(np.float32)
    tops = range(0, result.size[0], STRIP)
    strips = [result.rows(top, min(top + STRIP, result.size[0])) for top in tops]
    found = np.concatenate(strips, axis=1).astype(np.float32)
    whole = np.array_equal(floats, np.rint(floats))
    exact = whole and stays_whole(pipeline, float(np.abs(floats).max(initial=0)), full_scale)
    bound = TOLERANCE * max(full_scale, float(np.abs(wanted).max(initial=0)))
    if exact:
        bound = 0.0
    elif result.dtype.kind == "u":
        bound = 1.0
    differs = ~(np.abs(found - wanted) <= bound)
    if found.shape != wanted.shape or differs.any():
        raise NotCompiled(f'compiled, {pipeline.name} gives other results than Keras; use engine="keras"')
