"""Which ink may be a digit: neither specks nor the page's edge, the table under it or a shadow."""

import math

import numpy as np

from convfilter.digits.background import otsu
from convfilter.digits.components import Components, components

MAX_PARTS, _MAX_FRAMES = 1000, 50  # pieces of ink that may be digits; the tallest, that may frame them

Box = tuple[int, int, int, int]  # top, left, bottom, right; the last two exclusive
Part = tuple[Box, list[int]]  # a digit's box, and the numbers of its components


def candidates(ink: np.ndarray, photo: np.ndarray, least: float) -> np.ndarray:
    """The ink in the boxes of whatever may be a digit or a part of one, 0 elsewhere.

    A page's edge or a shadow is much taller than the digits, or wider, or frames them, or touches the
    photo's edge with a size that isn't theirs, or its corner, or has paper on one side only.
    photo: (H, W), dark where ink is.
    """
    found = components(ink > least)
    height, width = (found.boxes[:, 2:] - found.boxes[:, :2]).T
    usual = usual_height(found)
    kept = (height <= 3 * usual) & (width <= 4 * usual) & (np.maximum(height, width) >= 0.08 * usual)
    top, left, bottom, right = _touching(found)
    kept &= ~(top | left | bottom | right) | ((height >= 0.5 * usual) & (height <= 2 * usual))
    if _inside(found).any():
        kept &= ~((top | bottom) & (left | right))
    for i in np.flatnonzero(kept & _real(found))[:MAX_PARTS]:  # more of them are refused later
        kept[i] = _on_paper(photo, found.labels, i + 1, as_box(found.boxes[i]))
    marks = np.zeros_like(ink)
    numbers = np.concatenate([[False], kept])
    for row in found.boxes[kept]:
        inside = widened(as_box(row), 2)
        own = numbers[found.labels[inside]] | (found.labels[inside] == 0)
        marks[inside] = np.where(own, np.maximum(ink[inside], 1e-6), 0)
    return marks


def _on_paper(photo: np.ndarray, labels: np.ndarray, number: int, box: Box) -> bool:
    """Whether a component has bright paper around it, and not on one side something as dark as itself."""
    margin = 3 + (box[2] - box[0]) // 16
    here = widened(box, margin + 2)
    own = labels[here] == number
    ring = grown(own, margin + 2) & ~grown(own, margin) & ~grown((labels[here] > 0) & ~own, margin)
    around = photo[here][ring]
    if not around.size:
        return True
    middle = (np.median(photo[here][own]) + np.percentile(around, 75)) / 2
    return float((around < middle).mean()) < 0.3


def strokes(marks: np.ndarray, least: float) -> Components:
    """The connected ink that rises above Otsu's threshold; where it does, down to half of it."""
    threshold = otsu(marks[marks > 0]) if marks.any() else 1.0
    weak = components(marks > max(threshold / 2, least))
    strong = np.zeros(len(weak.areas) + 1, bool)
    strong[weak.labels[marks > threshold]] = True
    return components(strong[weak.labels] & (weak.labels > 0))


def usual_height(found: Components) -> float:
    """The height of most of the ink: the median by area of what is inside the photo, if anything is."""
    heights = found.boxes[:, 2] - found.boxes[:, 0]
    among = _inside(found)
    among = among if among.any() else _real(found)
    among = among if among.any() else np.ones(len(heights), bool)
    if not among.any():
        return 1.0
    areas = found.areas[among]
    order = np.argsort(heights[among])
    middle = np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)
    return float(heights[among][order][middle])


def _real(found: Components) -> np.ndarray:
    """Which components are more than specks, (n,)."""
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    real: np.ndarray = (sizes.max(1) >= max(5, max(found.labels.shape) / 80)) & (found.areas >= 8)
    return real


def _inside(found: Components) -> np.ndarray:
    """Which are, and don't touch the photo's edge, nor frame others, (n,)."""
    real = _real(found)
    inside = real & ~_touching(found).any(0)
    heights = found.boxes[:, 2] - found.boxes[:, 0]
    for i in np.argsort(-heights, kind="stable")[:_MAX_FRAMES]:
        inside[i] &= not _frames(found.boxes, real, i)
    return inside


def _touching(found: Components) -> np.ndarray:
    """Which components touch the photo's top, left, bottom and right edge, (4, n)."""
    height, width = found.labels.shape
    touching: np.ndarray = (found.boxes == [0, 0, height, width]).T
    return touching


def _frames(boxes: np.ndarray, real: np.ndarray, i: int) -> bool:
    """Whether box i, three times as high, is around another."""
    inside = (boxes[:, :2] > boxes[i, :2]).all(1) & (boxes[:, 2:] < boxes[i, 2:]).all(1) & real
    height = boxes[:, 2] - boxes[:, 0]
    return bool((inside & (3 * height < height[i])).any())


def stroke_width(mask: np.ndarray) -> float:
    """Twice the area by the outline, whose steps are 4/π of its length on average over directions."""
    padded = np.pad(mask, 1)
    steps = sum(int((np.diff(padded.astype(np.int8), axis=axis) != 0).sum()) for axis in (0, 1))
    return 2 * float(mask.sum()) / (steps * math.pi / 4) if steps else 0.0


def widened(box: Box, margin: int) -> tuple[slice, slice]:
    """Slices of a box and so many pixels around it, within the photo."""
    top, left = max(box[0] - margin, 0), max(box[1] - margin, 0)
    return slice(top, box[2] + margin), slice(left, box[3] + margin)


def grown(mask: np.ndarray, reach: int) -> np.ndarray:
    """A mask and what is at most `reach` pixels from it, rows and columns counted apart."""
    for axis in (0, 1):
        pad = [(reach + 1, reach) if axis == each else (0, 0) for each in (0, 1)]
        sums = np.cumsum(np.pad(mask.astype(np.int32), pad), axis=axis)
        here = np.arange(mask.shape[axis])
        mask = sums.take(here + 2 * reach + 1, axis) > sums.take(here, axis)
    return mask


def as_box(row: np.ndarray) -> Box:
    top, left, bottom, right = (int(n) for n in row)
    return top, left, bottom, right
