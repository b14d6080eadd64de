"""Pictures as rows of a CSV, as on Kaggle: label,pixel0,…,pixel783; plain or gzip.

Without a label column the pictures are unlabelled. The label may also be the last column, or be called
class; pixels may count from 1, or be called 1x1,…,28x28. A file without a header is taken where it can't be
misread: 784 columns are pixels; of 785 the label is the first or the last, whichever has the values of
a label while the other, a corner of the picture, is 0 in every row.
"""

import functools
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convfilter.errors import DataError
from convfilter.system.values import dataclass
from convfilter.train.data.source import MAX_LABEL, Part, Progress, Source, check_bytes, open_source

_CHUNK = 4 << 20  # bytes
_MAX_LINE = 16 << 20  # bytes
_WANTED = "the columns wanted are label,pixel0,…,pixel783, or those without label"
_MAX_FIELD = 40  # characters of a number
_NUMERIC = frozenset("0123456789+-.eE")
_COMMA, _NEWLINE, _ZERO, _NINE = b",\n09"


@dataclass(frozen=True)
class _Columns:
    names: tuple[str, ...]  # as messages call them
    headed: bool
    label: int | None  # index of the label's column
    shape: tuple[int, int]  # of a picture

    @property
    def limits(self) -> np.ndarray:
        """The largest value allowed in each column."""
        limits = np.full(len(self.names), 255)
        if self.label is not None:
            limits[self.label] = MAX_LABEL
        return limits


def read_csv(path: Path, progress: Progress | None = None) -> Part:
    """All rows; DataError with the line and column of the first that is wrong."""
    with open_source(path) as source:
        columns, tables, lines, line = None, [], [], 1
        for chunk in _chunks(source, progress):
            if columns is None:
                head = chunk[: chunk.index(b"\n")]
                columns = _columns(head.decode("utf-8-sig", "replace"), source.label)
                if columns.headed:
                    chunk, line = chunk[len(head) + 1 :], 2
                else:
                    chunk = chunk.removeprefix(b"\xef\xbb\xbf")
            table, at = _table(chunk, columns, line, source.label)
            tables.append(table)
            lines.append(at)
            line += chunk.count(b"\n")
            check_bytes(sum(map(len, tables)) * len(columns.names), source.label)
        if columns is None or not sum(map(len, tables)):
            raise DataError(f"{source.label}: a header and no rows; get a sound copy")
        return _part(columns, tables, np.concatenate(lines), source.label)


def _chunks(source: Source, progress: Progress | None) -> Iterator[bytes]:
    """Blocks of whole lines; the last line ends in a newline too."""
    left, line = b"", 1
    while block := source.read(_CHUNK):
        source.report(progress)
        data = (left + block).replace(b"\r\n", b"\n")
        end = data.rfind(b"\n") + 1
        left = data[end:]
        line += data.count(b"\n")
        if len(left) > _MAX_LINE:
            raise DataError(f"{source.label}, line {line}: longer than {_MAX_LINE} bytes; {_WANTED}")
        if end:
            yield data[:end]
    if left:
        yield left + b"\n"


def _columns(head: str, label: str) -> _Columns:
    """The columns that the first line names."""
    names = [name.strip().strip('"').strip() for name in head.split(",")]
    numbers = sum(not name or not math.isnan(_number(name)) for name in names)
    if numbers > len(names) / 2 and len(names) > 1:
        return _headless(len(names), label)
    low = [name.lower() for name in names]
    labels = [i for i, name in enumerate(low) if name in ("label", "class")]
    if len(labels) > 1 or (labels and labels[0] not in (0, len(names) - 1)):
        raise DataError(f"{label}, line 1: the label must be one column, the first or the last; {_WANTED}")
    pixels = [(i, name) for i, name in enumerate(low) if i not in labels]
    side = math.isqrt(len(pixels))
    grid = re.fullmatch(r"(\d{1,4})x(\d{1,4})", pixels[-1][1]) if pixels else None
    shape = (int(grid[1]), int(grid[2])) if grid else (side, side)
    first = 1 if pixels and pixels[0][1] == "pixel1" else 0
    for order, (column, name) in enumerate(pixels):
        y, x = divmod(order, max(shape[1], 1))
        expected = f"{y + 1}x{x + 1}" if grid else f"pixel{first + order}"
        if name != expected:
            raise DataError(
                f"{label}, line 1: column {column + 1} is {names[column][:40]!r}, not {expected}; {_WANTED}"
            )
    if not pixels or shape[0] * shape[1] != len(pixels):
        raise DataError(f"{label}, line 1: {len(pixels)} pixel columns are no square picture; {_WANTED}")
    return _Columns(tuple(names), True, labels[0] if labels else None, shape)


