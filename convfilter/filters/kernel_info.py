"""What can be said of a kernel without running it."""

from typing import Any

import numpy as np

from convfilter.filters.bounds import Bounds, bounds
from convfilter.filters.kernel import Kernel
from convfilter.filters.pipeline import chain
from convfilter.filters.settings import Settings


def gain(kernel: Kernel) -> Bounds | None:
    """Smallest and largest output for inputs in [0, 1]; None where the activation has no known bounds."""
    return bounds(chain([kernel], Settings(pad="valid")))


def ranks(kernel: Kernel) -> list[int]:
    """The rank of each filter as a matrix: 1 means separable into a column and a row."""
    return [int(np.linalg.matrix_rank(_matrix(kernel, number))) for number in range(kernel.filters)]


def symmetries(kernel: Kernel) -> list[str]:
    """Each filter's symmetry: even or odd from left to right, from top to bottom, by half a turn."""
    return [_symmetry(kernel.weights[..., number]) for number in range(kernel.filters)]


def _matrix(kernel: Kernel, number: int) -> np.ndarray:
    """(kh, in·kw): the input channels side by side."""
    weights = kernel.weights[..., number]
    return weights.transpose(0, 2, 1).reshape(weights.shape[0], -1)


def _symmetry(weights: np.ndarray) -> str:
    flips = {
        "left-right": weights[:, ::-1],
        "top-bottom": weights[::-1],
        "half-turn": weights[::-1, ::-1],
    }
    found = []
    for name, flipped in flips.items():
        if np.allclose(weights, flipped, rtol=1e-9, atol=1e-12):
            found.append(f"even {name}")
        elif np.allclose(weights, -flipped, rtol=1e-9, atol=1e-12):
            found.append(f"odd {name}")
    return ", ".join(found) or "none"


def summary(kernel: Kernel) -> dict[str, Any]:
    """The row of `kernels list --json`."""
    return {
        "name": kernel.name,
        "description": kernel.description,
        "size": list(kernel.size),
        "filters": kernel.filters,
        "tags": list(kernel.tags),
        "source": kernel.source,
    }


def effective(kernel: Kernel) -> dict[str, Any]:
    """The object of `kernels show --json`: the kernel after divisor and flip, and what follows from it."""
    found = gain(kernel)
    bias = kernel.bias.tolist()
    sums = kernel.weights.sum((0, 1, 2))
    return {
        **summary(kernel),
        "weights": kernel.weights.tolist(),
        "layout": "kh,kw,in,out",
        "bias": bias[0] if len(set(bias)) == 1 else bias,
        "anchor": list(kernel.anchor),
        "activation": kernel.activation,
        "combine": kernel.combine,
        "range": kernel.range,
        "values": kernel.values,
        "color": kernel.color,
        "border": kernel.border,
        "data_format": kernel.data_format,
        "gain": found and {"min": found.low, "max": found.high, "exact": found.exact},
        "sum": float(sums.sum()),
        "sums": sums.tolist(),
        "rank": ranks(kernel),
        "symmetry": symmetries(kernel),
        "notes": list(kernel.notes),
    }
