"""apply on one picture: what it writes. Pictures are reopened, and their pixels checked."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from opencv_oracle import magnitude, read_with_opencv
from PIL import Image
from scipy import ndimage

SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)


def test_sobel_is_opencvs_magnitude(convfilter, photo):
    """`apply sobel` gives OpenCV's gradient magnitude, clipped and rounded, to one count."""
    assert convfilter("apply", "sobel", photo, "out.png").code == 0
    expected = np.clip(np.rint(magnitude(read_with_opencv(photo))), 0, 255)
    assert np.abs(read_with_opencv("out.png").astype(int) - expected).max() <= 1


def test_a_kernel_file_is_applied(convfilter, photo, tmp_path):
    """A minimal JSON file filters like SciPy's correlate; raw results keep their sign in .npy and TIFF."""
    Path("mine.json").write_text('{"weights": [[1, 2, 0], [0, -3, 0], [5, 0, -7]]}')
    for name, load in {"out.npy": np.load, "out.tiff": tifffile.imread}.items():
        assert convfilter("apply", "./mine.json", photo, name, "--range", "raw").code == 0
        expected = ndimage.correlate(
            read_with_opencv(photo).astype(float),
            np.array([[1, 2, 0], [0, -3, 0], [5, 0, -7.0]]),
            mode="constant",
        )
        assert load(name).dtype == np.float32
        assert np.array_equal(load(name), expected)


def test_options_reach_every_layer(convfilter, photo):
    """Two filters, border, strides, pool: the same as SciPy step by step."""
    done = convfilter("apply", "sobel-x", "--then", "box-3", "--border", "edge", "--strides", "2,1",
                      "--pool", "2", "--pool-mode", "average", "--range", "raw", photo, "out.npy")  # fmt: skip
    assert done.code == 0, done.err
    step = ndimage.correlate(read_with_opencv(photo).astype(float), SOBEL_X, mode="nearest")[::2]
    step = ndimage.correlate(step, np.full((3, 3), 1 / 9), mode="nearest")[::2]
    rows, columns = step.shape[0] // 2, step.shape[1] // 2
    expected = step[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2).mean((1, 3))
    np.testing.assert_allclose(np.load("out.npy"), expected, atol=1e-2)


def test_a_bank_writes_a_picture_a_filter(convfilter, photo):
    """laws gives 25 numbered PNGs, 25 pages of TIFF, or 25 planes in .npy, all the same numbers."""
    for name in ("out.png", "out.tiff", "out.npy"):
        done = convfilter("apply", "laws", photo, name, "--range", "gain")
        assert done.code == 0, done.err
    stack = np.load("out.npy")
    assert stack.shape == (160, 200, 25)
    assert np.array_equal(tifffile.imread("out.tiff"), np.moveaxis(stack, 2, 0))
    for number in range(25):
        assert np.array_equal(read_with_opencv(f"out-{number + 1:02d}.png"), stack[..., number])
    assert len({plane.tobytes() for plane in np.moveaxis(stack, 2, 0)}) == 25


def test_sixteen_bits_stay_sixteen(convfilter, camera):
    """A 16-bit PNG whose low byte matters comes out in 16 bits, equal to SciPy."""
    gray = camera[:64, :80].astype(np.uint16) * 257 + np.arange(80, dtype=np.uint16)
    cv2.imwrite("deep.png", gray)
    assert convfilter("apply", "sobel-y", "deep.png", "out.png", "--range", "abs").code == 0
    expected = np.abs(ndimage.correlate(gray.astype(float), SOBEL_X.T, mode="constant"))
    assert read_with_opencv("out.png").dtype == np.uint16
    assert np.array_equal(read_with_opencv("out.png"), np.clip(expected, 0, 65535))


def test_each_channel_is_filtered(convfilter):
    """--color each blurs R, G and B like SciPy does one by one; luma keeps the colour differences."""
    import skimage.data

    colour = np.ascontiguousarray(skimage.data.astronaut()[:90, 180:290])
    Image.fromarray(colour).save("colour.png")
    assert (
        convfilter(
            "apply", "binomial-3", "colour.png", "each.png", "--color", "each", "--border", "zero"
        ).code
        == 0
    )
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for channel in range(3):
        expected = np.rint(ndimage.correlate(colour[..., channel].astype(float), kernel, mode="constant"))
        assert np.array_equal(np.asarray(Image.open("each.png"))[..., channel], expected)
    assert convfilter("apply", "sharpen", "colour.png", "luma.png", "--color", "luma").code == 0
    luma = np.asarray(Image.open("luma.png")).astype(int)
    inside = (luma > 0).all(2) & (luma < 255).all(2)
    spread = lambda rgb: rgb[..., 0].astype(int) - rgb[..., 2]  # noqa: E731
    assert inside.mean() > 0.5
    assert np.abs(spread(luma) - spread(colour))[inside].max() <= 1


