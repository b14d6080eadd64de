"""The words an option or a file may use, each list in one place."""

from typing import Any, Literal, get_args

from convfilter.errors import ConvfilterError, FilterError, did_you_mean

Activation = Literal[
    "abs", "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu",
    "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid",
    "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink",
]  # fmt: skip
Border = Literal["zero", "edge", "reflect", "symmetric", "wrap"]
Color = Literal["gray", "each", "luma"]
Combining = Literal["magnitude", "max", "absmax", "sum", "mean"]
Combine = Literal["none", Combining]
DataFormat = Literal["channels_last", "channels_first"]
Engine = Literal["auto", "keras", "compiled"]
Layout = Literal["kh,kw,in,out", "out,in,kh,kw"]
Plan = Literal["auto", "direct"]
PoolMode = Literal["max", "average"]
Range = Literal["clip", "abs", "rescale", "signed", "gain", "raw"]
Values = Literal["stored", "unit"]

ACROSS_CHANNELS = ("softmax", "log_softmax", "sparsemax")  # activations that mix a pixel's channels

ACTIVATIONS: tuple[str, ...] = get_args(Activation)
BORDERS: tuple[str, ...] = get_args(Border)
COLORS: tuple[str, ...] = get_args(Color)
COMBINES: tuple[str, ...] = get_args(Combine)
DATA_FORMATS: tuple[str, ...] = get_args(DataFormat)
ENGINES: tuple[str, ...] = get_args(Engine)
LAYOUTS: tuple[str, ...] = get_args(Layout)
PLANS: tuple[str, ...] = get_args(Plan)
POOL_MODES: tuple[str, ...] = get_args(PoolMode)
RANGES: tuple[str, ...] = get_args(Range)
VALUES: tuple[str, ...] = get_args(Values)


def check_word(
    name: str, value: Any, words: tuple[str, ...], error: type[ConvfilterError] = FilterError
) -> None:
    """Raise `error` unless `value` is one of the words that `name` may be."""
    if isinstance(value, str) and value in words:
        return
    import reprlib  # only for a mistake

    hint = did_you_mean(value, words, f"use {', '.join(words)}", quote='"')
    raise error(f"{name} can't be {reprlib.repr(value)}; {hint}")
