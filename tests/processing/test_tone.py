"""From results to pixels: every range by hand, one rounding, nothing clipped that need not be."""

import cv2
import numpy as np
import pytest
import skimage.color
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

import convfilter
from convfilter.engines.pixels import rounded
from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.layers import Activation
from convfilter.filters.pipeline import Pipeline
from convfilter.processing.apply import apply
from convfilter.processing.tone import extremes, linear_light, range_map, srgb

SOBEL_X = convfilter.make_pipeline("sobel-x")  # results from -4 to 4 times full scale
BLUR = convfilter.make_pipeline("binomial-3")  # 0 to 1
STEPS = np.tile(np.uint8([0, 0, 200, 200, 50, 50, 50]), (5, 1))  # one edge up, one down


def values(*numbers):
    return np.array(numbers, np.float32)


def to_range(result, how, pipeline, full, white):
    """A whole result through its range map."""
    values = result.copy()
    range_map(how, pipeline, full, white, extremes(result)).in_place(values)
    return values


# Each range by hand


@pytest.mark.parametrize(
    ("how", "pipeline", "result", "full", "white", "expected"),
    [
        ("clip", SOBEL_X, [-300, -1, 0, 17.5, 300], 255, 255, [-300, -1, 0, 17.5, 300]),
        ("clip", SOBEL_X, [-2, 0.5, 1], 1, 255, [-510, 127.5, 255]),
        ("clip", SOBEL_X, [65535, 257], 65535, 255, [255, 1]),
        ("abs", SOBEL_X, [-300, -1, 0, 17.5, 300], 255, 255, [300, 1, 0, 17.5, 300]),
        ("abs", SOBEL_X, [-0.5, 0.25], 1, 65535, [32767.5, 16383.75]),
        ("rescale", SOBEL_X, [-10, 0, 30], 255, 255, [0, 63.75, 255]),
        ("rescale", SOBEL_X, [100, 101], 255, 1, [0, 1]),
        ("signed", SOBEL_X, [-1020, -510, 0, 510, 1020], 255, 255, [0, 63.75, 127.5, 191.25, 255]),
        ("signed", SOBEL_X, [-4, 0, 1, 4], 1, 1, [0, 0.5, 0.625, 1]),
        ("signed", BLUR, [0, 255], 255, 255, [127.5, 255]),
        ("gain", SOBEL_X, [-1020, 0, 1020], 255, 255, [0, 127.5, 255]),
        ("gain", BLUR, [0, 51, 255], 255, 255, [0, 51, 255]),
    ],
)
def test_range_by_hand(how, pipeline, result, full, white, expected):
    """clip leaves results, abs takes magnitudes, rescale spreads this picture's own, signed puts 0 at
    mid-grey, gain divides by the largest possible; each scaled from full scale to white, nothing rounded."""
    found = to_range(values(*result), how, pipeline, full, white)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array(expected), rel=1e-6, abs=1e-4)


def test_gain_of_the_magnitude_is_its_exact_largest():
    """For `sobel` white is √20 times full scale: its magnitude over all inputs, not 4·√2."""
    found = to_range(values(0, np.sqrt(20) * 255), "gain", convfilter.make_pipeline("sobel"), 255, 255)
    assert found == pytest.approx([0, 255], rel=1e-6)


def test_gain_counts_the_bias():
    """emboss is its weights' -1 to 1 about a half: -0.5 to 1.5, which gain maps to black and white."""
    pipeline = convfilter.make_pipeline("emboss")
    found = to_range(values(-127.5, 127.5, 382.5), "gain", pipeline, 255, 255)
    assert found == pytest.approx([0, 127.5, 255], abs=1e-4)


@pytest.mark.parametrize(
    ("weight", "bias", "results", "expected"),
    [(1, 0.5, [127.5, 382.5], [85, 255]), (-1, -1, [-510, -255, 0], [0, 127.5, 255])],
)
def test_gain_has_zero_between_black_and_white(weight, bias, results, expected):
    """A filter whose results all lie on one side of 0 is not stretched: 0 stays black, or white."""
    pipeline = convfilter.make_pipeline(convfilter.make_kernel([[weight]], bias=bias))
    assert to_range(values(*results), "gain", pipeline, 255, 255) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("how", ["signed", "gain"])
def test_zeros_round_a_later_layer_count(how):
    """Behind a bias no pixel is 0 but those padded with zero, and the largest results are at their edge."""
    brighter = convfilter.make_kernel([[1]], bias=1)  # 255 to 510
    difference = convfilter.make_kernel([[-1, 1]])
    pipeline = convfilter.make_pipeline([brighter, difference])
    result = apply(pipeline, np.full((3, 4), 255, np.uint8), range="raw")
    assert result[:, 0].tolist() == [510] * 3
    assert to_range(result, how, pipeline, 255, 255)[:, 0] == pytest.approx([255] * 3)


