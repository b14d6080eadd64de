"""The fastest exact rewriting of a convolution, chosen by a cost model fitted to measurements.

A convolution may be replaced by the same one over blocks of columns (rewrites.banded) and, where its kernels
are of low rank, by a pass down the columns and one along the rows. Whole-number kernels keep every bit: they
are only split where the factors are whole numbers too. Others stay within ERROR of full scale.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from convfilter.engines.rewrites import banded, direct, in_bands, over_bands
from convfilter.engines.stages import (
    BANDS,
    WIDE,
    Bands,
    CombineBlocks,
    Convolve,
    Depthwise,
    Rewrite,
    Weights,
)
from convfilter.filters.conv import Conv
from convfilter.filters.kernel import spread
from convfilter.filters.layers import Combine
from convfilter.filters.pipeline import Pipeline, channels
from convfilter.filters.whole_numbers import EXACT
from convfilter.system.values import dataclass

OVERFLOWING = ("exponential",)  # activations that enlarge differences without bound
ERROR = 2e-5  # of full scale; results are promised to 1e-4
MOST_RANK = 3  # of kernels that are split over bands
MOST_WEIGHTS = 2**20  # of a banded kernel
PHASES = (8, 16)
FEW = 49  # a filter of so many weights is never split, so that an edit of its weights changes no structure
VECTOR = 16  # floats of AVX-512
TILES = (3, 4, 9, 25)  # taps of a DepthwiseConv2D that XNNPACK computes in one pass, rounded up to these
MOST_TAPS = TILES[-1]  # more are five times slower
WHITE = 65535  # the largest whole number of a picture

# Nanoseconds on one core for each of the features below; fitted by tests/benchmarks/plans.py.
CONSTANTS = (0.013, 0.53, 0.085, 0.28, 1.8, 0.43)


def choose(conv: Conv, phases: bool, plan: str = "auto", error: float = ERROR) -> Rewrite:
    """The cheapest rewriting of `conv`.

    phases: whether its columns may be seen as channels. plan: auto | direct, the convolution as it is. error:
    the largest difference that rewriting may make, as a fraction of full scale.
    """
    return direct(conv) if plan == "direct" else candidates(conv, phases, error)[0]


def allowed_errors(pipeline: Pipeline) -> list[float]:
    """The error that each convolution's rewriting may make, so that the result is off by ERROR at most."""
    allowed, gain = [], 1.0
    for layer, count in reversed([*zip(pipeline.layers, channels(pipeline), strict=False)]):
        if getattr(layer, "activation", getattr(layer, "function", None)) in OVERFLOWING:
            gain = np.inf
        if isinstance(layer, Conv):
            allowed.append(ERROR / len(pipeline.convs) / max(gain, 1.0))
            gain *= float(np.abs(layer.weights).sum((0, 1, 2)).max())
        elif isinstance(layer, Combine):
            gain *= {"sum": count, "magnitude": count**0.5}.get(layer.how, 1.0)
    return allowed[::-1]


def candidates(conv: Conv, phases: bool, error: float = ERROR) -> list[Rewrite]:
    """All rewritings of a convolution, the cheapest first."""
    return sorted([direct(conv), *(_rewritten(conv, error) if phases else ())], key=cost)


def _rewritten(conv: Conv, error: float) -> Iterator[Rewrite]:
    kh, kw, _, filters = conv.weights.shape
    yield from _by_bands(conv, error)
    split = _split(conv, error) if kh * kw > FEW else None
    for count in PHASES:
        blocks = (count + (kw - 1) * conv.dilation[1] - 1) // count + 1
        if conv.extent[0] * blocks * filters * count**2 <= MOST_WEIGHTS:
            yield direct(conv, count)
        if split is not None:
            factors, rows, off = split
            if blocks * filters * factors.shape[1] * count**2 <= MOST_WEIGHTS:
                yield _columns_then_rows(conv, factors, rows, off, count)
    if filters > 2 and kh * kw > FEW:
        yield from _shared(conv, error)


