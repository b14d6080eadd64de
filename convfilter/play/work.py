"""What the page asks for: filters and options in JSON, checked and made a Pipeline."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from convfilter.errors import ConvfilterError, FilterError
from convfilter.filters.catalogue import is_path
from convfilter.filters.json_document import MAX_BYTES, Document
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_writer import file_text
from convfilter.filters.load import is_document, load, make_pipeline, read_text
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.settings import FilterSettings
from convfilter.processing.options import PixelOptions
from convfilter.system.values import dataclass

SETTINGS = tuple(FilterSettings.__annotations__)
PIXELS = ("range", "color", "linear")
MOST_FILTERS = 8
_NAME = "kernel"  # what messages call a filter's text, before its line and column


class Refusal(ConvfilterError):
    """What the page is told: one line, and which filter is meant, with the place in its text, if one is."""

    def __init__(
        self, message: str, *, filter: int | None = None, line: int | None = None, column: int | None = None
    ):
        super().__init__(message)
        self.filter, self.line, self.column = filter, line, column

    def as_json(self) -> dict[str, Any]:
        return {"error": str(self), "filter": self.filter, "line": self.line, "column": self.column}


@dataclass(frozen=True, eq=False)
class Work:
    """Filters in a row. texts: as they were written; settings: those of FilterSettings that were said."""

    texts: tuple[str, ...]
    parts: tuple[Kernel | Pipeline, ...]
    settings: dict[str, Any]
    options: PixelOptions
    pipeline: Pipeline
    key: str  # equal for equal work


def work_of(data: Any) -> Work:
    """The work in a JSON value {"filter": [text, …], and settings}. Raises Refusal or FilterError."""
    if not isinstance(data, dict):
        raise Refusal('no work; give {"filter": ["sobel"]}')
    return _work(json.dumps(data, sort_keys=True))


@lru_cache(maxsize=32)
def _work(key: str) -> Work:
    data = json.loads(key)
    texts = _texts(data.pop("filter", None))
    settings = {name: data.pop(name) for name in SETTINGS if data.get(name) is not None}
    pixels = {name: data.pop(name) for name in PIXELS if data.get(name) is not None}
    if unknown := [name for name, value in data.items() if value is not None]:
        raise Refusal(f"no option {unknown[0][:40]}; the options are {', '.join((*SETTINGS, *PIXELS))}")
    parts = tuple(_part(number, text) for number, text in enumerate(texts))
    pipeline = make_pipeline(parts, **settings)
    return Work(texts, parts, settings, PixelOptions(**pixels), pipeline, key)


def text_of(filter: str) -> str:
    """What the page gets for a FILTER of the command: its file's text for a path. Raises FilterError.

    Kernels that a pipeline's file names by their paths are written into it.
    """
    if not is_path(filter):
        return filter
    found, text = load(filter), Document.read(Path(filter)).text
    try:
        read_text(text)
    except FilterError:
        return file_text(found)
    return text


def _texts(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_FILTERS:
        raise Refusal(f"filter must be a list of 1 to {MOST_FILTERS} texts")
    for number, text in enumerate(given):
        if not isinstance(text, str):
            raise Refusal("a filter is a text: a name, a formula or a kernel's JSON", filter=number)
        if len(text) > MAX_BYTES:
            raise Refusal(f"longer than {MAX_BYTES // 2**20} MiB; a kernel takes a few kB", filter=number)
    return tuple(given)


def _part(number: int, text: str) -> Kernel | Pipeline:
    """One filter. Raises Refusal with its number, and the place in its text."""
    try:
        return read_text(text, _NAME)
    except FilterError as error:
        if error.line is None or not is_document(text):  # else it is in a file of the user's own
            raise Refusal(str(error), filter=number) from error
        said = str(error).removeprefix(f"{_NAME}:{error.line}:{error.column}: ")
        raise Refusal(said, filter=number, line=error.line, column=error.column) from error
