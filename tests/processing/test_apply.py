"""Arrays and pictures through a filter: shapes, dtypes, colour, alpha and linear light, judged by SciPy."""

import re

import cv2
import numpy as np
import pytest
import skimage.data
from scipy import ndimage, special
from skimage.measure import block_reduce

import convfilter
from convfilter.engines.choose import choose_engine
from convfilter.errors import ConvfilterError, FilterError
from convfilter.images.picture import Metadata, Picture
from convfilter.processing.apply import apply, filter_picture
from convfilter.processing.options import PixelOptions

RNG = np.random.default_rng(11)
GRAY = skimage.data.camera()[100:141, 200:253]  # 41×53
COLOR = skimage.data.astronaut()[30:71, 200:253]
DEEP = COLOR.astype(np.uint16) * 256 + RNG.integers(0, 256, COLOR.shape, np.uint16)
ALPHA = np.zeros(GRAY.shape, np.uint8)  # a clear left side, then a ramp, then opaque with a hole
ALPHA[:, 15:30] = np.linspace(0, 255, 15).astype(np.uint8)
ALPHA[:, 30:] = 255
ALPHA[20:24, 40:47] = 0

BOX = np.ones((3, 3)) / 9
LAPLACE = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
MATRIX = np.array([[1, -2, 3], [-4, 5, -6], [7, 8, -9]])
LUMA = np.array([0.299, 0.587, 0.114])
BANK = convfilter.make_kernel(np.stack([LAPLACE, MATRIX]))


def correlate(picture, matrix, mode="constant"):
    """SciPy's correlation of (H, W), or of each channel of (H, W, C), in float64."""
    if picture.ndim == 3:
        return np.stack([correlate(picture[..., c], matrix, mode) for c in range(picture.shape[2])], axis=-1)
    return ndimage.correlate(np.float64(picture), np.float64(matrix), mode=mode)


def rounded(values, dtype=np.uint8):
    return np.rint(np.clip(values, 0, np.iinfo(dtype).max)).astype(dtype)


def filtered(what, picture, look=None, dtype=None, **settings):
    """The pages of a Picture with metadata and alpha."""
    pipeline = convfilter.make_pipeline(what, **settings)
    dtype = np.dtype(dtype or picture.pixels.dtype)
    return filter_picture(pipeline, picture, look or PixelOptions("each"), dtype, choose_engine())


# Shapes and dtypes


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(41, 53), (41, 53, 3), (41, 53, 2), (41, 53, 5)])
def test_dtype_and_shape_are_kept(dtype, shape):
    """What comes in goes out: uint8, uint16, float32 (float64 becomes float32), any number of channels."""
    scale = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    array = (RNG.random(shape) * scale).astype(dtype)
    found = apply("identity", array, color="each", channels=shape[2] if len(shape) == 3 else None)
    assert found.shape == shape
    assert found.dtype == (np.float32 if dtype == np.float64 else dtype)
    assert np.array_equal(found, array.astype(found.dtype))
    assert found.flags.c_contiguous


def test_one_channel_is_gray():
    """(H, W, 1) is taken as (H, W), for every way of colour."""
    for color in ("gray", "each", "luma"):
        assert np.array_equal(apply("sobel", GRAY[..., None], color=color), apply("sobel", GRAY))


def test_colour_becomes_gray_unless_asked_for():
    """As `convfilter apply` does, whose default is gray too."""
    found = apply("laplacian", COLOR, range="raw")
    assert np.array_equal(found, apply("laplacian", COLOR, color="gray", range="raw"))
    assert found.shape == COLOR.shape[:2]


def test_truth_is_black_and_white():
    """bool is taken as uint8 of 0 and 255, as from an .npy file."""
    mask = GRAY > 100
    assert np.array_equal(apply("smooth", mask), apply("smooth", np.uint8(255) * mask))


# Which axis is what