@pytest.mark.parametrize("constant", [0, -7.5, 300])
def test_rescale_of_a_constant_picture_is_black(constant):
    """Nothing to spread: no division by zero, no NaN."""
    assert np.array_equal(
        to_range(np.full((3, 3), constant, np.float32), "rescale", BLUR, 255, 255), np.zeros((3, 3))
    )


@pytest.mark.parametrize("how", ["signed", "gain"])
@pytest.mark.parametrize("weights", [[[0]], [[0, 0], [0, 0]]])
def test_a_kernel_of_zeros_is_no_division_by_zero(how, weights):
    """Its largest possible result is 0; signed is mid-grey, gain black."""
    pipeline = convfilter.make_pipeline(convfilter.make_kernel(weights))
    assert to_range(values(0, 0), how, pipeline, 255, 255).tolist() == (
        [127.5] * 2 if how == "signed" else [0] * 2
    )


@pytest.mark.parametrize("how", ["signed", "gain"])
@pytest.mark.parametrize("activation", ["softmax", "gelu", "silu", "exponential"])
def test_unknown_bounds_are_an_error(how, activation):
    """Where no bounds are known, signed and gain say so and name a range that works, which it does."""
    conv = Conv("test", np.ones((1, 1, 1, 1)), np.zeros(1), (0, 0))
    pipeline = Pipeline((conv, Activation(activation)), "mine")
    with pytest.raises(FilterError, match=f'range="{how}": no bounds .* of mine; use range="rescale"'):
        to_range(values(1), how, pipeline, 255, 255)
    assert to_range(values(1, 2), "rescale", pipeline, 255, 255).tolist() == [0, 255]


# Nothing is lost, nothing is clipped


def test_abs_keeps_falling_edges():
    """abs is taken of the float result: a falling edge is as bright as its height, where clip has black."""
    edges = ndimage.correlate1d(ndimage.correlate1d(np.float64(STEPS), [1, 2, 1], 0), [-1, 0, 1], 1)[2, 1:-1]
    assert edges.min() < 0
    absolute = apply("sobel-x", STEPS, range="abs")[2, 1:-1]
    clipped = apply("sobel-x", STEPS, range="clip")[2, 1:-1]
    assert np.array_equal(absolute, np.minimum(np.abs(edges), 255))
    assert np.array_equal(clipped, edges.clip(0, 255))
    assert absolute[edges < 0].min() == 255
    assert clipped[edges < 0].max() == 0


def test_signed_keeps_both_directions():
    """signed shows a rising and a falling edge apart, on both sides of grey."""
    found = apply("sobel-x", STEPS, range="signed")[2]
    assert found.tolist()[1:-1] == [228, 228, 52, 52, 128]  # 127.5 + 127.5 · 800/1020, - 600/1020


FUNCTIONS = {"linear": lambda x: x, "abs": np.abs, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh}
COMBINE = {
    "none": lambda stack: stack,
    "magnitude": lambda stack: np.sqrt((stack**2).sum(0)),
    "max": lambda stack: stack.max(0),
    "absmax": lambda stack: np.abs(stack).max(0),
    "sum": lambda stack: stack.sum(0),
    "mean": lambda stack: stack.mean(0),
}


@settings(max_examples=300, deadline=None)
@given(
    weights=arrays.arrays(
        np.int8, arrays.array_shapes(min_dims=3, max_dims=3, max_side=3), elements=st.integers(-9, 9)
    ),
    picture=arrays.arrays(np.uint8, (6, 7), elements=st.sampled_from([0, 255, 255, 0, 1, 128])),
    activation=st.sampled_from(sorted(FUNCTIONS)),
    combine=st.sampled_from(sorted(COMBINE)),
    bias=st.sampled_from([0, 0.5, -1]),
    border=st.sampled_from(["constant", "mirror"]),
)
def test_signed_and_gain_never_clip(weights, picture, activation, combine, bias, border):
    """Whatever the kernel, the combination and the picture, results (here SciPy's) land within black and
    white for signed and gain, and signed keeps their sign about mid-grey."""
    kernel = convfilter.make_kernel(weights.astype(float), activation=activation, combine=combine, bias=bias)
    pipeline = convfilter.make_pipeline(kernel)
    filtered = [
        ndimage.correlate(np.float64(picture), matrix.astype(float), mode=border) for matrix in weights
    ]
    result = COMBINE[combine](FUNCTIONS[activation](np.stack(filtered) + bias * 255)).astype(np.float32)
    gain = to_range(result, "gain", pipeline, 255, 255)
    signed = to_range(result, "signed", pipeline, 255, 255)
    for found in (gain, signed):
        assert found.min() >= -1e-3
        assert found.max() <= 255 + 1e-3
    far = np.abs(result) > 0.1
    assert np.array_equal(np.sign(signed - np.float32(127.5))[far], np.sign(result)[far])


