"""One side of a row of arrays: the same picture filtered again and again in one process.

    python arrays.py SIDE CASE CORES HEIGHT WIDTH     CORES: 1, or all

Prints the seconds of CALLS calls, the fastest of five times that; with "check" for SIDE the largest difference.
"""

import os
import sys
from collections.abc import Callable

from clock import timed

CALLS = 20
FILTERS = {"clip": ("sobel-x", "clip", "zero"), "binomial5": ("binomial-5", "clip", "edge")}


def picture(height: int, width: int):
    """8 bits, gray: a blurred noise, as smooth as a photograph."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8), np.uint8)
    return np.array(Image.fromarray(noise).resize((width, height)))


def convfilter(case: str, cores: int) -> Callable:
    from convfilter import apply, make_pipeline

    name, how, border = FILTERS[case]
    pipeline = make_pipeline(name, border=border)
    return lambda array: apply(pipeline, array, range=how)


def opencv(case: str, cores: int) -> Callable:
    import cv2
    import numpy as np

    cv2.setNumThreads(cores)
    line = np.float32([1, 4, 6, 4, 1])
    if case == "clip":
        kernel, border = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]), cv2.BORDER_CONSTANT
    else:
        kernel, border = np.outer(line, line) / 256, cv2.BORDER_REPLICATE
    return lambda array: cv2.filter2D(array, -1, kernel, borderType=border)


SIDES = {"convfilter": convfilter, "OpenCV": opencv}


def main(side: str, case: str, cores: str, height: str, width: str) -> None:
    if cores == "1":
        os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])  # before anything counts the cores
    threads = 1 if cores == "1" else os.cpu_count() or 1
    array = picture(int(height), int(width))
    if side == "check":
        ours, theirs = (of(case, threads)(array) for of in SIDES.values())
        print(int(abs(ours.astype(int) - theirs).max()))
        return
    work = SIDES[side](case, threads)
    work(array)
    timed(lambda: [work(array) for _ in range(CALLS)][-1], runs=5)


if __name__ == "__main__":
    main(*sys.argv[1:])
