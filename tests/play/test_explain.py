"""The arithmetic behind a pixel: what `apply` writes, and NumPy's own windows, products and sums."""

import json
import math
import random

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import convfilter
from convfilter.choices import BORDERS, COMBINES
from convfilter.cli import command
from convfilter.engines.choose import choose_engine
from convfilter.errors import FilterError
from convfilter.filters.pipeline import color_for
from convfilter.images.picture import Picture
from convfilter.play.explain import explain
from convfilter.processing.options import PixelOptions

ENGINE = choose_engine()
MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
ACTIVATIONS = ("linear", "relu", "abs", "sigmoid", "tanh", "softplus", "gelu", "elu", "softsign")
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1.0}


def picture_of(dice, dtype, channels):
    shape = (dice.randrange(18, 40), dice.randrange(18, 40))
    rng = np.random.default_rng(dice.randrange(2**32))
    values = rng.random((*shape, channels) if channels > 1 else shape)
    return (values * WHITE[dtype] + (0 if dtype == "float32" else 0.5)).astype(dtype)


def kernel_of(dice):
    rng = np.random.default_rng(dice.randrange(2**32))
    filters, side = dice.choice((1, 1, 2, 3)), (dice.randrange(1, 6), dice.randrange(1, 6))
    whole = dice.random() < 0.5
    weights = rng.integers(-3, 4, (filters, *side)) if whole else rng.normal(size=(filters, *side))
    data = [each.tolist() for each in weights] if filters > 1 else weights[0].tolist()
    return convfilter.make_kernel(data, name="dice", divisor=dice.choice((1, 2, 8)))


def settings_of(dice):
    return {
        "border": dice.choice(BORDERS), "strides": (dice.randrange(1, 4), dice.randrange(1, 4)),
        "dilation": (dice.randrange(1, 3), dice.randrange(1, 3)), "bias": dice.choice((None, 0.25, -0.1)),
        "activation": dice.choice(ACTIVATIONS), "combine": dice.choice(COMBINES),
        "pad": dice.choice(("same", "valid", "cover", 1, (2, 0))),
        "pool": dice.choice((None, None, 2, (1, 3))), "pool_mode": dice.choice(("max", "average")),
    }  # fmt: skip


def cases(count, seed):
    """So many pipelines that fit their pictures, with options."""
    dice = random.Random(seed)
    while count:
        dtype, channels = dice.choice(tuple(WHITE)), dice.choice((1, 3))
        picture = picture_of(dice, dtype, channels)
        color = dice.choice(("gray", "each", "luma")) if channels == 3 else "gray"
        how = dice.choice(("clip", "abs", "rescale", "raw"))
        if how == "raw" and color == "luma":
            continue
        kernels = [kernel_of(dice) for _ in range(dice.choice((1, 1, 2)))]
        try:
            pipeline = convfilter.make_pipeline(kernels, **settings_of(dice))
            result = convfilter.apply(pipeline, picture, color=color, range=how)
        except FilterError:  # too small, or channels that don't meet
            continue
        options = PixelOptions(color, how, False)
        yield dice, pipeline, picture, options, result
        count -= 1


def check(case, pixels):
    """Of so many random pixels: the pixel is apply's, and what leads there is NumPy's arithmetic."""
    dice, pipeline, picture, options, result = case
    dtype = np.dtype(np.float32) if options.range == "raw" else picture.dtype
    pages = pipeline.out_channels
    shaped = result.reshape(*result.shape[:2], -1, pages)  # rows, columns, planes, pages
    for _ in range(pixels):
        y, x, plane, page = (dice.randrange(length) for length in shaped.shape)
        found = explain(pipeline, Picture(picture), options, dtype, ENGINE, x, y, channel=page, plane=plane)
        assert found.pixel.written == float(shaped[y, x, plane, page])
        assert found.pixel.rounded == found.pixel.written
        for step in found.steps:
            check_step(step)