@settings(max_examples=100, deadline=None)
@given(weights=arrays.arrays(np.int8, (2, 3), elements=st.integers(-9, 9)))
def test_gain_reaches_black_and_white(weights):
    """gain wastes nothing: the picture of the weights' signs becomes white, its negative black."""
    pipeline = convfilter.make_pipeline(convfilter.make_kernel(weights.astype(float)))
    low, high = np.minimum(weights, 0).sum() * 255.0, np.maximum(weights, 0).sum() * 255.0
    found = to_range(values(low, high), "gain", pipeline, 255, 255)
    assert found == pytest.approx([0, 255 if low < high else 0], abs=1e-3)


# One rounding


def to_dtype(values, dtype):
    """Values as pixels of `dtype`."""
    white = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1.0
    return rounded(values.copy(), np.dtype(dtype), white)


@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, cv2.CV_8U), (np.uint16, cv2.CV_16U)])
def test_rounding_is_opencvs_saturate_cast(dtype, depth):
    """Halves go to even, the rest is clipped: OpenCV's saturate_cast, for every half there is near the ends."""
    white = np.iinfo(dtype).max
    halves = np.arange(-5, 2 * white + 12) / 2
    numbers = np.float32(np.concatenate([halves, halves + 0.25, [1e9, -1e9]]))[None]
    expected = cv2.add(np.float64(numbers), np.zeros(numbers.shape), dtype=depth)
    found = to_dtype(numbers, dtype)
    assert found.dtype == dtype
    assert np.array_equal(found, expected)
    assert to_dtype(values(0.5, 1.5, 2.5, -0.5, 254.5), dtype).tolist() == [0, 2, 2, 0, 254]


def test_floats_are_clipped_and_not_rounded():
    """As float pixels, values are kept between 0 and 1."""
    found = to_dtype(values(-0.1, 0.123456, 1, 1.5), np.float32)
    assert found.dtype == np.float32
    assert found.tolist() == pytest.approx([0, 0.123456, 1, 1])


def test_filtering_rounds_as_opencv():
    """A kernel of halves on 8 bits is cv2.filter2D's result in 8 bits, ties and all."""
    picture = np.random.default_rng(3).integers(0, 256, (40, 50), np.uint8)
    matrix = np.array([[0.5, 0.25], [-0.25, 0.5]])
    expected = cv2.filter2D(picture, -1, matrix, anchor=(1, 1), borderType=cv2.BORDER_CONSTANT)
    found = apply(convfilter.make_kernel(matrix), picture)
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


def test_there_is_one_rounding_at_the_end():
    """Two blurs in a row round once: SciPy's float result rounded, which two roundings don't give."""
    picture = np.random.default_rng(4).integers(0, 256, (30, 31), np.uint8)
    matrix = np.outer([1, 2, 1], [1, 2, 1]) / 16
    once = ndimage.correlate(np.float64(picture), matrix, mode="constant")
    expected = np.rint(ndimage.correlate(once, matrix, mode="constant"))
    assert np.array_equal(apply(["binomial-3", "binomial-3"], picture, border="zero"), expected)
    assert not np.array_equal(expected, np.rint(ndimage.correlate(np.rint(once), matrix, mode="constant")))


# Linear light


@pytest.mark.parametrize(
    ("stored", "linear"),
    [(0, 0), (0.04045, 0.0031308), (0.5, 0.21404114), (0.735357, 0.5), (1, 1), (0.02, 0.02 / 12.92)],
)
def test_srgb_by_known_values(stored, linear):
    """IEC 61966-2-1: 0.5 is 0.214 in linear light, the straight part ends at 0.04045."""
    assert linear_light(values(stored))[0] == pytest.approx(linear, rel=1e-5, abs=1e-7)
    assert srgb(values(linear))[0] == pytest.approx(stored, rel=1e-5, abs=1e-7)


def test_srgb_is_scikit_images():
    """For all 16-bit levels linear light is the Y of scikit-image's rgb2xyz for grey; and the way back."""
    levels = np.arange(65536) / 65535
    grey = np.repeat(levels[:, None], 3, 1)
    expected = skimage.color.rgb2xyz(grey[None])[0, :, 1]
    assert linear_light(np.float32(levels)) == pytest.approx(expected, abs=2e-6)
    assert srgb(linear_light(np.float32(levels))) == pytest.approx(levels, abs=1e-6)


def test_srgb_of_what_lies_outside():
    """The way back clips at 0 and 1, since a power of a negative number would be NaN."""
    assert srgb(values(-0.5, 1.5)).tolist() == pytest.approx([0, 1], abs=1e-6)
    assert linear_light(values(-0.5))[0] == pytest.approx(-0.5 / 12.92)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_there_and_back_keeps_every_level(dtype):
    """The identity in linear light gives every 8-bit and every 16-bit level back."""
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(16, -1)
    assert np.array_equal(apply("identity", levels, linear=True), levels)
