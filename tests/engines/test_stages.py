"""Stages, plans and strips: rewriting a convolution and cutting a picture change no bit that must not change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from all_rows import to_array
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage, signal

from convfilter.choices import BORDERS
from convfilter.engines import compiled
from convfilter.engines import keras_engine as keras
from convfilter.engines.base import LazyPlanes, of_array
from convfilter.engines.planner import ERROR, allowed_errors, choose, cost
from convfilter.engines.raster import border_index
from convfilter.engines.rewrites import banded, direct, over_bands
from convfilter.engines.stages import (
    BANDS,
    NO_PAD,
    Bands,
    CombineBlocks,
    Convolve,
    Depthwise,
    Rows,
    Stage,
    cut,
)
from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.kernel import spread
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.load import make_pipeline

ROOT = Path(__file__).parents[2]

RNG = np.random.default_rng(5)
PHOTO = RNG.integers(0, 256, (1, 83, 117), np.uint8)
MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}


def conv(weights, **fields):
    """A Conv of one matrix (kh, kw) or of several (filters, kh, kw)."""
    weights = np.asarray(weights, float)
    bank = np.moveaxis(weights.reshape(-1, *weights.shape[-2:]), 0, -1)[:, :, None]
    return Conv("test", bank, np.zeros(bank.shape[3]), (0, 0), **fields)


def through_keras(rewrite, picture, stage_of):
    """(channels, H, W) of a rewrite's steps, run by Keras."""
    stage = stage_of(rewrite)
    from convfilter.engines.raster import through

    return to_array(through(of_array(picture), [stage], [keras._stage_run(stage, "auto", "test")]))


def stage_for(what):
    def make(rewrite):
        return Stage(
            NO_PAD, rewrite.steps, rewrite.weights, (1, what.weights.shape[3]), what.extent, what.strides,
            rewrite.phases, rewrite.blocks, rewrite.bands,
        )  # fmt: skip

    return make


def correlate(picture, matrix):
    """SciPy's valid correlation in float64."""
    return signal.correlate(np.float64(picture), np.float64(matrix), mode="valid", method="direct")


# Plans


@pytest.mark.parametrize("phases", [1, 8, 16])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (2, 5), (9, 17), (5, 1), (1, 20)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
def test_blocks_of_columns_are_the_same_convolution(phases, size, dilation):
    """A banded kernel over blocks of columns gives SciPy's numbers, whole ones to the last bit."""
    what = conv(RNG.integers(-4, 5, (2, *size)), dilation=dilation)
    found = through_keras(direct(what, phases), PHOTO, stage_for(what))
    for number in range(2):
        matrix = spread(what.weights, dilation)[:, :, 0, number]
        assert np.array_equal(found[number], correlate(PHOTO[0], matrix))


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 5), (1, 25), (25, 1)])
@pytest.mark.parametrize("filters", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 15, 16, 17, 40])
def test_upright_bands_are_the_same_convolution(size, filters, width):
    """A DepthwiseConv2D over bands of the picture gives SciPy's whole numbers, for any width of the result."""
    what = conv(RNG.integers(-4, 5, (filters, *size)))
    picture = PHOTO[:, :30, : width + size[1] - 1]
    stage = replace(stage_for(what)(over_bands(what)), steps=(*over_bands(what).steps, Rows()))
    found = through_keras(None, picture, lambda _: stage)
    for number in range(filters):
        assert np.array_equal(found[number], correlate(picture[0], what.weights[:, :, 0, number]))


