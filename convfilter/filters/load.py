"""FILTER: from what the user typed to a Pipeline."""

import reprlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Unpack

from convfilter.errors import FilterError
from convfilter.filters.catalogue import locate
from convfilter.filters.json_document import Document
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_file import kernel_from_document
from convfilter.filters.pipeline import Pipeline, chain
from convfilter.filters.settings import OF_LAYERS, FilterSettings, Settings, checked
from convfilter.system.stamp import Stamp, stamp_of

Filter = str | Path | Kernel | Pipeline  # text is a name, a file's path, or a formula
Filters = Filter | Sequence[Filter]  # one, or several in a row

_MOST = 32  # kernels that are kept
_kept: dict[Path, tuple[Stamp, Kernel]] = {}


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
    if path:
        return load_file(path)
    from convfilter.filters.formula_text import parse_formula  # a kernel of the catalogue goes without

    return parse_formula(str(text))


def load_file(path: Path) -> Kernel | Pipeline:
    """The kernel or pipeline in a JSON file. Raises FilterError with line, column and the fix.

    A kernel is kept for as long as its file stays as it is; a pipeline is not, since it may name other files.
    """
    stamp = stamp_of(path)
    kept = _kept.get(path)  # once: another thread may clear them
    if stamp and kept and stamp == kept[0]:
        return kept[1]
    found = _read(path)
    if stamp and isinstance(found, Kernel):
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[path] = stamp, found
    return found


def _read(path: Path) -> Kernel | Pipeline:
    return _filter_of(Document.read(path), path, files=True)


def _filter_of(document: Document, path: Path, files: bool) -> Kernel | Pipeline:
    """The filter in a document. files: whether a pipeline may name kernels by their paths."""
    if isinstance(document.data, dict) and "layers" in document.data:
        from convfilter.filters.pipeline_file import read_pipeline  # loads pydantic

        return read_pipeline(document, path, files=files)
    return kernel_from_document(document, path.stem)


def is_document(text: str) -> bool:
    """Whether a text is that of a kernel's or a pipeline's file, not a name or a formula."""
    return text.lstrip().startswith(("{", "["))


def read_text(text: str, name: str = "kernel") -> Kernel | Pipeline:
    """A FILTER of somebody who may name no file: a kernel's name, a formula, or what a file would hold.

    name: what a kernel without a name is called, and messages call the text. Raises FilterError, with its
    line and column for a file's text; and for a path, also one in a pipeline.

    >>> read_text("[[-1, 0, 1]]").size
    (1, 3)
    """
    if is_document(text):
        return _filter_of(Document(text, name), Path(name), files=False)
    path = locate(text, None)
    if path:
        return load_file(path)
    from convfilter.filters.formula_text import parse_formula

    return parse_formula(text)


def make_pipeline(filters: Filters, **settings: Unpack[FilterSettings]) -> Pipeline:
    """The layers of one FILTER, or of several in a row.

    filters: a kernel's name, a kernel or pipeline file's path, a formula, a Kernel, a Pipeline, or a list of
    these. settings: how kernels become layers; see settings.FilterSettings.

    Raises FilterError for a filter that can't be found or read, or a setting that is unknown, wrong, or
    would have no effect.

    >>> make_pipeline("sobel", border="edge", pool=2).layers[-1]
    Pool(size=(2, 2), mode='max')
    """
    listed: list[Any] = list(filters) if isinstance(filters, list | tuple) else [filters]
    parts = [part if isinstance(part, Kernel | Pipeline) else load(part) for part in listed]
    chosen = checked(settings)
    if parts and all(isinstance(part, Pipeline) for part in parts):
        _refuse_idle(parts[0].name, chosen)
    return chain(parts, chosen)


def _refuse_idle(name: str, settings: Settings) -> None:
    """A pipeline file sets its layers itself; a setting for them would silently do nothing."""
    for setting in fields(Settings):
        if setting.name in OF_LAYERS and getattr(settings, setting.name) != setting.default:
            raise FilterError(
                f"{name} is a pipeline, which sets each layer's {setting.name} by itself; edit the file"
            )
