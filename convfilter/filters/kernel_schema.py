"""The JSON form of a kernel: the definition from which the schema is printed and mistakes are explained.

kernel_check.py accepts what is good without loading this.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from convfilter.choices import Activation, Border, Color, Combine, DataFormat, Layout, Range, Values
from convfilter.filters.json_errors import validate
from convfilter.filters.json_types import Bias, Number
from convfilter.filters.kernel import MAX_NAME

# fail_fast: of a million mistakes the first one is reported, without collecting the others.
Row = Annotated[list[Number], Field(min_length=1, fail_fast=True)]
Matrix = Annotated[list[Row], Field(min_length=1, fail_fast=True)]
Bank = Annotated[list[Matrix], Field(min_length=1, fail_fast=True)]
Tensor = Annotated[list[Bank], Field(min_length=1, fail_fast=True)]
Brackets = Annotated[list[Tensor], Field(min_length=1, max_length=1)]


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
    """The JSON form of a kernel."""

    model_config = ConfigDict(extra="forbid", strict=True, title="convfilter kernel")

    schema_: str | None = Field(None, alias="$schema", description="ignored; for editors")
    name: str | None = Field(None, max_length=MAX_NAME, description="default: the file's name without .json")
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
    range: Range = Field("clip", description="how results become pixels unless another range is asked for")
    values: Values = Field("stored", description="what the weights expect: pixels as stored, or 0 to 1")
    color: Color = Field(
        "gray",
        description="what it filters unless a setting says otherwise: gray, each channel, or luma",
    )
    border: Border = Field(
        "zero", description="what stands outside the picture unless a setting says otherwise"
    )


def validated(data: Any, fail: Any) -> dict[str, Any]:
    """Every field of a kernel file, those not given with their defaults; `fail(message, path)` raises at
    the place of the first mistake."""
    return dict(validate(KernelFile, data, fail))