@given(
    st.integers(1, 31).flatmap(
        lambda n: arrays.arrays(
            np.int64, st.tuples(st.just(n), st.integers(1, 31)), elements=st.integers(-9, 9)
        )
    ),
    st.integers(1, 2),
)
@settings(max_examples=40, deadline=None)
def test_plans_of_whole_numbers_keep_every_bit(matrix, dilation):
    """Whatever is chosen for a kernel of whole numbers, SciPy's result comes out to the last bit."""
    what = conv(matrix, dilation=(dilation, 1))
    chosen = choose(what, True)
    assert chosen.error == 0
    found = numpy_run(chosen, PHOTO[0], what)
    assert np.array_equal(found[0], correlate(PHOTO[0], spread(what.weights, (dilation, 1))[:, :, 0, 0]))


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 31), st.integers(1, 31), st.integers(1, 5), st.integers(1, 3)
)
@settings(max_examples=40, deadline=None)
def test_plans_of_real_numbers_stay_within_their_bound(seed, kh, kw, filters, rank):
    """Kernels of low rank and of any: the plan's weights differ by no more than it says, and that is little."""
    rng = np.random.default_rng(seed)
    bank = rng.normal(size=(filters, kh, rank)) @ rng.normal(size=(filters, rank, kw))
    what = conv(bank / np.abs(bank).sum((1, 2), keepdims=True))
    chosen = choose(what, True)
    assert chosen.error <= ERROR
    found = numpy_run(chosen, PHOTO[0], what)
    wanted = np.stack([correlate(PHOTO[0], what.weights[:, :, 0, n]) for n in range(filters)])
    assert np.abs(found - wanted).max() <= (ERROR + 1e-6) * 255


