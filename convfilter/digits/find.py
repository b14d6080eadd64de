"""A photo of handwritten digits → what networks trained on MNIST expect: 28×28, bright on black.

The steps: the light evened out, the ink found (Otsu) and its connected parts, shadows and specks dropped,
broken digits put together, lines read; then every digit as MNIST was made, its box fitted into 20×20 with
its gray levels, its centre of mass at the centre of 28×28.
"""

import math

import numpy as np

from convfilter.digits.background import brightness_of_ink, evened, running
from convfilter.digits.components import Components
from convfilter.digits.page_check import check_page
from convfilter.digits.strokes import (
    MAX_PARTS,
    Box,
    Part,
    as_box,
    candidates,
    grown,
    stroke_width,
    strokes,
    usual_height,
    widened,
)
from convfilter.errors import PictureError
from convfilter.images.picture import full_scale
from convfilter.images.resize import resized
from convfilter.system.values import dataclass

INVERTED, CROPPED, CENTRED = "inverted", "cropped to the ink", "centred by mass"
SIDE, BOX = 28, 20  # pixels: of the picture, and of the box that the digit fills
_CENTRE = 14.5  # where MNIST has the centre of mass, in pixels from the picture's edge
_MAX_SIDE = 2000  # pixels; larger photos are averaged down before the search
_FAINT, _EDGE = 0.1, 0.3  # of the ink's level: what is less is paper; where a digit's box ends
_FULL = 80  # per cent of a digit's pixels are less than full white in MNIST
_THIN, _FINE = 1.8, 5  # pixels: a tenth of MNIST's strokes are thinner; boxes: the size for thickening
_UNSURE = 0.7  # brightness of ink, −1 to 1, below which both are tried
_WHITE = 0.9  # what a picture that is ready for the network reaches at least
_MIN_HEIGHT = 8  # pixels of a digit


@dataclass(frozen=True, eq=False)
class Digit:
    """A digit found in a photo, where it stands there, and the picture of it for a network."""

    box: Box
    image: np.ndarray  # (28, 28) uint8, bright on black
    row: int  # of the page, from 1
    column: int  # its place in that row, from 1
    prepared: tuple[str, ...]  # what was done to the photo's pixels, in words; empty where nothing was


def find_digits(gray: np.ndarray) -> list[Digit]:
    """The digits of a gray photo (H, W) in reading order: lines from the top, each from the left.

    Dark ink on bright paper or the reverse, uneven light, any number of digits that don't touch. A picture
    of 28×28 made like MNIST's comes back as it is. Raises PictureError where there is none, and for a
    picture that is no page of digits.
    """
    unit = _unit(gray)
    if unit.shape == (SIDE, SIDE):
        if _is_mnist(unit):
            return [_ready(unit)]
        if _is_mnist(1 - unit):
            return [_ready(1 - unit, INVERTED)]
    factor = math.ceil(max(unit.shape) / _MAX_SIDE)
    photo = _averaged(unit, factor)
    brightness = brightness_of_ink(photo)
    bright = brightness > 0
    ink, labels, lines = _search(photo, bright)
    if abs(brightness) < _UNSURE:
        other = _search(photo, not bright)
        if _height_of(other[2]) > _height_of(lines):  # the holes of digits are smaller than digits
            bright = not bright
            ink, labels, lines = other
    if not lines:
        raise PictureError(
            "no digits found: looked for separate strokes of ink, darker or brighter than the paper around "
            "them and away from the edges; take the photo closer, sharper and in even light"
        )
    check_page(ink, labels, [part for line in lines for part in line])
    before = () if bright else (INVERTED,)
    digits = []
    for row, line in enumerate(lines, 1):
        for column, (box, numbers) in enumerate(line, 1):
            found, image, steps = _digit(ink, labels, box, numbers)
            found = _enlarged(found, factor, unit.shape)
            digits.append(Digit(found, image, row, column, (*before, *steps)))
    return digits


def drawn_digit(drawing: np.ndarray) -> np.ndarray | None:
    """A drawing (H, W) of one digit, bright on black, as MNIST's are made: (28, 28) uint8; None if empty.

    All of the ink is the digit, however many strokes it has.
    """
    unit = _unit(drawing)
    if unit.max() <= _EDGE:
        return None
    top, left, bottom, right = _bounds(unit > _EDGE)
    return _centred(_boxed(_thickened(unit[top:bottom, left:right])))