def _by_bands(conv: Conv, error: float) -> Iterator[Rewrite]:
    """The convolution over bands, as it is or, for kernels of low rank, down the columns and then along the
    rows of each."""
    if conv.extent[0] * conv.extent[1] <= MOST_TAPS:
        yield over_bands(conv)
    if min(conv.weights.shape[:2]) == 1 or max(conv.extent) > MOST_TAPS or conv.activation != "linear":
        return
    parts = _parts(conv, error)
    rank = max((down.shape[1] for down, _ in parts or ()), default=0)
    if not 1 <= rank <= MOST_RANK:
        return
    assert parts is not None
    filters = len(parts)
    down = np.zeros((conv.weights.shape[0], 1, rank, filters))
    along = np.zeros((1, conv.weights.shape[1], rank, filters))
    for number, (columns, rows) in enumerate(parts):
        down[:, 0, : columns.shape[1], number] = columns
        along[0, :, : len(rows), number] = rows.T
    copies = rank * filters
    steps = (
        Bands(),
        Depthwise((conv.extent[0], 1), BANDS, copies),
        Depthwise((1, conv.extent[1]), BANDS * copies),
    )
    down = spread(down.reshape(*down.shape[:2], copies), (conv.dilation[0], 1))
    along = spread(along.reshape(*along.shape[:2], copies), (1, conv.dilation[1]))
    bias = np.concatenate([conv.bias, np.zeros(copies - filters)])
    weights = (*in_bands(down, np.zeros(copies)), *in_bands(along, bias))
    total = (CombineBlocks("sum", rank),) if rank > 1 else ()
    yield Rewrite(
        f"rank {rank} over bands", (*steps, *total), weights, bands=BANDS, error=_error(conv, parts)
    )


@dataclass(frozen=True)
class Option:
    """A rewriting and what it costs: nanoseconds per output pixel, on one core."""

    name: str
    cost: float
    error: float
    chosen: bool


def weighed(conv: Conv, phases: bool, error: float = ERROR) -> list[Option]:
    """Everything `choose` chose from, the cheapest first."""
    found = candidates(conv, phases, error)
    return [Option(each.name, cost(each), each.error, number == 0) for number, each in enumerate(found)]


def cost(rewrite: Rewrite) -> float:
    """About how many nanoseconds each output pixel takes on one core."""
    return sum(count * each for count, each in zip(features(rewrite), CONSTANTS, strict=True))


