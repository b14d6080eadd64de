"""Kernels from JSON: a file, or the numbers and fields that one would hold.

Files hold correlation kernels; `flip` marks one written for true convolution.
"""

from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.json_document import Document, Path_
from convfilter.filters.kernel import HOW, MAX_SIDE, MAX_WEIGHTS, Kernel, frozen
from convfilter.filters.kernel_check import good_fields


def make_kernel(weights: Any, *, name: str = "kernel", **fields: Any) -> Kernel:
    """A kernel from numbers: `weights` as in a file (nested lists or an array), `fields` as in KernelFile.

    An array is (kh, kw), (filters, kh, kw) or (kh, kw, in, out). Raises FilterError.

    >>> make_kernel([[-1, 0, 1]], name="difference").size
    (1, 3)
    """
    data = {name: _listed(value) for name, value in {"weights": weights, **fields}.items()}
    return parse_kernel(data, name, _raiser(name))


def _listed(value: Any) -> Any:
    """Arrays and tuples as the lists that a JSON file would hold."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_listed(part) for part in value] if isinstance(value, list | tuple) else value


def _raiser(name: str) -> Any:
    def fail(message: str, path: Path_ = ()) -> NoReturn:
        raise FilterError(f"{name}: {message}")

    return fail


def read_kernel(path: Path) -> Kernel:
    """The kernel in a JSON file. Raises FilterError that names file, line, column and the fix."""
    document = Document.read(path)
    return kernel_from_document(document, path.stem)


def kernel_from_document(document: Document, name: str) -> Kernel:
    """The kernel in a JSON document, called `name` unless it says otherwise."""
    if isinstance(document.data, list):  # the bare nested list of numbers
        return parse_kernel({"weights": document.data}, name, lambda m, p: document.fail(m, p[1:]))
    return parse_kernel(document.data, name, document.fail)


def parse_kernel(data: Any, name: str, fail: Any) -> Kernel:
    """Kernel from the JSON value `data`; `fail(message, path)` raises at a place in it."""
    try:
        return _effective(_fields(data, fail), data["weights"], name)
    except _Wrong as wrong:
        fail(wrong.message, wrong.path)
        raise


def _fields(data: Any, fail: Any) -> dict[str, Any]:
    """A file's fields, those not given with their defaults; `fail` raises where they are not as
    kernel_schema.py says."""
    fields = good_fields(data)
    if fields is None:
        from convfilter.filters.kernel_schema import validated  # loads pydantic, which explains the mistake

        fields = validated(data, fail)
    return fields


class _Wrong(Exception):
    def __init__(self, message: str, *path: str | int):
        self.message = message
        self.path = path


def _effective(fields: dict[str, Any], weights: list[Any], name: str) -> Kernel:
    """The kernel of a good file's fields and weights. Raises _Wrong where they don't fit each other."""
    stored = arranged(weights, fields["layout"])
    kh, kw, _, filters = stored.shape
    anchor = _anchor(fields["anchor"], (kh, kw))
    divided, notes = _divide(stored, fields["divisor"])
    if len(_too_large(divided)):
        raise _Wrong("divisor makes a weight too large for 32-bit floats; use a larger one", "divisor")
    if fields["flip"]:
        divided = divided[::-1, ::-1]
        anchor = (kh - 1 - anchor[0], kw - 1 - anchor[1])
    bias = np.broadcast_to(_bias(fields["bias"], filters), (filters,)).astype(np.float64)
    kept = (*HOW, "description", "source")
    return Kernel(
        name=fields["name"] or name,
        weights=frozen(divided),
        bias=frozen(bias),
        anchor=anchor,
        tags=tuple(fields["tags"]),
        notes=notes,
        **{key: fields[key] for key in kept},
    )


def arranged(weights: list[Any], layout: str) -> np.ndarray:
    """A file's numbers as (kh, kw, in, out), as they stand there."""
    _check_shape(weights, ("weights",))
    array = np.array(weights, dtype=np.float64)
    for place in _too_large(array)[:1]:
        raise _Wrong("a weight too large for 32-bit floats; use smaller numbers", "weights", *map(int, place))
    if array.size > MAX_WEIGHTS:
        raise _Wrong(f"{array.size:,} weights; at most {MAX_WEIGHTS:,} are allowed", "weights")
    if array.ndim == 5:
        array = array[0]
    if array.ndim == 2:
        array = array[:, :, None, None]
    elif array.ndim == 3:
        array = np.moveaxis(array, 0, -1)[:, :, None, :]
    elif layout == "out,in,kh,kw":
        array = array.transpose(2, 3, 1, 0)
    if max(array.shape[:2]) > MAX_SIDE:
        raise _Wrong(f"a filter of {array.shape[0]}×{array.shape[1]}; at most {MAX_SIDE} a side", "weights")
    return array


def _too_large(weights: np.ndarray) -> np.ndarray:
    """Where the weights, (axes, found), are too large for 32-bit floats."""
    with np.errstate(over="ignore"):
        return np.argwhere(~np.isfinite(weights.astype(np.float32)))


def _check_shape(value: Any, path: tuple[Any, ...]) -> tuple[int, ...]:
    """Shape of nested lists; raises at the first part whose shape is not its elder sibling's."""
    if not isinstance(value, list):
        return ()
    first = _check_shape(value[0], (*path, 0))
    for index, item in enumerate(value[1:], 1):
        shape = _check_shape(item, (*path, index))
        if shape != first:
            part = "row" if len(first) == 1 else "item"
            raise _Wrong(
                f"{part} {index + 1} holds {_count(shape)}, {part} 1 holds {_count(first)}; make them equal",
                *path,
                index,
            )
    return (len(value), *first)


def _count(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"{shape[0]} number{'s' * (shape[0] != 1)}"
    return "×".join(map(str, shape)) + " numbers"


def _anchor(given: list[int] | None, size: tuple[int, int]) -> tuple[int, int]:
    anchor = (size[0] // 2, size[1] // 2) if given is None else (given[0], given[1])
    if anchor[0] >= size[0] or anchor[1] >= size[1]:
        raise _Wrong(f"anchor {list(anchor)} lies outside the {size[0]}×{size[1]} kernel", "anchor")
    return anchor


def _divide(weights: np.ndarray, divisor: float | Literal["sum"]) -> tuple[np.ndarray, tuple[str, ...]]:
    if divisor != "sum":
        if divisor == 0:
            raise _Wrong('divisor is 0; use another number, or "sum"', "divisor")
        with np.errstate(over="ignore"):  # the caller reports it
            return weights / divisor, ()
    sums = weights.sum(axis=(0, 1, 2))
    zero = np.abs(sums) <= 1e-12 * np.abs(weights).sum(axis=(0, 1, 2))
    notes = ('divisor "sum": the sum is 0, so 1 is used',) if zero.any() else ()
    return weights / np.where(zero, 1.0, sums), notes


def _bias(bias: float | list[float], filters: int) -> Any:
    if isinstance(bias, list) and len(bias) not in (1, filters):
        raise _Wrong(f"{len(bias)} biases for {filters} filters; give one, or one per filter", "bias")
    return bias
