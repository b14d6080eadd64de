"""Draw the layers of a pipeline or a network from left to right: stacked maps, and what is done between them.

A drawing is plain data, in the units of an SVG; one function writes it as SVG, another as a picture.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from convfilter.images.drawing import save_sheet, sheet_format
from convfilter.images.text import font
from convfilter.system.atomic import atomic_write
from convfilter.system.values import dataclass

Shape = tuple[int | None, ...]  # (H, W, C), None where it is any; or (n,) without rows and columns
Row = tuple[str, Shape, int]  # what a layer does, the shape of its output, its parameters

LARGEST, SMALLEST = 120, 12  # sides of maps
SHEETS, SHIFT = 8, 5  # maps drawn of a stack at most, and between two
BAR = 14  # width of what has no rows and columns
WIDE = 1700  # after which another line begins
GAP, LINE_GAP, MARGIN, FONT = 34, 46, 24, 12
LETTER = 0.56  # width of a letter, of its height
WORDS = 20  # letters of a line of an operation
INK, SOFT, EDGE, PAPER = "#191919", "#606060", "#54708c", "#fafafa"
FILLS = ("#dce8f4", "#c9dcee")  # of maps, and of bars


@dataclass(frozen=True)
class Box:
    """A rectangle, its upper left corner first."""

    left: float
    top: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True)
class Arrow:
    """From left to right at one height."""

    left: float
    right: float
    top: float


@dataclass(frozen=True)
class Label:
    """A line of text centred on `middle`, above `base`."""

    middle: float
    base: float
    text: str
    size: int = FONT
    colour: str = INK


@dataclass(frozen=True)
class Drawing:
    """What is drawn, the lowest first."""

    width: float
    height: float
    parts: tuple[Box | Arrow | Label, ...]


@dataclass(frozen=True)
class _Stage:
    """One output, and the operations that lead to it and keep its shape; drawn with maps of these sides."""

    shape: Shape
    operations: tuple[str, ...]
    sides: tuple[float, float]
    parameters: int


def save_structure(
    title: str, rows: Sequence[Row], path: Path, steps: Sequence[tuple[int, int]] = ()
) -> None:
    """Draw the rows, of which the first is the input, to an .svg, or a picture of any format with colour.

    steps: for each row the input pixels between two of its own, which scale maps of unknown size. Raises
    FilterError for a format without colour, PictureError where the file can't be written.
    """
    drawing = structure(title, rows, steps)
    if path.suffix.lower() == ".svg":
        with atomic_write(path) as file:
            file.write(svg(drawing).encode())
    else:
        sheet_format(path)
        save_sheet(pixels(drawing), path)


def structure(title: str, rows: Sequence[Row], steps: Sequence[tuple[int, int]] = ()) -> Drawing:
    """The drawing of the rows, in lines of about WIDE units."""
    stages = _stages(rows, steps or [(1, 1)] * len(rows))
    parts: list[Box | Arrow | Label] = []
    left, top, right, high = float(MARGIN), MARGIN + 40.0, 0.0, 0.0
    for number, stage in enumerate(stages):
        width, height = _extent(stage)
        between = _between(stage) if number else 0
        column = max(width, LETTER * FONT * len(_sizes(stage.shape)))
        if left > MARGIN and left + between + column + MARGIN > WIDE:
            left, top = float(MARGIN), top + LARGEST + SHEETS * SHIFT + LINE_GAP + high
            high = 0.0
        middle = top + (LARGEST + SHEETS * SHIFT) / 2
        if number:
            parts += _operation(stage, left, left + between, middle)
            left += between
        parts += _maps(stage, left + (column - width) / 2, middle - height / 2)
        parts.append(Label(left + column / 2, middle - height / 2 - 8, _sizes(stage.shape)))
        left, right = left + column, max(right, left + column)
        high = max(high, FONT * 1.3 * max(0, len(_lines(stage)) - 5))
    right = max(right, MARGIN + LETTER * 16 * len(title))
    parts.insert(0, Label((right + MARGIN) / 2, MARGIN + 14, title, 16))
    return Drawing(right + MARGIN, top + LARGEST + SHEETS * SHIFT + MARGIN + high, tuple(parts))


def _stages(rows: Sequence[Row], steps: Sequence[tuple[int, int]]) -> list[_Stage]:
    """The rows, each that keeps a known shape and has no parameters joined to the one before."""
    longest = max((side for _, shape, _ in rows if len(shape) == 3 for side in shape[:2] if side), default=1)
    stages: list[_Stage] = []
    for (what, shape, parameters), step in zip(rows, steps, strict=True):
        last = stages[-1] if stages else None
        if last and len(stages) > 1 and shape == last.shape and None not in shape and not parameters:
            stages[-1] = _Stage(shape, (*last.operations, what), last.sides, last.parameters)
        else:
            stages.append(_Stage(shape, (what,), _sides(shape, longest, step), parameters))
    return stages


def _sides(shape: Shape, longest: int, step: tuple[int, int]) -> tuple[float, float]:
    """Height and width of a map: by the root of its size, so that small ones can still be seen."""
    if len(shape) != 3:
        return max(SMALLEST, min(LARGEST, 16 * math.log2(1 + (shape[-1] or 1)))), BAR
    shares = (have / longest if have else 1 / by for have, by in zip(shape[:2], step, strict=True))
    height, width = (max(SMALLEST, LARGEST * share**0.5) for share in shares)
    return height, width


def _sheets(stage: _Stage) -> int:
    return min(SHEETS, stage.shape[2] or 1) if len(stage.shape) == 3 else 1


def _extent(stage: _Stage) -> tuple[float, float]:
    """Width and height of the whole stack."""
    shift = SHIFT * (_sheets(stage) - 1)
    return stage.sides[1] + shift, stage.sides[0] + shift


def _sizes(shape: Shape) -> str:
    """As the paper on LeNet writes them: 6@28×28."""
    if len(shape) != 3:
        return f"{shape[-1]:,}" if shape[-1] else "n"
    height, width = ("HW"[axis] if shape[axis] is None else str(shape[axis]) for axis in (0, 1))
    return f"{'C' if shape[2] is None else shape[2]}@{height}×{width}"


def _wrapped(operations: Iterable[str]) -> list[str]:
    """The operations in lines of about WORDS letters, longer words cut."""
    lines: list[str] = []
    for operation in operations:
        lines.append("")
        for word in operation.split():
            if lines[-1] and len(lines[-1]) + 1 + len(word) > WORDS:
                lines.append("")
            short = word if len(word) <= WORDS + 6 else word[: WORDS + 5] + "…"
            lines[-1] = f"{lines[-1]} {short}".strip()
    return lines


def _lines(stage: _Stage) -> list[str]:
    """What leads to a stage, and how many numbers were learned or given for the first of it."""
    first, *others = stage.operations
    learned = [f"{stage.parameters:,} parameters"] if stage.parameters else []
    return _wrapped([first, *learned, *others])


def _between(stage: _Stage) -> float:
    """Width of an arrow with its operations."""
    return max(GAP, *(LETTER * FONT * len(line) for line in _lines(stage))) + 2 * 8


def _operation(stage: _Stage, left: float, right: float, middle: float) -> list[Box | Arrow | Label]:
    """An arrow, what is done above and below it, and how many numbers were learned or given for it."""
    lines = _lines(stage)
    centre = (left + right) / 2
    labels = [
        Label(centre, middle + 6 + FONT * 1.3 * (number + 1), line, FONT, INK if number == 0 else SOFT)
        for number, line in enumerate(lines)
    ]
    return [Arrow(left + 8, right - 8, middle), *labels]


def _maps(stage: _Stage, left: float, top: float) -> list[Box | Arrow | Label]:
    """The stack, the hindmost map first."""
    count, (height, width) = _sheets(stage), stage.sides
    fill = FILLS[len(stage.shape) != 3]
    return [Box(left + SHIFT * n, top + SHIFT * n, width, height, fill) for n in range(count)]


def svg(drawing: Drawing) -> str:
    """The drawing as the text of an SVG file, without scripts, styles from elsewhere, or fonts."""
    size = f"{drawing.width:.0f} {drawing.height:.0f}"
    width, height = size.split()
    lines = "\n".join(map(_svg_part, drawing.parts))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {size}"'
        f' font-family="sans-serif">\n<rect width="{width}" height="{height}" fill="{PAPER}"/>\n'
        f"{lines}\n</svg>\n"
    )


def _svg_part(part: Box | Arrow | Label) -> str:
    if isinstance(part, Box):
        place = f'x="{part.left:.1f}" y="{part.top:.1f}" width="{part.width:.1f}" height="{part.height:.1f}"'
        return f'<rect {place} fill="{part.fill}" stroke="{EDGE}"/>'
    if isinstance(part, Arrow):
        head = f"M{part.right - 6:.1f} {part.top - 4:.1f}L{part.right:.1f} {part.top:.1f}l-6 4"
        return (
            f'<path d="M{part.left:.1f} {part.top:.1f}H{part.right:.1f}{head}" fill="none" stroke="{INK}"/>'
        )
    place = f'x="{part.middle:.1f}" y="{part.base:.1f}" font-size="{part.size}" fill="{part.colour}"'
    return f'<text {place} text-anchor="middle">{escape(_visible(part.text))}</text>'


def _visible(text: str) -> str:
    """Without control characters, which an SVG may not hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def pixels(drawing: Drawing, scale: int = 2) -> np.ndarray:
    """The drawing as (H, W, 3) uint8, `scale` pixels to a unit."""
    size = math.ceil(drawing.width * scale), math.ceil(drawing.height * scale)
    image = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(image)
    for part in drawing.parts:
        _draw_part(pen, part, scale)
    return np.asarray(image)


def _draw_part(pen: ImageDraw.ImageDraw, part: Box | Arrow | Label, scale: int) -> None:
    if isinstance(part, Box):
        corners = (part.left, part.top, part.left + part.width, part.top + part.height)
        pen.rectangle([each * scale for each in corners], fill=part.fill, outline=EDGE, width=scale)
    elif isinstance(part, Arrow):
        tip = part.right, part.top
        for start in ((part.left, part.top), (part.right - 6, part.top - 4), (part.right - 6, part.top + 4)):
            pen.line([each * scale for each in (*start, *tip)], fill=INK, width=scale)
    else:
        text = part.text.replace("×", "x").replace("…", "...")  # signs that Pillow's typeface lacks
        place = part.middle * scale, part.base * scale
        pen.text(place, text, fill=part.colour, font=font(part.size * scale), anchor="ms")
