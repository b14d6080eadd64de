"""The compiled engine: Keras defines a stage once, then LiteRT runs it and Keras is not even imported.

See README.md beside this file for why LiteRT, and for what was measured.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from convfilter.engines import shipped
from convfilter.engines.base import LARGE, LazyPlanes, of_array
from convfilter.engines.compiling import NotCompiled, compare, export, sample_of
from convfilter.engines.ends import FLOAT_ENDS, Ends
from convfilter.engines.fingerprint import made_by
from convfilter.engines.form import Form, Part, filled, form_of, pieces
from convfilter.engines.limits import instead, reach, within
from convfilter.engines.litert import function, in_a_row
from convfilter.engines.pixels import Pixels
from convfilter.engines.planner import allowed_errors, choose
from convfilter.engines.raster import Run, through
from convfilter.engines.stage_words import in_words
from convfilter.engines.stages import NoStep, Stage, cut, with_bytes
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import Pipeline
from convfilter.system import cache
from convfilter.system.cache import Entry
from convfilter.system.values import dataclass

STRIP = 64  # rows that Keras computes at once of a large picture

_LOG = logging.getLogger("convfilter")
_compiling = threading.Lock()
_kept: dict[Form, Entry] = {}
_refused: dict[tuple[Form, ...], str] = {}  # what could not be compiled, and why


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

    def open(
        self, pipeline: Pipeline, source: LazyPlanes, full_scale: float, pixels: Pixels | None = None
    ) -> LazyPlanes:
        """As base.Engine. Raises NotCompiled for what only Keras can run, unless it falls back."""
        try:
            return open_compiled(pipeline, source, full_scale, self.plan, pixels)
        except (NotCompiled, NoStep):
            if not self.falls_back:
                raise
        from convfilter.engines.keras_engine import KerasEngine

        return KerasEngine(self.device, self.tile).open(pipeline, source, full_scale, pixels)


def open_compiled(
    pipeline: Pipeline,
    source: LazyPlanes,
    full_scale: float,
    plan: str = "auto",
    pixels: Pixels | None = None,
) -> LazyPlanes:
    """The pipeline's result for `source`, or the pixels of it, computed by the stages that `plan` chooses.
    Rows that depend on NaN, or on values so large that something may overflow, are computed by Keras.

    Raises FilterError when the picture is too small for the pipeline, NotCompiled when only Keras can run
    this filter.
    """
    ends = Ends.of(source, pixels)
    stages = stages_of(resolve_padding(pipeline, source.size), full_scale, plan, ends)
    _check_taps(stages, source.size)
    _check_reach(stages, full_scale)
    if _missing(stages):
        with _compiling:
            _compile(pipeline, source, full_scale, plan, stages, pixels)
    runs = [_run_of(stage) for stage in stages]
    result = through(within(source, reach(stages)), stages, runs, pixels)
    return instead(result, lambda: _by_keras(pipeline, source, full_scale, pixels))


def _by_keras(pipeline: Pipeline, source: LazyPlanes, full_scale: float, pixels: Pixels | None) -> LazyPlanes:
    """The Keras engine's result on the CPU. Only a large picture is computed by strips, whatever strips are
    asked for, so that any other comes out the same to the last bit."""
    from convfilter.engines.keras_engine import KerasEngine

    large = source.size[0] * source.size[1] > LARGE
    return KerasEngine("cpu", STRIP if large else None).open(pipeline, source, full_scale, pixels)


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


def stages_of(pipeline: Pipeline, full_scale: float, plan: str, ends: Ends = FLOAT_ENDS) -> tuple[Stage, ...]:
    """The stages of a pipeline whose padding is resolved, its convolutions rewritten as `plan` says."""
    has_bias = any(conv.bias.any() for conv in pipeline.convs)
    return _stages_of(pipeline, full_scale if has_bias else 1.0, plan, ends)


@lru_cache(maxsize=64)
def _stages_of(pipeline: Pipeline, full_scale: float, plan: str, ends: Ends) -> tuple[Stage, ...]:
    errors = iter(allowed_errors(pipeline))
    stages = cut(pipeline, full_scale, lambda conv, phases: choose(conv, phases, plan, next(errors)))
    return with_bytes(stages, ends.takes, ends.gives, ends.absolute)


def _missing(stages: Sequence[Stage]) -> tuple[Form, ...]:
    """The forms that are not compiled yet."""
    wanted = [Part.of(stage) for stage in stages if stage.steps and _parts(stage) is None]
    return tuple(dict.fromkeys(form_of(part) for part in wanted))


def _parts(stage: Stage) -> list[Part] | None:
    """A stage as what is compiled: whole, or in pieces that came with the package; None where it has to be
    compiled."""
    whole = Part.of(stage)
    if _find(whole):
        return [whole]
    found = _pieces(stage)
    if found is None and _cached(stage):
        return [whole]
    return found


@lru_cache(maxsize=64)
def _pieces(stage: Stage) -> list[Part] | None:
    """A stage in pieces that came with the package; None where there are none."""
    whole = Part.of(stage)
    return pieces(whole, shipped.has) or pieces(whole.unfused(), shipped.has)


def _compile(
    pipeline: Pipeline,
    source: LazyPlanes,
    full_scale: float,
    plan: str,
    stages: Sequence[Stage],
    pixels: Pixels | None,
) -> None:
    """Compile what is missing, and keep it if the pipeline's result is Keras' own on this picture."""
    missing = _missing(stages)  # another thread may have been faster
    if missing in _refused:
        raise NotCompiled(_refused[missing])
    if not missing:
        return
    _LOG.info("%s: Keras compiles this kind of filter, which takes seconds, and is done once", pipeline.name)
    try:
        made = {form: export(form) for form in missing}
        sample = sample_of(pipeline, source, full_scale)
        # A sample has other borders than the picture, and so stages of its own, of the same forms.
        settled, ends = resolve_padding(pipeline, sample.shape[1:]), Ends.of(source, pixels)
        own = stages_of(settled, full_scale, plan, ends)
        runs = [_make_run(stage, made) for stage in own]
        compare(pipeline, sample, full_scale, through(of_array(sample), own, runs, pixels), pixels)
    except NotCompiled as error:
        _refused[missing] = str(error)
        raise
    words = {form_of(Part.of(stage)): in_words(stage) for stage in stages}
    for form, entry in made.items():
        entry = replace(entry, words=words[form])
        _kept[form] = entry
        cache.save(repr(form), made_by(), entry)


def _find(part: Part) -> Entry | None:
    """The part's form compiled, from this process or the package."""
    form = form_of(part)
    if form not in _kept and shipped.has(form):
        _kept[form] = shipped.read(form)
    return _kept.get(form)


