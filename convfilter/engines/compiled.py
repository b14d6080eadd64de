"""The compiled engine: Keras defines a stage once, then LiteRT runs it and Keras is not even imported.

See README.md beside this file for why LiteRT, and for what was measured.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from convfilter.engines.base import LARGE, LazyPlanes, of_array
from convfilter.engines.compiling import NotCompiled, Structure, compare, export, sample_of, with_weights
from convfilter.engines.fingerprint import made_by
from convfilter.engines.limits import instead, reach, within
from convfilter.engines.litert import function
from convfilter.engines.planner import allowed_errors, choose
from convfilter.engines.raster import Run, through
from convfilter.engines.stage_words import in_words
from convfilter.engines.stages import NoStep, Stage, cut
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline
from convfilter.system import cache
from convfilter.system.cache import Entry
from convfilter.system.values import dataclass

STRIP = 64  # rows that Keras computes at once of a large picture

_compiling = threading.Lock()
_kept: dict[Structure, Entry] = {}
_refused: dict[tuple[Structure, ...], str] = {}  # what could not be compiled, and why


@dataclass(frozen=True)
class CompiledEngine:
    """Filters compiled once for LiteRT, on the CPU.

    plan: auto | direct, as in planner.choose. threads: strips that are computed at once. falls_back: whether
    Keras computes what can't be compiled, on this device and by strips of `tile` rows.
    """

    plan: str = "auto"
    threads: int = 1
    falls_back: bool = False
    device: str = "auto"
    tile: int | None = None

    def sharing(self, pictures: int) -> "CompiledEngine":
        """As base.Engine."""
        return replace(self, threads=max(1, self.threads // pictures))

    def open(self, pipeline: Pipeline, source: LazyPlanes, full_scale: float) -> LazyPlanes:
        """As base.Engine. Raises NotCompiled for what only Keras can run, unless it falls back."""
        try:
            return open_compiled(pipeline, source, full_scale, self.plan)
        except (NotCompiled, NoStep):
            if not self.falls_back:
                raise
        from convfilter.engines.keras_engine import KerasEngine

        return KerasEngine(self.device, self.tile).open(pipeline, source, full_scale)


def open_compiled(
    pipeline: Pipeline, source: LazyPlanes, full_scale: float, plan: str = "auto"
) -> LazyPlanes:
    """The pipeline's result for `source`, computed by the stages that `plan` chooses; rows that depend on
    NaN, or on values so large that something may overflow, are computed by Keras.

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
    """The Keras engine's result on the CPU. Only a large picture is computed by strips, whatever strips are
    asked for, so that any other comes out the same to the last bit."""
    from convfilter.engines.keras_engine import KerasEngine

    large = source.size[0] * source.size[1] > LARGE
    return KerasEngine("cpu", STRIP if large else None).open(pipeline, source, full_scale)


def _check_taps(stages: Sequence[Stage], size: Pair) -> None:
    """Raise NotCompiled where a single row would take LiteRT too much memory."""
    for stage in stages:
        size = stage.size(size)
        if not stage.rows_at_once(size[1]):
            raise NotCompiled('a kernel too large for LiteRT; use engine="keras"')


def _check_reach(stages: tuple[Stage, ...], full_scale: float) -> None:
    """Raise NotCompiled where even ordinary pixels may lead to values that LiteRT is not trusted with."""
    if reach(stages) < full_scale:
        raise NotCompiled(
            f'LiteRT runs this filter for values up to {max(reach(stages), 0):.3g} only; use engine="keras"'
        )


def stages_of(pipeline: Pipeline, full_scale: float, plan: str) -> tuple[Stage, ...]:
    """The stages of a pipeline whose padding is resolved, its convolutions rewritten as `plan` says."""
    return _stages_of(pipeline, full_scale if any(conv.bias.any() for conv in pipeline.convs) else 1.0, plan)


@lru_cache(maxsize=64)
def _stages_of(pipeline: Pipeline, full_scale: float, plan: str) -> tuple[Stage, ...]:
    errors = iter(allowed_errors(pipeline))
    return cut(pipeline, full_scale, lambda conv, phases: choose(conv, phases, plan, next(errors)))


def _missing(stages: Sequence[Stage]) -> tuple[Structure, ...]:
    """The structures that are not compiled yet."""
    wanted = {Structure.of(stage): stage for stage in stages if stage.steps}
    return tuple(structure for structure, stage in wanted.items() if _find(stage) is None)


def _compile(
    pipeline: Pipeline, source: LazyPlanes, full_scale: float, plan: str, stages: Sequence[Stage]
) -> None:
    """Compile what is missing, and keep it if the pipeline's result is Keras' own on this picture."""
    missing = _missing(stages)  # another thread may have been faster
    if missing in _refused:
        raise NotCompiled(_refused[missing])
    if not missing:
        return
    try:
        made = {structure: export(structure) for structure in missing}
        sample = sample_of(pipeline, source, full_scale)
        # A sample has other borders than the picture, and so stages of its own, of the same structures.
        own = stages_of(resolve_padding(pipeline, sample.shape[1:]), full_scale, plan)
        result = through(of_array(sample), own, [_make_run(stage, made) for stage in own])
        compare(pipeline, sample, full_scale, result)
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
        result = function(with_weights(entry, stage.weights))(window)
    except (ValueError, RuntimeError):  # LiteRT's, for whatever is wrong
        return False
    return result.size == stage.channels[1] * stage.phases


@lru_cache(maxsize=64)
def _run_of(stage: Stage) -> Run | None:
    """The stage's function; None where it only pads."""
    return _make_run(stage, {})


def _make_run(stage: Stage, made: dict[Structure, Entry]) -> Run | None:
    """The stage's function, from what was just made or else from what is kept."""
    if not stage.steps:
        return None
    entry = made.get(Structure.of(stage)) or _find(stage)
    if entry is None:  # deleted a moment ago
        raise NotCompiled('its compiled form is gone; run it again, or use engine="keras"')
    return function(with_weights(entry, stage.weights))