@pytest.mark.parametrize("shape", [(4, 41, 53), (4, 41, 53, 1), (4, 41, 53, 3), (1, 41, 53), (4, 8, 3)])
def test_a_batch_is_its_pictures_one_by_one(shape):
    """batch=True: the first axis counts pictures; even where the last might be three colours."""
    batch = RNG.integers(0, 256, shape, np.uint8)
    for settings in ({}, {"color": "each"}, {"range": "rescale"}, {"combine": "none", "strides": 2}):
        found = apply("sobel", batch, batch=True, **settings)
        assert np.array_equal(found, np.stack([apply("sobel", one, **settings) for one in batch]))


def test_a_batch_says_its_channels():
    """(N, H, W, C) of other channels, by the word or by the filter that takes them."""
    batch = RNG.integers(0, 256, (2, 9, 8, 5), np.uint8)
    found = apply("laplacian", batch, batch=True, channels=5, color="each", range="raw")
    assert np.array_equal(found[1], correlate(batch[1], LAPLACE))
    weights = np.ones((1, 1, 5, 1))
    summed = apply(convfilter.make_kernel(weights, layout="kh,kw,in,out"), batch, batch=True, range="raw")
    assert np.array_equal(summed, batch.sum(-1))


@pytest.mark.parametrize(
    ("shape", "words", "says"),
    [
        ((4, 64, 64), {}, "write batch=True if the first axis counts gray pictures, or write channels=64 if"),
        ((4, 64, 64), {"color": "each"}, "write batch=True if the first"),
        ((3, 64, 64), {}, "or use numpy.moveaxis(array, 0, -1) if the first one does"),
        ((64, 64, 4), {}, "write channels=4 if the last one holds channels, or give array[..., :3] if"),
        (
            (2, 3, 64, 64),
            {"batch": True},
            "write channels=64 if the last one holds channels, or use numpy.move",
        ),
        ((2, 64, 64, 7), {"batch": True}, ": write channels=7 if the last one holds channels"),
        ((4, 64, 64, 1), {}, "for several pictures, (N, H, W) or (N, H, W, C), write batch=True"),
        ((64, 64), {"batch": True}, "leave batch=True out for a single picture"),
        ((64, 64, 3), {"channels": 4}, "holds 3 channels, not 4; move the axis"),
        ((64, 64), {"channels": 3}, "has no axis of channels; leave channels=3 out"),
        ((64, 64, 4), {"channels": 4}, 'a picture of 4 channels has no gray; use color="each"'),
        ((5,), {}, "a picture is (H, W) or (H, W, C)"),
        ((0, 64), {}, "has no pixels"),
        ((0, 64, 64), {"batch": True}, "has no pixels"),
        ((64, 64), {"batch": "yes"}, "batch can't be 'yes'; use True or False"),
        ((64, 64), {"channels": "3"}, "channels can't be '3'; use the length of the last axis"),
        ((64, 64), {"linear": "yes"}, "linear can't be 'yes'; use True or False"),
    ],
    ids=str,
)
def test_a_shape_that_may_mean_two_things(shape, words, says):
    """It is refused, and what to write instead is said."""
    with pytest.raises(FilterError) as caught:
        apply("sobel", np.zeros(shape, np.uint8), **words)
    assert says in str(caught.value)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_raw_is_float32(dtype):
    """range="raw" gives the results themselves, below 0 and above white, whatever came in."""
    found = apply("laplacian", GRAY.astype(dtype), range="raw")
    assert found.dtype == np.float32
    assert np.array_equal(found, correlate(GRAY, LAPLACE))