def _cached(stage: Stage) -> bool:
    """Whether the stage's form is in the cache folder, and runs; it is kept then."""
    form = form_of(Part.of(stage))
    entry = cache.load(repr(form), made_by())
    if entry is None or not _runs(entry, stage):
        return False
    _kept[form] = entry
    return True


def _runs(entry: Entry, stage: Stage) -> bool:
    """Whether LiteRT computes a single pixel, or one of each block or band, with it: a file that is whole may
    hold a model that isn't."""
    columns = stage.columns_taken(stage.bands)
    found: list[int] = []

    def take(result: np.ndarray) -> np.ndarray:
        found.append(result.size)
        return result.copy()

    try:
        run = function(filled(entry, Part.of(stage)))
        run(stage.input_shape(stage.extent[0], columns), lambda into: into.fill(0), take)
    except (ValueError, RuntimeError):  # LiteRT's, for whatever is wrong
        return False
    return found == [stage.channels[1] * stage.phases * stage.bands]


@lru_cache(maxsize=16)
def _run_of(stage: Stage) -> Run | None:
    """The stage's function; None where it only pads."""
    return _make_run(stage, {})


def _make_run(stage: Stage, made: dict[Form, Entry]) -> Run | None:
    """The stage's function, from what was just made or else from what is kept."""
    if not stage.steps:
        return None
    whole = Part.of(stage)
    if form_of(whole) in made:
        return function(filled(made[form_of(whole)], whole))
    parts = _parts(stage)
    if parts is None:  # deleted a moment ago
        raise NotCompiled('its compiled form is gone; run it again, or use engine="keras"')
    entries = [(_find(part), part) for part in parts]
    return in_a_row([function(filled(entry, part)) for entry, part in entries if entry])
