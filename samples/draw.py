"""Draw the sample pictures beside this file: `python samples/draw.py`.

Everything is computed with NumPy and Pillow from a fixed seed, so two runs give the same pixels.
Shapes are drawn SCALE times too large and averaged down, which is what makes their edges smooth.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent
SEED = 20240229
SCALE = 4  # supersampling: 4 x 4 drawn pixels are averaged into one
JPEG_QUALITY = 92

SCENE_SIZE = (512, 384)  # width, height in pixels
CARD_SIZE = (256, 256)
BADGE_SIZE = (192, 192)

HORIZON = 204  # y of the line where sea meets sky
SUN = (170, 168, 21)  # x, y, radius

# The palette of the scene: a late evening, light from the left.
SKY = ((0.0, "#27386b"), (0.35, "#6a6aa3"), (0.62, "#c98aa0"), (0.82, "#f6ae86"), (1.0, "#ffdda6"))
SEA = ((0.0, "#f3bf98"), (0.12, "#c79aa3"), (0.4, "#5f86a8"), (1.0, "#24517a"))
GRASS = ((0.0, "#9fb35a"), (0.35, "#6f9450"), (1.0, "#38623f"))
PEAK_LIT, PEAK_SHADE, SNOW_LIT, SNOW_SHADE = "#a48bb0", "#6c6b9c", "#fff0e2", "#b9b4d6"
ISLANDS = ("#5f6694", "#46598a")
CLOUD_LIT, CLOUD_SHADE = "#ffe3cf", "#d99cab"
ROCK_LIT, ROCK_MID, ROCK_DARK = "#b99c92", "#7f6d77", "#4d4759"
TOWER_WHITE, TOWER_RED, CAP_RED = "#fff6ea", "#d2453d", "#93283a"
IRON, LAMP = "#2b2f45", "#ffe88a"
BRICKS, MORTAR = ("#b5573f", "#c4694a", "#a84c3a", "#cf7c58"), "#ecd2b4"
ROOF, ROOF_LINE, TRIM, GLASS, DOOR = "#4a5578", "#2f3758", "#fff3e0", "#ffd76e", "#2f7d78"
PINE_DARK, PINE_LIT, TRUNK = "#1f4a45", "#4b8058", "#5b4038"
LAVENDER, SOIL = ("#5a4a93", "#8a6cc0", "#b79ae0"), "#4c7048"
PATH, PICKET, PICKET_SHADE, BOARD, INK = "#ecd3a2", "#fff8ee", "#b9b2c6", "#e2b478", "#3a2a2a"
LEAF_LIT, LEAF_SHADE, VEIN, MIDRIB = "#6fb24a", "#3a8044", "#c3e38c", "#e3f0a8"

# The hem of a pine branch: where it is notched, from its left end (-1) to its right (1).
HEM = (-1.0, -0.84, -0.7, -0.54, -0.4, -0.24, -0.1, 0.06, 0.22, 0.38, 0.54, 0.7, 0.85, 1.0)

Points = Sequence[tuple[float, float]]


class Canvas:
    """An image SCALE times too large that is drawn on in final pixels."""

    def __init__(self, size: tuple[int, int], mode: str = "RGB", color: str | int = 0) -> None:
        self.image = Image.new(mode, (size[0] * SCALE, size[1] * SCALE), color)
        self.pen = ImageDraw.Draw(self.image)

    def polygon(self, points: Points, fill: str | int) -> None:
        self.pen.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: str | int) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def line(self, points: Points, fill: str | int, width: float) -> None:
        self.pen.line([(x * SCALE, y * SCALE) for x, y in points], fill, round(width * SCALE), "curve")

    def disc(self, x: float, y: float, rx: float, ry: float, fill: str | int) -> None:
        self.pen.ellipse([(x - rx) * SCALE, (y - ry) * SCALE, (x + rx) * SCALE, (y + ry) * SCALE], fill)

    def text(self, x: float, y: float, words: str, size: float, fill: str | int) -> None:
        font = ImageFont.load_default(size=size * SCALE)
        self.pen.text((x * SCALE, y * SCALE), words, fill, font=font, anchor="mm")

    def paste(self, top: Image.Image, mask: Image.Image) -> None:
        self.image.paste(top, (0, 0), mask)

    def small(self) -> Image.Image:
        return self.image.reduce(SCALE)


def shade(color: str, factor: float) -> str:
    """A colour made darker (factor < 1) or lighter (factor > 1)."""
    r, g, b = (min(255, round(channel * factor)) for channel in ImageColor.getrgb(color)[:3])
    return f"#{r:02x}{g:02x}{b:02x}"


def blend(stops: Sequence[tuple[float, str]], where: np.ndarray) -> np.ndarray:
    """Colours (..., 3) along a list of (position, colour) stops."""
    positions = [position for position, _ in stops]
    colors = np.array([ImageColor.getrgb(color)[:3] for _, color in stops], float)
    return np.stack([np.interp(where, positions, colors[:, c]) for c in range(3)], axis=-1)


def vertical(size: tuple[int, int], stops: Sequence[tuple[float, str]], top: int, bottom: int) -> Image.Image:
    """A picture of `size` whose colour runs through `stops` from row `top` to row `bottom`."""
    rows = blend(stops, (np.arange(size[1]) - top) / (bottom - top))
    return Image.fromarray(np.rint(np.repeat(rows[:, None], size[0], 1)).astype(np.uint8))


# ------------------------------------------------------------------ scene.png


def draw_sky(canvas: Canvas) -> None:
    width, height = canvas.image.size
    y, x = np.mgrid[0:height, 0:width] / SCALE
    sky = blend(SKY, y[:, 0] / HORIZON)[:, None].repeat(width, 1)
    glow = np.exp(-np.hypot(x - SUN[0], (y - SUN[1]) * 1.25) / 62)[..., None]
    sky += (np.array([255, 232, 178]) - sky) * 0.75 * glow
    canvas.image.paste(Image.fromarray(np.rint(sky).astype(np.uint8)))
    canvas.disc(SUN[0], SUN[1], SUN[2], SUN[2], "#fff6d8")


def draw_clouds(canvas: Canvas) -> None:
    for x, y, length in ((92, 60, 92), (268, 40, 74), (250, 104, 58), (36, 112, 48), (470, 92, 64)):
        for shift, drop, part, color in ((3, 2.4, 1.0, CLOUD_SHADE), (0, 0, 0.96, CLOUD_LIT)):
            half = length * part / 2
            canvas.disc(x + shift, y + drop, half, 3.2, color)
            canvas.disc(x + shift - half * 0.3, y + drop - 3.4, half * 0.42, 5.2, color)
            canvas.disc(x + shift + half * 0.22, y + drop - 2.4, half * 0.36, 4.0, color)


def draw_gulls(canvas: Canvas) -> None:
    for x, y, span in ((214, 84, 9), (238, 72, 7), (196, 66, 5.5), (318, 78, 6)):
        wing = [(t * span, -0.42 * span * np.sin(np.pi * t**0.8)) for t in np.linspace(0, 1, 9)]
        for side in (-1, 1):
            canvas.line([(x + side * dx, y + dy) for dx, dy in wing], "#2f2f52", 1.1)


def draw_peak(canvas: Canvas, x: float, top: float, left: float, right: float) -> None:
    """A mountain: a lit left face, a shaded right face and a jagged cap of snow."""
    foot, height = HORIZON + 1, HORIZON + 1 - top
    ridge = [(x, top), (x + 5, top + 0.28 * height), (x - 3, top + 0.55 * height), (x + 8, foot)]
    canvas.polygon([*ridge, (x - left, foot)], PEAK_LIT)
    canvas.polygon([*ridge, (x + right, foot)], PEAK_SHADE)
    cap = 0.36
    lit = [(x - left * cap * f, top + height * cap * g) for f, g in ((1, 1), (0.62, 0.86), (0.42, 1.16))]
    dim = [(x + right * cap * f, top + height * cap * g) for f, g in ((0.38, 1.12), (0.6, 0.8), (1, 1))]
    canvas.polygon([(x, top), *lit, (x + 2.5, top + 0.3 * height), ridge[1]], SNOW_LIT)
    canvas.polygon([(x, top), ridge[1], (x + 2.5, top + 0.3 * height), *dim], SNOW_SHADE)


def draw_mountains(canvas: Canvas) -> None:
    for peak in ((492, 118, 90, 80), (330, 132, 76, 84), (12, 124, 80, 86), (262, 150, 60, 66)):
        draw_peak(canvas, *peak)
    for peak in ((410, 94, 96, 100), (72, 106, 74, 78)):
        draw_peak(canvas, *peak)
    x = np.arange(0, SCENE_SIZE[0] + 1, 2)
    for color, height, phase in ((ISLANDS[0], 9, 0.6), (ISLANDS[1], 5, 2.9)):
        crest = np.clip(height * (np.cos(x / 47 + phase) + 0.35 * np.cos(x / 19 + phase) + 0.25), 0, None)
        canvas.polygon([(0, HORIZON), *zip(x, HORIZON + 1 - crest, strict=True), (512, HORIZON)], color)


def draw_sea(canvas: Canvas, rng: np.random.Generator) -> None:
    """Water as a colour ramp with lens-shaped ripples that grow towards the viewer."""
    width, height = canvas.image.size
    sea = vertical((width, height), SEA, HORIZON * SCALE, 312 * SCALE)
    canvas.image.paste(sea.crop((0, HORIZON * SCALE, width, height)), (0, HORIZON * SCALE))
    for depth in np.sort(rng.random(360) ** 1.35):
        y = HORIZON + 2 + 108 * depth
        x, half, thick = rng.uniform(-10, 400), rng.uniform(5, 12) * (0.4 + 1.5 * depth), 0.35 + 1.15 * depth
        color = shade(blend_hex(SEA, depth), rng.choice([0.78, 0.86, 1.17, 1.3]))
        ripple(canvas, x, y, half, thick, color)
    for depth in np.sort(rng.random(95)):
        spread = 6 + 26 * depth
        x = SUN[0] + np.clip(rng.normal(0, 0.5), -1.2, 1.2) * spread
        half = rng.uniform(3, 8) * (0.5 + 0.9 * depth)
        ripple(canvas, x, HORIZON + 1.5 + 104 * depth, half, 0.4 + 0.8 * depth, "#ffe9bd")


def blend_hex(stops: Sequence[tuple[float, str]], where: float) -> str:
    r, g, b = np.rint(blend(stops, np.array(where))).astype(int)
    return f"#{r:02x}{g:02x}{b:02x}"


def ripple(canvas: Canvas, x: float, y: float, half: float, thick: float, color: str) -> None:
    canvas.polygon([(x - half, y), (x, y - thick), (x + half, y), (x, y + thick * 0.5)], color)


def draw_boat(canvas: Canvas) -> None:
    x, y = 98, 246
    canvas.polygon([(x - 17, y - 5), (x + 19, y - 5), (x + 13, y + 3), (x - 12, y + 3)], "#7d2f3a")
    canvas.polygon([(x - 17, y - 5), (x + 19, y - 5), (x + 18, y - 3.4), (x - 16, y - 3.4)], TRIM)
    canvas.line([(x, y - 4), (x, y - 50)], "#4a3540", 1.2)
    canvas.polygon([(x + 1.2, y - 48), (x + 1.2, y - 8), (x + 22, y - 8), (x + 11, y - 26)], "#fff5e6")
    canvas.polygon([(x - 1.4, y - 45), (x - 1.4, y - 8), (x - 15, y - 8), (x - 8, y - 24)], "#f0b7a0")
    for step in range(1, 5):
        canvas.line([(x + 1.2, y - 8 - 8 * step), (x + 20 - 3.9 * step, y - 8 - 7.6 * step)], "#d8b9b4", 0.5)
    for row, half in ((5, 15), (8, 11), (12, 12), (16, 6)):
        ripple(canvas, x + (row % 3) - 1, y + row, half, 0.9, "#f7dcc4" if row % 2 else "#5a3f57")


def headland_outline() -> Points:
    x = np.linspace(226, 512, 60)
    crest = 296 - 30 * (1 - np.exp(-(x - 226) / 26)) - 6 * np.sin((x - 226) / 286 * np.pi)
    return [*zip(x, crest, strict=True)]


def draw_headland(canvas: Canvas, rng: np.random.Generator) -> None:
    """Rocks at the waterline, then grass, a path to the door and the near bank."""
    rocks = ((240, 296, 20), (222, 303, 19), (204, 309, 14), (184, 313, 9))
    for x, y, r in rocks:
        canvas.polygon(
            [(x - r, y + 6), (x - 0.7 * r, y - 0.5 * r), (x, y - r), (x + 0.3 * r, y + 8)], ROCK_LIT
        )
        canvas.polygon(
            [(x, y - r), (x + 0.7 * r, y - 0.6 * r), (x + r, y + 8), (x + 0.2 * r, y + 8)], ROCK_MID
        )
        canvas.polygon([(x + 0.7 * r, y - 0.6 * r), (x + r, y + 8), (x + 0.45 * r, y + 8)], ROCK_DARK)
    grass = vertical(canvas.image.size, GRASS, 256 * SCALE, 384 * SCALE)
    mask = Canvas(SCENE_SIZE, "L")
    mask.polygon([*headland_outline(), (512, 384), (180, 384), (236, 330), (224, 306)], 255)
    bank = np.linspace(0, 512, 40)
    edge = 311 + 7 * np.cos(bank / 92) + 6 * np.cos(bank / 41 + 1)
    mask.polygon([*zip(bank, edge, strict=True), (512, 384), (0, 384)], 255)
    canvas.paste(grass, mask.image)
    for _ in range(420):
        x, y = rng.uniform(262, 512), rng.uniform(282, 384)
        tone = shade(blend_hex(GRASS, (y - 256) / 128), rng.choice([0.82, 1.18]))
        canvas.line([(x, y), (x + rng.uniform(-1.5, 1.5), y - rng.uniform(2, 4.5))], tone, 0.7)


def draw_lighthouse(canvas: Canvas) -> None:
    """A round tower: vertical slices, darker to the right, with bands that bend around it."""
    x, top, foot, bands = 418, 98, 268, 7
    edges = np.linspace(-1, 1, 41)
    for left, right in pairwise(edges):
        light = 1.0 - 0.42 * max(0.0, (left + 0.25) / 1.25) ** 1.2 - 0.12 * max(0.0, -left - 0.7)
        for band in range(bands):
            color = shade(TOWER_RED if band % 2 else TOWER_WHITE, light)
            corners = ((band, left), (band, right), (band + 1, right), (band + 1, left))
            canvas.polygon([tower_point(x, top, foot, b / bands, u) for b, u in corners], color)
    for at in (0.22, 0.5, 0.78):
        draw_tower_window(canvas, x - 2, top + (foot - top) * at)
    canvas.polygon([(x - 22, top), (x + 22, top), (x + 18, top + 6), (x - 18, top + 6)], IRON)
    canvas.box(x - 11, top - 22, x + 11, top, LAMP)
    canvas.disc(x, top - 11, 5, 6, "#fffbe6")
    for post in (-11, -5.5, 0, 5.5, 11):
        canvas.line([(x + post, top - 22), (x + post, top)], IRON, 1)
    for post in range(-21, 22, 6):
        canvas.line([(x + post, top - 10), (x + post, top)], IRON, 0.8)
    canvas.line([(x - 22, top - 10), (x + 22, top - 10)], IRON, 1.1)
    canvas.line([(x - 22, top - 5), (x + 22, top - 5)], IRON, 0.7)
    canvas.polygon([(x - 14, top - 22), (x, top - 38), (x + 14, top - 22)], CAP_RED)
    canvas.polygon([(x, top - 38), (x + 14, top - 22), (x + 4, top - 22)], shade(CAP_RED, 0.7))
    canvas.line([(x, top - 36), (x, top - 50)], IRON, 1)
    canvas.disc(x, top - 39, 2.4, 2.4, IRON)


def tower_point(x: float, top: float, foot: float, down: float, across: float) -> tuple[float, float]:
    half = 15 + 10 * down**1.25
    return x + half * across, top + (foot - top) * down + 5 * down * (1 - across**2) ** 0.5


def draw_tower_window(canvas: Canvas, x: float, y: float) -> None:
    for grow, color in ((1.4, TRIM), (0, IRON)):
        canvas.box(x - 3 - grow, y - 4, x + 3 + grow, y + 6 + grow, color)
        canvas.disc(x, y - 4, 3 + grow, 3 + grow, color)
    canvas.box(x - 2, y - 3, x + 2, y + 5, GLASS)
    canvas.line([(x, y - 6), (x, y + 5)], IRON, 0.8)


def draw_cottage(canvas: Canvas, rng: np.random.Generator) -> None:
    left, right, eaves, foot = 290, 384, 236, 277
    draw_bricks(canvas, rng, (352, 184, 366, 212))
    canvas.box(350, 181, 368, 185, TRIM)
    draw_bricks(canvas, rng, (left, eaves, right, foot))
    canvas.box(left, foot - 3, right, foot + 1, "#8a7b80")
    canvas.polygon([(left, eaves), (right, eaves), (right, eaves + 4), (left, eaves + 3)], "#7c3d38")
    draw_roof(canvas, [(left - 6, eaves + 1), (right + 6, eaves + 1), (right - 10, 199), (left + 10, 199)])
    for x in (302, 362):
        draw_window(canvas, x, 246, 15, 17)
    canvas.box(328, 245, 344, foot, TRIM)
    canvas.box(330, 247, 342, foot, DOOR)
    for x in (333, 336, 339):
        canvas.line([(x, 248), (x, foot)], shade(DOOR, 0.72), 0.6)
    canvas.disc(340, 263, 1.1, 1.1, LAMP)


def draw_bricks(canvas: Canvas, rng: np.random.Generator, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    canvas.box(left, top, right, bottom, MORTAR)
    for row, y in enumerate(np.arange(top, bottom, 4.0)):
        for x in np.arange(left - 4.5 * (row % 2), right, 9.0):
            color = shade(str(rng.choice(BRICKS)), 1.06 - 0.22 * (x - left) / (right - left))
            start, end = max(x, left), min(x + 8, right)
            if end > start:
                canvas.box(start, y, end, min(y + 3.1, bottom), color)


def draw_roof(canvas: Canvas, corners: Points) -> None:
    """Scalloped slates, cut to the roof's outline."""
    slates = Canvas(SCENE_SIZE, "RGB", ROOF)
    for row, y in enumerate(range(241, 195, -5)):  # from the eaves up, each row over the one below
        for column, x in enumerate(range(276 + 4 * (row % 2), 400, 8)):
            slates.disc(x, y - 2, 4.2, 5.4, ROOF_LINE)
            slates.disc(x, y - 3, 3.7, 5.0, shade(ROOF, 1.0 + 0.16 * ((row * 3 + column * 5) % 4)))
    mask = Canvas(SCENE_SIZE, "L")
    mask.polygon(corners, 255)
    canvas.paste(slates.image, mask.image)
    canvas.line([corners[2], corners[3]], TRIM, 2)
    canvas.line([corners[0], corners[1]], TRIM, 1.6)