def features(rewrite: Rewrite) -> tuple[float, ...]:
    """What the cost model counts per output pixel: products of convolutions, their taps, products down
    columns, floats that a step reads or writes, results of a bank that stand block by block, and 1. Channels
    count in whole vectors."""
    products = taps = down = moved = 0.0
    for step in rewrite.steps:
        if isinstance(step, Convolve):
            vectors = _vectors(step.filters)
            taps += step.size[0] * step.size[1] * vectors
            products += step.size[0] * step.size[1] * step.channels * vectors * VECTOR
            moved += step.channels + step.filters
        elif isinstance(step, Depthwise):
            made = step.channels * step.copies
            down += _tile(step.size[0] * step.size[1]) * -(-made // VECTOR) * VECTOR
            moved += step.channels + (3 if step.copies > 1 else 1) * made
    each = max(rewrite.phases, rewrite.bands)
    last = rewrite.steps[-1]
    made = last.filters // each if isinstance(last, Convolve) else 1
    apart = made if made > 1 and each >= WIDE else 0
    return products / each, taps / each, down / each, moved / each, apart, 1.0


def _vectors(filters: int) -> float:
    """XNNPACK computes pairs of vectors where it can, a pair in 1.4 times the time of one."""
    return -(-filters // VECTOR) if filters < 2 * VECTOR else 1.4 * -(-filters // (2 * VECTOR))


def _tile(taps: int) -> int:
    """How many taps XNNPACK computes for so many."""
    return next((tile for tile in TILES if taps <= tile), 5 * taps)


Parts = list[tuple[np.ndarray, np.ndarray]]  # of each filter: columns (kh, R) and rows (R, kw)


def _parts(conv: Conv, allowed: float) -> Parts | None:
    """Kernels as sums of column × row; None where whole numbers can't be kept."""
    kernels = np.moveaxis(conv.weights[:, :, 0], 2, 0)  # (F, kh, kw)
    whole = _scale(conv.weights) > 0
    parts = [_whole_rank_one(kernel) if whole else _low_rank(kernel, allowed) for kernel in kernels]
    found = [part for part in parts if part is not None]
    return found if len(found) == len(parts) else None


def _error(conv: Conv, parts: Parts) -> float:
    """The largest difference that the parts make, as a fraction of full scale."""
    kernels = np.moveaxis(conv.weights[:, :, 0], 2, 0)
    pairs = zip(parts, kernels, strict=True)
    return max(float(np.abs(down @ along - kernel).sum()) for (down, along), kernel in pairs)


def _split(conv: Conv, allowed: float) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Kernels (kh, kw, 1, F) as sums of column × row: factors (kh, R), rows (kw, R, F) with zeros where a
    column belongs to another filter, and the error; None where whole numbers can't be kept."""
    parts = _parts(conv, allowed)
    if parts is None:
        return None
    factors = np.concatenate([down for down, _ in parts], axis=1)
    rows = np.zeros((conv.weights.shape[1], factors.shape[1], len(parts)))
    at = 0
    for number, (down, along) in enumerate(parts):
        rows[:, at : at + down.shape[1], number] = along.T
        at += down.shape[1]
    return factors, rows, _error(conv, parts)


def _scale(weights: np.ndarray) -> int:
    """The smallest power of two that makes all weights whole numbers; 0 where none up to 2^16 does."""
    return next((2**k for k in range(17) if not np.any(weights * 2**k % 1)), 0)


def _whole_rank_one(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """column (kh, 1) and row (1, kw) of whole numbers (over a power of two) whose product is the kernel."""
    scale = _scale(kernel)
    if np.abs(kernel * scale).sum() * WHITE >= EXACT:
        return None
    whole = np.rint(kernel * scale).astype(np.int64)
    if not whole.any():
        return np.zeros((len(kernel), 1)), np.zeros((1, kernel.shape[1]))
    line = whole[np.argmax(np.abs(whole).sum(1))]
    line = line // np.gcd.reduce(line)
    column = whole @ line // (line @ line)
    if not np.array_equal(np.outer(column, line), whole):
        return None
    return column[:, None] / scale, line[None].astype(float)


def _low_rank(kernel: np.ndarray, allowed: float) -> tuple[np.ndarray, np.ndarray]:
    """columns (kh, R) and rows (R, kw) of the least rank whose product differs by at most `allowed`."""
    u, s, vt = np.linalg.svd(kernel, full_matrices=False)
    for rank in range(1, len(s) + 1):
        down, along = u[:, :rank] * s[:rank], vt[:rank]
        if np.abs(down @ along - kernel).sum() <= allowed:
            break
    return down, along


def _columns_then_rows(
    conv: Conv, factors: np.ndarray, rows: np.ndarray, error: float, phases: int
) -> Rewrite:
    """Columns (kh, R), then each filter's rows (kw, R, F), over blocks of columns."""
    band = banded(spread(rows[None], (1, conv.dilation[1])), phases)
    _, blocks, channels, filters = band.shape
    along = Convolve((1, blocks), channels, filters, activation=conv.activation)
    first, down = _down(factors, conv.dilation[0], phases)
    bias = np.repeat(conv.bias, phases)
    weights = (*down, Weights(band.astype(np.float32)), Weights(bias.astype(np.float32)))
    over = f" over {phases} columns" if phases > 1 else ""
    return Rewrite(f"rank {factors.shape[1]}{over}", (first, along), weights, phases, blocks, error=error)


def _down(factors: np.ndarray, dilation: int, phases: int) -> tuple[Convolve | Depthwise, list[Weights]]:
    """The step that filters blocks of columns by each of the factors (taps, copies)."""
    taps, copies = factors.shape
    zeros = Weights(np.zeros(copies * phases, np.float32))
    if taps <= MOST_TAPS and phases >= WIDE:
        kernel = np.repeat(factors, phases, axis=1)[:, None, :, None]  # (taps, 1, copies·phases, 1)
        weights = [Weights(kernel.astype(np.float32)), zeros]
        return Depthwise((taps, 1), phases, copies, (dilation, 1)), weights
    kernel = np.einsum("tc,pq->tpcq", factors, np.eye(phases)).reshape(taps, 1, phases, copies * phases)
    weights = [Weights(kernel.astype(np.float32)), zeros]
    return Convolve((taps, 1), phases, copies * phases, dilation=(dilation, 1)), weights


def _shared(conv: Conv, allowed: float) -> Iterator[Rewrite]:
    """A bank as columns that all its filters share, then rows of each; not for whole numbers, or where it
    saves nothing."""
    kh, kw, _, filters = conv.weights.shape
    if _scale(conv.weights):
        return
    u, s, vt = np.linalg.svd(conv.weights[:, :, 0].reshape(kh, kw * filters), full_matrices=False)
    for rank in range(1, len(s)):
        along = (s[:rank, None] * vt[:rank]).reshape(rank, kw, filters).transpose(1, 0, 2)
        product = np.einsum("hr,wrf->hwf", u[:, :rank], along)
        error = float(np.abs(product - conv.weights[:, :, 0]).sum((0, 1)).max())
        if error <= allowed:
            break
    else:
        return
    for phases in (1, 2):
        rewrite = _columns_then_rows(conv, u[:, :rank], along, error, phases)
        yield replace(rewrite, name=f"shared, {rewrite.name}")
