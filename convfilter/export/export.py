"""A filter as a file that other programs run: .keras, .onnx, .tflite or .xml.

Keras' own exporters write it. It is then loaded again where it will be used, and its results are compared
with Keras' on pictures of several sizes, in batches of one and two; only a file that agrees is kept.

Every layer, border and data format goes into every file, except for some activations:

    .onnx     no celu, no gelu: its converter lacks an operation of theirs
    .tflite   softplus and log_sigmoid only of results below 88, where their exponential overflows
    .xml      log_softmax only of results that lie close together, since its softmax underflows

and exponential, which .tflite and .xml let overflow a little sooner or later than Keras does.
"""

import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from convfilter._version import __version__
from convfilter.backend import configured_backend
from convfilter.errors import BackendError, FilterError, printable
from convfilter.export.formats import Batches, Format, Ran, format_of
from convfilter.filters.geometry import receptive_fields, resolve_padding
from convfilter.filters.layer import Pair
from convfilter.filters.layer_table import table
from convfilter.filters.load import Filters, make_pipeline
from convfilter.filters.padding import CoverPad
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.settings import FilterSettings
from convfilter.filters.whole_numbers import stays_whole
from convfilter.system.atomic import atomic_write
from convfilter.system.interrupts import interrupts_held
from convfilter.system.stderr import quiet
from convfilter.system.temporary import folder_in
from convfilter.system.values import dataclass

FULL_SCALES = (255.0, 65535.0, 1.0)
TOLERANCE = 1e-4  # of full scale, or of the largest result where that is more

# Pictures, rows and columns of the batches to compare; more rows and columns where the filter needs them.
_BATCHES = ((1, 5, 7), (1, 17, 23), (2, 31, 13), (1, 12, 30), (1, 14, 33), (1, 19, 20))


@dataclass(frozen=True)
class Port:
    """Where pixels enter a file or results leave it; None in a shape is any length."""

    name: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Exported:
    """What was written (files and their bytes), and how far its results are from Keras' at most."""

    files: dict[Path, int]
    format: str
    full_scale: float
    difference: float
    input: Port
    output: Port


class _Unfit(Exception):
    """A file that isn't right; the message continues a sentence that begins with the layer's name."""


def export(
    filters: Filters,
    path: Path,
    full_scale: float | None = None,
    size: Pair | None = None,
    **settings: Unpack[FilterSettings],
) -> Exported:
    """Write a Pipeline, or what make_pipeline makes one of, to `path` in the format its extension names,
    once its results have been compared with Keras'.

    The file takes and gives float32, as the model of `build` does. full_scale: what biases are fractions
    of, one of FULL_SCALES; None is 255, or 1 for a pipeline whose values are "unit". size: rows and columns
    of the one size of picture that the file takes, one at a time; None for any. settings: see
    settings.FilterSettings.

    Raises FilterError as make_pipeline does, and for an unknown extension, a full scale that doesn't fit, or
    a layer that the format can't hold; BackendError where a package or TensorFlow is missing; PictureError
    where the file can't be written. What was at `path` stays unless all went well.
    """
    pipeline = make_pipeline(filters, **settings)
    path = Path(path)
    kind = format_of(path)
    full = _full_scale(pipeline, full_scale)
    if size:
        pipeline = resolve_padding(pipeline, size)  # refuses a size that is too small
    _check_packages(kind)
    with folder_in() as folder:
        draft = folder / f"filter{kind.extensions[-1]}"
        with interrupts_held(), _silent():
            done = _written(kind, pipeline, full, draft, size)
        contents = {
            path.with_suffix(end): draft.with_suffix(end).read_bytes() for end in kind.extensions[:-1]
        }
        contents[path] = draft.read_bytes()
    _replace(contents)
    return replace(done, files={target: len(content) for target, content in contents.items()})


def _full_scale(pipeline: Pipeline, given: float | None) -> float:
    """The full scale to be used; FilterError for one that is unknown or doesn't fit the values."""
    if given is not None and (not isinstance(given, Real) or given not in FULL_SCALES):
        raise FilterError(f"full scale can't be {given!r}; use 255, 65535 or 1")
    if pipeline.values == "unit" and given not in (None, 1.0):
        raise FilterError(f"{pipeline.name} takes values from 0 to 1; its full scale is 1, not {given:g}")
    return given or (1.0 if pipeline.values == "unit" else 255.0)