def check_step(step):
    """A convolution's sum is that of its products, to the last bit; a pool's and a combination's value is
    NumPy's."""
    if step.kind == "conv":
        values, weights, products = (
            np.array([getattr(window, name) for window in step.windows])
            for name in ("values", "weights", "products")
        )
        assert np.array_equal(products, values * weights)
        assert step.sum == math.fsum(products.ravel())
        assert step.before == step.sum + step.bias
        scale = np.abs(products).sum() + abs(step.bias) + 1e-30
        if step.activation in ("linear", "relu", "abs"):
            exact = {"linear": step.before, "relu": max(step.before, 0), "abs": abs(step.before)}
            assert abs(step.value - exact[step.activation]) <= 1e-5 * scale
            assert step.rounding == step.value - exact[step.activation]
    elif step.kind == "pool":
        values = np.array(step.windows[0].values)
        expected = values.max() if step.mode == "max" else values.mean()
        assert step.value == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.abs(values).max() + 1e-30)
    elif step.kind == "combine":
        values = np.array(step.inputs)
        expected = {
            "magnitude": np.sqrt((values**2).sum()), "max": values.max(), "absmax": np.abs(values).max(),
            "sum": values.sum(), "mean": values.mean(),
        }[step.how]  # fmt: skip
        assert step.value == pytest.approx(expected, rel=1e-5, abs=1e-5 * np.abs(values).max())


@pytest.mark.parametrize("seed", range(4))
def test_pixels_of_a_few_pipelines_are_those_that_apply_writes(seed):
    """Five random pipelines, three pixels each."""
    for case in cases(5, seed):
        check(case, 3)


@pytest.mark.slow
def test_a_thousand_pixels_of_a_hundred_pipelines_are_those_that_apply_writes():
    """Every border, padding, stride, dilation, pool, activation, combination, range, colour and dtype."""
    for case in cases(100, 99):
        check(case, 10)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("place", [(0, 0), (7, 5), (3, 2)])
def test_the_window_is_numpys(border, place):
    """Values, and where they come from, beyond every edge, of a picture that numpy.pad has padded."""
    picture = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    pipeline = convfilter.make_pipeline("box-5", border=border)
    x, y = place
    dtype = np.dtype(np.uint8)
    found = explain(pipeline, Picture(picture), PixelOptions("gray"), dtype, ENGINE, x, y)
    [window] = found.steps[0].windows
    expected = np.pad(picture, 2, mode=MODES[border])[y : y + 5, x : x + 5]
    assert np.array_equal(window.values, expected)
    for values, row in zip(expected, window.rows, strict=True):
        for value, column in zip(values, window.columns, strict=True):
            assert value == (0 if row is None or column is None else picture[row, column])


def test_the_receptive_field_decides_the_number_and_nothing_else_does():
    """Of the article's two layers: noise outside the field changes nothing, inside it does."""
    pipeline = convfilter.make_pipeline(["box-3", "sobel-x"], strides=2, pad="valid", pool=2)
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (60, 70), dtype=np.uint8)
    dtype, x, y = np.dtype(np.uint8), 3, 4
    found = explain(pipeline, Picture(picture), PixelOptions("gray"), dtype, ENGINE, x, y)
    field = found.field
    part = slice(field.top, field.bottom), slice(field.left, field.right)
    other = rng.integers(0, 256, picture.shape, dtype=np.uint8)
    other[part] = picture[part]
    result = convfilter.apply(pipeline, picture, range="raw")
    assert convfilter.apply(pipeline, other, range="raw")[y, x] == result[y, x]
    for corner in ((field.top, field.left), (field.bottom - 1, field.right - 1)):
        changed = picture.copy()
        changed[corner] ^= 255
        assert not np.array_equal(
            convfilter.apply(convfilter.make_pipeline(["box-3", "box-3"], strides=2, pad="valid"), changed),
            convfilter.apply(convfilter.make_pipeline(["box-3", "box-3"], strides=2, pad="valid"), picture),
        )


