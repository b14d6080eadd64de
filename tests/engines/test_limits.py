"""NaN, infinity and overflow: the compiled engine gives what Keras gives, whatever it was compiled on."""

import itertools
import os
from dataclasses import replace

import numpy as np
import pytest
from all_rows import to_array

import convfilter as package
from convfilter.choices import ACTIVATIONS, COMBINES
from convfilter.engines import compiled, limits
from convfilter.engines import keras_engine as keras
from convfilter.engines.base import LazyPlanes, of_array
from convfilter.engines.form import Part, filled, form_of
from convfilter.engines.stages import Activate, Weights
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.load import make_pipeline

pytestmark = pytest.mark.usefixtures("exported_once")

CLEAN = np.random.default_rng(0).random((12, 17), np.float32)
VALUES = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30)
POOLS = ({}, {"pool": (2, 2)}, {"pool": (3, 2), "pool_mode": "average"})
SHAPES = (
    {},
    {"strides": (2, 3)},
    {"dilation": (2, 1)},
    {"strides": 2, "dilation": 2},
    {"pad": "cover", "strides": 3},
)
BORDERS = ("zero", "edge", "reflect", "symmetric", "wrap")
FILTERS = ("sobel", "gabor-bank:orientations=4,size=9", "kirsch")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache folder, and a process that remembers nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    yield
    forget()


def forget():
    compiled._kept.clear()
    compiled._refused.clear()
    compiled._run_of.cache_clear()


def damaged(value):
    """The clean picture with one pixel of `value` inside, and one in a corner."""
    picture = CLEAN.copy()
    picture[5, 8] = picture[0, 0] = value
    return picture


def same(found, wanted, picture=CLEAN):
    """NaN and infinities in the same places, and the rest within what is promised: 1e-4 of full scale, which
    is the largest pixel where floats go beyond 1."""
    assert found.shape == wanted.shape
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    infinite = np.isinf(found) | np.isinf(wanted)
    assert np.array_equal(found[infinite], wanted[infinite])
    finite = np.isfinite(wanted)
    pixels, results = (np.abs(each[np.isfinite(each)]).max(initial=1) for each in (picture, wanted))
    difference = np.abs(found[finite].astype(float) - wanted[finite])
    assert difference.max(initial=0) <= 1e-4 * max(pixels, results)


def by(engine, filters, picture, options):
    return package.apply(filters, picture, engine=engine, range="raw", **options)


def check(filters, options, first):
    """Both orders: compiled on the clean picture, and on the damaged one."""
    forget()
    try:
        by("compiled", filters, first, options)
    except compiled.NotCompiled:  # then auto is Keras
        return 0
    for value in VALUES:
        picture = damaged(value)
        same(by("compiled", filters, picture, options), by("keras", filters, picture, options), picture)
    same(by("compiled", filters, CLEAN, options), by("keras", filters, CLEAN, options))
    return 1


FAULTS = [
    ("sobel", {"combine": "max"}),
    ("sobel", {"combine": "magnitude", "pool": (2, 2)}),
    ("sobel", {"activation": "sigmoid", "combine": "absmax"}),
    ("sobel-x", {"activation": "relu", "pool": (2, 2)}),
]


@pytest.mark.slow
@pytest.mark.parametrize("first", [CLEAN, damaged(np.nan)], ids=["clean first", "damaged first"])
@pytest.mark.parametrize(("filters", "options"), FAULTS)
def test_nan_and_infinity_are_kerass(own_cache, filters, options, first):
    assert check(filters, options, first)


def _table():
    """Every activation with every combination; pools, borders, strides and kernels in turn."""
    turns = [itertools.cycle(each) for each in (POOLS, BORDERS, SHAPES, FILTERS)]
    for activation, combine in itertools.product(ACTIVATIONS, COMBINES):
        pool, border, shape, filters = (next(turn) for turn in turns)
        yield filters, {"activation": activation, "combine": combine, "border": border, **pool, **shape}


# Every 23rd row has each combination, pool, border, shape and filter; CONVFILTER_TABLE=whole: every row.
TABLE = [*_table()][:: 1 if os.environ.get("CONVFILTER_TABLE") == "whole" else 23]


@pytest.mark.slow
@pytest.mark.parametrize("activation", dict.fromkeys(options["activation"] for _, options in TABLE))
def test_activations_with_combinations(own_cache, activation):
    """Rows of the table of layers, with every value in the picture, compiled on the clean picture and on a damaged
    one. CONVFILTER_TABLE=whole checks each activation with each combination, which takes minutes."""
    rows = [row for row in TABLE if row[1]["activation"] == activation]
    compiled_rows = sum(check(*row, first) for row in rows for first in (CLEAN, damaged(-np.inf)))
    assert compiled_rows or activation == "hard_sigmoid"  # which the converter mixes with the weights


