"""A kernel's name, weights, bias and anchor as the fields of its file."""

from typing import Any

import numpy as np

from convfilter.filters.kernel import MAX_NAME

MAX_DIVISOR = 1024


def name_field(name: str) -> str:
    """As much of it as a file may say."""
    return name.encode(errors="replace").decode()[:MAX_NAME]


def number_fields(weights: np.ndarray, bias: np.ndarray, anchor: tuple[int, int]) -> dict[str, Any]:
    """Weights (kh, kw, in, out) as a matrix or a bank where there is one input channel."""
    whole, divisor = fraction(weights)
    one_channel = weights.shape[2] == 1
    if one_channel:
        whole = np.moveaxis(whole[:, :, 0], -1, 0)
    if one_channel and len(whole) == 1:
        whole = whole[0]
    biases = _short(bias.tolist())
    return {
        "weights": _short(whole.tolist()),
        **({} if one_channel else {"layout": "kh,kw,in,out"}),
        **({} if divisor == 1 else {"divisor": divisor}),
        "bias": biases[0] if len(set(map(repr, biases))) == 1 else biases,
        "anchor": list(anchor),
    }


def fraction(weights: np.ndarray) -> tuple[np.ndarray, int]:
    """Whole numbers and a divisor of which the quotients are exactly the weights; if none is, they and 1."""
    few = weights.ravel()[:: -(-weights.size // 1000)]
    for divisor in range(1, MAX_DIVISOR + 1):
        for some in (few, weights):
            whole = np.rint(some * divisor)
            if not np.array_equal(whole / divisor, some):
                break
        else:
            return whole, divisor
    return weights, 1


def _short(value: Any) -> Any:
    """Nested lists of floats with 3 for 3.0, but not 0 for -0.0."""
    if isinstance(value, list):
        return [_short(part) for part in value]
    whole = value.is_integer() and abs(value) < 2**53 and str(value) != "-0.0"
    return int(value) if whole else value
