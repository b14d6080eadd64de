"""Pipeline files: their JSON form, and the Pipeline it stands for. Loads pydantic."""

from functools import lru_cache, reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model

from convfilter.choices import Color, DataFormat, Range, Values
from convfilter.errors import FilterError
from convfilter.filters.catalogue import load_kernel
from convfilter.filters.json_document import Document, Path_
from convfilter.filters.json_errors import validate
from convfilter.filters.kernel import MAX_NAME, Kernel
from convfilter.filters.kernel_file import parse_kernel
from convfilter.filters.layer import Layer, pair
from convfilter.filters.layers import KINDS
from convfilter.filters.pipeline import Pipeline, in_channels, kernel_layers
from convfilter.filters.settings import Settings


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def layer_models() -> dict[str, type[BaseModel]]:
    """The JSON form of each kind of layer, by the tag that stands for it in pydantic's errors."""
    return _layer_models(tuple(KINDS.items()))


@lru_cache
def _layer_models(kinds: tuple[tuple[str, type[Layer]], ...]) -> dict[str, type[BaseModel]]:
    return {
        f"#{key}": create_model(
            f"{kind.__name__}Spec", __base__=_Spec, __doc__=kind.file_fields.__doc__, **kind.file_fields()
        )
        for key, kind in kinds
    }


def _tag_of(fields: Any) -> str:
    """The kind that a layer of the file is meant to be; a convolution where nothing says so."""
    return "#" + next((key for key in KINDS if isinstance(fields, dict) and key in fields), "conv")


class _PipelineFile(_Spec):
    """The JSON form of a pipeline."""

    model_config = ConfigDict(extra="forbid", strict=True, title="convfilter pipeline")

    schema_: str | None = Field(None, alias="$schema", description="ignored; for editors")
    name: str | None = Field(None, max_length=MAX_NAME, description="default: the file's name without .json")
    description: str = ""
    source: str = ""
    layers: Any  # of the kinds that there are, see pipeline_model
    range: Range | None = Field(None, description="default: that of the last kernel")
    values: Values = Field("stored", description="pixels as stored, or scaled to 0–1")
    data_format: DataFormat = "channels_last"
    color: Color = Field(
        "gray", description="what it filters unless a setting says otherwise: gray, each channel, or luma"
    )


def pipeline_model() -> type[_PipelineFile]:
    """The JSON form of a pipeline of all kinds of layers."""
    tagged = (Annotated[model, Tag(tag)] for tag, model in layer_models().items())
    layer: Any = Annotated[reduce(or_, tagged), Discriminator(_tag_of)]
    layers = Annotated[list[layer], Field(min_length=1, max_length=200, fail_fast=True)]
    return create_model("PipelineFile", __base__=_PipelineFile, __doc__=_PipelineFile.__doc__, layers=layers)


def read_pipeline(document: Document, path: Path, *, files: bool = True) -> Pipeline:
    """The Pipeline in a JSON document; relative kernel paths are taken from the file's folder, and refused
    where `files` may not be read."""
    file = validate(pipeline_model(), document.data, document.fail, layer_models())
    layers, last_range = _layers(file.layers, document, path.stem, path.parent if files else None)
    try:
        return Pipeline(
            layers,
            file.name or path.stem,
            file.range or last_range,
            file.values,
            file.data_format,
            file.color,
        )
    except FilterError as error:
        raise FilterError(f"{path}: {error}") from error


def _layers(
    specs: list[Any], document: Document, name: str, folder: Path | None
) -> tuple[tuple[Layer, ...], str]:
    """The layers, and the range of the last kernel. A padding in words waits for its convolution."""
    layers: list[Layer] = []
    last_range = "clip"
    waiting: Any = None
    for index, spec in enumerate([*specs, None]):
        key = _key(spec)
        if waiting and key != "conv":
            document.fail(f'pad "{waiting.pad}" must stand right before a conv', ("layers", index - 1))
        if key == "conv":
            place: Path_ = ("layers", index)
            kernel = _kernel_of(spec, document, f"{name}-{index + 1}", folder, place)
            added = _conv_layers(spec, kernel, waiting)
            _check_channels([*layers, *added], document, place)
            layers += added
            waiting, last_range = None, kernel.range
        elif key == "pad" and isinstance(spec.pad, str):
            waiting = spec
        elif key:
            layers.append(KINDS[key].from_file(spec))
    return tuple(layers), last_range


def _key(spec: Any) -> str:
    """The kind of a layer of the file; none after the last."""
    return next((key for key in KINDS if key in type(spec).model_fields), "") if spec else ""


def _check_channels(layers: list[Layer], document: Document, place: Path_) -> None:
    """Reported here, where the file's line is known; Pipeline checks it for all."""
    count = in_channels(layers)
    try:
        for layer in layers:
            count = layer.out_channels(count)
    except FilterError as error:
        document.fail(str(error), (*place, "conv"))


def _conv_layers(spec: Any, kernel: Kernel, pad: Any) -> list[Layer]:
    settings = Settings(
        pad=pad.pad if pad else "valid",
        border=pad.border if pad else "zero",
        strides=pair(spec.strides),
        dilation=pair(spec.dilation),
        activation=spec.activation,
        bias=spec.bias,
        combine=spec.combine,
    )
    return kernel_layers(kernel, settings)


def _kernel_of(spec: Any, document: Document, name: str, folder: Path | None, place: Path_) -> Kernel:
    """The kernel that a convolution names, or `name` of what is written out in it."""
    if isinstance(spec.conv, str):
        try:
            return load_kernel(spec.conv, folder)
        except FilterError as error:
            document.fail(str(error), (*place, "conv"))
    data = spec.conv if isinstance(spec.conv, dict) else {"weights": spec.conv}
    depth = 0 if isinstance(spec.conv, dict) else 1  # the bare list has no "weights" of its own
    return parse_kernel(data, name, lambda m, p: document.fail(m, (*place, "conv", *p[depth:])))
