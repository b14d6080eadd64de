"""What each rewrite of a convolution costs, measured, beside what planner.cost says, and a fit of its constants.

    python tests/benchmarks/plans.py

Times are CPU times of one thread on a strip of a 3,264-pixel wide picture, the best of several, so that a
busy machine disturbs them little. The last lines are the constants that planner.py should have, and for
each case how much slower the plan that they choose is than the fastest.
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from convfilter.engines.base import of_array
from convfilter.engines.compiling import export
from convfilter.engines.form import Part, filled, form_of
from convfilter.engines.litert import function
from convfilter.engines.pixels import Pixels, RangeMap
from convfilter.engines.planner import CONSTANTS, candidates, cost, features
from convfilter.engines.raster import through
from convfilter.engines.stages import BYTES, Rewrite, cut, with_bytes
from convfilter.filters.conv import Conv
from convfilter.filters.pipeline import Pipeline

WIDTH, ROWS, TIMES = 3264, 40, 9


def cases() -> Iterator[tuple[str, Conv]]:
    """Kernels of many sizes, of rank one and of any, alone and in banks."""
    rng = np.random.default_rng(0)
    for side in (1, 3, 5, 7, 9, 11, 15, 21, 31):
        line = np.abs(rng.normal(size=side))
        yield f"rank 1, {side}×{side}", conv(np.outer(line, line)[None])
        if side > 1:
            yield f"random {side}×{side}", conv(rng.normal(size=(1, side, side)))
    for side, filters in ((3, 2), (3, 8), (5, 25), (7, 4), (15, 16), (31, 16), (31, 8)):
        y, x = np.mgrid[:side, :side] - side // 2
        angles = np.arange(filters) * np.pi / filters
        wave = np.stack([np.cos(0.6 * (x * np.cos(a) + y * np.sin(a))) for a in angles])
        yield f"bank of {filters}, {side}×{side}", conv(wave * np.exp(-(x**2 + y**2) / (side * side / 18)))
    yield (
        "whole numbers, 3×3 ×2",
        conv(np.array([np.outer([1, 2, 1], [-1, 0, 1]), np.outer([-1, 0, 1], [1, 2, 1])])),
    )


def conv(bank: np.ndarray) -> Conv:
    bank = bank if not np.any(bank % 1) else bank / np.abs(bank).sum((1, 2), keepdims=True)
    weights = np.moveaxis(bank, 0, -1)[:, :, None].astype(float)
    return Conv("case", weights, np.zeros(len(bank)), (0, 0))


def measured(what: Conv, rewrites: Sequence[Rewrite]) -> list[float]:
    """Nanoseconds an output pixel of each, all in turn; from bytes to bytes, as photographs are."""
    picture = np.random.default_rng(1).integers(0, 256, (1, ROWS + what.extent[0] - 1, WIDTH), np.uint8)
    pixels = Pixels(RangeMap(), BYTES, 255.0)
    planes = []
    for rewrite in rewrites:
        (stage,) = with_bytes(
            cut(Pipeline((what,)), 1.0, lambda conv, phases, r=rewrite: r), True, True, False
        )
        part = Part.of(stage)
        run = function(filled(export(form_of(part)), part))
        planes.append(through(of_array(picture), [stage], [run], pixels))
    best = [float("inf")] * len(rewrites)
    for _ in range(TIMES):
        for number, each in enumerate(planes):
            start = time.thread_time()
            each.rows(0, each.size[0])
            best[number] = min(best[number], time.thread_time() - start)
    return [seconds * 1e9 / (planes[0].size[0] * planes[0].size[1]) for seconds in best]


def main() -> None:
    rows: list[tuple[str, str, float, tuple[float, ...]]] = []
    for name, what in cases():
        # What the model holds for far slower than the best is not measured: a pointer a tap and pixel.
        rewrites = [
            each for each in candidates(what, True) if cost(each) < 15 * cost(candidates(what, True)[0])
        ]
        for rewrite, time_ in zip(rewrites, measured(what, rewrites), strict=True):
            rows.append((name, rewrite.name, time_, features(rewrite)))
            print(
                f"{name:24} {rewrite.name:26} {time_:9.2f} ns  {cost(rewrite):9.2f} by the model",
                flush=True,
            )
    times = np.array([row[2] for row in rows])
    table = np.array([row[3] for row in rows])
    fitted = fit(table / times[:, None])
    print("\nconstants", CONSTANTS, "\nfitted   ", tuple(round(float(value), 4) for value in fitted))
    for name in dict.fromkeys(row[0] for row in rows):
        own = [row for row in rows if row[0] == name]
        chosen = min(own, key=lambda row: float(np.dot(row[3], fitted)))
        fastest = min(own, key=lambda row: row[2])
        print(f"{name:24} {chosen[1]:26} {chosen[2] / fastest[2]:5.2f} × the fastest ({fastest[1]})")


def fit(table: np.ndarray) -> np.ndarray:
    """Constants not below zero for which table @ constants is nearest to 1: relative errors count alike."""
    from scipy.optimize import nnls

    return nnls(table, np.ones(len(table)))[0]


if __name__ == "__main__":
    main()
