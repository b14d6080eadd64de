"""Every rewriting that the planner weighs, run by LiteRT, not only the one it chooses: SciPy's numbers, as floats and as
bytes."""

from fractions import Fraction

import numpy as np
import pytest
from all_rows import to_array
from scipy import ndimage, signal

from convfilter.engines import compiled, shipped
from convfilter.engines.base import of_array
from convfilter.engines.compiling import export
from convfilter.engines.form import Form, Part, filled, form_of, pieces
from convfilter.engines.litert import function, in_a_row
from convfilter.engines.pixels import Pixels, RangeMap
from convfilter.engines.planner import candidates
from convfilter.engines.raster import through
from convfilter.engines.stages import (
    BANDS,
    Activate,
    Bands,
    CombineBlocks,
    Convolve,
    Depthwise,
    FromBytes,
    Pooling,
    Rows,
    ToBytes,
    Weights,
    cut,
    with_bytes,
)
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.load import make_pipeline

RNG = np.random.default_rng(9)
CLIP, ABS = (Pixels(RangeMap(absolute=absolute), np.dtype(np.uint8), 255.0) for absolute in (False, True))
SIZES = [(height, width) for height in (1, 2, 70) for width in (1, 2, 15, 16, 17, 31, 211)]
MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}


def picture(height, width):
    return RNG.integers(0, 256, (1, height, width), np.uint8)


def rank_one(rows, columns):
    return np.outer(RNG.integers(1, 4, rows), RNG.integers(-3, 4, columns))


KERNELS = {
    "1×1": [[[-3]]],
    "3×3": RNG.integers(-4, 5, (1, 3, 3)),
    "3×3, rank 1": [rank_one(3, 3)],
    "5×5, rank 2": [rank_one(5, 5) + rank_one(5, 5)],
    "2×4": RNG.integers(-4, 5, (1, 2, 4)),
    "1×25": RNG.integers(-4, 5, (1, 1, 25)),
    "25×1": RNG.integers(-4, 5, (1, 25, 1)),
    "9×9": RNG.integers(-4, 5, (1, 9, 9)),
    "9×11, rank 1": [rank_one(9, 11)],
    "31×3, rank 1": [rank_one(31, 3)],
    "two 3×3": RNG.integers(-4, 5, (2, 3, 3)),
    "five 4×3": RNG.integers(-4, 5, (5, 4, 3)),
    "two 9×9, rank 1": [rank_one(9, 9), rank_one(9, 9)],
}


def every_way(pipeline, pixels=None):
    """(name, function from a picture to LazyPlanes) for each rewriting of the pipeline's convolution."""
    settled = resolve_padding(pipeline, (80, 80))
    conv = settled.convs[0]
    for rewrite in candidates(conv, True):
        (stage,) = cut(settled, 255.0, lambda *_, chosen=rewrite: chosen)
        absolute = pixels is not None and pixels.map.absolute
        (stage,) = with_bytes([stage], True, pixels is not None, absolute)
        run = compiled._make_run(stage, {})
        yield (
            rewrite.name,
            lambda array, stage=stage, run=run: through(of_array(array), [stage], [run], pixels),
        )


@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("name", KERNELS)
def test_whole_numbers_of_pictures_of_any_size(name, dilation):
    """The floats are SciPy's integers to the last bit, the bytes those clipped, and their absolute values."""
    weights = np.asarray(KERNELS[name])
    pipeline = make_pipeline(make_kernel(weights), dilation=dilation, combine="none")
    pictures = [picture(*size) for size in SIZES]
    wanted = [np.stack([correlated(each[0], one, "zero", dilation) for one in weights]) for each in pictures]
    for pixels, expected in (
        (None, lambda sums: sums),
        (CLIP, lambda sums: sums.clip(0, 255)),
        (ABS, lambda sums: np.abs(sums).clip(0, 255)),
    ):
        ways = [*every_way(pipeline, pixels)]
        assert len(ways) >= 2
        for way, run in ways:
            for each, sums in zip(pictures, wanted, strict=True):
                found = to_array(run(each))
                assert np.array_equal(found, expected(sums)), (way, each.shape)


