"""One side of a row of many JPEGs, in and out; the same work and the same JPEG quality on every side.

    python batch.py SIDE CASE FOLDER OUT [WARM]   seconds for the folder, after WARM pictures of it (2 unless given)
    python batch.py check CASE PHOTO              by how much convfilter's pixels differ from OpenCV's

A picture a thread, and no threads inside OpenCV, libvips or LiteRT. convfilter waits until each picture is on
the disk; the others leave that to the system.
"""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from clock import timed

QUALITY = 95  # convfilter's own
SOBEL_X = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
SHARPEN = [[-2, -2, -2], [-2, 32, -2], [-2, -2, -2]]


@dataclass(frozen=True)
class Case:
    """What convfilter is asked for."""

    filter: str
    range: str | None = None
    color: str = "gray"


CASES = {
    "clip": Case("sobel-x", "clip"),
    "abs": Case("sobel-x", "abs"),
    "magnitude": Case("sobel"),
    "gaussian": Case("gaussian:sigma=1.5", color="each"),
    "sharpen": Case("sharpen", color="each"),
}


def opencv_filter(case: str) -> Callable[[Any], Any]:
    """The case as users of OpenCV write it, on gray or on blue, green and red of 8 bits."""
    import cv2
    import numpy as np

    zero, edge = {"borderType": cv2.BORDER_CONSTANT}, {"borderType": cv2.BORDER_REPLICATE}
    x, sharpen = np.float32(SOBEL_X), np.float32(SHARPEN) / 16

    def magnitude(gray: Any) -> Any:
        found = [cv2.filter2D(gray, cv2.CV_32F, kernel, **zero) for kernel in (x, x.T)]
        return cv2.convertScaleAbs(cv2.magnitude(*found))

    return {
        "clip": lambda gray: cv2.filter2D(gray, -1, x, **zero),
        "abs": lambda gray: cv2.convertScaleAbs(cv2.filter2D(gray, cv2.CV_16S, x, **zero)),
        "magnitude": magnitude,
        "gaussian": lambda image: cv2.GaussianBlur(image, (11, 11), 1.5, **edge),
        "sharpen": lambda image: cv2.filter2D(image, -1, sharpen, **edge),
    }[case]


def opencv(case: str, folder: str, out: str, names: Sequence[str]) -> None:
    import cv2

    cv2.setNumThreads(1)
    filtered = opencv_filter(case)
    how = cv2.IMREAD_GRAYSCALE if CASES[case].color == "gray" else cv2.IMREAD_COLOR
    quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    quality += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]

    def one(name: str) -> None:
        cv2.imwrite(f"{out}/{name}", filtered(cv2.imread(f"{folder}/{name}", how)), quality)

    at_once(one, names)


def pillow(case: str, folder: str, out: str, names: Sequence[str]) -> None:
    """Clip only. The outermost pixels are copied, not filtered."""
    from PIL import Image, ImageFilter

    kernel = ImageFilter.Kernel((3, 3), [weight for row in SOBEL_X for weight in row], 1)

    def one(name: str) -> None:
        with Image.open(f"{folder}/{name}") as image:
            image.draft("L", image.size)
            image.convert("L").filter(kernel).save(f"{out}/{name}", quality=QUALITY)

    at_once(one, names)


def pyvips(case: str, folder: str, out: str, names: Sequence[str]) -> None:
    """Clip only. The border is the edge repeated, not zero."""
    os.environ["VIPS_CONCURRENCY"] = "1"
    import pyvips

    def one(name: str) -> None:
        image = pyvips.Image.new_from_file(f"{folder}/{name}", access="sequential").colourspace("b-w")
        image.conv(SOBEL_X, precision="integer").write_to_file(f"{out}/{name}[Q={QUALITY}]")

    at_once(one, names)


def convfilter(case: str, folder: str, out: str, names: Sequence[str]) -> None:
    from convfilter.engines.choose import choose_engine
    from convfilter.filters.load import make_pipeline
    from convfilter.processing.batch import run
    from convfilter.processing.jobs import plan
    from convfilter.processing.options import PixelOptions, WriteOptions

    asked = CASES[case]
    inputs = [f"{folder}/{name}" for name in names]
    jobs = plan(inputs, f"{out}/", recursive=False, format_name=None, pages=1)
    engine = choose_engine(device="cpu")
    threads = engine.threads
    options = PixelOptions(asked.color, asked.range)
    shared = engine.sharing(threads)
    for done in run(jobs, make_pipeline(asked.filter), options, WriteOptions(), shared, threads):
        assert done.status == "written", done


SIDES = {"convfilter": convfilter, "OpenCV": opencv, "Pillow": pillow, "pyvips": pyvips}


def at_once(one: Callable[[str], None], names: Sequence[str]) -> None:
    """A picture a thread, as many threads as cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(one, names))


def difference(case: str, photo: str) -> int:
    """The largest difference between the two results, of 255. 0 where both add whole numbers; a Gaussian is
    fixed-point arithmetic in OpenCV, and a root may be rounded the other way."""
    import numpy as np
    from PIL import Image

    from convfilter import apply

    asked = CASES[case]
    pixels = np.asarray(Image.open(photo).convert("L" if asked.color == "gray" else "RGB"))
    ours = apply(asked.filter, pixels, range=asked.range, color=asked.color)
    theirs = opencv_filter(case)(pixels)  # the order of the channels is nothing to it
    return int(np.abs(ours.astype(int) - theirs).max())


def main(side: str, case: str, folder: str, out: str = "", warm: str = "2") -> None:
    if side == "check":
        print(difference(case, folder))
        return
    os.makedirs(out, exist_ok=True)
    names = sorted(os.listdir(folder))
    if int(warm):
        SIDES[side](case, folder, out, names[: int(warm)])
    timed(lambda: SIDES[side](case, folder, out, names))


if __name__ == "__main__":
    main(*sys.argv[1:])