def test_floats_stay_floats_unclipped():
    """From float to float nothing is clipped or rounded unless asked for."""
    picture = (GRAY / 64).astype(np.float32)
    expected = correlate(picture, MATRIX)
    found = apply(convfilter.make_kernel(MATRIX), picture)
    assert found == pytest.approx(expected, abs=1e-4)
    assert found.min() < 0
    assert found.max() > 1
    clipped = apply(convfilter.make_kernel(MATRIX), picture, range="clip")
    assert clipped == pytest.approx(expected.clip(0, 1), abs=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_kernel_that_asks_for_raw(dtype):
    """A kernel file's own range "raw" gives floats; pixels would wrap round."""
    kernel = convfilter.make_kernel(LAPLACE, range="raw")
    found = apply(kernel, GRAY.astype(dtype))
    assert found.dtype == np.float32
    assert np.array_equal(found, correlate(GRAY, LAPLACE))
    assert apply(kernel, GRAY, range="clip").dtype == np.uint8
    with pytest.raises(FilterError, match="raw, which needs floats"):
        filtered(kernel, Picture(GRAY), dtype=np.uint8)


@pytest.mark.parametrize("from_dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("to_dtype", [np.uint8, np.uint16, np.float32])
def test_white_stays_white_between_depths(from_dtype, to_dtype):
    """Written in another depth, black is black, white is white, and the rest in proportion."""
    picture = {np.uint8: GRAY, np.uint16: DEEP[..., 0], np.float32: (GRAY / np.float32(255))}[
        from_dtype
    ].copy()
    full = {np.uint8: 255, np.uint16: 65535, np.float32: 1}
    picture[0, :2] = 0, full[from_dtype]
    found = filtered("identity", Picture(picture), PixelOptions("gray", "clip"), to_dtype)[0].pixels
    assert found.dtype == to_dtype
    assert found[0, :2].tolist() == [0, full[to_dtype]]
    exact = picture / full[from_dtype] * full[to_dtype]
    assert np.abs(found - exact).max() <= (1e-6 if to_dtype == np.float32 else 0.502)


def test_banks_have_a_last_axis():
    """Filters that are not combined lie along the last axis, in the file's order; of colours, behind the
    channels."""
    found = apply(BANK, GRAY, range="raw")
    assert np.array_equal(found, np.stack([correlate(GRAY, LAPLACE), correlate(GRAY, MATRIX)], axis=-1))
    colors = apply(BANK, COLOR, color="each", range="raw")
    assert colors.shape == (41, 53, 3, 2)
    assert np.array_equal(colors[..., 1], correlate(COLOR, MATRIX))
    pixels = apply(BANK, GRAY, range="clip")
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels[..., 0], rounded(correlate(GRAY, LAPLACE)))


def test_banks_are_a_page_a_filter():
    """filter_picture gives one Picture a filter, each with the alpha and the metadata."""
    metadata = Metadata(icc=b"profile", dpi=(300.0, 150.0))
    pages = filtered(BANK, Picture(GRAY, ALPHA, metadata), PixelOptions("gray", "abs"))
    assert len(pages) == 2
    for page, matrix in zip(pages, (LAPLACE, MATRIX), strict=True):
        assert np.array_equal(page.pixels, rounded(np.abs(correlate(GRAY, matrix))))
        assert page.alpha.shape == GRAY.shape
        assert page.metadata == metadata


def test_dpi_hold_for_larger_pixels():
    """Strides and pools make pixels larger, so fewer are an inch; x and y each by its own."""
    picture = Picture(GRAY, None, Metadata(dpi=(300.0, 120.0)))
    page = filtered("sobel", picture, strides=(2, 3), pool=(2, 1))[0]
    assert page.pixels.shape == (10, 18)
    assert page.metadata.dpi == (100.0, 30.0)


# Wrong input


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((9, 9), np.int32),
        np.zeros((9, 9), np.complex64),
        np.zeros((9, 9), np.float16),
        np.full((9, 9), "a"),
        [1, 2, 3],
        None,
    ],
)
def test_wrong_numbers(array):
    """Any other dtype is a FilterError that says which are right."""
    with pytest.raises(FilterError, match=r"array.astype to one of uint8, uint16, float32, float64 or bool"):
        apply("sobel", array)


def test_what_is_no_array():
    """A file's name, or lists that are no rectangle."""
    with pytest.raises(FilterError, match="'photo.jpg' is no array; read the picture first"):
        apply("sobel", "photo.jpg")
    with pytest.raises(FilterError, match="not an array of numbers"):
        apply("sobel", [[1, 2], [3]])


