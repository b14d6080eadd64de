"""The compiled engine: Keras defines a stage once, LiteRT runs it from then on, Keras not even imported.

See README.md beside this file for why LiteRT, and for what was measured.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from convfilter.engines.fingerprint import made_by
from convfilter.engines.limits import instead, reach, within
from convfilter.engines.litert import function
from convfilter.engines.planner import allowed_errors, choose
from convfilter.engines.raster import LARGE, LazyPlanes, Run, of_array, through
from convfilter.engines.stage_words import in_words
from convfilter.engines.stages import NoStep, Stage, Step, Weights, cut
from convfilter.errors import BackendError, FilterError
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.whole_numbers import stays_whole
from convfilter.system import cache
from convfilter.system.cache import Entry

TOLERANCE = 1e-4  # of full scale
SAMPLE = 2**20  # pixels of a picture that the first comparison looks at
STRIP = 64  # rows that it computes at once

_compiling = threading.Lock()
_kept: dict["Structure", Entry] = {}
_refused: dict[tuple["Structure", ...], str] = {}  # why not


class NotCompiled(BackendError):
    """A filter that can't be compiled, or whose compiled result is not Keras' own."""


@dataclass(frozen=True)
class Structure:
    """What is compiled: a stage's steps, and the channels that enter them."""

    steps: tuple[Step, ...]
    channels: int

    @classmethod
    def of(cls, stage: Stage) -> "Structure":
        return cls(stage.steps, stage.channels[0] * stage.phases)


