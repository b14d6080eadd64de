"""FILTER: from what the user typed, or a pipeline file, to a Pipeline."""

import difflib
from collections.abc import Sequence
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from convfilter import formulas
from convfilter.catalogue import find, is_path, load_kernel
from convfilter.errors import FilterError
from convfilter.jsonfile import Document, Path_
from convfilter.kernel import (
    MAX_BIAS,
    Bias,
    DataFormat,
    Kernel,
    Range,
    Values,
    kernel_from_document,
    parse_kernel,
)
from convfilter.kernel import (
    Activation as ActivationName,
)
from convfilter.kernel import (
    Combine as CombineName,
)
from convfilter.mistakes import validate
from convfilter.pipeline import (
    Activation,
    Combine,
    Conv,
    Layer,
    Pad,
    Pipeline,
    Pool,
    Settings,
    chain,
    kernel_layers,
)

MAX_PAD = 4096

Border = Literal["zero", "edge", "reflect", "symmetric", "wrap"]
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
    mode: Literal["max", "average"] = "max"


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
    name: str | None = Field(None, max_length=100, description="default: the file's name without .json")
    description: str = ""
    source: str = ""
    layers: Annotated[list[LayerSpec], Field(min_length=1, max_length=200, fail_fast=True)]
    range: Range | None = Field(None, description="default: that of the last kernel")
    values: Values = Field("stored", description="pixels as stored, or scaled to 0–1")
    data_format: DataFormat = "channels_last"


def load(text: str | Path) -> Kernel | Pipeline:
    """A FILTER: a kernel's name, a kernel or pipeline file, or a formula. Raises FilterError.

    >>> load("sobel").filters, load("gaussian:sigma=2,size=13").size
    (2, (13, 13))
    """
    text = str(text)
    if _is_formula(text):
        return formulas.parse_formula(text)
    return load_file(Path(text) if is_path(text) else find(text, formulas.FORMULAS))


def _is_formula(text: str) -> bool:
    """Whether it is, or has the colon of, a formula: a misspelt one is told as one."""
    return formulas.is_formula(text) or (":" in text and not is_path(text))


def load_file(path: Path) -> Kernel | Pipeline:
    """The kernel or pipeline in a JSON file. Raises FilterError with line, column and mend."""
    document = Document.read(path)
    if isinstance(document.data, dict) and "layers" in document.data:
        return read_pipeline(document, path)
    return kernel_from_document(document, path.stem)


def make_pipeline(filters: str | Path | Kernel | Pipeline | Sequence[Any], **settings: Any) -> Pipeline:
    """The Pipeline of one FILTER or several in a row; `settings` as in pipeline.Settings.

    Raises FilterError for a filter that can't be found or read, or a setting that is wrong or would have
    no effect.

    >>> make_pipeline("sobel", border="edge", pool=(2, 2)).layers[-1]
    Pool(size=(2, 2), mode='max')
    """
    listed = list(filters) if isinstance(filters, list | tuple) else [filters]
    parts = [part if isinstance(part, Kernel | Pipeline) else load(str(part)) for part in listed]
    chosen = Settings(**settings)
    _check_settings(chosen)
    if parts and all(isinstance(part, Pipeline) for part in parts):
        _refuse_idle(parts[0].name, chosen)
    return chain(parts, chosen)


_WORDS: dict[str, tuple[str, ...]] = {
    "border": get_args(Border),
    "activation": get_args(ActivationName),
    "combine": get_args(CombineName),
    "pool_mode": ("max", "average"),
    "values": get_args(Values),
    "data_format": get_args(DataFormat),
}
_PAIRS = {"pad": 0, "strides": 1, "dilation": 1, "pool": 1}  # and their least


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
            tuple(layers), file.name or path.stem, file.range or last_range, file.values, file.data_format
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


def pair(value: int | list[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _kernel_of(spec: ConvSpec, document: Document, path: Path, place: Path_) -> Kernel:
    if isinstance(spec.conv, str):
        try:
            return _named_kernel(spec.conv, path.parent)
        except FilterError as error:
            document.fail(str(error), (*place, "conv"))
    data = spec.conv if isinstance(spec.conv, dict) else {"weights": spec.conv}
    depth = 0 if isinstance(spec.conv, dict) else 1  # the bare list has no "weights" of its own
    return parse_kernel(
        data, f"{path.stem}-{int(place[1]) + 1}", lambda m, p: document.fail(m, (*place, "conv", *p[depth:]))
    )


def _named_kernel(text: str, folder: Path) -> Kernel:
    if _is_formula(text):
        return formulas.parse_formula(text)
    return load_kernel(folder / text if is_path(text) else find(text, formulas.FORMULAS))