@pytest.mark.parametrize("array", [GRAY, COLOR[..., :2], np.dstack([COLOR, GRAY])])
def test_wrong_channels(array):
    """A filter of three channels wants three, and says how many there are."""
    kernel = convfilter.make_kernel(np.ones((3, 3, 3, 1)), name="volume")
    have = 1 if array.ndim == 2 else array.shape[2]
    with pytest.raises(FilterError, match=f"volume takes 3 channels, the picture has {have}"):
        apply(kernel, array)


def test_wrong_color_for_the_picture():
    """Luma wants three colours, and a filter of three channels wants no luma."""
    with pytest.raises(FilterError, match="4 channels has no luma"):
        apply("sobel", np.dstack([COLOR, GRAY]), color="luma", channels=4)
    with pytest.raises(FilterError, match="takes 3 channels, luma is one"):
        apply(convfilter.make_kernel(np.ones((3, 3, 3, 1))), COLOR, color="luma")
    with pytest.raises(FilterError, match="raw"):
        apply("sobel", COLOR, color="luma", range="raw")


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"color": "grey"}, "color can't be 'grey'; did you mean \"gray\"?"),
        ({"color": 3}, "color can't be 3; use gray, each, luma"),
        ({"range": "auto"}, "range can't be 'auto'; use clip, abs"),
        ({"range": ""}, "range can't be ''; use clip, abs"),
        ({"engine": "compile"}, "engine can't be 'compile'; did you mean \"compiled\"?"),
        ({"plan": "fast"}, "plan can't be 'fast'; use auto, direct"),
        ({"colour": "each"}, "no setting colour; did you mean color?"),
        ({"rnage": "abs"}, "no setting rnage; did you mean range?"),
        ({"strid": 2}, "no setting strid; did you mean strides?"),
        ({"device": None}, 'no device "None"; use auto, cpu, gpu'),
    ],
)
def test_unknown_words(chosen, says):
    """A misspelt word is an error that names the right ones, never a silent default."""
    with pytest.raises(ConvfilterError, match=re.escape(says)):
        apply("sobel", GRAY, **chosen)


def test_too_small_a_picture():
    """A kernel or a pool larger than the picture is an error with both sizes."""
    with pytest.raises(FilterError, match=r"box-9 \(9×9\) is larger than what it gets \(5×41\)"):
        apply("box-9", GRAY.T[:5], pad="valid")
    with pytest.raises(FilterError, match=r"the pool \(8×2\) is larger than what it gets \(7×53\)"):
        apply("sobel", GRAY[:7], pool=(8, 2))
    with pytest.raises(FilterError, match="has no pixels; nothing to filter"):
        apply("sobel", np.zeros((0, 5), np.uint8))


# Colour


def test_each_channel_by_itself():
    """color="each" filters every channel as if it were a gray picture."""
    found = apply("sobel-x", COLOR, color="each")
    assert np.array_equal(found, np.stack([apply("sobel-x", COLOR[..., c]) for c in range(3)], axis=-1))
    assert np.array_equal(apply("laplacian", COLOR, color="each", range="raw"), correlate(COLOR, LAPLACE))


@pytest.mark.parametrize("array", [COLOR, DEEP])
def test_gray_is_rec_601(array):
    """color="gray" filters 0.299 R + 0.587 G + 0.114 B, rounded to the picture's depth, within a count of
    OpenCV's."""
    gray = apply("identity", array, color="gray")
    assert gray.dtype == array.dtype
    assert np.abs(gray - array @ LUMA).max() <= 0.51
    assert np.abs(gray.astype(int) - cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)).max() <= 1
    assert np.array_equal(apply("laplacian", array, color="gray", range="raw"), correlate(gray, LAPLACE))
    floats = apply("identity", (array / 255).astype(np.float32), color="gray")
    assert floats == pytest.approx(array / 255 @ LUMA, rel=1e-5)


def test_gray_leaves_colours_to_a_filter_of_three():
    """A filter that takes the three channels gets them, whatever `color` says of gray."""
    kernel = convfilter.make_kernel(np.ones((1, 1, 3, 1)))
    expected = COLOR.sum(2, dtype=float)
    assert np.array_equal(apply(kernel, COLOR, color="gray", range="raw"), expected)


