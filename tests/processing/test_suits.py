"""What suits a kernel: colour and the picture's own edge for blurs and sharpening, as SciPy and Pillow have it;
gray and zeros, as the networks have it, for the rest."""

import json

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

import convfilter as package
from convfilter.errors import FilterError
from convfilter.filters.catalogue import files
from convfilter.filters.formulas import FORMULAS
from convfilter.filters.kernel import Kernel
from convfilter.filters.load import load, make_pipeline

FOR_THE_EYE = {
    "smooth", "smooth-more", "ring-blur", "box-3", "box-5", "box-7", "box-9", "binomial-3", "binomial-5",
    "sharpen", "sharpen-light", "detail", "edge-enhance", "edge-enhance-more",
    "gaussian", "motion", "disk", "unsharp",
}  # fmt: skip
COLOR = np.random.default_rng(11).integers(0, 256, (30, 43, 3), np.uint8)
GRAY = np.asarray(Image.fromarray(COLOR).convert("L"))


@pytest.fixture
def picture(convfilter):
    """A colour picture as photo.png in the folder the command runs in."""
    Image.fromarray(COLOR).save("photo.png")
    return convfilter


def pixels(path):
    return np.asarray(Image.open(path))


def blurred(array, sigma, mode="nearest"):
    """SciPy's, rows and columns only."""
    return ndimage.gaussian_filter(np.float64(array), sigma, mode=mode, radius=3, axes=(0, 1))


def test_what_suits_each_kernel_and_formula():
    """No blur and no sharpening is left out, and no kernel that finds something is among them."""
    found = {name: load(name) for name in (*files(), *FORMULAS)}
    suits = {
        name: (kernel.color, kernel.border) for name, kernel in found.items() if isinstance(kernel, Kernel)
    }
    assert suits.pop("identity") == ("each", "zero")
    assert {name for name, how in suits.items() if how == ("each", "edge")} == FOR_THE_EYE
    assert {how for name, how in suits.items() if name not in FOR_THE_EYE} == {("gray", "zero")}
    tagged = {name for name in suits if {"blur", "sharpen", "smooth"} & set(found[name].tags)}
    assert tagged <= FOR_THE_EYE


def test_a_blur_keeps_colour_and_has_no_frame(picture):
    """Without an option: SciPy's blur of every channel, the edge pixel repeated."""
    assert picture("apply", "gaussian:sigma=1", "photo.png", "soft.png").code == 0
    assert np.abs(pixels("soft.png") - blurred(COLOR, 1)).max() <= 0.51


def test_sharpening_keeps_colour(picture):
    """Without an option: Pillow's own SHARPEN of a colour picture; Pillow leaves the outermost pixels alone."""
    assert picture("apply", "sharpen", "photo.png", "sharp.png").code == 0
    expected = np.asarray(Image.fromarray(COLOR).filter(ImageFilter.SHARPEN)).astype(int)
    assert np.abs(pixels("sharp.png") - expected)[1:-1, 1:-1].max() <= 1


def test_options_override_what_suits(picture):
    """--color gray and --border zero give the gray picture with its frame; luma and reflect work as ever."""
    options = ["--color", "gray", "--border", "zero"]
    assert picture("apply", "gaussian:sigma=1", "photo.png", "soft.png", *options).code == 0
    assert np.abs(pixels("soft.png") - blurred(GRAY, 1, "constant")).max() <= 0.51
    assert picture("apply", "gaussian:sigma=1", "photo.png", "soft.png", "--border", "reflect").code == 0
    assert np.abs(pixels("soft.png") - blurred(COLOR, 1, "mirror")).max() <= 0.51


def test_what_finds_edges_stays_as_it_was(picture):
    """sobel sees the gray picture with zeros around it."""
    assert picture("apply", "sobel", "photo.png", "edges.png").code == 0
    x, y = (ndimage.sobel(np.float64(GRAY), axis, mode="constant") for axis in (1, 0))
    assert np.abs(pixels("edges.png") - np.clip(np.hypot(x, y), 0, 255)).max() <= 0.51


def test_filters_in_a_row(picture):
    """Colour only if it suits all of them; each pads as suits it."""
    assert (
        picture(
            "apply", "gaussian:sigma=1", "--then", "laplacian", "photo.png", "both.tif", "--range", "raw"
        ).code
        == 0
    )
    expected = ndimage.laplace(blurred(GRAY, 1), mode="constant")
    import tifffile

    assert np.abs(tifffile.imread("both.tif") - expected).max() <= 1e-3
    assert picture("apply", "gaussian:sigma=1", "--then", "box-3", "photo.png", "soft.png").code == 0
    expected = ndimage.uniform_filter(blurred(COLOR, 1), 3, mode="nearest", axes=(0, 1))
    assert np.abs(pixels("soft.png") - expected).max() <= 0.51