def test_a_layer_in_the_middle_has_no_pixel():
    """Layer 1 of two: its own size and number, the engine's, and nothing of ranges."""
    picture = np.random.default_rng(0).integers(0, 256, (12, 15), dtype=np.uint8)
    pipeline = convfilter.make_pipeline(["sobel-x", "sobel-y"])
    dtype = np.dtype(np.uint8)
    found = explain(pipeline, Picture(picture), PixelOptions("gray"), dtype, ENGINE, 4, 5, layer=1)
    assert found.pixel is None
    assert found.steps[0].value == convfilter.apply("sobel-x", picture, range="raw")[5, 4]


def test_alpha_and_linear_light_end_where_apply_does(tmp_path):
    """A translucent colour picture, blurred in linear light: the pixel of each colour is in apply's file."""
    pixels = np.random.default_rng(5).integers(0, 256, (14, 17, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    args = ["gaussian:sigma=1", str(tmp_path / "in.png")]
    run = CliRunner().invoke
    assert run(command, ["apply", *args, str(tmp_path / "out.png"), "--linear"]).exit_code == 0
    expected = np.asarray(Image.open(tmp_path / "out.png"))
    for plane in range(3):
        said = run(command, ["explain", *args, "6,3", "--linear", "--plane", str(plane), "--json"])
        assert said.exit_code == 0, said.output
        assert json.loads(said.stdout)["pixel"]["written"] == expected[3, 6, plane]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"x": 15}, "no pixel in column 15, row 0; they count from 0, to 14 and 11"),
        ({"layer": 3}, "no layer 3; there are 3, counted from 0"),
        ({"channel": 1}, "no channel 1; there is only 0"),
        ({"plane": 1}, "no plane 1; there is only 0"),
    ],
)
def test_what_is_not_there_is_refused(arguments, error):
    """One line that says what there is."""
    pipeline, picture = convfilter.make_pipeline("sobel"), np.zeros((12, 15), np.uint8)
    place = {"x": 0, "y": 0, **arguments}
    with pytest.raises(FilterError) as caught:
        explain(pipeline, Picture(picture), PixelOptions("gray"), np.dtype(np.uint8), ENGINE, **place)
    assert str(caught.value) == error


def test_the_command_says_it_in_words():
    """Window, products, sums, magnitude and the pixel, for a person."""
    said = CliRunner().invoke(
        command, ["explain", "sobel", "samples/scene.png", "120,80", "--border", "edge"]
    )
    assert said.exit_code == 0, said.output
    assert "row    79  131 132 132     -1  0  1     -131    0  132" in said.stdout
    assert "magnitude of 1, 5: 5.09901953" in said.stdout
    assert said.stdout.rstrip().endswith("written: 5")


def test_what_is_no_number_is_null_in_json():
    """A NaN in a float picture, and the sum that it makes."""
    picture = np.ones((5, 5), np.float32)
    picture[2, 2] = np.nan
    pipeline = convfilter.make_pipeline("box-3")
    found = explain(pipeline, Picture(picture), PixelOptions(), np.dtype(np.float32), ENGINE, 2, 2).as_json()
    assert found["steps"][0]["windows"][0]["values"][1][1] is None
    assert found["steps"][0]["value"] is None
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("place", ["5", "a,b", "-1,2", "1,2,3"])
def test_a_place_is_column_and_row(place):
    """Anything else is a wrong command."""
    said = CliRunner().invoke(command, ["explain", "sobel", "samples/scene.png", "--", place])
    assert said.exit_code == 2
    assert "give column and row" in said.output


def test_colour_is_chosen_as_apply_chooses_it():
    """A blur keeps the colours, so its planes are three."""
    pipeline = convfilter.make_pipeline("box-3")
    assert color_for(pipeline, None) == "each"
    picture = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    found = explain(pipeline, Picture(picture), PixelOptions(), np.dtype(np.uint8), ENGINE, 4, 4, plane=2)
    assert found.pixel.written == convfilter.apply("box-3", picture)[4, 4, 2]
