"""Pipeline files: their JSON form, and the Pipeline it stands for."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from convfilter.choices import Activation as ActivationName
from convfilter.choices import Border, Color, DataFormat, PoolMode, Range, Values
from convfilter.choices import Combine as CombineName
from convfilter.errors import FilterError
from convfilter.filters.catalogue import load_kernel
from convfilter.filters.json_document import Document, Path_
from convfilter.filters.json_errors import validate
from convfilter.filters.kernel import MAX_NAME, Kernel, parse_kernel
from convfilter.filters.kernel_schema import Bias
from convfilter.filters.pipeline import (
    MAX_PAD,
    Activation,
    Combine,
    Conv,
    Layer,
    Pad,
    Pipeline,
    Pool,
    Settings,
    kernel_layers,
    pair,
)

Amount = Annotated[int, Field(ge=0, le=MAX_PAD)]
Step = Annotated[int, Field(ge=1, le=4096)]
Steps = Step | Annotated[list[Step], Field(min_length=2, max_length=2)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PadSpec(_Spec):
    """Rows and columns around the picture."""

    pad: Amount | Annotated[list[Amount], Field(min_length=2, max_length=2)] | Literal["same", "cover"] = (
        Field(description="a number, [rows, columns], or what the next conv needs: same or cover")
    )
    border: Border = "zero"


class ConvSpec(_Spec):
    """A convolution with a kernel's weights, without padding of its own."""

    conv: str | dict[str, Any] | list[Any] = Field(
        description="a kernel's name or path, a formula, or a kernel written out"
    )
    strides: Steps = 1
    dilation: Steps = 1
    activation: ActivationName | None = Field(None, description="default: the kernel's own")
    bias: Bias | None = Field(None, description="a fraction of full scale; default: the kernel's own")
    combine: CombineName | None = Field(None, description="default: the kernel's own")


class ActivationSpec(_Spec):
    """An activation as a layer of its own."""

    activation: ActivationName


class CombineSpec(_Spec):
    """All channels into one."""

    combine: Literal["magnitude", "max", "absmax", "sum", "mean"]


class PoolSpec(_Spec):
    """Pooling; the stride is the pool's size."""

    pool: Steps
    mode: PoolMode = "max"


def _kind_of(layer: Any) -> str:
    known = ("conv", "pad", "pool", "combine", "activation")
    return "#" + next((key for key in known if isinstance(layer, dict) and key in layer), "conv")


_SPECS: dict[str, type[BaseModel]] = {
    "#pad": PadSpec,
    "#conv": ConvSpec,
    "#activation": ActivationSpec,
    "#combine": CombineSpec,
    "#pool": PoolSpec,
}
LayerSpec = Annotated[
    Annotated[PadSpec, Tag("#pad")]
    | Annotated[ConvSpec, Tag("#conv")]
    | Annotated[ActivationSpec, Tag("#activation")]
    | Annotated[CombineSpec, Tag("#combine")]
    | Annotated[PoolSpec, Tag("#pool")],
    Discriminator(_kind_of),
]


class PipelineFile(_Spec):
    """The JSON form of a pipeline."""

    model_config = ConfigDict(extra="forbid", strict=True, title="convfilter pipeline")

    schema_: str | None = Field(None, alias="$schema", description="ignored; for editors")
    name: str | None = Field(None, max_length=MAX_NAME, description="default: the file's name without .json")
    description: str = ""
    source: str = ""
    layers: Annotated[list[LayerSpec], Field(min_length=1, max_length=200, fail_fast=True)]
    range: Range | None = Field(None, description="default: that of the last kernel")
    values: Values = Field("stored", description="pixels as stored, or scaled to 0–1")
    data_format: DataFormat = "channels_last"
    color: Color = Field(
        "gray", description="what it filters unless --color says otherwise: gray, each channel, or luma"
    )


def read_pipeline(document: Document, path: Path) -> Pipeline:
    """The Pipeline in a JSON document; relative kernel paths are taken from the file's folder."""
    file = validate(PipelineFile, document.data, document.fail, _SPECS)
    layers: list[Layer] = []
    pending: PadSpec | None = None  # a pad "same" waits for the conv whose size it takes
    last_range: str = "clip"
    for index, spec in enumerate(file.layers):
        place: Path_ = ("layers", index)
        if pending and not isinstance(spec, ConvSpec):
            document.fail(f'pad "{pending.pad}" must stand right before a conv', ("layers", index - 1))
        if isinstance(spec, PadSpec) and isinstance(spec.pad, str):
            pending = spec
        elif isinstance(spec, ConvSpec):
            kernel = _kernel_of(spec, document, path, place)
            _check_channels(layers, kernel, lambda m, at=place: document.fail(m, (*at, "conv")))
            layers += _conv_layers(spec, kernel, pending)
            pending, last_range = None, kernel.range
        else:
            layers.append(_plain_layer(spec))
    if pending:
        document.fail(f'pad "{pending.pad}" must stand right before a conv', ("layers", len(file.layers) - 1))
    try:
        return Pipeline(
            tuple(layers),
            file.name or path.stem,
            file.range or last_range,
            file.values,
            file.data_format,
            file.color,
        )
    except FilterError as error:
        raise FilterError(f"{path}: {error}") from error


def _check_channels(layers: list[Layer], kernel: Kernel, fail: Any) -> None:
    """Told here, where the file's line is known; Pipeline checks it for all."""
    before = next((layer for layer in reversed(layers) if isinstance(layer, Conv | Combine)), None)
    gets = before.weights.shape[3] if isinstance(before, Conv) else 1
    if before and kernel.channels != gets:
        fail(
            f"{kernel.name} takes {kernel.channels} channels but gets {gets}; "
            "combine the filters before it, or change its weights"
        )


def _conv_layers(spec: ConvSpec, kernel: Kernel, pad: PadSpec | None) -> list[Layer]:
    settings = Settings(
        pad=str(pad.pad) if pad else "valid",
        border=pad.border if pad else "zero",
        strides=pair(spec.strides),
        dilation=pair(spec.dilation),
        activation=spec.activation,
        bias=spec.bias,
        combine=spec.combine,
    )
    return kernel_layers(kernel, settings)


def _plain_layer(spec: PadSpec | ActivationSpec | CombineSpec | PoolSpec) -> Layer:
    if isinstance(spec, PadSpec):
        assert not isinstance(spec.pad, str)
        rows, columns = pair(spec.pad)
        return Pad(rows, rows, columns, columns, spec.border)
    if isinstance(spec, ActivationSpec):
        return Activation(spec.activation)
    if isinstance(spec, CombineSpec):
        return Combine(spec.combine)
    return Pool(pair(spec.pool), spec.mode)


def _kernel_of(spec: ConvSpec, document: Document, path: Path, place: Path_) -> Kernel:
    if isinstance(spec.conv, str):
        try:
            return load_kernel(spec.conv, path.parent)
        except FilterError as error:
            document.fail(str(error), (*place, "conv"))
    data = spec.conv if isinstance(spec.conv, dict) else {"weights": spec.conv}
    depth = 0 if isinstance(spec.conv, dict) else 1  # the bare list has no "weights" of its own
    return parse_kernel(
        data, f"{path.stem}-{int(place[1]) + 1}", lambda m, p: document.fail(m, (*place, "conv", *p[depth:]))
    )