def draw_window(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    canvas.box(x - 2, y - 2, x + width + 2, y + height + 3, TRIM)
    canvas.box(x, y, x + width, y + height, GLASS)
    canvas.polygon([(x, y + height), (x + width, y + height), (x + width, y + 5)], "#f7b45a")
    canvas.line([(x + width / 2, y), (x + width / 2, y + height)], TRIM, 1.3)
    canvas.line([(x, y + height / 2), (x + width, y + height / 2)], TRIM, 1.3)


def draw_lavender(canvas: Canvas, rng: np.random.Generator) -> None:
    """Rows that meet at one vanishing point: lines of every slope, finer with distance."""
    far_x, far_y = 150.0, 268.0  # the vanishing point
    field = Canvas(SCENE_SIZE, "RGB", SOIL)
    for row in range(-13, 15):
        x = far_x + 42 * row
        for shift, half, color in ((3, 12, LAVENDER[0]), (-1, 9, LAVENDER[1]), (-4, 3.4, LAVENDER[2])):
            field.polygon([(far_x, far_y), (x + shift + half, 392), (x + shift - half, 392)], color)
        for near in np.sqrt(rng.uniform(0.1, 1.0, 26)):
            px, py = far_x + (x - far_x) * near, far_y + 124 * near
            px += rng.uniform(-9, 9) * near
            field.disc(px, py, 2.0 * near, 1.3 * near, str(rng.choice(LAVENDER[1:])))
    mask = Canvas(SCENE_SIZE, "L")
    x = np.linspace(0, 268, 30)
    edge = 322 + 4 * np.cos(x / 60) + x / 60
    mask.polygon([*zip(x, edge, strict=True), (263, 338), (252, 350), (234, 366), (210, 384), (0, 384)], 255)
    canvas.paste(field.image, mask.image)


def draw_pine(canvas: Canvas, x: float, foot: float, height: float) -> None:
    """Tiers of branches with ragged hems, lit from the left."""
    half = height * 0.23
    canvas.box(x - height * 0.022, foot - height * 0.16, x + height * 0.022, foot, TRUNK)
    for tier in range(6):
        low, high = foot - height * (0.1 + 0.135 * tier), foot - height * (0.34 + 0.135 * tier)
        reach = half * (1 - 0.135 * tier)
        hem = [(x + reach * u, low - (1.0 if i % 2 else 0.0) * height * 0.022) for i, u in enumerate(HEM)]
        canvas.polygon([(x, max(high, foot - height)), *hem], PINE_DARK)
        canvas.polygon(
            [(x, max(high, foot - height)), *hem[:6], (x - reach * 0.15, low - height * 0.05)], PINE_LIT
        )


def draw_fence(canvas: Canvas) -> None:
    """Pickets in two runs, with the path passing between them."""
    for start, stop in ((252, 328), (386, 520)):
        run = np.arange(start, stop, 9.5)
        for up in (10, 22):
            canvas.line([(x, fence_foot(x) - up) for x in (run[0], *run, run[-1] + 6)], PICKET_SHADE, 2.6)
        for x in run:
            y = fence_foot(x)
            draw_picket(canvas, x + 1.6, y + 1, x + 7.2, "#41624c")
            draw_picket(canvas, x, y, x + 5.6, PICKET)
            canvas.polygon(
                [(x + 3.8, y + 1), (x + 3.8, y - 30), (x + 5.6, y - 27), (x + 5.6, y + 1)], PICKET_SHADE
            )


def fence_foot(x: float) -> float:
    return 362 + 9 * np.cos((x - 250) / 80)


def draw_picket(canvas: Canvas, left: float, foot: float, right: float, fill: str) -> None:
    shoulder, middle = foot - 27, (left + right) / 2
    canvas.polygon(
        [(left, foot), (left, shoulder), (middle, foot - 32), (right, shoulder), (right, foot)], fill
    )


def draw_sign(canvas: Canvas) -> None:
    x, y = 452, 302
    for post in (-34, 30):
        canvas.box(x + post, y - 10, x + post + 4, y + 44, TRUNK)
    canvas.box(x - 43, y - 15, x + 45, y + 17, shade(BOARD, 0.5))
    canvas.box(x - 44, y - 16, x + 44, y + 16, BOARD)
    for plank in (-5, 6):
        canvas.line([(x - 44, y + plank), (x + 44, y + plank)], shade(BOARD, 0.86), 0.6)
    canvas.text(x, y - 6, "Cape Kernel", 14.5, INK)
    canvas.text(x, y + 8.5, "3 x 3 miles", 10.5, INK)


def draw_path(canvas: Canvas) -> None:
    t = np.linspace(0, 1, 30)
    middle = 336 + 44 * np.sin(2.6 * t) * t - 14 * t
    half, y = 4.5 + 19 * t**1.4, 277 + 112 * t
    left, right = zip(middle - half, y, strict=True), zip(middle + half, y, strict=True)
    canvas.polygon([*left, *reversed([*right])], PATH)
    for i in range(4, 30, 3):
        canvas.line([(middle[i] - 0.5 * half[i], y[i]), (middle[i] + 0.2 * half[i], y[i])], "#cfae7c", 0.8)


def draw_scene() -> Image.Image:
    rng = np.random.default_rng(SEED)
    canvas = Canvas(SCENE_SIZE)
    draw_sky(canvas)
    draw_clouds(canvas)
    draw_mountains(canvas)
    draw_gulls(canvas)
    draw_sea(canvas, rng)
    draw_boat(canvas)
    draw_headland(canvas, rng)
    draw_pine(canvas, 486, 270, 84)
    draw_lighthouse(canvas)
    draw_path(canvas)
    draw_cottage(canvas, rng)
    draw_lavender(canvas, rng)
    for x, foot, height in ((58, 326, 108), (6, 334, 178), (32, 338, 142), (274, 282, 62)):
        draw_pine(canvas, x, foot, height)
    draw_sign(canvas)
    draw_fence(canvas)
    return canvas.small()


# --------------------------------------------------------------- the test cards


def draw_star(card: Canvas, x: float, y: float, radius: float, wedges: int = 18) -> None:
    """A Siemens star: black wedges, an edge in every direction."""
    card.disc(x, y, radius, radius, 255)
    step = np.pi / wedges
    for wedge in range(wedges):
        turn = np.linspace(2 * wedge * step, (2 * wedge + 1) * step, 9)
        card.polygon([(x, y), *zip(x + radius * np.cos(turn), y + radius * np.sin(turn), strict=True)], 0)


def draw_gray() -> Image.Image:
    """Star, rings, bars, checkerboard, noise, text, ramp and step wedge on mid gray."""
    card = Canvas(CARD_SIZE, "L", 128)
    draw_star(card, 66, 66, 56)
    for ring, radius in enumerate((56, 46, 37, 29, 22, 16, 11, 7, 4, 2)):
        card.disc(190, 66, radius, radius, 235 if ring % 2 else 20)
    left = 10.0
    for width in (8, 6, 4, 3, 2, 1):  # pairs of bars, each `width` pixels wide
        for pair in range(2):
            card.box(left + 2 * pair * width, 132, left + (2 * pair + 1) * width, 180, 0)
            card.box(left + (2 * pair + 1) * width, 132, left + (2 * pair + 2) * width, 180, 255)
        left += 4 * width
    for row, column in np.ndindex(6, 6):
        card.box(114 + 8 * column, 132 + 8 * row, 122 + 8 * column, 140 + 8 * row, 255 * ((row + column) % 2))
    card.text(52, 201, "Edges", 28, 0)
    card.text(142, 197, "Sphinx of quartz", 12, 255)
    card.text(142, 209, "0123456789 +-=%&", 9, 0)
    for step in range(8):
        card.box(198 + 6 * step, 190, 204 + 6 * step, 214, round(255 * step / 7))
    pixels = np.array(card.small())
    rng = np.random.default_rng(SEED)
    pixels[132:180, 172:246] = np.clip(np.rint(rng.normal(128, 40, (48, 74))), 0, 255)
    pixels[222:246, 10:246] = np.rint(np.linspace(0, 255, 236))
    return Image.fromarray(pixels)


def draw_ramp16() -> Image.Image:
    """A plane in 16 bits with shapes whose step, 120 to 400 counts, is about one 8-bit level (257)."""
    y, x = np.mgrid[0 : CARD_SIZE[1], 0 : CARD_SIZE[0]]
    counts = 22000 + 60.0 * x + 15.0 * y  # 22000 .. 41125, so the low byte runs through its range everywhere
    for step, draw in RAMP_SHAPES:
        mask = Canvas(CARD_SIZE, "L")
        draw(mask)
        counts += step * (np.asarray(mask.small(), float) / 255)
    return Image.fromarray(np.rint(counts).astype(np.uint16))


RAMP_SHAPES = (  # counts, how to draw the shape
    (400, lambda mask: mask.disc(66, 66, 40, 40, 255)),
    (-250, lambda mask: mask.disc(66, 66, 22, 22, 255)),
    (-300, lambda mask: mask.polygon([(190, 22), (234, 104), (146, 104)], 255)),
    (200, lambda mask: mask.box(28, 152, 104, 228, 255)),
    (-120, lambda mask: mask.polygon([(66, 160), (96, 190), (66, 220), (36, 190)], 255)),
    (300, lambda mask: mask.text(190, 190, "16", 72, 255)),
)


def draw_stripes(period: float = 8.0, radius: float = 38.0) -> Image.Image:
    """Eight gratings, each named by the direction its brightness runs in, around a circular chirp."""
    angles = ((0, 22.5, 45), (157.5, None, 67.5), (135, 112.5, 90))
    y, x = np.mgrid[0 : CARD_SIZE[1], 0 : CARD_SIZE[0]] + 0.5
    pixels = np.full(x.shape, 127.5)
    for row, column in np.ndindex(3, 3):
        dx, dy = x - (44 + 84 * column), y - (44 + 84 * row)
        away, angle = np.hypot(dx, dy), angles[row][column]
        if angle is None:
            phase = np.pi * away**2 / (3.6 * radius)  # one cycle is 3.6 pixels at the rim
        else:
            phase = 2 * np.pi / period * (dx * np.cos(np.deg2rad(angle)) + dy * np.sin(np.deg2rad(angle)))
        pixels += 120 * np.cos(phase) * np.clip((radius - away) / 4 + 0.5, 0, 1)
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def draw_alpha() -> Image.Image:
    """A leaf whose edge fades out over a dozen pixels; clear pixels are black underneath."""
    canvas, blade, stem = (
        Canvas(BADGE_SIZE, "RGB", LEAF_LIT),
        Canvas(BADGE_SIZE, "L"),
        Canvas(BADGE_SIZE, "L"),
    )
    canvas.polygon([leaf_point(-1, 0), leaf_point(2, 0), leaf_point(2, 400), leaf_point(-1, 400)], LEAF_SHADE)
    for start in np.arange(0.06, 0.75, 0.105):
        for side in (-1, 1):
            reach = side * 0.95 * leaf_half(start + 0.2)
            vein = [leaf_point(start + 0.2 * u**1.4, reach * u) for u in np.linspace(0, 1, 12)]
            canvas.line(vein, VEIN, 1.5)
    stalk = [leaf_point(-0.16, 9), leaf_point(-0.06, 2), leaf_point(0.03, 0)]
    canvas.line([*stalk, leaf_point(0.95, 0)], MIDRIB, 3.2)
    stem.line(stalk, 255, 3)
    for side in (-1, 1):
        blade.polygon([leaf_point(t, side * leaf_half(t)) for t in np.linspace(0, 1, 60)], 255)
    soft = blade.image.filter(ImageFilter.GaussianBlur(4 * SCALE)).reduce(SCALE)
    pixels = np.dstack([np.asarray(canvas.small()), np.maximum(np.asarray(soft), np.asarray(stem.small()))])
    pixels[pixels[..., 3] == 0] = 0
    return Image.fromarray(pixels)


def leaf_half(along: float) -> float:
    """Pixels from the midrib to the edge."""
    return 78 * max(0.0, np.sin(np.pi * along**0.8)) * (1 - 0.3 * along)


def leaf_point(along: float, aside: float) -> tuple[float, float]:
    """From leaf coordinates (0 stem .. 1 tip, pixels off the midrib) to the picture's diagonal."""
    return 40 + 128 * along + 0.7 * aside, 156 - 132 * along + 0.7 * aside


def main() -> None:
    scene = draw_scene()
    scene.save(HERE / "scene.png", optimize=True)
    scene.save(HERE / "scene.jpg", quality=JPEG_QUALITY)
    draw_gray().save(HERE / "gray.png", optimize=True)
    draw_ramp16().save(HERE / "ramp16.png", optimize=True)
    draw_stripes().save(HERE / "stripes.png", optimize=True)
    draw_alpha().save(HERE / "alpha.png", optimize=True)


if __name__ == "__main__":
    main()