def _check_packages(kind: Format) -> None:
    """BackendError unless all that writes and runs the format is here."""
    if "tensorflow" in kind.modules and configured_backend() != "tensorflow":
        raise BackendError(
            f"{kind.name} is written by Keras on tensorflow only, not on {configured_backend()}; "
            "set KERAS_BACKEND=tensorflow"
        )
    missing = [module for module in kind.modules if importlib.util.find_spec(module) is None]
    if missing:
        raise BackendError(
            f"{kind.name} needs {', '.join(missing)}, not installed; pip install 'convfilter[export]'"
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Within, nothing that converters log or warn of reaches the user."""
    with quiet(replay=False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _written(kind: Format, pipeline: Pipeline, full: float, draft: Path, size: Pair | None) -> Exported:
    """Write `draft` and compare it with Keras; FilterError names the first layer that it can't hold."""
    try:
        return _attempt(kind, pipeline, full, draft, size)
    except _Unfit as error:
        count, first = _first_unfit(kind, pipeline, full, draft, size) or (len(pipeline.layers), error)
        row = table(pipeline)[count - 1]
        raise FilterError(
            f"{pipeline.name} as {kind.name}: {row.layer} ({row.what}) {first}; "
            "choose another format, or do without it"
        ) from first


def _attempt(kind: Format, pipeline: Pipeline, full: float, draft: Path, size: Pair | None) -> Exported:
    """Write `draft` and compare it with Keras; _Unfit where it fails or differs too much."""
    from convfilter.model.build import build

    model = build(pipeline, full)
    if size:
        model = _of_size(model, size, pipeline.data_format)
    batches, expected = _trial(pipeline, full, size)
    facts = {"filter": printable(pipeline.name), "full_scale": f"{full:g}", "convfilter": __version__}
    ran = _ran(kind, model, draft, facts, batches)
    difference = max(_difference(*pair) for pair in zip(ran.results, expected, strict=True))
    if difference > _allowed(pipeline, full, expected):
        raise _Unfit(f"gives results that differ from Keras' by {difference:.3g}")
    ports = Port(ran.entry, model.input_shape), Port(ran.exit, model.output_shape)
    return Exported({}, kind.name, full, difference, *ports)


def _of_size(model: Any, size: Pair, data_format: str) -> Any:
    """The same layers for batches of one picture of `size`."""
    from convfilter.model.boot import keras

    channels = model.input_shape[-1 if data_format == "channels_last" else 1]
    shape = (*size, channels) if data_format == "channels_last" else (channels, *size)
    entry = keras.Input(batch_shape=(1, *shape), dtype="float32")
    return keras.Sequential([entry, *model.layers], name=model.name)


def _ran(kind: Format, model: object, draft: Path, facts: dict[str, str], batches: Batches) -> Ran:
    """What the written draft gives; _Unfit where it can't be written or run."""
    try:
        kind.write(model, draft, facts)
        return kind.run(draft, batches)
    except OSError:  # the disk, not the filter
        raise
    except ImportError as error:
        raise BackendError(f"{kind.name}: {error}; pip install 'convfilter[export]'") from error
    except Exception as error:  # whatever converters and runtimes raise
        raise _Unfit("can't be converted") from error


def _first_unfit(
    kind: Format, pipeline: Pipeline, full: float, draft: Path, size: Pair | None
) -> tuple[int, _Unfit] | None:
    """The fewest layers of the pipeline, but not all, with which the file fails, and how."""
    for count, layer in enumerate(pipeline.layers[:-1], 1):
        if isinstance(layer, CoverPad):  # can't stand without the Conv after it
            continue
        try:
            _attempt(kind, replace(pipeline, layers=pipeline.layers[:count]), full, draft, size)
        except _Unfit as error:
            return count, error
    return None


def _trial(pipeline: Pipeline, full: float, size: Pair | None) -> tuple[Batches, Batches]:
    """Batches of random pictures and Keras' results for them, axes as in the pipeline's data format.

    Pixels are whole numbers from 0 to full scale; for 1, whole 256ths.
    """
    from convfilter.engines.keras_engine import run

    random = np.random.default_rng(0)
    rows, columns = (0, 0) if _fits(pipeline, _BATCHES[0][1:]) else receptive_fields(pipeline)[-1].size
    shapes = [(n, rows + h, columns + w, pipeline.in_channels) for n, h, w in _BATCHES]
    if size:
        shapes = [(1, *size, pipeline.in_channels)] * 2
    grain = _grain(full)
    steps = [random.integers(0, int(full * grain), shape, endpoint=True) for shape in shapes]
    batches = [(each / grain).astype(np.float32) for each in steps]
    results = [run(pipeline, batch, full) for batch in batches]
    if pipeline.data_format == "channels_last":
        return batches, results
    return _channels_first(batches), _channels_first(results)


def _channels_first(batches: Batches) -> Batches:
    return [np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) for batch in batches]


def _grain(full: float) -> int:
    """Steps from 0 to 1 in the pictures of the trial."""
    return 256 if full == 1 else 1


def _fits(pipeline: Pipeline, size: tuple[int, int]) -> bool:
    """Whether a picture of `size` is large enough."""
    try:
        resolve_padding(pipeline, size)
    except FilterError:
        return False
    return True


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest |found − expected|: 0 where both are NaN or the same infinity, infinite where one is."""
    if found.shape != expected.shape:
        raise _Unfit(f"gives the shape {found.shape}, and Keras {expected.shape}")
    with np.errstate(invalid="ignore"):
        gap = np.abs(found.astype(np.float64) - expected)
    gap[(found == expected) | (np.isnan(found) & np.isnan(expected))] = 0
    return float(np.nan_to_num(gap, nan=np.inf, posinf=np.inf).max())


def _allowed(pipeline: Pipeline, full: float, expected: Batches) -> float:
    """The difference that is left to the order of additions: none for whole numbers."""
    scale = full * _grain(full)  # counted in steps of the trial
    if stays_whole(pipeline, scale, scale):
        return 0.0
    largest = max(np.abs(each[np.isfinite(each)]).max(initial=0) for each in expected)
    return TOLERANCE * max(full, float(largest))


def _replace(contents: dict[Path, bytes]) -> None:
    """Write the files, each whole or not at all, one after the other in this order."""
    with ExitStack() as stack:
        for target, content in reversed(contents.items()):
            stack.enter_context(atomic_write(target)).write(content)
