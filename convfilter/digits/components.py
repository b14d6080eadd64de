"""Connected components of a mask, by runs and union-find, in NumPy alone."""

import numpy as np

from convfilter.system.values import dataclass


@dataclass(frozen=True, eq=False)
class Components:
    """The 8-connected parts of a mask, numbered from 1 in the order of their first pixel."""

    labels: np.ndarray  # (H, W) int32; 0 where the mask is False
    boxes: np.ndarray  # (n, 4) int64: top, left, bottom, right; the last two exclusive
    areas: np.ndarray  # (n,) int64, pixels


def components(mask: np.ndarray) -> Components:
    """Label a mask (H, W) of bools."""
    height, width = mask.shape
    rows, starts, ends = _runs(mask)
    roots = _union(len(rows), *_touching(rows, starts, ends, width))
    unique, number = np.unique(roots, return_inverse=True)
    boxes = np.empty((len(unique), 4), np.int64)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    np.minimum.at(boxes[:, 0], number, rows)
    np.minimum.at(boxes[:, 1], number, starts)
    np.maximum.at(boxes[:, 2], number, rows + 1)
    np.maximum.at(boxes[:, 3], number, ends)
    lengths = ends - starts
    areas = np.bincount(number, lengths, len(unique)).astype(np.int64)
    labels = np.zeros((height, width), np.int32)
    labels[mask] = np.repeat(number + 1, lengths)  # both go row by row
    return Components(labels, boxes, areas)


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, first columns and last columns + 1 of every horizontal run of True, row by row."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    return rows, starts, np.nonzero(steps == -1)[1]


def _touching(
    rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs, one in the row below the other, that touch, by a corner too."""
    span = width + 2  # keys of one row never meet those of the next
    first = np.searchsorted(rows * span + ends, (rows - 1) * span + starts, side="left")
    last = np.searchsorted(rows * span + starts, (rows - 1) * span + ends, side="right")
    counts = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(rows)), counts)
    upper = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts, counts) + first[lower]
    return upper, lower


def _union(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest member of each one's set, (count,), after a[i] and b[i] are joined for every i."""
    roots = np.arange(count)
    while len(a):
        low, high = np.minimum(roots[a], roots[b]), np.maximum(roots[a], roots[b])
        apart = low < high
        if not apart.any():
            break
        a, b = a[apart], b[apart]
        np.minimum.at(roots, high[apart], low[apart])
        while (roots[roots] != roots).any():
            roots = roots[roots]
    return roots