def _headless(count: int, label: str) -> _Columns:
    """Columns without names; where one is a label, all the values will decide which."""
    for pixels in (count, count - 1):
        side = math.isqrt(pixels)
        if side * side == pixels and pixels > 1:
            return _Columns(tuple(f"{i + 1}" for i in range(count)), False, None, (side, side))
    raise DataError(f"{label}, line 1: {count} columns without a header are no square picture; {_WANTED}")


@functools.lru_cache(4096)  # a pixel has few values, written the same way every time
def _number(text: str) -> float:
    """The number written here; NaN for anything else."""
    if not set(text) <= _NUMERIC or len(text) > _MAX_FIELD:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return math.nan


def _table(chunk: bytes, columns: _Columns, line: int, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Values (rows, columns) uint16, and each row's line number."""
    table = _plain(chunk, columns)
    if table is not None:
        return table, np.arange(line, line + len(table))
    rows, lines = [], []
    for number, text in enumerate(chunk.decode("utf-8", "replace").split("\n")[:-1], line):
        if text.strip():
            rows.append(_row(text, columns, f"{label}, line {number}"))
            lines.append(number)
    return np.array(rows, np.uint16).reshape(-1, len(columns.names)), np.array(lines, np.int64)


def _plain(chunk: bytes, columns: _Columns) -> np.ndarray | None:
    """All values at once where every line is sound and written with nothing but digits and commas."""
    data = np.frombuffer(chunk, np.uint8)
    ends = np.flatnonzero(data < _ZERO)  # the commas and newlines, one after each value
    width = len(columns.names)
    if not len(ends) or len(ends) % width or data.max() > _NINE:
        return None
    marks = data[ends].reshape(-1, width)
    lengths = np.diff(ends, prepend=-1) - 1
    if (marks[:, :-1] != _COMMA).any() or (marks[:, -1] != _NEWLINE).any():
        return None
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    values = data[ends - 1].astype(np.uint16) - _ZERO
    for place, factor in ((2, 10), (3, 100)):
        longer = np.flatnonzero(lengths >= place)
        values[longer] += factor * (data[ends[longer] - place].astype(np.uint16) - _ZERO)
    values = values.reshape(-1, width)
    return None if (values > columns.limits).any() else values


def _row(text: str, columns: _Columns, place: str) -> np.ndarray:
    """One line's values, however they are written; DataError for the first that is wrong."""
    fields = [field.strip() for field in text.replace('"', "").split(",")]
    if len(fields) != len(columns.names):
        raise DataError(
            f"{place}: {len(fields)} columns, not {len(columns.names)} as in line 1; complete or drop the row"
        )
    values = np.array([_number(field) for field in fields])
    right = (values >= 0) & (values <= columns.limits) & (values == np.floor(values))
    if right.all():
        return values
    column = int(np.argmin(right))
    raise DataError(f"{place}, column {columns.names[column]}: {_fault(fields[column], column, columns)}")


def _fault(field: str, column: int, columns: _Columns) -> str:
    """What is wrong with this value, and what to do."""
    kind = "a label" if column == columns.label else "a pixel"
    if field.lower() in ("", "nan", "na", "null", "none"):
        return "the value is missing; fill it in or drop the row"
    if math.isnan(_number(field)):
        return f"{field[:40]!r} is not a number; correct it or drop the row"
    if 0 < _number(field) < 1 and kind == "a pixel":
        return f"{field[:40]} is not whole; multiply the pixels by 255 and round them"
    return (
        f"{field[:40]} is not {kind}, a whole number 0–{columns.limits[column]}; correct it or drop the row"
    )


def _part(columns: _Columns, tables: list[np.ndarray], lines: np.ndarray, label: str) -> Part:
    """Rows to pictures and labels."""
    pixels = math.prod(columns.shape)
    place = columns.label
    if place is None and len(columns.names) > pixels:
        place = _label_column(tables, label)
    kept = [i for i in range(len(columns.names)) if i != place]
    across = slice(kept[0], kept[-1] + 1)
    images = np.concatenate([table[:, across].astype(np.uint8) for table in tables])
    labels = None if place is None else np.concatenate([table[:, place] for table in tables])
    return Part(images.reshape(-1, *columns.shape, 1), labels, lambda i: f"{label}, line {lines[i]}")


def _label_column(tables: list[np.ndarray], label: str) -> int:
    """The label's column in a file without a header: see the module's docstring."""
    last = tables[0].shape[1] - 1
    first, second = (np.concatenate([table[:, i] for table in tables]) for i in (0, last))
    for place, labels, corner in ((0, first, second), (last, second, first)):
        counts = np.bincount(labels)
        if not corner.any() and counts.max() <= 0.9 * len(labels):
            return place
    raise DataError(
        f"{label}: no header, and either the first or the last column may be the label; "
        f"add a header line: {_WANTED}"
    )
