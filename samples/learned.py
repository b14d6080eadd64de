"""Draw what a training run has learned beside this file: `python samples/learned.py RUN`.

RUN is a run folder of `convfilter train mnist`. learned-curves.png is the course of its training;
learned-kernels.png shows filters of its first layer, `conv1`, over what they make of scene.png: those six
whose results vary most. The filters are extracted and applied by the commands.
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from convfilter.train.plots.curves import draw_learning_curves

HERE = Path(__file__).resolve().parent
SCENE = HERE / "scene.png"
OPTIONS = "--border", "edge", "--linear"  # of apply
COUNT, COLUMNS = 6, 3
RESULT = (280, 210)  # width, height in pixels
WEIGHT = 14  # pixels of a weight's side
GAP = 12
WHITE, INK = "#ffffff", "#2f3440"
NEGATIVE, POSITIVE = np.array([33, 102, 172]), np.array([178, 24, 43])  # of weights; 0 is white


def convfilter(*words: object) -> None:
    subprocess.run(
        [sys.executable, "-m", "convfilter", *map(str, words)], check=True, stdout=subprocess.DEVNULL
    )


def draw_curves(history: Path) -> Image.Image:
    """The run's own learning curves, smaller."""
    rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(history.open())]
    figure = draw_learning_curves(rows)
    with tempfile.TemporaryFile() as file:
        figure.savefig(file, format="png", dpi=75, facecolor="white")
        return Image.open(file).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)


def results(model: Path, folder: Path) -> list[tuple[Path, Path]]:
    """Of conv1's filters those COUNT whose results vary most: (kernel file, what it makes of the scene)."""
    convfilter("kernels", "extract", model, "--layer", "conv1", "--out", folder, "--each")
    everything = folder / "all.npy"  # (height, width, filters)
    convfilter("apply", folder / "article-conv1.json", SCENE, everything, "--range", "raw", *OPTIONS)
    strongest = np.argsort(-np.load(everything).std((0, 1)))[:COUNT]
    files = [folder / f"article-conv1-{index + 1:02}.json" for index in strongest]
    for file in files:
        convfilter("apply", file, SCENE, file.with_suffix(".png"), "--range", "rescale", *OPTIONS)
    return [(file, file.with_suffix(".png")) for file in files]


def draw_kernel(weights: np.ndarray) -> Image.Image:
    """Weights (kh, kw) from blue through white, which is 0, to red; the largest is full colour."""
    part = (weights / np.abs(weights).max())[..., None]
    colors = 255 + np.where(part < 0, (255 - NEGATIVE) * part, (POSITIVE - 255) * part)
    return Image.fromarray(np.rint(colors).astype(np.uint8).repeat(WEIGHT, 0).repeat(WEIGHT, 1))


def draw_sheet(pairs: list[tuple[Path, Path]]) -> Image.Image:
    """Each kernel, its filter's number beside it, over its result."""
    side = 5 * WEIGHT
    width, height = RESULT[0] + GAP, side + GAP // 2 + RESULT[1] + GAP
    sheet = Image.new("RGB", (COLUMNS * width + GAP, COUNT // COLUMNS * height + GAP), WHITE)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
    for place, (file, picture) in enumerate(pairs):
        x, y = GAP + place % COLUMNS * width, GAP + place // COLUMNS * height
        sheet.paste(draw_kernel(np.array(json.loads(file.read_text())["weights"])), (x, y))
        pen.rectangle((x, y, x + side - 1, y + side - 1), outline="#b9bdc5")
        pen.text(
            (x + side + GAP, y + side // 2), f"filter {int(file.stem[-2:])}", INK, font=font, anchor="lm"
        )
        with Image.open(picture) as result:
            sheet.paste(result.resize(RESULT, Image.Resampling.LANCZOS), (x, y + side + GAP // 2))
    return sheet


def main(run: Path) -> None:
    draw_curves(run / "history.csv").save(HERE / "learned-curves.png", optimize=True)
    with tempfile.TemporaryDirectory() as folder:
        sheet = draw_sheet(results(run / "best.keras", Path(folder)))
    sheet.quantize(256, dither=Image.Dither.NONE).save(HERE / "learned-kernels.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