def test_a_format_without_colour_gets_gray(picture):
    """PGM takes the gray blur, unless colour was asked for; beside it PNG has its colours."""
    Image.fromarray(GRAY).save("other.pgm")
    assert picture("apply", "gaussian:sigma=1", "photo.png", "soft.pgm").code == 0
    assert np.abs(pixels("soft.pgm") - blurred(GRAY, 1)).max() <= 0.51
    assert picture("apply", "gaussian:sigma=1", "photo.png", "other.pgm", "out").code == 0
    assert (pixels("out/photo.png").ndim, pixels("out/other.pgm").ndim) == (3, 2)
    done = picture("apply", "gaussian:sigma=1", "photo.png", "soft.pgm", "--color", "each")
    assert (done.code, "holds gray only" in done.err) == (2, True)


def test_a_file_says_what_suits_it(picture):
    """A kernel's "color" and "border", a pipeline's "color"; known to show, describe and the schema."""
    with open("mine.json", "w") as file:
        json.dump({"weights": [[1, 1, 1]], "divisor": 3, "color": "each", "border": "wrap"}, file)
    assert picture("apply", "./mine.json", "photo.png", "out.png").code == 0
    expected = ndimage.uniform_filter1d(np.float64(COLOR), 3, 1, mode="wrap")
    assert np.abs(pixels("out.png") - expected).max() <= 0.51
    shown = json.loads(picture("kernels", "show", "./mine.json", "--json").out)
    assert (shown["color"], shown["border"]) == ("each", "wrap")
    assert "color  each\n    border  wrap\n" in picture("kernels", "show", "./mine.json").out
    assert json.loads(picture("describe", "./mine.json", "--json").out)["color"] == "each"
    assert "color each" in picture("describe", "./mine.json").out
    with open("row.json", "w") as file:
        json.dump(
            {"layers": [{"pad": "same", "border": "wrap"}, {"conv": "mine.json"}], "color": "each"}, file
        )
    assert picture("apply", "./row.json", "photo.png", "again.png").code == 0
    assert np.array_equal(pixels("again.png"), pixels("out.png"))
    assert make_pipeline("row.json").color == "each"
    for schema in (picture("kernels", "schema"), picture("kernels", "schema", "--pipeline")):
        assert json.loads(schema.out)["properties"]["color"]["enum"] == ["gray", "each", "luma"]


@pytest.mark.parametrize(("field", "word"), [("color", "all"), ("border", "egde")])
def test_a_wrong_word_in_a_file(picture, field, word):
    with open("mine.json", "w") as file:
        json.dump({"weights": [[1]], field: word}, file)
    done = picture("kernels", "check", "mine.json")
    assert (done.code, f"{field} must be" in done.err) == (2, True)


def test_a_pipeline_is_gray_unless_it_says_so(picture):
    """The article's experiments stay as they are, and a setting a pipeline has no use for is still refused."""
    with open("row.json", "w") as file:
        json.dump({"layers": [{"pad": "same"}, {"conv": "box-3"}]}, file)
    assert picture("apply", "./row.json", "photo.png", "out.png").code == 0
    assert (
        np.abs(pixels("out.png") - ndimage.uniform_filter(np.float64(GRAY), 3, mode="constant")).max() <= 0.51
    )
    for border in ("zero", "edge"):
        with pytest.raises(FilterError, match="sets each layer's border by itself"):
            make_pipeline("row.json", border=border)


def test_in_python():
    """None leaves colour and border to the kernel."""
    assert np.abs(package.apply("gaussian:sigma=1", COLOR, color=None) - blurred(COLOR, 1)).max() <= 0.51
    assert np.abs(package.apply("gaussian:sigma=1", GRAY, border=None) - blurred(GRAY, 1)).max() <= 0.51
    found = package.apply("gaussian:sigma=1", GRAY, border="zero")
    assert np.abs(found - blurred(GRAY, 1, "constant")).max() <= 0.51
    assert package.apply("laplacian", COLOR, color=None).shape == GRAY.shape
    own = package.make_kernel([[1, 1]], divisor=2, color="each", border="wrap", anchor=[0, 0])
    expected = (np.float64(COLOR) + np.roll(COLOR, -1, 1)) / 2
    assert np.abs(package.apply(own, COLOR, color=None) - expected).max() <= 0.51


def test_an_edit_of_the_colour_alone_is_not_resumed(picture):
    """What was finished in gray is done again in colour."""
    for color in ("gray", "each"):
        with open("mine.json", "w") as file:
            json.dump({"weights": [[1]], "color": color}, file)
        assert picture("apply", "./mine.json", "photo.png", "out.png", "--resume").code == 0
    assert np.array_equal(pixels("out.png"), COLOR)