@pytest.mark.parametrize("array", [COLOR, DEEP, (COLOR / 255).astype(np.float32)])
@pytest.mark.parametrize("name", ["box-3", "sharpen"])
def test_luma_keeps_chroma(array, name):
    """color="luma" filters Rec. 601 luma Y only: each channel becomes F(Y) + (channel - Y), by hand."""
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[array.dtype.name]
    matrix = {"box-3": BOX, "sharpen": [[-2, -2, -2], [-2, 32, -2], [-2, -2, -2]]}[name]
    matrix = np.array(matrix) / np.sum(matrix)
    luma = array @ LUMA
    expected = np.clip(correlate(luma, matrix)[..., None] + array - luma[..., None], 0, white)
    found = apply(name, array, color="luma", border="zero")
    assert found.dtype == array.dtype
    assert np.abs(found - expected).max() <= (1e-5 if white == 1 else 0.5 + 2e-6 * white)


def test_luma_of_grey_is_grey():
    """A colour picture of greys gives the gray result in all three channels, to one count."""
    found = apply("smooth", np.dstack([GRAY] * 3), color="luma")
    assert np.abs(found.astype(int) - apply("smooth", GRAY)[..., None]).max() <= 1
    assert np.array_equal(apply("smooth", GRAY, color="luma"), apply("smooth", GRAY))


def test_luma_with_strides_and_pool():
    """Chroma goes along to the pixels that strides leave, and is averaged by a pool."""
    luma = COLOR @ LUMA
    chroma = COLOR - luma[..., None]
    result = correlate(luma, BOX)[::2, ::2]
    found = apply("box-3", COLOR, color="luma", strides=(2, 2), border="zero")
    assert np.abs(found - (result[..., None] + chroma[::2, ::2]).clip(0, 255)).max() <= 0.501
    pooled = block_reduce(correlate(luma, BOX)[:40, :52], (2, 2), np.mean)
    moved = block_reduce(chroma[:40, :52], (2, 2, 1), np.mean)
    found = apply("box-3", COLOR, color="luma", pool=(2, 2), pool_mode="average", border="zero")
    assert np.abs(found - (pooled[..., None] + moved).clip(0, 255)).max() <= 0.501


# Linear light and values


def to_linear(unit):
    return np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)