def numpy_run(rewrite, picture, what):
    """(filters, H', W') of a rewrite without activation, in float64 NumPy: no code of the engines'."""
    stage = stage_for(what)(rewrite)
    height, width = stage.size(picture.shape)
    columns = (-(-width // rewrite.phases) + rewrite.blocks - 1) * rewrite.phases
    x = np.zeros((len(picture), columns if rewrite.phases > 1 else picture.shape[1]))
    x[:, : picture.shape[1]] = picture
    x = x.reshape(len(x), -1, rewrite.phases)
    if rewrite.bands > 1:
        each = -(-width // BANDS)
        padded = np.pad(picture.astype(float), ((0, 0), (0, each * BANDS - width)))
        wide = each + picture.shape[1] - width
        x = np.stack([padded[:, band * each : band * each + wide] for band in range(BANDS)], axis=-1)
    weights = iter(each.values.astype(float) for each in rewrite.weights)
    for step in rewrite.steps:
        match step:
            case Depthwise():
                x = np.tile(x, step.copies)
                x = numpy_conv(x, next(weights), step.dilation, each=True) + next(weights)
            case Convolve():
                x = numpy_conv(x, next(weights), step.dilation, each=False) + next(weights)
            case CombineBlocks("sum", blocks):
                x = sum(np.split(x, blocks, axis=-1))
            case _:
                assert step == Bands()
    filters = what.weights.shape[3]
    if rewrite.bands > 1:
        x = x.reshape(height, -1, filters, BANDS).transpose(2, 0, 3, 1)
        return x.reshape(filters, height, -1)[:, :, :width]
    apart = x.reshape(height, -1, filters, rewrite.phases).transpose(2, 0, 1, 3)
    return apart.reshape(filters, height, -1)[:, :, :width]


def numpy_conv(x, kernel, dilation, each):
    """Valid correlation of (H, W, C) by slices."""
    kh, kw = kernel.shape[:2]
    height, width = x.shape[0] - (kh - 1) * dilation[0], x.shape[1] - (kw - 1) * dilation[1]
    total = 0.0
    for row in range(kh):
        for column in range(kw):
            part = x[row * dilation[0] :, column * dilation[1] :][:height, :width]
            total = total + (part * kernel[row, column, :, 0] if each else part @ kernel[row, column])
    return total


@pytest.mark.parametrize(
    ("filters", "name"),
    [
        ("sobel", "over bands"),
        ("gaussian:sigma=5", "rank 1"),
        ("box-9", "rank 1"),
        ("gabor-bank:orientations=16,gamma=1,size=31", "shared, rank"),
        ("laplacian", "over bands"),
    ],
)
def test_the_plan_of_well_known_filters(filters, name):
    """Small kernels stay one convolution, wide blurs become two, banks share their columns."""
    (stage,) = compiled.stages_of(resolve_padding(make_pipeline(filters), (480, 640)), 255.0, "auto")
    assert name in stage.name


def test_sixteen_bits_keep_every_bit_too():
    """A whole-number kernel is split only if 16-bit pictures lose nothing by it."""
    row = np.array([1, 8, 28, 56, 70, 56, 28, 8, 1])
    picture = RNG.integers(0, 65536, (1, 40, 60), np.uint16)
    for line, split in ((row, False), (np.ones(9, int), True)):
        pipeline = make_pipeline(make_kernel(np.outer(line, line)))
        (stage,) = compiled.stages_of(resolve_padding(pipeline, (40, 60)), 65535.0, "auto")
        assert stage.name.startswith("rank 1") == split
    found = to_array(compiled.open_compiled(pipeline, of_array(picture), 65535.0))
    assert np.array_equal(
        found, ndimage.correlate(np.float64(picture[0]), np.ones((9, 9)), mode="constant")[None]
    )


@given(st.integers(0, 2**32 - 1), st.floats(1, 1000))
@settings(max_examples=10, deadline=None)
def test_what_comes_later_makes_the_bound_smaller(seed, gain):
    """A split kernel before one that enlarges differences: the whole stays within ERROR of full scale."""
    rng = np.random.default_rng(seed)
    down, along = rng.normal(size=(2, 21))
    first = np.outer(down, along) + rng.normal(size=(21, 21)) * 1e-5
    pipeline = make_pipeline([make_kernel(first / np.abs(first).sum()), make_kernel([[-gain / 2, gain / 2]])])
    allowed = allowed_errors(pipeline)
    assert allowed[0] * gain + allowed[1] == pytest.approx(ERROR)
    rewrites = [
        choose(conv, True, "auto", error) for conv, error in zip(pipeline.convs, allowed, strict=True)
    ]
    split = numpy_run(rewrites[0], PHOTO[0], pipeline.convs[0])[0]
    found, wanted = (
        correlate(plane, [[-gain / 2, gain / 2]])
        for plane in (split, correlate(PHOTO[0], pipeline.convs[0].weights[:, :, 0, 0]))
    )
    assert np.abs(found - wanted).max() <= (ERROR + 1e-6 * gain) * 255  # and float32's weights


def test_calls_are_cut_where_pointers_would_fill_the_memory(monkeypatch):
    """However few rows may be computed at once, the result is the same."""
    pipeline = make_pipeline("box-5", border="reflect")
    wanted = to_array(compiled.open_compiled(pipeline, of_array(PHOTO), 255.0))
    calls = []
    run_of = compiled._run_of
    monkeypatch.setattr(
        compiled,
        "_run_of",
        lambda stage: lambda shape, *ends: calls.append(shape[1]) or run_of(stage)(shape, *ends),
    )
    monkeypatch.setattr("convfilter.engines.stages.MOST_POINTERS", 5 * 8 * 10)
    found = to_array(compiled.open_compiled(pipeline, of_array(PHOTO), 255.0))
    assert len(calls) > 5
    assert np.array_equal(found, wanted)


def test_plan_direct_changes_nothing():
    """plan="direct" is the pipeline's own convolution, whatever would be faster."""
    what = make_pipeline("gaussian:sigma=5").convs[0]
    chosen = choose(what, True, "direct")
    assert (chosen.name, chosen.phases, len(chosen.steps)) == ("direct", 1, 1)
    assert cost(choose(what, True)) < cost(chosen)


def test_what_mixes_channels_or_strides_has_no_phases():
    """Softmax over filters, strides and several channels want the pixels as they are."""
    for filters, options in (
        ("sobel", {"activation": "softmax"}),
        ("sobel", {"strides": 2}),
        (make_kernel(RNG.normal(size=(3, 3, 3, 2))), {}),
    ):
        stages = compiled.stages_of(resolve_padding(make_pipeline(filters, **options), (64, 64)), 1.0, "auto")
        assert [(stage.phases, stage.bands) for stage in stages] == [(1, 1)]


def test_banded_by_hand():
    """Two columns at a time: output b of a block looks at columns b and b + 1."""
    band = banded(np.array([[3.0, 5.0]])[:, :, None, None], 2)  # (1, 2, 2, 2)
    assert band[0, 0].tolist() == [[3, 0], [5, 3]]
    assert band[0, 1].tolist() == [[0, 5], [0, 0]]


# Rows on demand


@pytest.mark.parametrize("border", BORDERS[1:])  # all but zero
@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_border_index_is_numpys(border, length):
    """Which pixel stands where outside the picture, also far outside: as numpy.pad has it."""
    wanted = np.pad(np.arange(length), 20, mode=MODES[border])
    assert border_index(np.arange(-20, length + 20), length, border).tolist() == wanted.tolist()


PIPELINES = [
    *[
        (filters, {"border": border, **options})
        for border in MODES
        for filters, options in (
            ("sobel", {}),
            ("gaussian:sigma=2", {}),
            ("laplacian", {"strides": 2}),
            ("box-5", {"dilation": (2, 3), "pool": 2}),
            ("emboss", {"pad": (7, 3), "activation": "relu", "pool": (3, 2), "pool_mode": "average"}),
            (["sobel", "gaussian:sigma=1"], {"pool": 2}),
            ("kirsch", {"pad": "cover", "strides": (3, 2)}),
            (["sharpen", "sobel-x", "laplacian"], {"activation": "abs"}),
        )
    ],
    ("sobel", {"pad": "valid"}),
    ("roberts", {"border": "wrap"}),
    ("gabor-bank:orientations=4", {"combine": "max"}),
    ("samples/article.json", {}),
    ("samples/article-pool2.json", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize("case", range(len(PIPELINES)))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_strips_are_the_whole(case, dtype):
    """However a result is cut into strips, every bit is that of the result in one piece."""
    filters, options = PIPELINES[case]
    filters = str(ROOT / filters) if str(filters).startswith("samples/") else filters
    pipeline = make_pipeline(filters, **options)
    picture = PHOTO.astype(dtype) * dtype(257 if dtype is np.uint16 else 1)
    result = compiled.open_compiled(pipeline, of_array(picture), float(np.iinfo(dtype).max))
    whole = to_array(result)
    for step in (1, 5, 16, 31):
        tops = range(0, result.size[0], step)
        strips = [result.rows(top, min(top + step, result.size[0])) for top in tops]
        assert np.array_equal(np.concatenate(strips, axis=1), whole)
    wanted = keras_result(pipeline, picture)
    assert whole.shape == wanted.shape
    np.testing.assert_allclose(whole, wanted, rtol=1e-5, atol=1e-4 * float(np.iinfo(dtype).max))


def keras_result(pipeline, picture):
    full = float(np.iinfo(picture.dtype).max)
    return np.moveaxis(keras.run(pipeline, np.float32(np.moveaxis(picture, 0, 2)[None]), full)[0], 2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(0, len(PIPELINES), 3))
def test_keras_by_strips_is_keras(case):
    """The Keras engine with a tile gives what it gives for the whole picture."""
    filters, options = PIPELINES[case]
    filters = str(ROOT / filters) if str(filters).startswith("samples/") else filters
    pipeline = make_pipeline(filters, **options)
    result = keras.KerasEngine(tile=9).open(pipeline, of_array(PHOTO), 255.0)
    strips = [result.rows(top, min(top + 9, result.size[0])) for top in range(0, result.size[0], 9)]
    wanted = keras_result(pipeline, PHOTO)
    np.testing.assert_allclose(np.concatenate(strips, axis=1), wanted, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("filters", ["gaussian:sigma=5", "gabor-bank:orientations=4", "box-5", "sobel"])
@pytest.mark.parametrize("tile", [1, 9, 64])
def test_keras_by_strips_differs_by_rounding_alone(filters, tile):
    """TensorFlow adds the products of a wide kernel in another order for the whole picture than for a strip:
    each order is off by no more than float32's rounding of so many sums, and the README's bound holds."""
    pipeline = make_pipeline(filters, combine="none")
    picture = np.random.default_rng(6).random((1, 70, 57), np.float32)
    result = keras.KerasEngine(tile=tile).open(pipeline, of_array(picture), 1.0)
    tops = range(0, 70, tile)
    found = np.concatenate([result.rows(top, min(top + tile, 70)) for top in tops], axis=1)
    wanted = np.moveaxis(keras.run(pipeline, np.moveaxis(picture, 0, 2)[None], 1.0)[0], 2, 0)
    weights = np.abs(pipeline.convs[0].weights[:, :, 0])
    rounding = 2 * weights.shape[0] * weights.shape[1] * 2.0**-24 * weights.sum((0, 1)).max()
    assert np.abs(found - wanted).max() <= min(rounding, 1e-4)


def test_only_the_rows_that_are_needed_are_read():
    """A strip asks for its own rows and the kernel's reach, no more."""
    asked = []

    def rows(top, bottom):
        asked.append((top, bottom))
        return PHOTO[:, top:bottom]

    pipeline = make_pipeline("box-5", border="reflect")
    to_array(compiled.open_compiled(pipeline, of_array(PHOTO), 255.0))
    result = compiled.open_compiled(pipeline, LazyPlanes(PHOTO.shape[1:], 1, rows), 255.0)
    asked.clear()
    result.rows(40, 50)
    assert asked == [(38, 52)]
    result.rows(0, 10)
    assert asked[1:] == [(0, 12)]  # the mirrored rows are among them


def test_padding_only_and_steps_without_convolution():
    """A pipeline may pad twice, or not convolve at all."""
    from convfilter.filters.layers import Activation, Pool
    from convfilter.filters.padding import Pad
    from convfilter.filters.pipeline import Pipeline

    pipeline = Pipeline((Pad(1, 2, 3, 4, "edge"), Pad(2, 0, 0, 1, "wrap"), Activation("abs"), Pool((2, 2))))
    padded = np.pad(np.pad(PHOTO[0], ((1, 2), (3, 4)), "edge"), ((2, 0), (0, 1)), "wrap")
    rows, columns = padded.shape[0] // 2, padded.shape[1] // 2
    wanted = padded[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).max((1, 3))
    result = compiled.open_compiled(pipeline, of_array(PHOTO), 255.0)
    assert np.array_equal(to_array(result)[0], wanted)
    stages = cut(resolve_padding(pipeline, PHOTO.shape[1:]), 1.0, lambda conv, _: direct(conv))
    assert [len(stage.steps) for stage in stages] == [0, 1, 1]


def test_a_picture_too_small_is_told():
    with pytest.raises(FilterError, match="larger than what it gets"):
        compiled.open_compiled(make_pipeline("box-9", pad="valid"), of_array(PHOTO[:, :5]), 255.0)


def test_scipy_agrees_with_the_whole_path():
    """SciPy's own borders and correlation, through the compiled engine, to the last bit."""
    for border, mode in (("zero", "constant"), ("edge", "nearest"), ("reflect", "mirror"), ("wrap", "wrap")):
        pipeline = make_pipeline("laplacian-8", border=border)
        found = to_array(compiled.open_compiled(pipeline, of_array(PHOTO), 255.0))[0]
        matrix = pipeline.convs[0].weights[:, :, 0, 0]
        assert np.array_equal(found, ndimage.correlate(np.float64(PHOTO[0]), matrix, mode=mode))