@dataclass(frozen=True)
class CompiledEngine:
    """Filters compiled once for LiteRT. falls_back: Keras takes what can't be compiled, with this device and
    tile."""

    plan: str = "auto"
    threads: int = 1
    falls_back: bool = False
    device: str = "auto"
    tile: int | None = None

    def sharing(self, pictures: int) -> "CompiledEngine":
        """For several pictures at once."""
        return replace(self, threads=max(1, self.threads // pictures))

    def open(self, pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> LazyPlanes:
        """As filtering.Engine. Raises NotCompiled for what only Keras can run, unless it falls back."""
        try:
            return open_raster(pipeline, source, full_scale, self.plan)
        except (NotCompiled, NoStep):
            if not self.falls_back:
                raise
        from convfilter.engines.keras_engine import KerasEngine

        return KerasEngine(self.device, self.tile).open(pipeline, source, full_scale)


def open_raster(pipeline: Pipeline, source: LazyPlanes, full_scale: float, plan: str = "auto") -> LazyPlanes:
    """The pipeline's result for `source`, as the stages that `plan` chooses; rows that hold NaN, or numbers
    so large that something may overflow, are Keras' own.

    Raises FilterError when the picture is too small for the pipeline, NotCompiled when only Keras can run
    this filter.
    """
    stages = stages_of(resolve_padding(pipeline, source.size), full_scale, plan)
    _check_taps(stages, source.size)
    _check_reach(stages, full_scale)
    if _missing(stages):
        with _compiling:
            _compile(pipeline, source, full_scale, plan, stages)
    result = through(within(source, reach(stages)), stages, [_run_of(stage) for stage in stages])
    return instead(result, lambda: _by_keras(pipeline, source, full_scale))


def _by_keras(pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> LazyPlanes:
    """What the Keras engine gives on the CPU, by strips only where the picture is a large one: so any other
    comes out to the same bits whatever strips are asked for."""
    from convfilter.engines.keras_engine import KerasEngine

    large = source.size[0] * source.size[1] > LARGE
    return KerasEngine("cpu", STRIP if large else None).open(pipeline, source, full_scale)


def _missing(stages: Sequence[Stage]) -> tuple["Structure", ...]:
    """What is not compiled yet."""
    wanted = {Structure.of(stage): stage for stage in stages if stage.steps}
    return tuple(structure for structure, stage in wanted.items() if _find(stage) is None)


def _check_taps(stages: Sequence[Stage], size: Pair) -> None:
    """NotCompiled where a single row would take LiteRT too much memory."""
    for stage in stages:
        size = stage.size(size)
        if not stage.rows_at_once(size[1]):
            raise NotCompiled('a kernel too large for LiteRT; use engine="keras"')


def _check_reach(stages: tuple[Stage, ...], full_scale: float) -> None:
    """NotCompiled where an ordinary pixel may already be more than LiteRT is trusted with."""
    if reach(stages) < full_scale:
        raise NotCompiled(
            f'LiteRT runs this filter for values up to {max(reach(stages), 0):.3g} only; use engine="keras"'
        )


def stages_of(pipeline: Pipeline, full_scale: float, plan: str) -> tuple[Stage, ...]:
    """The stages of a settled pipeline, its convolutions as `plan` says."""
    return _stages_of(pipeline, full_scale if any(conv.bias.any() for conv in pipeline.convs) else 1.0, plan)


@lru_cache(maxsize=64)
def _stages_of(pipeline: Pipeline, full_scale: float, plan: str) -> tuple[Stage, ...]:
    errors = iter(allowed_errors(pipeline))
    return cut(pipeline, full_scale, lambda conv, phases: choose(conv, phases, plan, next(errors)))


def _compile(
    pipeline: Pipeline, source: LazyPlanes, full_scale: float, plan: str, stages: Sequence[Stage]
) -> None:
    """Compile what is missing and keep it, if its result is Keras' own on this picture."""
    missing = _missing(stages)  # another thread may have been faster
    if missing in _refused:
        raise NotCompiled(_refused[missing])
    if not missing:
        return
    try:
        made = {structure: _export(structure) for structure in missing}
        sample = _sample(pipeline, source, full_scale)
        _compare(pipeline, sample, full_scale, plan, made)
    except NotCompiled as error:
        _refused[missing] = str(error)
        raise
    words = {Structure.of(stage): in_words(stage) for stage in stages}
    for structure, entry in made.items():
        entry = replace(entry, words=words[structure])
        _kept[structure] = entry
        cache.save(repr(structure), made_by(), entry)


def _find(stage: Stage) -> Entry | None:
    """The stage's structure compiled, from this process or, if it runs, from the cache folder."""
    structure = Structure.of(stage)
    if structure in _kept:
        return _kept[structure]
    entry = cache.load(repr(structure), made_by())
    if entry is None or not _runs(entry, stage):
        return None
    _kept[structure] = entry
    return entry


def _runs(entry: Entry, stage: Stage) -> bool:
    """Whether LiteRT computes a single pixel, or block of them, with it: a file that is whole may hold a
    model that isn't."""
    columns = stage.blocks if stage.phases > 1 else stage.extent[1]
    window = np.zeros((1, stage.extent[0], columns, stage.channels[0] * stage.phases), np.float32)
    try:
        result = function(_with_numbers(entry, stage.numbers))(window)
    except (ValueError, RuntimeError):  # LiteRT's, for whatever is wrong
        return False
    return result.size == stage.channels[1] * stage.phases


def _export(structure: Structure) -> Entry:
    """Keras' own export of the structure, with numbers that can be found in it."""
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
        raise NotCompiled(f'LiteRT can\'t run this filter ({_first(error)}); use engine="keras"') from error
    places = tuple(exported.find(_bytes(mark)) for mark in marks)
    if -1 in places or any(exported.count(_bytes(mark)) > 1 for mark in marks):
        raise NotCompiled('the exported filter does not hold its numbers one by one; use engine="keras"')
    return Entry(places, exported)


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _bytes(values: np.ndarray) -> bytes:
    """A step's numbers as they lie in a LiteRT file."""
    axes = {4: (3, 0, 1, 2), 1: (0,)}[values.ndim]
    return np.ascontiguousarray(values.transpose(axes), "<f4").tobytes()


def _sample(pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> np.ndarray:
    """(channels, rows, width): the picture, or its upper part where that is enough for the pipeline; noise
    in place of NaN and of what is beyond full scale, beside which nothing else would be seen."""
    height, width = source.size
    rows = min(height, max(SAMPLE // width, 64))
    try:
        resolve_padding(pipeline, (rows, width))
    except FilterError:
        rows = height
    sample = np.asarray(source.rows(0, rows), np.float32)
    noise = np.random.default_rng(1).uniform(0, full_scale, sample.shape)
    return np.where(np.abs(sample) <= full_scale, sample, noise.astype(np.float32))


def _compare(
    pipeline: Pipeline, sample: np.ndarray, full_scale: float, plan: str, made: dict[Structure, Entry]
) -> None:
    """Raise NotCompiled unless the compiled result is Keras' own: the same bits where the layers keep whole
    numbers whole, else within TOLERANCE of full scale."""
    from convfilter.engines import keras_engine as keras

    wanted = keras.run(pipeline, np.moveaxis(sample, 0, 2)[None], full_scale, "cpu")[0]
    stages = stages_of(resolve_padding(pipeline, sample.shape[1:]), full_scale, plan)
    raster = through(of_array(sample), stages, [_make_run(stage, made) for stage in stages])
    tops = range(0, raster.size[0], STRIP)
    strips = [raster.rows(top, min(top + STRIP, raster.size[0])) for top in tops]
    found = np.moveaxis(np.concatenate(strips, axis=1), 0, 2)
    whole = np.array_equal(sample, np.rint(sample))
    exact = whole and stays_whole(pipeline, float(np.abs(sample).max(initial=0)), full_scale)
    bound = 0.0 if exact else TOLERANCE * max(full_scale, float(np.abs(wanted).max(initial=0)))
    differs = ~(np.abs(found - wanted) <= bound)
    if found.shape != wanted.shape or differs.any():
        raise NotCompiled(f'compiled, {pipeline.name} gives other results than Keras; use engine="keras"')


@lru_cache(maxsize=64)
def _run_of(stage: Stage) -> Run | None:
    """The stage's function; None where it only pads."""
    return _make_run(stage, {})


def _make_run(stage: Stage, made: dict[Structure, Entry]) -> Run | None:
    """Of what was just made, or else is kept."""
    if not stage.steps:
        return None
    structure = Structure.of(stage)
    entry = made.get(structure) or _find(stage)
    if entry is None:  # deleted a moment ago
        raise NotCompiled('its compiled form is gone; run it again, or use engine="keras"')
    return function(_with_numbers(entry, stage.numbers))


def _with_numbers(entry: Entry, numbers: Sequence[Weights]) -> bytes:
    """The compiled model with these numbers in the places of those it was made with. Raises ValueError where
    they don't fit."""
    model = bytearray(entry.model)
    for place, number in zip(entry.places, numbers, strict=True):
        data = _bytes(number.values)
        if place + len(data) > len(model):
            raise ValueError("numbers beyond the end of the model")
        model[place : place + len(data)] = data
    return bytes(model)