@pytest.mark.slow
@pytest.mark.parametrize("large", [2**25, 0])
def test_only_the_rows_that_hold_nan_are_kerass(monkeypatch, large):
    """A tall picture by strips: rows whose windows are clean stay compiled, the others come from Keras, from
    one made for the whole picture, or by strips where the picture is large."""
    monkeypatch.setattr(compiled, "LARGE", large)
    picture = np.random.default_rng(2).random((1, 90, 40), np.float32)
    picture[0, 45, 7] = np.nan
    pipeline = make_pipeline(["gaussian:sigma=2", "sobel"], combine="max", border="reflect")
    made, asked = [], []
    by_keras = compiled._by_keras

    def counted(*given):
        made.append(by_keras(*given))
        size, channels = made[-1].size, made[-1].channels
        return LazyPlanes(size, channels, lambda *rows: asked.append(rows) or made[-1].rows(*rows))

    monkeypatch.setattr(compiled, "_by_keras", counted)
    result = compiled.open_compiled(pipeline, of_array(picture), 1.0)
    found = np.concatenate([result.rows(top, top + 10) for top in range(0, 90, 10)], axis=1)
    wanted = keras.run(pipeline, picture.transpose(1, 2, 0)[None], 1.0)[0].transpose(2, 0, 1)
    same(found, wanted)
    assert len(made) == 1
    assert asked == [(38, 40), (40, 50), (50, 53)]  # gaussian's six rows and sobel's one around row 45
    if large:  # by strips Keras may round otherwise
        assert np.array_equal(result.rows(0, 90), found, equal_nan=True)
        assert np.array_equal(result.rows(31, 59), found[:, 31:59], equal_nan=True)


def off_by_a_percent(part):
    return replace(part, weights=tuple(Weights(each.values * np.float32(1.01)) for each in part.weights))


def test_a_picture_of_nan_alone_compiles_nothing_wrong(own_cache, monkeypatch):
    """What is compiled on a picture without a single number is compared all the same."""
    monkeypatch.setattr(compiled, "filled", lambda entry, part: filled(entry, off_by_a_percent(part)))
    with pytest.raises(compiled.NotCompiled, match="other results"):
        by("compiled", "sobel", np.full((12, 17), np.nan, np.float32), {})


@pytest.mark.parametrize(
    "activation",
    [
        name if name in ("softplus", "sigmoid") else pytest.param(name, marks=pytest.mark.slow)
        for name in ACTIVATIONS
    ],
)
def test_activations_up_to_where_they_are_trusted(activation):
    """LiteRT's activations are Keras' for every number up to the limit, and none is larger than assumed."""
    from convfilter.engines.stage_model import build_stage

    most = limits.TRUSTED.get(activation, limits.LARGEST)
    sizes = np.r_[
        np.geomspace(1e-6, 1, 300), np.geomspace(1, most, 3000), np.linspace(0, min(most, 120), 700)
    ]
    x = np.random.default_rng(0).permutation(np.r_[sizes, -sizes].astype(np.float32)).reshape(1, -1, 1, 4)
    part = Part((Activate(activation),), (), 4)
    model = filled(compiled.export(form_of(part)), part)
    found = compiled.function(model)(x.shape, lambda into: np.copyto(into, x), np.copy)
    wanted = build_stage(part.steps, part.channels).predict_on_batch(x)
    largest = np.abs(x).max(-1, keepdims=True)  # softmax and its like see a pixel's channels together
    assert (np.abs(found - wanted) <= 2e-5 * np.maximum(np.maximum(largest, np.abs(wanted)), 1)).all()
    assert activation == "exponential" or (np.abs(wanted) <= 2 * largest + 20).all()


REACHES = [
    ("sobel", {}, 1.0, 1e37**0.5 / 2**0.5 / 8),  # two squares
    ("sobel-x", {"combine": "max"}, 1.0, 1e37 / 8),
    ("box-3", {}, 1.0, 1e37),
    (["sobel-x", "sobel-y"], {}, 1.0, 1e37 / 64),
    ("sobel", {"combine": "sum"}, 1.0, 1e37 / 16),
    ("box-3", {"pool": 2, "pool_mode": "average"}, 1.0, 1e37 / 4),
    ("sobel-x", {"activation": "softplus"}, 1.0, 80 / 8),
    ("sobel-x", {"activation": "softplus", "bias": 0.25}, 16.0, 76 / 8),  # the bias is four of the 80
    ([make_kernel([[0.0]]), "identity"], {}, 1.0, 1e37),
    ("identity", {"bias": 100, "activation": "exponential"}, 1.0, -20.0),  # even zeros overflow
]


