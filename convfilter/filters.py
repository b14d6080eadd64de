"""FILTER: from what the user typed to a Pipeline."""

import difflib
from collections.abc import Sequence
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Any

from convfilter import formulas
from convfilter.catalogue import locate
from convfilter.errors import FilterError
from convfilter.jsonfile import Document
from convfilter.kernel import MAX_BIAS, Kernel, kernel_from_document
from convfilter.pipeline import MAX_PAD, Pipeline, Settings, chain, pair
from convfilter.words import ACTIVATIONS, BORDERS, COMBINES, DATA_FORMATS, POOL_MODES, VALUES


def load(text: str | Path) -> Kernel | Pipeline:
    """A FILTER: a kernel's name, a kernel or pipeline file, or a formula. Raises FilterError.

    >>> load("sobel").filters, load("gaussian:sigma=2,size=13").size
    (2, (13, 13))
    """
    path = locate(str(text))
    return load_file(path) if path else formulas.parse_formula(str(text))


def load_file(path: Path) -> Kernel | Pipeline:
    """The kernel or pipeline in a JSON file. Raises FilterError with line, column and mend."""
    document = Document.read(path)
    if isinstance(document.data, dict) and "layers" in document.data:
        from convfilter.pipelinefile import read_pipeline  # loads pydantic

        return read_pipeline(document, path)
    return kernel_from_document(document, path.stem)


def make_pipeline(filters: str | Path | Kernel | Pipeline | Sequence[Any], **settings: Any) -> Pipeline:
    """The Pipeline of one FILTER or several in a row; `settings` as in pipeline.Settings, sizes as one number
    or two.

    Raises FilterError for a filter that can't be found or read, or a setting that is wrong or would have
    no effect.

    >>> make_pipeline("sobel", border="edge", pool=2).layers[-1]
    Pool(size=(2, 2), mode='max')
    """
    listed = list(filters) if isinstance(filters, list | tuple) else [filters]
    parts = [part if isinstance(part, Kernel | Pipeline) else load(str(part)) for part in listed]
    chosen = _settings(settings)
    if parts and all(isinstance(part, Pipeline) for part in parts):
        _refuse_idle(parts[0].name, chosen)
    return chain(parts, chosen)


_WORDS = {
    "border": BORDERS,
    "activation": ACTIVATIONS,
    "combine": COMBINES,
    "pool_mode": POOL_MODES,
    "values": VALUES,
    "data_format": DATA_FORMATS,
}
_PAIRS = {"pad": 0, "strides": 1, "dilation": 1, "pool": 1}  # and their least


def _settings(given: dict[str, Any]) -> Settings:
    known = [field.name for field in fields(Settings)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(known)}"
            raise FilterError(f"no setting {name}; {hint}")
    values = {name: _paired(value) if name in _PAIRS else value for name, value in given.items()}
    chosen = Settings(**values)
    _check_settings(chosen)
    return chosen


def _paired(value: Any) -> Any:
    """One whole number, or a list of two, as a pair; anything else as it is, for the check."""
    if isinstance(value, int) and not isinstance(value, bool):
        return pair(value)
    return tuple(value) if isinstance(value, list) else value


def _check_settings(settings: Settings) -> None:
    for name, words in _WORDS.items():
        value = getattr(settings, name)
        if value is not None and value not in words:
            near = difflib.get_close_matches(str(value), words, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"use {', '.join(words)}"
            raise FilterError(f"{name} can't be {value!r}; {hint}")
    for name, least in _PAIRS.items():
        value = getattr(settings, name)
        if value is None or (name == "pad" and value in ("same", "valid", "cover")):
            continue
        whole = isinstance(value, tuple) and all(isinstance(part, int) for part in value)
        if not whole or len(value) != 2 or not all(least <= part <= MAX_PAD for part in value):
            words_too = ", or same, valid or cover" if name == "pad" else ""
            raise FilterError(
                f"{name} can't be {value!r}; use two whole numbers from {least} to {MAX_PAD}{words_too}"
            )
    if settings.bias is not None and not (isfinite(settings.bias) and abs(settings.bias) <= MAX_BIAS):
        raise FilterError(f"bias can't be {settings.bias}; use a fraction of full scale, such as 0.5")


def _refuse_idle(name: str, settings: Settings) -> None:
    """A pipeline file sets its layers itself; a setting for them would silently do nothing."""
    for setting in fields(Settings):
        is_layer = setting.name in ("pad", "border", "strides", "dilation", "activation", "bias", "combine")
        if is_layer and getattr(settings, setting.name) != setting.default:
            raise FilterError(
                f"{name} is a pipeline, which sets each layer's {setting.name} by itself; edit the file"
            )
