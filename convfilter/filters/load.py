"""FILTER: from what the user typed to a Pipeline."""

import reprlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Unpack

from convfilter.errors import FilterError
from convfilter.filters.catalogue import locate
from convfilter.filters.formula_text import parse_formula
from convfilter.filters.json_document import Document
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_file import kernel_from_document
from convfilter.filters.pipeline import Pipeline, chain
from convfilter.filters.settings import OF_LAYERS, FilterSettings, Settings, checked

Filter = str | Path | Kernel | Pipeline  # text is a name, a file's path, or a formula
Filters = Filter | Sequence[Filter]  # one, or several in a row


def load(text: str | Path) -> Kernel | Pipeline:
    """A FILTER: a kernel's name, a kernel or pipeline file, or a formula. Raises FilterError.

    >>> load("sobel").filters, load("gaussian:sigma=2,size=13").size
    (2, (13, 13))
    """
    if not isinstance(text, str | Path):
        raise FilterError(
            f"a filter can't be {reprlib.repr(text)}; give a name, a path, a formula, "
            "or a Kernel or Pipeline, such as make_kernel makes of numbers"
        )
    path = locate(str(text))
    return load_file(path) if path else parse_formula(str(text))


def load_file(path: Path) -> Kernel | Pipeline:
    """The kernel or pipeline in a JSON file. Raises FilterError with line, column and the fix."""
    document = Document.read(path)
    if isinstance(document.data, dict) and "layers" in document.data:
        from convfilter.filters.pipeline_file import read_pipeline  # loads pydantic

        return read_pipeline(document, path)
    return kernel_from_document(document, path.stem)


def make_pipeline(filters: Filters, **settings: Unpack[FilterSettings]) -> Pipeline:
    """The layers of one FILTER, or of several in a row.

    filters: a kernel's name, a kernel or pipeline file's path, a formula, a Kernel, a Pipeline, or a list of
    these. settings: how kernels become layers; see settings.FilterSettings.

    Raises FilterError for a filter that can't be found or read, or a setting that is unknown, wrong, or
    would have no effect.

    >>> make_pipeline("sobel", border="edge", pool=2).layers[-1]
    Pool(size=(2, 2), mode='max')
    """
<<<<<<< HEAD
    listed: list[Any] = list(filters) if isinstance(filters, list | tuple) else [filters]
    parts = [part if isinstance(part, Kernel | Pipeline) else load(part) for part in listed]
    chosen = _settings(settings)
=======
    parts = [_loaded(part) for part in (filters if isinstance(filters, list | tuple) else [filters])]
    chosen = checked(settings)
>>>>>>> h-filters
    if parts and all(isinstance(part, Pipeline) for part in parts):
        _refuse_idle(parts[0].name, chosen)
    return chain(parts, chosen)


<<<<<<< HEAD
_WORDS = {
    "border": BORDERS,
    "activation": ACTIVATIONS,
    "combine": COMBINES,
    "pool_mode": POOL_MODES,
    "values": VALUES,
    "data_format": DATA_FORMATS,
}
_PAIRS = {"pad": 0, "strides": 1, "dilation": 1, "pool": 1}  # and their least
_AMOUNTS = ("same", "valid", "cover")  # of padding, beside numbers


def _settings(given: Mapping[str, Any]) -> Settings:
    """What was given, checked, as Settings."""
    defaults = {field.name: field.default for field in fields(Settings)}
    for name in given:
        if name not in defaults:
            near = difflib.get_close_matches(name, defaults, 1)
            hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(defaults)}"
            raise FilterError(f"no setting {name}; {hint}")
    return Settings(**{name: _checked(name, value, defaults[name]) for name, value in given.items()})


def _checked(name: str, value: Any, default: Any) -> Any:
    """A setting's value as Settings holds it; None only where that is its default."""
    if value is None and default is None:
        return None
    if name == "bias":
        return _bias(value)
    if name == "pad" and isinstance(value, str) and value in _AMOUNTS:
        return value
    if name in _PAIRS:
        return _pair(name, value)
    check_word(name, value, _WORDS[name])
    return value


def _pair(name: str, value: Any) -> Pair:
    """Rows and columns from one whole number or two."""
    both = value if isinstance(value, list | tuple) else (value, value)
    whole = all(isinstance(part, Integral) and not isinstance(part, bool) for part in both)
    if not whole or len(both) != 2 or not all(_PAIRS[name] <= part <= MAX_PAD for part in both):
        words = ", or same, valid or cover" if name == "pad" else ""
        raise FilterError(
            f"{name} can't be {reprlib.repr(value)}; "
            f"use one whole number or two, from {_PAIRS[name]} to {MAX_PAD}{words}"
        )
    return int(both[0]), int(both[1])


def _bias(value: Any) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not isfinite(value) or abs(value) > MAX_BIAS:
        raise FilterError(f"bias can't be {reprlib.repr(value)}; use a fraction of full scale, such as 0.5")
    return float(value)
=======
def _loaded(part: Any) -> Kernel | Pipeline:
    if isinstance(part, Kernel | Pipeline):
        return part
    if isinstance(part, str | Path):
        return load(part)
    raise FilterError(
        f"a filter can't be {reprlib.repr(part)}; give a name, a path, a formula, a Kernel or a Pipeline, "
        "such as make_kernel makes of numbers"
    )
>>>>>>> h-filters


def _refuse_idle(name: str, settings: Settings) -> None:
    """A pipeline file sets its layers itself; a setting for them would silently do nothing."""
    for setting in fields(Settings):
        if setting.name in OF_LAYERS and getattr(settings, setting.name) != setting.default:
            raise FilterError(
                f"{name} is a pipeline, which sets each layer's {setting.name} by itself; edit the file"
            )