@pytest.mark.parametrize(("filters", "options", "full", "wanted"), REACHES)
def test_how_large_pixels_may_be(filters, options, full, wanted):
    """By hand: the smallest room of any step, divided by the sums of the weights before it."""
    stages = compiled.stages_of(make_pipeline(filters, **options), full, "direct")
    assert limits.reach(stages) == pytest.approx(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["direct", "auto"])
@pytest.mark.parametrize("filters", ["sobel", "gaussian:sigma=5", ["sharpen", "sobel"], "kirsch"])
def test_nothing_overflows_within_reach(filters, plan):
    """Pixels as large as they may be, their signs chosen to add up, give finite numbers on the way; a hundred
    times larger ones do not, where a root of squares is on it."""
    pipeline = make_pipeline(filters)
    stages = compiled.stages_of(pipeline, 1.0, plan)
    most = limits.reach(stages)
    signs = np.random.default_rng(1).choice([-1, 1], (1, 60, 60))
    first = pipeline.convs[0].weights[:, :, 0, 0]
    signs[0, 20 : 20 + len(first), 20 : 20 + first.shape[1]] = np.where(first < 0, -1, 1)
    picture = (signs * most * 0.999).astype(np.float32)
    found = to_array(compiled.open_compiled(pipeline, of_array(picture), 1.0, plan))
    wanted = np.moveaxis(keras.run(pipeline, np.moveaxis(picture, 0, 2)[None], 1.0)[0], 2, 0)
    assert np.isfinite(wanted).all()
    assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()
    if any(layer.__class__.__name__ == "Combine" and layer.how == "magnitude" for layer in pipeline.layers):
        assert np.isinf(keras.run(pipeline, np.moveaxis(picture * 100, 0, 2)[None], 1.0)).any()


def test_where_white_is_too_large_keras_takes_the_picture():
    """softplus of LiteRT gives infinity from 88 on: pixels up to 255 are not for it, whatever they are."""
    dark = np.zeros((9, 9), np.uint8)
    with pytest.raises(compiled.NotCompiled, match='for values up to 10 only; use engine="keras"'):
        by("compiled", "sobel-x", dark, {"activation": "softplus"})
    bright = np.full((9, 9), 255, np.uint8)
    found = by("auto", "sobel-x", bright, {"activation": "softplus"})
    edge = np.pad(np.float64(bright), 1)
    sums = np.abs(sobel_x(edge)) * (sobel_x(edge) > 0)
    np.testing.assert_allclose(found, np.where(sums > 50, sums, np.logaddexp(sobel_x(edge), 0)), rtol=1e-6)


def sobel_x(padded):
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return rows[:, 2:] - rows[:, :-2]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("filters", "options"),
    [
        ("sobel", {"border": "edge"}),
        ("sobel-x", {"combine": "magnitude"}),
        ("sobel", {"combine": "mean"}),
        ("sobel-x", {"pool": 2, "pool_mode": "average"}),
    ],
)
def test_whole_results_of_a_root_are_no_whole_numbers(own_cache, monkeypatch, filters, options, dtype):
    """Vertical bars give whole magnitudes, which need not be equal to the bit: compiled once, then found."""
    bars = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, 64, endpoint=True, dtype=dtype)
    picture = np.tile(bars, (64, 1))
    same(by("compiled", filters, picture, options), by("keras", filters, picture, options))
    forget()
    monkeypatch.setattr(compiled, "export", None)  # nothing is left to do
    by("compiled", filters, picture, options)


@pytest.mark.parametrize(("filters", "options"), [("sobel", {"combine": "max"}), ("laplacian", {"pool": 2})])
def test_whole_numbers_are_compared_to_the_bit(own_cache, monkeypatch, filters, options):
    """A compiled result that is off by a thousandth of a pixel is refused where sums are exact."""
    true = compiled.through

    def off(*given):
        result = true(*given)
        return LazyPlanes(result.size, result.channels, lambda *rows: result.rows(*rows) + np.float32(1e-3))

    monkeypatch.setattr(compiled, "through", off)
    picture = np.random.default_rng(3).integers(0, 256, (20, 30), np.uint8)
    with pytest.raises(compiled.NotCompiled, match="other results"):
        by("compiled", filters, picture, options)
