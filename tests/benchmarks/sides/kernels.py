"""One side of a row of large kernels on one picture, results as floats.

    python kernels.py SIDE CASE ROWS COLUMNS     SIDE: convfilter, OpenCV

Prints the seconds of the fastest of three runs; with "check" for SIDE the largest difference, of 255.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from clock import timed

from convfilter.filters import formulas


def kernels(case: str) -> np.ndarray:
    """(filters, k, k), the absolute values of each adding up to 1."""
    weights = _kernels(case)
    return weights / np.abs(weights).sum((1, 2), keepdims=True)


def _kernels(case: str) -> np.ndarray:
    if case == "random-15":
        return np.random.default_rng(0).normal(size=(1, 15, 15))
    if case == "gaussian-31":
        return formulas.gaussian(5, 31).weights[:, :, 0, 0][None]
    size = int(case.removeprefix("gabor-"))
    return np.moveaxis(formulas.gabor_bank(16, 5, 10, 1, 0, size).weights[:, :, 0], 2, 0)


def opencv(weights: np.ndarray, picture: np.ndarray) -> Callable[[], Any]:
    import cv2

    bank, border = [np.float32(kernel) for kernel in weights], cv2.BORDER_REFLECT_101
    return lambda: [cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=border) for kernel in bank]


def convfilter(weights: np.ndarray, picture: np.ndarray) -> Callable[[], Any]:
    from convfilter import make_kernel, make_pipeline
    from convfilter.engines.base import of_array
    from convfilter.engines.choose import choose_engine
    from convfilter.processing.strips import Block, Columns, blocks, in_parallel

    pipeline = make_pipeline(make_kernel(weights), border="reflect")
    engine = choose_engine(device="cpu")
    found = np.empty((len(weights), *picture.shape), np.float32)

    def work() -> np.ndarray:
        result = engine.open(pipeline, of_array(picture[None]), 255.0)

        def one(block: Block[np.ndarray]) -> None:
            found[:, slice(*block.rows)] = block.compute(*block.rows)

        columns = Columns(((0, result.size[1]),), lambda number: result.rows)
        in_parallel(one, blocks(columns, result.size[0], len(weights)), engine.threads)
        return found

    return work


def main(side: str, case: str, rows: str, columns: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (int(rows), int(columns)), np.uint8)
    weights = kernels(case)
    if side == "check":
        ours, theirs = (make(weights, picture)() for make in (convfilter, opencv))
        print(float(np.abs(ours - np.stack(theirs)).max()))
        return
    work = {"convfilter": convfilter, "OpenCV": opencv}[side](weights, picture)
    work()
    timed(work, runs=3)


if __name__ == "__main__":
    main(*sys.argv[1:])