def to_srgb(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("array", [GRAY, COLOR, DEEP])
def test_linear_light_by_hand(array):
    """linear=True decodes sRGB, filters, and encodes again, rounding once at the end."""
    white = np.iinfo(array.dtype).max
    expected = to_srgb(correlate(to_linear(array / white), BOX)) * white
    found = apply("box-3", array, linear=True, border="zero")
    assert found.dtype == array.dtype
    assert np.abs(found - expected).max() <= 0.5 + 2e-6 * white
    assert np.abs(found.astype(int) - apply("box-3", array, border="zero")).max() > 0.01 * white


def test_linear_light_of_floats():
    """Floats in linear light come back as sRGB values too, and raw results stay linear when asked for."""
    unit = (GRAY / 255).astype(np.float32)
    linear = correlate(to_linear(unit), BOX)
    assert apply("box-3", unit, linear=True, border="zero") == pytest.approx(to_srgb(linear), abs=1e-5)
    assert apply("box-3", unit, linear=True, range="raw", border="zero") == pytest.approx(linear, abs=1e-5)


def test_a_chessboard_blurs_to_half_the_light():
    """Half black, half white is 188 in linear light and 128 (127.5) as stored."""
    board = (np.indices((8, 8)).sum(0) % 2 * 255).astype(np.uint8)
    quarters = convfilter.make_kernel([[0.25, 0.25], [0.25, 0.25]])
    assert set(apply(quarters, board, linear=True, border="wrap").ravel()) == {188}
    assert set(apply(quarters, board, border="wrap").ravel()) == {128}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_unit_values_for_a_sigmoid(dtype):
    """values="unit" scales pixels to 0–1, so that a sigmoid is not saturated; its 0–1 is written as black to
    white."""
    array = GRAY if dtype == np.uint8 else DEEP[..., 0]
    white = np.iinfo(dtype).max
    kernel = convfilter.make_kernel(LAPLACE, activation="sigmoid")
    expected = special.expit(correlate(array / white, LAPLACE))
    assert np.abs(apply(kernel, array, values="unit") - expected * white).max() <= 0.5 + 2e-6 * white
    assert apply(kernel, array, values="unit", range="raw") == pytest.approx(expected, abs=1e-6)
    stored = apply(kernel, array, range="raw")
    assert stored == pytest.approx(special.expit(correlate(array, LAPLACE)), abs=1e-6)


def test_unit_values_change_nothing_for_a_linear_filter():
    """Scaled to 0–1 and back, a linear filter gives the same pixels."""
    assert np.array_equal(apply("sobel-x", GRAY, values="unit"), apply("sobel-x", GRAY))


# Alpha


@pytest.mark.parametrize("name", ["box-3", "sharpen", "laplacian", "sobel", "emboss", "kirsch"])
@pytest.mark.parametrize("color", ["each", "luma"])
@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_an_opaque_alpha_never_changes_a_result(name, color, border):
    """With alpha at full everywhere, pixels are those without alpha to the last bit, at the border too."""
    settings = {"border": border, "strides": (1, 2)}
    opaque = filtered(
        name, Picture(COLOR, np.full(GRAY.shape, 255, np.uint8)), PixelOptions(color), **settings
    )
    plain = filtered(name, Picture(COLOR), PixelOptions(color), **settings)
    for with_alpha, without in zip(opaque, plain, strict=True):
        assert np.array_equal(with_alpha.pixels, without.pixels)
        assert with_alpha.alpha is None or (with_alpha.alpha == 255).all()


@pytest.mark.parametrize("name", ["laplacian", "sobel", "sobel-x", "kirsch", "emboss"])
@pytest.mark.parametrize("look", [PixelOptions("each"), PixelOptions("each", "signed"), PixelOptions("luma")])
def test_an_edge_filter_keeps_alpha(name, look):
    """A zero-sum kernel sees the colours as they are and leaves alpha as it is, to the last bit."""
    page = filtered(name, Picture(COLOR, ALPHA), look)[0]
    assert np.array_equal(page.alpha, ALPHA)
    assert np.array_equal(page.pixels, filtered(name, Picture(COLOR), look)[0].pixels)


@pytest.mark.parametrize("pixels", [GRAY, COLOR])
@pytest.mark.parametrize(
    ("name", "matrix"), [("box-3", BOX), ("binomial-5", np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256)]
)
@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_an_average_premultiplies(pixels, name, matrix, border):
    """An averaging kernel gives filter(colour·alpha)/filter(alpha), and filter(alpha) as alpha, by SciPy."""
    mode = {"zero": "constant", "reflect": "mirror"}[border]
    share = ALPHA / 255
    weight = correlate(share, matrix, mode)
    deep = pixels.ndim == 3
    colour = correlate(pixels * (share[..., None] if deep else share), matrix, mode)
    page = filtered(name, Picture(pixels, ALPHA), border=border)[0]
    visible = weight > 1e-3
    expected = colour[visible] / (weight[visible][:, None] if deep else weight[visible])
    assert np.abs(page.pixels[visible] - expected).max() <= 0.51
    assert np.abs(page.alpha - weight * 255).max() <= 0.51
    assert (page.pixels[weight == 0] == 0).all()
    assert (weight == 0).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("name", ["box-5", "gaussian:sigma=1", "sharpen"])
def test_colours_that_nobody_sees_do_not_bleed(dtype, name):
    """What stands under alpha 0 never reaches a visible pixel: garbage there gives the result of black."""
    scale = {np.uint8: 1, np.uint16: np.uint16(257), np.float32: np.float32(1 / 255)}[dtype]
    alpha, pixels = (ALPHA * scale).astype(dtype), (COLOR * scale).astype(dtype)
    clean, garbage = pixels.copy(), pixels.copy()
    clean[ALPHA == 0] = 0
    garbage[ALPHA == 0] = (np.array([255, 0, 255]) * scale).astype(dtype)
    pages = [filtered(name, Picture(each, alpha))[0] for each in (clean, garbage)]
    assert np.array_equal(pages[0].pixels, pages[1].pixels)
    assert np.array_equal(pages[0].alpha, pages[1].alpha)
    assert pages[0].alpha.dtype == dtype


def test_a_uniform_colour_keeps_its_colour():
    """Where one colour is cut out by alpha, a blur makes soft edges of that colour, with no dark fringe."""
    pixels = np.full((*GRAY.shape, 3), (200, 100, 50), np.uint8)
    page = filtered("box-5", Picture(pixels, ALPHA))[0]
    seen = page.alpha > 0
    assert np.array_equal(page.pixels[seen], pixels[seen])
    assert 0 < page.alpha[5, 15] < 255


@pytest.mark.parametrize("factor", [3, 0.5, -1])
def test_an_average_of_another_sum(factor):
    """A kernel whose sum is not 1 multiplies colours by it, and alpha not: the quotient times the sum, and
    filter(alpha) of the kernel of sum 1."""
    kernel = convfilter.make_kernel(BOX * factor)
    pixels = (GRAY / 255).astype(np.float32)
    share = (ALPHA / 255).astype(np.float32)
    page = filtered(kernel, Picture(pixels, share))[0]
    weight = correlate(share, BOX)
    assert page.alpha == pytest.approx(weight, abs=1e-6)
    visible = weight > 1e-3
    expected = factor * correlate(pixels * share, BOX)[visible] / weight[visible]
    assert page.pixels[visible] == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["laplacian", "sobel"])