def _search(photo: np.ndarray, ink_is_bright: bool) -> tuple[np.ndarray, np.ndarray, list[list[Part]]]:
    """The ink, its numbered components, and the lines of digits that they make."""
    ink, least = evened(photo, ink_is_bright)
    bright = 1 - photo if ink_is_bright else photo
    found = strokes(candidates(ink, bright, least), least)
    return ink, found.labels, _lines(_digits(found))


def _height_of(lines: list[list[Part]]) -> float:
    return float(np.median([box[2] - box[0] for line in lines for box, _ in line] or [0]))


def _unit(gray: np.ndarray) -> np.ndarray:
    """A gray picture of any dtype as float32 0–1."""
    if gray.ndim != 2 or 0 in gray.shape:
        raise PictureError(f"digits are looked for in a gray picture (H, W), not in an array of {gray.shape}")
    with np.errstate(over="ignore"):
        values: np.ndarray = gray.astype(np.float32) / np.float32(full_scale(gray.dtype))
    unit: np.ndarray = np.clip(np.nan_to_num(values, posinf=1, neginf=0), 0, 1)
    return unit


def _is_mnist(unit: np.ndarray) -> bool:
    """Whether a picture of 28×28 is black around one bright digit of MNIST's size, at its place."""
    rim = np.concatenate([unit[:1].ravel(), unit[-1:].ravel(), unit[:, 0], unit[:, -1]])
    if rim.mean() > 0.02 or unit.max() < 0.5:
        return False
    top, left, bottom, right = _bounds(unit > _FAINT)
    middle = _middle_of_mass(unit)
    return max(bottom - top, right - left) <= BOX + 2 and np.abs(np.subtract(middle, _CENTRE)).max() < 1.5


def _ready(unit: np.ndarray, *steps: str) -> Digit:
    """A picture that is made like MNIST's: as it is, but for white that is too dark."""
    box = _bounds(unit > _FAINT)
    if unit.max() < _WHITE:
        unit, steps = unit / unit.max(), (*steps, "stretched to white")
    return Digit(box, np.rint(unit * 255).astype(np.uint8), 1, 1, steps)


