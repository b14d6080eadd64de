"""The compiled engine: Keras defines a stage once, LiteRT runs it from then on, Keras not even imported.

See README.md beside this file for why LiteRT, and for what was measured.
"""

import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from convfilter import cache
from convfilter.cache import Entry
from convfilter.errors import BackendError, FilterError
from convfilter.geometry import settle
from convfilter.pipeline import Pair, Pipeline
from convfilter.planner import allowed_errors, choose
from convfilter.raster import Raster, Run, of_array, through
from convfilter.runtime import quiet
from convfilter.stage_words import in_words
from convfilter.stages import EXACT, Numbers, Stage, Step, cut

TOLERANCE = 1e-4  # of full scale
SAMPLE = 2**20  # pixels of a picture that the first comparison looks at
STRIP = 64  # rows that it computes at once
_PACKAGES = ("convfilter", "keras", "tensorflow", "ai_edge_litert")

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

    def open(self, pipeline: Pipeline, source: Raster, full_scale: float) -> Raster:
        """As filtering.Engine. Raises NotCompiled for what only Keras can run, unless it falls back."""
        try:
            return open_raster(pipeline, source, full_scale, self.plan)
        except NotCompiled:
            if not self.falls_back:
                raise
        from convfilter.engines.keras import KerasEngine

        return KerasEngine(self.device, self.tile).open(pipeline, source, full_scale)


def open_raster(pipeline: Pipeline, source: Raster, full_scale: float, plan: str = "auto") -> Raster:
    """The pipeline's result for `source`, as the stages that `plan` chooses.

    Raises FilterError when the picture is too small for the pipeline, NotCompiled when only Keras can run
    this filter.
    """
    if not source.finite:  # among blocks of columns, 0 · NaN would spread
        plan = "direct"
    stages = stages_of(settle(pipeline, source.size), full_scale, plan)
    _check_taps(stages, source.size)
    if _missing(stages):
        with _compiling:
            _compile(pipeline, source, full_scale, plan, stages)
    return through(source, stages, [_run_of(stage) for stage in stages])


def _missing(stages: Sequence[Stage]) -> tuple["Structure", ...]:
    """What is not compiled yet."""
    wanted = dict.fromkeys(Structure.of(stage) for stage in stages if stage.steps)
    return tuple(structure for structure in wanted if _find(structure) is None)


def _check_taps(stages: Sequence[Stage], size: Pair) -> None:
    """NotCompiled where a single row would take LiteRT too much memory."""
    for stage in stages:
        size = stage.size(size)
        if not stage.rows_at_once(size[1]):
            raise NotCompiled('a kernel too large for LiteRT; use engine="keras"')


def stages_of(pipeline: Pipeline, full_scale: float, plan: str) -> tuple[Stage, ...]:
    """The stages of a settled pipeline, its convolutions as `plan` says."""
    return _stages_of(pipeline, full_scale if any(conv.bias.any() for conv in pipeline.convs) else 1.0, plan)


@lru_cache(maxsize=64)
def _stages_of(pipeline: Pipeline, full_scale: float, plan: str) -> tuple[Stage, ...]:
    errors = iter(allowed_errors(pipeline))
    return cut(pipeline, full_scale, lambda conv, phases: choose(conv, phases, plan, next(errors)))


def _compile(
    pipeline: Pipeline, source: Raster, full_scale: float, plan: str, stages: Sequence[Stage]
) -> None:
    """Compile what is missing and keep it, if its result is Keras' own on this picture."""
    missing = _missing(stages)  # another thread may have been faster
    if missing in _refused:
        raise NotCompiled(_refused[missing])
    if not missing:
        return
    try:
        made = {structure: _export(structure) for structure in missing}
        _compare(pipeline, _sample(pipeline, source), full_scale, plan, made)
    except NotCompiled as error:
        _refused[missing] = str(error)
        raise
    words = {Structure.of(stage): in_words(stage) for stage in stages}
    for structure, entry in made.items():
        entry = replace(entry, words=words[structure])
        _kept[structure] = entry
        cache.save(repr(structure), _versions(), entry)


