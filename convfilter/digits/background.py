"""The paper under the ink: its brightness at every place, taken away, whichever of the two is brighter.

NumPy alone: scipy.ndimage has these filters, and would be 143 MB to install and 0.28 s to import for about 90
lines here, in strokes and in components. The tests compare them with SciPy's.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_CELLS = 64  # blocks along the longer side, whose medians stand for the paper
_MIN_CONTRAST = 0.06  # of ink against paper, where white is 1
_FINE, _MAX_SOFTENING = 0.012, 3  # coarser grain is softened, at most that many times
_NOISE = 5  # standard deviations of the paper's grain, which ink must exceed


def evened(photo: np.ndarray, ink_is_bright: bool) -> tuple[np.ndarray, float]:
    """A photo (H, W) 0–1 → ink (H, W), 0 on paper and positive on ink, and the least that can be ink.

    The paper is the closing (for bright paper; else the opening) of block medians: what is darker than
    its surroundings and narrower than a third of the photo is ink, and slopes of light are paper.
    """
    photo = 1 - photo if ink_is_bright else photo
    block, cells = _cells(photo)
    window = max(3, round(min(cells.shape) * 0.35)) | 1
    slope = _slope(cells)
    pad = min(window, min(cells.shape) - 1)  # slopes go on beyond the edges: odd reflection
    paper = np.pad(cells - slope, pad, "reflect", reflect_type="odd") if pad else cells - slope
    paper = running(running(paper, window, np.max), window, np.min)
    paper = running(paper, 3, np.median)[pad : pad + cells.shape[0], pad : pad + cells.shape[1]] + slope
    ink = _enlarged(paper, block, photo.shape) - photo
    ink -= np.median(ink)
    for _ in range(_MAX_SOFTENING):
        if _grain(ink) <= _FINE:
            break
        ink = _softened(ink)
    return ink, max(_MIN_CONTRAST, _NOISE * _grain(ink))


def _slope(cells: np.ndarray) -> np.ndarray:
    """The surface of second degree nearest to most of the cells."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in cells.shape), indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)
    values, kept = cells.ravel(), np.ones(cells.size, bool)
    for _ in range(8):
        surface: np.ndarray = basis @ np.linalg.lstsq(basis[kept], values[kept], rcond=None)[0]
        apart = np.abs(values - surface)
        kept = apart <= max(2 * float(np.median(apart)), 1e-3)
    return surface.reshape(cells.shape)


def _grain(ink: np.ndarray) -> float:
    """The standard deviation of paper's grain, by the median, which ink hardly moves."""
    return 1.4826 * float(np.median(np.abs(ink)))


def _softened(ink: np.ndarray) -> np.ndarray:
    """Weights 1 2 1 down and across."""
    for axis in (0, 1):
        padded = np.pad(ink, [(1, 1) if axis == each else (0, 0) for each in (0, 1)], "edge")
        near = [padded.take(np.arange(ink.shape[axis]) + i, axis) for i in range(3)]
        ink = (near[0] + 2 * near[1] + near[2]) / 4
    return ink


def brightness_of_ink(photo: np.ndarray) -> float:
    """Positive where the ink is brighter than the paper, negative where darker; near 0 if that isn't sure.

    What differs most from the median of its surroundings is ink, the rim left out: the cubes of what is
    brighter against those of what is darker, (a − b) / (a + b). A step, as from a page to the table under
    it, moves both sides nearly alike; strokes move one.
    """
    cells = _cells(photo)[1]
    reach, rim = max(1, min(cells.shape) // 4), min(cells.shape) // 10
    windows = sliding_window_view(np.pad(cells, reach, "reflect"), (2 * reach + 1, 2 * reach + 1))
    around = np.median(windows[::2, ::2, ::2, ::2], axis=(2, 3))
    apart = (cells[::2, ::2] - around)[
        rim // 2 : len(around) - rim // 2, rim // 2 : around.shape[1] - rim // 2
    ]
    cubes = apart.astype(np.float64) ** 3
    return float(cubes.sum() / max(np.abs(cubes).sum(), 1e-12))


def _cells(photo: np.ndarray) -> tuple[int, np.ndarray]:
    """The side of a block, and the median of every one."""
    block = -(-max(photo.shape) // _CELLS)
    return block, _medians(photo, block)


def otsu(values: np.ndarray) -> float:
    """The threshold between two kinds of values that makes their variance within smallest (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    middle = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * middle)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(edges[np.nanargmax(between[:-1]) + 1]) if above[0] else float(edges[0])


def _medians(photo: np.ndarray, block: int) -> np.ndarray:
    """The median of every block; those at the lower and right edges are filled up by repetition."""
    height, width = (-(-n // block) for n in photo.shape)
    pad = [(0, height * block - photo.shape[0]), (0, width * block - photo.shape[1])]
    blocks = np.pad(photo, pad, "edge").reshape(height, block, width, block)
    medians: np.ndarray = np.median(blocks.swapaxes(1, 2).reshape(height, width, -1), axis=2)
    return medians


def running(cells: np.ndarray, window: int, how: Callable[..., np.ndarray]) -> np.ndarray:
    """`how` over a square window around every cell, cut at the edges."""
    reach = window // 2
    for axis in (0, 1):
        pad = [(reach, reach) if axis == each else (0, 0) for each in (0, 1)]
        cells = how(sliding_window_view(np.pad(cells, pad, "edge"), window, axis=axis), axis=-1)
    return cells


def _enlarged(cells: np.ndarray, block: int, shape: tuple[int, int]) -> np.ndarray:
    """Cells back to pixels, linearly between the blocks' middles."""
    for axis in (0, 1):
        at = (np.arange(shape[axis]) + 0.5) / block - 0.5
        low = np.clip(np.floor(at).astype(int), 0, max(cells.shape[axis] - 2, 0))
        high = np.minimum(low + 1, cells.shape[axis] - 1)
        part = np.clip(at - low, 0, 1)[:, None] if axis == 0 else np.clip(at - low, 0, 1)
        cells = cells.take(low, axis) * (1 - part) + cells.take(high, axis) * part
    return cells