def correlated(plane, kernel, border, dilation=(1, 1)):
    """The sums for a plane, padded by NumPy so that each stands where SciPy's correlate puts it."""
    apart = np.zeros([(taps - 1) * step + 1 for taps, step in zip(kernel.shape, dilation, strict=True)], int)
    apart[:: dilation[0], :: dilation[1]] = kernel
    before = [taps // 2 * step for taps, step in zip(kernel.shape, dilation, strict=True)]
    margins = [(first, side - 1 - first) for first, side in zip(before, apart.shape, strict=True)]
    padded = np.pad(plane.astype(np.int64), margins, mode=MODES[border])
    return signal.correlate(padded, apart, mode="valid", method="direct")


@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize("name", ["3×3", "2×4", "9×11, rank 1", "five 4×3"])
def test_borders(name, border):
    """What stands outside is NumPy's, in every rewriting."""
    pipeline = make_pipeline(make_kernel(KERNELS[name]), border=border, combine="none")
    whole = picture(23, 37)
    wanted = [correlated(whole[0], np.asarray(each), border).clip(0, 255) for each in KERNELS[name]]
    for way, run in every_way(pipeline, CLIP):
        assert np.array_equal(to_array(run(whole)), wanted), way


@pytest.mark.parametrize("name", ["5×5, rank 2", "9×11, rank 1", "two 9×9, rank 1"])
def test_strips_of_any_height(name):
    """However few rows are asked for at once, they are those of the whole, floats of real numbers too."""
    weights = np.asarray(KERNELS[name]) / 7 + (0.1 if name[0] == "5" else 0)
    pipeline = make_pipeline(make_kernel(weights), combine="none", border="reflect")
    whole = picture(70, 53)
    for pixels in (None, ABS):
        for way, run in every_way(pipeline, pixels):
            result = run(whole)
            wanted = to_array(result)
            for height in (1, 3, 16, 64):
                tops = range(0, 70, height)
                strips = [result.rows(top, min(top + height, 70)) for top in tops]
                assert np.array_equal(np.concatenate(strips, axis=1), wanted), (way, height)


@pytest.mark.parametrize("divisor", [2, 4, 6, 10, 12])
@pytest.mark.parametrize("pixels", [CLIP, ABS], ids=["clip", "abs"])
def test_ties_and_limits(divisor, pixels):
    """Bytes are the floats clipped and rounded, halves to even, by whatever way the floats came about; where the
    divisor is a power of two, they are the exact quotients. Ties, negative values and such beyond 255 occur."""
    weights = np.array([[-2, 0, 5], [1, 7, -3], [0, 2, 3]])
    pipeline = make_pipeline(make_kernel(weights, divisor=divisor))
    whole = picture(60, 83)
    sums = ndimage.correlate(whole[0].astype(np.int64), weights, mode="constant")
    exact = np.abs(sums) if pixels is ABS else sums
    assert (exact * 2 % (2 * divisor) == divisor).any()
    assert exact.max() > 255 * divisor
    assert sums.min() < 0
    for (way, floats), (_, result) in zip(every_way(pipeline), every_way(pipeline, pixels), strict=True):
        values = to_array(floats(whole))
        values = np.abs(values) if pixels is ABS else values
        found = to_array(result(whole))
        assert found.dtype == np.uint8
        assert np.array_equal(found, np.rint(values.clip(0, 255))), way
        if divisor in (2, 4):
            halves_to_even = [min(max(round(Fraction(int(sum_), divisor)), 0), 255) for sum_ in exact.flat]
            assert np.array_equal(found.ravel(), halves_to_even), way


@pytest.mark.parametrize("filters", [1, 3, 4, 8])
@pytest.mark.parametrize("size", [(3, 3), (15, 15), (9, 31)])
def test_real_numbers(filters, size):
    """Banks and blurs, their columns split and shared: within 1e-4 of full scale of SciPy's float64 sums."""
    weights = RNG.normal(size=(filters, size[0], 3)) @ RNG.normal(size=(filters, 3, size[1]))
    weights /= np.abs(weights).sum((1, 2), keepdims=True)
    whole = picture(40, 65)
    wanted = [ndimage.correlate(np.float64(whole[0]), each, mode="constant") for each in weights]
    pipeline = make_pipeline(make_kernel(weights), combine="none")
    for way, run in every_way(pipeline):
        assert np.abs(to_array(run(whole)) - wanted).max() <= 1e-4 * 255, way


# A form at a size is Keras' export of that size


def weights_for(steps, channels):
    """Small whole weights and biases for the steps."""
    found = []
    for step in steps:
        if isinstance(step, Convolve):
            found += [
                RNG.integers(-3, 4, (*step.size, step.channels, step.filters)),
                RNG.integers(-9, 9, step.filters),
            ]
        elif isinstance(step, Depthwise):
            made = step.channels * step.copies
            found += [RNG.integers(-3, 4, (*step.size, made, 1)), RNG.integers(-9, 9, made)]
    return tuple(Weights(each.astype(np.float32)) for each in found)


PARTS = [
    ((Convolve((3, 5), 8, 16),), 8),
    ((Convolve((3, 5), 3, 7, (2, 3), activation="relu"),), 3),
    ((FromBytes(), Convolve((4, 1), 16, 32), CombineBlocks("magnitude", 2), ToBytes()), 16),
    ((Depthwise((5, 1), 8, 2), Convolve((1, 3), 16, 8)), 8),
    ((FromBytes(), Bands(), Depthwise((5, 4), BANDS, 2), CombineBlocks("absmax", 2), Rows(), ToBytes()), 1),
    ((Bands(), Depthwise((3, 3), BANDS, 3), Rows(), Activate("abs"), ToBytes()), 1),
    ((Pooling((3, 2), "average"),), 5),
    ((FromBytes(), Pooling((2, 4), "max"), ToBytes()), 1),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", range(len(PARTS)))
def test_a_form_at_a_size_is_keras_export_of_that_size(case):
    """To the last bit, put together from what is shipped or compiled in one piece."""
    steps, channels = PARTS[case]
    part = Part(steps, weights_for(steps, channels), channels)
    shape = (1, 14, BANDS, 9) if Bands() in steps else (1, 14, 18, channels)
    x = RNG.integers(0, 256, shape).astype(np.uint8 if steps[0] == FromBytes() else np.float32)

    def result(run):
        return run(x.shape, lambda into: np.copyto(into, x), np.copy)

    wanted = result(function(filled(export(Form(steps, channels)), part)))
    assert np.unique(wanted).size > 2
    whole = function(filled(export(form_of(part)), part))
    parts = pieces(part.unfused(), shipped.has)
    assert np.array_equal(result(whole), wanted)
    put_together = in_a_row([function(filled(shipped.read(form_of(each)), each)) for each in parts])
    assert np.array_equal(result(put_together), wanted)