def _find(structure: Structure) -> Entry | None:
    """The compiled structure, from this process or from the cache folder."""
    entry = _kept.get(structure) or cache.load(repr(structure), _versions())
    if entry is not None:
        _kept[structure] = entry
    return entry


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    """What the packages' metadata folders are called: importlib.metadata would cost 45 ms more."""
    found = {}
    for folder in reversed(sys.path):
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            package, dash, _ = name.partition("-")
            if dash and package in _PACKAGES and name.endswith(".dist-info"):
                found[package] = name
    return tuple(sorted(found.values()))


def _export(structure: Structure) -> Entry:
    """Keras' own export of the structure, with numbers that can be found in it."""
    from convfilter.model import keras
    from convfilter.stage_model import build_stage, export_litert

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


def _sample(pipeline: Pipeline, source: Raster) -> np.ndarray:
    """(channels, rows, width): the picture, or its upper part where that is enough for the pipeline."""
    height, width = source.size
    rows = min(height, max(SAMPLE // width, 64))
    try:
        settle(pipeline, (rows, width))
    except FilterError:
        rows = height
    return np.asarray(source.rows(0, rows), np.float32)


def _compare(
    pipeline: Pipeline, sample: np.ndarray, full_scale: float, plan: str, made: dict[Structure, Entry]
) -> None:
    """Raise NotCompiled unless the compiled result is Keras' own: the same bits where all is whole numbers
    that float32 holds, else within TOLERANCE of full scale."""
    from convfilter.engines import keras

    wanted = keras.run(pipeline, np.moveaxis(sample, 0, 2)[None], full_scale, "cpu")[0]
    stages = stages_of(settle(pipeline, sample.shape[1:]), full_scale, plan)
    raster = through(of_array(sample), stages, [_make_run(stage, made) for stage in stages])
    tops = range(0, raster.size[0], STRIP)
    strips = [raster.rows(top, min(top + STRIP, raster.size[0])) for top in tops]
    found = np.moveaxis(np.concatenate(strips, axis=1), 0, 2)
    largest = float(np.abs(wanted).max(initial=0, where=np.isfinite(wanted)))
    gain = max((float(np.abs(conv.weights).sum((0, 1, 2)).max()) for conv in pipeline.convs), default=1)
    numbers = (wanted, sample, *(conv.weights for conv in pipeline.convs))
    whole = all(np.array_equal(values, np.rint(values)) for values in numbers)
    exact = whole and max(largest, gain * float(np.abs(sample).max(initial=0))) < EXACT
    bound = 0.0 if exact else TOLERANCE * max(full_scale, largest)
    with np.errstate(invalid="ignore"):
        differs = ~(
            (np.abs(found - wanted) <= bound) | (found == wanted) | (np.isnan(found) & np.isnan(wanted))
        )
    if found.shape != wanted.shape or differs.any():
        raise NotCompiled(f'compiled, {pipeline.name} gives other results than Keras; use engine="keras"')


@lru_cache(maxsize=64)
def _run_of(stage: Stage) -> Run | None:
    """The stage's function; each thread that calls it gets an interpreter of its own. None where it
    only pads."""
    return _make_run(stage, {})


def _make_run(stage: Stage, made: dict[Structure, Entry]) -> Run | None:
    """Of what was just made, or else is kept."""
    if not stage.steps:
        return None
    structure = Structure.of(stage)
    entry = made.get(structure) or _find(structure)
    if entry is None:  # deleted a moment ago
        raise NotCompiled('its compiled form is gone; run it again, or use engine="keras"')
    return _function(_with_numbers(entry, stage.numbers))


def _with_numbers(entry: Entry, numbers: Sequence[Numbers]) -> bytes:
    """The compiled model with these numbers in the places of those it was made with."""
    model = bytearray(entry.model)
    for place, number in zip(entry.places, numbers, strict=True):
        data = _bytes(number.values)
        if place + len(data) > len(model):
            raise NotCompiled("its entry in the cache is damaged; convfilter cache clear")
        model[place : place + len(data)] = data
    return bytes(model)


def _function(model: bytes) -> Run:
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