def test_input_may_be_output(convfilter, photo):
    """A picture filtered onto itself is the filtered picture."""
    expected = np.clip(np.rint(magnitude(read_with_opencv(photo))), 0, 255)
    assert convfilter("apply", "sobel", photo, photo).code == 0
    assert np.abs(read_with_opencv(photo).astype(int) - expected).max() <= 1


def test_a_kernels_own_raw_range(convfilter, photo):
    """A kernel file that asks for raw results gets floats in TIFF, and an error where they don't fit."""
    Path("raw.json").write_text('{"weights": [[-9, 0, 9]], "range": "raw"}')
    assert convfilter("apply", "./raw.json", photo, "out.tiff").code == 0
    expected = ndimage.correlate(read_with_opencv(photo).astype(float), [[-9, 0, 9]], mode="constant")
    assert np.array_equal(tifffile.imread("out.tiff"), expected)
    assert "write tiff or npy" in convfilter("apply", "./raw.json", photo, "out.png").err


def test_what_is_left_behind_is_reported(convfilter, camera):
    """More pages than one, and transparency that the format can't hold, are notes on stderr or in the JSON."""
    tifffile.imwrite("pages.tif", camera[:3, :40].reshape(3, 1, 40).repeat(30, 1), photometric="minisblack")
    done = convfilter("apply", "sobel", "pages.tif", "out.tif")
    assert done.err == "Note: pages.tif: it has more pages; the first is filtered\n"
    tifffile.imread("out.tif")  # the pages' own description would make tifffile look for three
    rgba = np.dstack([camera[:40, :40]] * 3 + [np.arange(1600).reshape(40, 40) // 7]).astype(np.uint8)
    Image.fromarray(rgba).save("clear.png")
    row = json.loads(convfilter("apply", "sobel", "clear.png", "out.jpg", "--json").out)
    assert row["notes"] == ["its transparency is lost: jpeg holds none"]


def test_a_combined_bank_is_not_signed(convfilter, photo):
    """The magnitude of a signed bank starts at black: its range is the gain, not mid-grey."""
    assert (
        convfilter("apply", "gabor-bank:orientations=4", photo, "out.png", "--combine", "magnitude").code == 0
    )
    assert read_with_opencv("out.png").min() < 20


@pytest.mark.slow
def test_a_wide_kernel_on_colour(convfilter):
    """Three channels and a kernel of 109×109, which TensorFlow could not do at once: as SciPy's, to a count."""
    import skimage.data

    colour = np.ascontiguousarray(np.tile(skimage.data.astronaut(), (3, 4, 1))[:1067, :1600])
    Image.fromarray(colour).save("wide.png", compress_level=1)
    assert convfilter("apply", "gaussian:sigma=18", "wide.png", "out.png", "--border", "zero").code == 0
    found = np.asarray(Image.open("out.png"))
    expected = ndimage.gaussian_filter(colour[..., 1].astype(float), 18, mode="constant", truncate=3)
    assert np.abs(found[..., 1] - expected).max() <= 1


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_a_jpeg_photograph_is_opencvs(convfilter, name):
    """A real colour JPEG, decoded gray and filtered, is OpenCV's magnitude of its own gray to one count."""
    import sklearn.datasets

    path = Path(sklearn.datasets.__file__).parent / "images" / name
    assert convfilter("apply", "sobel", path, "out.png").code == 0
    gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    expected = np.clip(np.rint(magnitude(gray)), 0, 255)
    assert np.abs(read_with_opencv("out.png").astype(int) - expected).max() <= 1


@pytest.mark.parametrize("how", ["clip", "abs", "rescale", "signed", "gain"])
def test_what_is_no_number_is_no_warning(convfilter, how):
    """NaN and infinities of a float picture become pixels without a warning; the rest is as it was."""
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    values[0, :3] = np.nan, np.inf, -np.inf
    np.save("odd.npy", values)
    done = convfilter("apply", "identity", "odd.npy", "odd.png", "--range", how, "--preview")
    assert (done.code, done.err) == (0, "")
    if how == "clip":
        assert np.array_equal(read_with_opencv("odd.png")[2:], np.rint(values[2:] * 65535))  # row 1 saw them
        assert not read_with_opencv("odd.png")[0, :3].any()  # each saw a NaN, and 0 × NaN is NaN