def test_alpha_of_an_edge_filter_moves_with_the_pixels(name):
    """Strides take alpha at the pixels they take, "valid" crops it, "cover" and a dilation keep it in step,
    and a pool averages it."""

    def alpha(**settings):
        page = filtered(name, Picture(GRAY, ALPHA), **settings)[0]
        assert page.alpha.shape == page.pixels.shape
        return page.alpha

    assert np.array_equal(alpha(strides=(2, 3)), ALPHA[::2, ::3])
    assert np.array_equal(alpha(pad="valid"), ALPHA[1:-1, 1:-1])
    assert np.array_equal(alpha(pad="valid", dilation=(2, 1)), ALPHA[2:-2, 1:-1])
    assert np.array_equal(alpha(pad="valid", strides=(3, 2)), ALPHA[1:-1:3, 1:-1:2])
    pooled = block_reduce(ALPHA[:40, :51], (2, 3), np.mean)
    for mode in ("max", "average"):
        assert np.abs(alpha(pool=(2, 3), pool_mode=mode) - pooled).max() <= 0.51


def test_alpha_of_an_average_with_strides_valid_and_pool():
    """Premultiplied, with strides, "valid" and an average pool: SciPy's quotient at those pixels."""
    share = ALPHA / 255
    weight, colour = correlate(share, BOX), correlate(GRAY * share, BOX)

    def check(weight, colour, **settings):
        page = filtered("box-3", Picture(GRAY, ALPHA), border="zero", **settings)[0]
        assert page.pixels.shape == page.alpha.shape == weight.shape
        visible = weight > 1e-3
        assert np.abs(page.pixels[visible] - colour[visible] / weight[visible]).max() <= 0.51
        assert np.abs(page.alpha - weight * 255).max() <= 0.51

    check(weight[::2, ::3], colour[::2, ::3], strides=(2, 3))
    check(weight[1:-1, 1:-1], colour[1:-1, 1:-1], pad="valid")
    means = [block_reduce(plane[:40, :52], (2, 2), np.mean) for plane in (weight, colour)]
    check(*means, pool=(2, 2), pool_mode="average")