def _averaged(unit: np.ndarray, factor: int) -> np.ndarray:
    """Means of factor × factor pixels; what is over at the lower and right edges is repeated."""
    if factor == 1:
        return unit
    pad = [(0, -n % factor) for n in unit.shape]
    height, width = (n // factor for n in (unit.shape[0] + pad[0][1], unit.shape[1] + pad[1][1]))
    means: np.ndarray = np.pad(unit, pad, "edge").reshape(height, factor, width, factor).mean((1, 3))
    return means


def _enlarged(box: Box, factor: int, shape: tuple[int, ...]) -> Box:
    """A box in the averaged photo as one in the photo itself."""
    top, left, bottom, right = (factor * each for each in box)
    return top, left, min(bottom, shape[0]), min(right, shape[1])


def _digits(found: Components) -> list[Part]:
    """The boxes of digits, each with the numbers of the components it is made of."""
    usual = usual_height(found)
    wanted = np.flatnonzero(found.areas >= 0.004 * usual**2)
    if len(wanted) > MAX_PARTS:
        raise PictureError(
            f"no digits found: {len(wanted)} pieces of ink, which are a texture or a page of text; "
            f"cut the photo down to the digits"
        )
    parts = [(as_box(found.boxes[i]), [int(i) + 1]) for i in wanted]
    parts.sort(key=lambda part: part[0][2] - part[0][0], reverse=True)
    whole: list[Part] = []
    for box, numbers in parts:  # the tallest first, so that small parts find theirs
        homes = [i for i, (other, _) in enumerate(whole) if _belong(other, box, usual)]
        if not homes:
            whole.append((box, numbers))
            continue
        home = max(homes, key=lambda i: _shared_width(whole[i][0], box))
        other, more = whole[home]
        whole[home] = (_around(other, box), more + numbers)
    return [(box, numbers) for box, numbers in whole if box[2] - box[0] >= max(0.4 * usual, _MIN_HEIGHT)]


def _belong(whole: Box, part: Box, usual: float) -> bool:
    """Whether a part, as the bar of a 5, belongs to a digit: over or under it, and near."""
    gap = max(whole[0], part[0]) - min(whole[2], part[2])
    together = _around(whole, part)
    return (
        part[2] - part[0] < 0.7 * usual
        and _shared_width(whole, part) >= 0.2 * min(whole[3] - whole[1], part[3] - part[1])
        and gap <= 0.3 * usual
        and together[2] - together[0] <= max(1.5 * usual, whole[2] - whole[0])
    )


def _shared_width(a: Box, b: Box) -> int:
    """Columns that two boxes share; negative where they are apart."""
    return min(a[3], b[3]) - max(a[1], b[1])


def _lines(digits: list[Part]) -> list[list[Part]]:
    """The digits line by line from the top, each line from the left; lines may slope."""
    lines: list[list[Part]] = []
    for digit in sorted(digits, key=lambda each: each[0][1]):
        shared = [_shared_height(line[-1][0], digit[0]) for line in lines]
        if shared and max(shared) >= 0.3:
            lines[int(np.argmax(shared))].append(digit)
        else:
            lines.append([digit])
    return sorted(lines, key=lambda line: float(np.mean([box[0] + box[2] for box, _ in line])))


def _shared_height(a: Box, b: Box) -> float:
    """How much of the lower one's height two boxes share, 0–1."""
    shared = min(a[2], b[2]) - max(a[0], b[0])
    return max(shared, 0) / min(a[2] - a[0], b[2] - b[0])


def _digit(
    ink: np.ndarray, labels: np.ndarray, box: Box, numbers: list[int]
) -> tuple[Box, np.ndarray, tuple[str, ...]]:
    """The box of these components, their picture as MNIST would have it, and what was done for that."""
    margin = 2 + (box[2] - box[0]) // 16  # the soft edges of the strokes
    here = widened(box, margin)
    mask = np.isin(labels[here], numbers)
    others = (labels[here] > 0) & ~mask
    level = float(np.percentile(ink[here][mask], 80))
    values = np.where(grown(mask, margin) & ~grown(others, 1), np.clip(ink[here] / level, 0, 1), 0)
    values[values < _FAINT] = 0
    inner = _bounds(values > _EDGE)
    crop = values[inner[0] : inner[2], inner[1] : inner[3]]
    top, left = here[0].start, here[1].start
    found = top + inner[0], left + inner[1], top + inner[2], left + inner[3]
    thick = _thickened(crop)
    steps = (CROPPED, *(["thickened"] if thick is not crop else []), CENTRED)
    return found, _centred(_boxed(thick)), steps


def _boxed(crop: np.ndarray) -> np.ndarray:
    """A digit with its longer side made 20 pixels, the brightest of its ink 1."""
    scale = BOX / max(crop.shape)
    small = np.clip(resized(crop, (_up(crop.shape[0] * scale), _up(crop.shape[1] * scale))), 0, None)
    small /= small.max()
    image: np.ndarray = np.minimum(small / np.percentile(small[small > _FAINT], _FULL), 1)
    return image


def _thickened(crop: np.ndarray) -> np.ndarray:
    """Strokes thinner than almost all of MNIST's, as a fine pen's in a large photo, made as thick."""
    thin = _THIN * max(crop.shape) / BOX - stroke_width(crop > 0.5)
    if thin <= 0:
        return crop
    if max(crop.shape) > _FINE * BOX:
        scale = _FINE * BOX / max(crop.shape)
        crop, thin = resized(crop, (_up(crop.shape[0] * scale), _up(crop.shape[1] * scale))), thin * scale
    reach = _up(thin / 2)
    return running(np.pad(crop, reach), 2 * reach + 1, np.max)


def _up(length: float) -> int:
    return max(1, round(length))


def _centred(small: np.ndarray) -> np.ndarray:
    """At most 20×20, 0–1 → 28×28 uint8, moved by whole pixels so that its centre of mass is the centre."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    middle = _middle_of_mass(small)
    top, left = (
        int(np.clip(round(_CENTRE - at), 0, SIDE - n)) for at, n in zip(middle, small.shape, strict=True)
    )
    image[top : top + small.shape[0], left : left + small.shape[1]] = np.rint(255 * small)
    return image


def _middle_of_mass(values: np.ndarray) -> tuple[float, float]:
    """The centre of mass, in pixels from the upper left edges."""
    mass = values.sum(dtype=np.float64)
    y, x = ((values.sum(1 - axis) * (np.arange(values.shape[axis]) + 0.5)).sum() / mass for axis in (0, 1))
    return float(y), float(x)


def _bounds(mask: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _around(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
