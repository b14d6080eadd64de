"""A kernel: the fixed weights of one Conv2D layer, from a JSON file to a frozen value.

Kernels are stored as correlation kernels, which is what Keras' Conv2D and OpenCV's filter2D compute;
`flip` marks a file written for true convolution.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from convfilter.errors import FilterError
from convfilter.jsonfile import Document, Path_
from convfilter.mistakes import validate
from convfilter.words import Activation, Combine, DataFormat, Range, Values

MAX_WEIGHTS = 1_048_576
MAX_SIDE = 1023  # rows or columns of one filter
MAX_BIAS = 1e6  # of full scale

Layout = Literal["kh,kw,in,out", "out,in,kh,kw"]

Number = Annotated[float, Field(allow_inf_nan=False)]
# fail_fast: a file of a million mistakes is told its first one without collecting the others.
Row = Annotated[list[Number], Field(min_length=1, fail_fast=True)]
Matrix = Annotated[list[Row], Field(min_length=1, fail_fast=True)]
Bank = Annotated[list[Matrix], Field(min_length=1, fail_fast=True)]
Tensor = Annotated[list[Bank], Field(min_length=1, fail_fast=True)]
Brackets = Annotated[list[Tensor], Field(min_length=1, max_length=1)]
Bias = Annotated[float, Field(ge=-MAX_BIAS, le=MAX_BIAS, allow_inf_nan=False)]


def _depth(value: Any) -> str:
    depth = 0
    while isinstance(value, list) and depth < 5:
        depth += 1
        value = value[0] if value else None
    return f"#{max(depth, 2)}"


Weights = Annotated[
    Annotated[Matrix, Tag("#2")]
    | Annotated[Bank, Tag("#3")]
    | Annotated[Tensor, Tag("#4")]
    | Annotated[Brackets, Tag("#5")],
    Discriminator(_depth),
]


class KernelFile(BaseModel):
    """The JSON form of a kernel: the one definition from which the schema is printed."""

    model_config = ConfigDict(extra="forbid", strict=True, title="convfilter kernel")

    schema_: str | None = Field(None, alias="$schema", description="ignored; for editors")
    name: str | None = Field(None, max_length=100, description="default: the file's name without .json")
    description: str = Field("", description="one sentence: what the kernel shows or does")
    source: str = Field("", description="where the numbers come from: author, title, year")
    tags: Annotated[list[str], Field(fail_fast=True)] = Field([], description="words to find it by")
    weights: Weights = Field(
        description="one matrix; a list of matrices (a bank); four levels in the order of `layout`; "
        "or five levels, as in Keras' set_weights"
    )
    layout: Layout = Field("kh,kw,in,out", description="order of the axes of four-level weights")
    divisor: Number | Literal["sum"] = Field(
        1, description='weights are divided by it; "sum" is each filter\'s own sum, or 1 where that is 0'
    )
    bias: Bias | Annotated[list[Bias], Field(min_length=1, fail_fast=True)] = Field(
        0, description="added to the result, a fraction of full scale; one number, or one per filter"
    )
    flip: bool = Field(
        False, description="true: written for true convolution, rotated by 180 degrees on loading"
    )
    anchor: list[Annotated[int, Field(ge=0)]] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="row and column of the weight that lies on the output pixel; default: half the size",
    )
    activation: Activation = Field("linear", description="Keras activation, or abs")
    combine: Combine = Field("none", description="how the filters of a bank become one picture")
    data_format: DataFormat = Field("channels_last", description="Keras data format the network is built in")
    range: Range = Field("clip", description="how results become pixels unless --range says otherwise")
    values: Values = Field("stored", description="what the weights expect: pixels as stored, or 0 to 1")


@dataclass(frozen=True, eq=False)
class Kernel:
    """The effective kernel: divisor and flip are already in the numbers.

    weights: float64 (kh, kw, in, out), correlation order, read-only.
    bias: float64 (out,), a fraction of full scale, read-only.
    anchor: (row, column) of the weight on the output pixel.
    notes: what loading did that the author should know.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    anchor: tuple[int, int]
    activation: str = "linear"
    combine: str = "none"
    data_format: str = "channels_last"
    range: str = "clip"
    values: str = "stored"
    description: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of one filter."""
        return self.weights.shape[0], self.weights.shape[1]

    @property
    def channels(self) -> int:
        return int(self.weights.shape[2])

    @property
    def filters(self) -> int:
        return int(self.weights.shape[3])


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


def read_kernel(path: Path) -> Kernel:
    """The kernel in a JSON file. Raises FilterError naming file, line, column and mend."""
    document = Document.read(path)
    return kernel_from_document(document, path.stem)


def kernel_from_document(document: Document, name: str) -> Kernel:
    if isinstance(document.data, list):  # the bare nested list of numbers
        return parse_kernel({"weights": document.data}, name, lambda m, p: document.fail(m, p[1:]))
    return parse_kernel(document.data, name, document.fail)


def parse_kernel(data: Any, name: str, fail: Any) -> Kernel:
    """Kernel from the JSON value `data`; `fail(message, path)` raises at a place in it."""
    file = validate(KernelFile, data, fail)
    try:
        return _effective(file, name)
    except _Wrong as wrong:
        fail(wrong.message, wrong.path)
        raise


class _Wrong(Exception):
    def __init__(self, message: str, *path: str | int):
        self.message = message
        self.path = path


def _raiser(name: str) -> Any:
    def fail(message: str, path: Path_ = ()) -> NoReturn:
        raise FilterError(f"{name}: {message}")

    return fail


def _effective(file: KernelFile, name: str) -> Kernel:
    weights = _arrange(file)
    kh, kw, _, filters = weights.shape
    anchor = _anchor(file.anchor, (kh, kw))
    weights, notes = _divide(weights, file.divisor)
    if len(_too_large(weights)):
        raise _Wrong("divisor makes a weight too large for 32-bit floats; use a larger one", "divisor")
    if file.flip:
        weights = weights[::-1, ::-1]
        anchor = (kh - 1 - anchor[0], kw - 1 - anchor[1])
    bias = np.broadcast_to(_bias(file.bias, filters), (filters,)).astype(np.float64)
    return Kernel(
        name=file.name or name,
        weights=_frozen(weights),
        bias=_frozen(bias),
        anchor=anchor,
        activation=file.activation,
        combine=file.combine,
        data_format=file.data_format,
        range=file.range,
        values=file.values,
        description=file.description,
        source=file.source,
        tags=tuple(file.tags),
        notes=notes,
    )


def _frozen(array: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array


def _arrange(file: KernelFile) -> np.ndarray:
    """The file's numbers as (kh, kw, in, out)."""
    _check_shape(file.weights, ("weights",))
    array = np.array(file.weights, dtype=np.float64)
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
    elif file.layout == "out,in,kh,kw":
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
        with np.errstate(over="ignore"):  # told by the caller
            return weights / divisor, ()
    sums = weights.sum(axis=(0, 1, 2))
    zero = np.abs(sums) <= 1e-12 * np.abs(weights).sum(axis=(0, 1, 2))
    notes = ('divisor "sum": the sum is 0, so 1 is used',) if zero.any() else ()
    return weights / np.where(zero, 1.0, sums), notes


def _bias(bias: float | list[float], filters: int) -> Any:
    if isinstance(bias, list) and len(bias) not in (1, filters):
        raise _Wrong(f"{len(bias)} biases for {filters} filters; give one, or one per filter", "bias")
    return bias