def test_alpha_of_a_filter_that_is_not_linear():
    """A blur behind a max-pool can't be undone by a quotient, so alpha goes along as for edges."""
    page = filtered("box-3", Picture(GRAY, ALPHA), border="zero", pool=(2, 2), pool_mode="max")[0]
    assert np.abs(page.alpha - block_reduce(ALPHA[:40, :52], (2, 2), np.mean)).max() <= 0.51
    plain = block_reduce(correlate(GRAY, BOX)[:40, :52], (2, 2), np.max)
    assert np.abs(page.pixels - plain).max() <= 0.51


def test_alpha_of_an_even_kernel_is_in_step():
    """The anchor of an even kernel decides which alpha a pixel has: with "valid" the crop begins there."""
    for anchor, crop in (((0, 0), np.s_[:-1, :-2]), ((1, 2), np.s_[1:, 2:]), ((0, 1), np.s_[:-1, 1:-1])):
        kernel = convfilter.make_kernel([[1, -1, 2], [0, -1, -1]], anchor=list(anchor))
        page = filtered(kernel, Picture(GRAY, ALPHA), pad="valid")[0]
        assert np.array_equal(page.alpha, ALPHA[crop])
        same = filtered(kernel, Picture(GRAY, ALPHA))[0]
        assert np.array_equal(same.alpha, ALPHA)


def test_alpha_of_several_layers():
    """Blur then Laplacian has sum 0: alpha is kept. Blur then blur averages: filter(filter(alpha))."""
    kept = filtered(["box-3", "laplacian"], Picture(GRAY, ALPHA))[0]
    assert np.array_equal(kept.alpha, ALPHA)
    twice = filtered(["box-3", "box-3"], Picture(GRAY, ALPHA), border="zero")[0]
    weight = correlate(correlate(ALPHA / 255, BOX), BOX)
    colour = correlate(correlate(GRAY * (ALPHA / 255), BOX), BOX)
    assert np.abs(twice.alpha - weight * 255).max() <= 0.51
    visible = weight > 1e-3
    assert np.abs(twice.pixels[visible] - colour[visible] / weight[visible]).max() <= 0.51


def test_alpha_in_linear_light():
    """Colours are averaged as light, alpha as it is."""
    share = ALPHA / 255
    weight = correlate(share, BOX)
    light = correlate(to_linear(GRAY / 255) * share, BOX)
    page = filtered("box-3", Picture(GRAY, ALPHA), PixelOptions("each", None, True), border="zero")[0]
    visible = weight > 1e-3
    assert np.abs(page.pixels[visible] - to_srgb(light[visible] / weight[visible]) * 255).max() <= 0.51
    assert np.abs(page.alpha - weight * 255).max() <= 0.51


def test_alpha_of_a_filter_of_three_channels():
    """A filter over the colours as a volume sees them as they are; alpha goes along."""
    kernel = convfilter.make_kernel(np.ones((1, 1, 3, 2)) / 3)
    pages = filtered(kernel, Picture(COLOR, ALPHA), PixelOptions("each", "clip"))
    assert len(pages) == 2
    for page in pages:
        assert np.array_equal(page.alpha, ALPHA)
        assert np.abs(page.pixels - COLOR.mean(2)).max() <= 0.51


# The ways to name a filter


def test_filters_by_name_path_formula_and_in_a_row(tmp_path):
    """A name, a path, a formula, a Kernel, a Pipeline, and lists of them are all taken."""
    path = tmp_path / "mine.json"
    path.write_text('{"weights": [[0, 1, 0], [1, -4, 1], [0, 1, 0]]}')
    expected = correlate(GRAY, LAPLACE)
    for what in (
        "laplacian",
        path,
        str(path),
        convfilter.load("laplacian"),
        convfilter.make_pipeline("laplacian"),
    ):
        assert np.array_equal(apply(what, GRAY, range="raw"), expected)
    row = apply([convfilter.make_kernel(LAPLACE), path, "identity"], GRAY, range="raw")
    assert np.array_equal(row, correlate(expected, LAPLACE))
    blur = ndimage.gaussian_filter(np.float64(GRAY), 1, mode="mirror", radius=3)
    assert apply("gaussian:sigma=1,size=7", GRAY, range="raw", border="reflect") == pytest.approx(
        blur, abs=1e-3
    )
