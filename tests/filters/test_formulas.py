"""Kernels by formula, checked against OpenCV, SciPy, scikit-image and NumPy by hand."""

import math

import cv2
import numpy as np
import pytest
from scipy import ndimage, signal
from skimage import morphology

from convfilter.errors import FilterError
from convfilter.filters import formulas
from convfilter.filters.formula_text import is_formula, parse_formula, signature
from convfilter.filters.formulas import FORMULAS

SIGMAS = [0.1, 0.5, 1, 2, 3.7]
SQRT2 = math.sqrt(2)


def matrix(text: str) -> np.ndarray:
    """The only filter of a formula."""
    weights = parse_formula(text).weights
    assert weights.shape[2:] == (1, 1)
    return weights[:, :, 0, 0]


def bank(text: str) -> np.ndarray:
    """The filters of a formula, (filters, rows, columns)."""
    return np.moveaxis(parse_formula(text).weights[:, :, 0, :], -1, 0)


def opencv_gaussian(sigma: float, size: int) -> np.ndarray:
    row = cv2.getGaussianKernel(size, sigma, cv2.CV_64F)
    return row @ row.T


def directions(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """x to the right and y UP, as seen in the picture, from the middle."""
    rows, columns = np.indices(shape)
    return columns - (shape[1] - 1) / 2, (shape[0] - 1) / 2 - rows


def stripes(towards: float, wavelength: float, size: int) -> np.ndarray:
    """A complex plane wave whose crests lie across `towards` degrees, counter-clockwise as seen."""
    x, up = directions((size, size))
    along = x * math.cos(math.radians(towards)) + up * math.sin(math.radians(towards))
    return np.exp(2j * np.pi * along / wavelength)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("size", [1, 3, 5, 7, 13])
def test_gaussian_is_opencvs(sigma, size):
    """gaussian is the outer product of cv2.getGaussianKernel for odd sizes, to 1e-14."""
    np.testing.assert_allclose(
        matrix(f"gaussian:sigma={sigma},size={size}"), opencv_gaussian(sigma, size), rtol=0, atol=1e-14
    )


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("size", [2, 4, 8, 9])
def test_gaussian_is_scipys_window(sigma, size):
    """gaussian is SciPy's symmetric Gaussian window, normalised: an even size's centre is between pixels."""
    row = signal.windows.gaussian(size, sigma)
    found = matrix(f"gaussian:sigma={sigma},size={size}")
    np.testing.assert_allclose(found, np.outer(row, row) / row.sum() ** 2, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("sigma", "size"), [(1, 7), (2, 13), (0.1, 3), (1.5, 11)])
def test_gaussian_default_size(sigma, size):
    """Without size a Gaussian reaches 3 sigma: 2·ceil(3·sigma) + 1."""
    assert parse_formula(f"gaussian:sigma={sigma}").size == (size, size)


@pytest.mark.parametrize(("sigma", "ratio", "size"), [(1, 1.6, 11), (2, 1.6, 21), (1, 3, 9), (0.5, 1.6, 3)])
def test_dog_is_a_difference_of_opencvs_gaussians(sigma, ratio, size):
    """dog is the narrow Gaussian less the wide one, so it sums to 0 and has a bright centre."""
    found = matrix(f"dog:sigma={sigma},ratio={ratio},size={size}")
    expected = opencv_gaussian(sigma, size) - opencv_gaussian(sigma * ratio, size)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert abs(found.sum()) < 1e-14
    assert found[size // 2, size // 2] > 0


def test_dog_default_size_holds_the_wide_gaussian():
    """Without size a dog reaches 3 sigma of its wide Gaussian: 2·ceil(3 · 1 · 1.6) + 1 = 11."""
    assert parse_formula("dog").size == (11, 11)


@pytest.mark.parametrize("sigma", [1.4, 2, 3])
def test_log_is_scipys_impulse_response(sigma):
    """log is scipy.ndimage.gaussian_laplace of an impulse, the centre negative, to 1 % of its peak."""
    found = matrix(f"log:sigma={sigma}")
    impulse = np.zeros(found.shape)
    impulse[found.shape[0] // 2, found.shape[1] // 2] = 1
    expected = ndimage.gaussian_laplace(impulse, sigma, mode="constant", truncate=8)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01 * np.abs(expected).max())
    assert found.min() == found[found.shape[0] // 2, found.shape[1] // 2] < 0


@pytest.mark.parametrize("text", ["log", "log:sigma=0.5", "log:sigma=2,size=3", "log:size=6"])
def test_log_sums_to_zero(text):
    """log takes its mean off, so a flat picture gives 0 even where the window cuts the formula."""
    assert abs(matrix(text).sum()) < 1e-14


def test_log_default_size():
    """Without size a log reaches 4 sigma: 2·ceil(4 · 1.4) + 1 = 13."""
    assert parse_formula("log").size == (13, 13)


@pytest.mark.parametrize(("sigma", "amount", "size"), [(1, 1, 7), (2, 0.5, 13), (1, 0, 5), (1, 3, 1)])
def test_unsharp_by_hand(sigma, amount, size):
    """unsharp is the picture plus `amount` times what the blur takes away; it sums to 1."""
    impulse = np.zeros((size, size))
    impulse[size // 2, size // 2] = 1
    expected = impulse + amount * (impulse - opencv_gaussian(sigma, size))
    found = matrix(f"unsharp:sigma={sigma},amount={amount},size={size}")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("length", [1, 3, 9])
def test_motion_along_the_axes_is_a_row_or_a_column(length):
    """A whole odd length along an axis is a plain mean of that many pixels, with no empty rows about it."""
    mean = np.full((1, length), 1 / length)
    np.testing.assert_allclose(matrix(f"motion:length={length}"), mean, atol=1e-15)
    np.testing.assert_allclose(matrix(f"motion:length={length},angle=180"), mean, atol=1e-15)
    np.testing.assert_allclose(matrix(f"motion:length={length},angle=90"), mean.T, atol=1e-15)


def test_motion_even_length_covers_half_the_end_pixels():
    """A line of 4 pixels about a pixel's middle covers 3 pixels and half of one at each end."""
    np.testing.assert_allclose(matrix("motion:length=4"), [[0.125, 0.25, 0.25, 0.25, 0.125]], atol=1e-15)


@pytest.mark.parametrize("length", [5, 9, 15.5, 40])
@pytest.mark.parametrize("angle", [0, 20, 45, 90, 110, 135, 170, -30])
def test_motion_lies_along_its_angle(length, angle):
    """The line's second moments give its angle, counter-clockwise as seen, to 1°, and its length, to 3 %."""
    weights = matrix(f"motion:length={length},angle={angle}")
    x, up = directions(weights.shape)
    xx, yy, xy = ((weights * moment).sum() for moment in (x * x, up * up, x * up))
    found = math.degrees(math.atan2(2 * xy, xx - yy)) / 2
    assert abs((found - angle + 90) % 180 - 90) < 1
    # A length × 1 rectangle has length²/12 along it and 1/12 across. A pixel's own area adds 1/12 to each.
    along, across = np.linalg.eigvalsh([[xx, xy], [xy, yy]])[::-1]
    assert math.sqrt(12 * (along - across) + 1) == pytest.approx(length, rel=0.03)


@pytest.mark.parametrize("text", ["motion:angle=33", "motion:length=12,angle=45", "disk", "disk:radius=4.3"])
def test_motion_and_disk_are_centred_means(text):
    """A blur sums to 1, has no negative weight and looks the same turned by 180°, so nothing moves."""
    weights = matrix(text)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert weights.min() >= 0
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 8])
def test_disk_covers_skimages_disk(radius):
    """disk weighs each pixel of skimage's disk, in full if half a diagonal inside, none so far outside."""
    found = matrix(f"disk:radius={radius}")
    solid = morphology.disk(radius)
    assert found.shape == solid.shape
    assert (found[solid == 1] > 0).all()
    distance = np.hypot(*directions(found.shape))
    np.testing.assert_array_equal(found[distance < radius - SQRT2 / 2], found.max())
    np.testing.assert_array_equal(found[distance > radius + SQRT2 / 2], 0)


@pytest.mark.parametrize("radius", [1, 3, 4.5, 10])
def test_disk_covers_the_circles_area(radius):
    """One whole pixel weighs 1 / (π·radius²), within 1 %: the coverage is the circle's area."""
    assert 1 / matrix(f"disk:radius={radius}").max() == pytest.approx(math.pi * radius**2, rel=0.01)


def test_smallest_disk_is_one_pixel():
    """A disk of radius 0.5 lies inside one pixel and changes nothing."""
    np.testing.assert_array_equal(matrix("disk:radius=0.5"), [[1]])


@pytest.mark.parametrize("theta", [0, 30, 45, 90, 135, -20])
@pytest.mark.parametrize("psi", [0, 30, 90, 180])
@pytest.mark.parametrize(
    ("sigma", "wavelength", "gamma", "size"), [(3, 6, 0.5, 37), (4, 8, 1, 31), (2, 5, 2, 9)]
)
def test_gabor_is_opencvs(theta, psi, sigma, wavelength, gamma, size):
    """gabor is cv2.getGaborKernel, mirrored as OpenCV's, to 1e-13, ready for cv2.filter2D."""
    shape = f"sigma={sigma},wavelength={wavelength},gamma={gamma},size={size}"
    expected = cv2.getGaborKernel(
        (size, size), sigma, math.radians(theta), wavelength, gamma, math.radians(psi), cv2.CV_64F
    )
    found = matrix(f"gabor:theta={theta},psi={psi},{shape}")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("text", "size"), [("gabor", 37), ("gabor:gamma=2", 19), ("gabor-bank:sigma=2", 25)])
def test_gabor_default_size_holds_both_axes(text, size):
    """Without size a Gabor filter reaches 3 standard deviations along its longer axis, at any theta."""
    assert parse_formula(text).size == (size, size)


@pytest.mark.parametrize("orientations", [1, 3, 8])
def test_gabor_bank_turns_by_equal_steps(orientations):
    """Filter k of a bank is OpenCV's Gabor kernel at 180°·k / orientations."""
    expected = [
        cv2.getGaborKernel((15, 15), 2, math.pi * k / orientations, 6, 0.5, 0, cv2.CV_64F)
        for k in range(orientations)
    ]
    found = bank(f"gabor-bank:orientations={orientations},sigma=2,size=15")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_gabor_bank_of_sixteen():
    """A bank of 16 filters of 31×31 is made, uncombined, with signed results."""
    kernel = parse_formula("gabor-bank:orientations=16,sigma=4,wavelength=8,gamma=1,size=31")
    assert (kernel.weights.shape, kernel.combine, kernel.range) == ((31, 31, 1, 16), "none", "signed")


def test_leung_malik_norms_and_means():
    """48 filters of 49×49; absolute values sum to 1; mean 0 but for four Gaussians, which sum to 1."""
    filters = bank("leung-malik")
    assert filters.shape == (48, 49, 49)
    np.testing.assert_allclose(np.abs(filters).sum(axis=(1, 2)), 1, atol=1e-12)
    expected = np.zeros(48)
    expected[36::3] = 1
    np.testing.assert_allclose(filters.sum(axis=(1, 2)), expected, atol=1e-12)


@pytest.mark.parametrize("k", range(36))
def test_leung_malik_orientation(k):
    """Oriented filter k answers most to stripes at 90° − 30°·(k mod 6), of six directions."""
    sigma = SQRT2 ** (k % 18 // 6 + 1)
    weights = bank("leung-malik")[k]
    answers = [
        abs((weights * stripes(towards, 2 * math.pi * sigma, 49)).sum()) for towards in range(0, 180, 30)
    ]
    assert 30 * int(np.argmax(answers)) == (90 - 30 * k) % 180


@pytest.mark.parametrize("scale", [0, 1, 2])
def test_leung_malik_upright_filters_by_hand(scale):
    """Filters 0 and 3 of a scale are the outer products of a Gaussian of 3σ and a derivative of one of σ."""
    sigma, t = SQRT2 ** (scale + 1), np.arange(-24, 25)
    bell, narrow = np.exp(-(t**2) / (2 * (3 * sigma) ** 2)), np.exp(-(t**2) / (2 * sigma**2))
    filters = bank("leung-malik")
    for order, derivative in enumerate([t * narrow, (t**2 / sigma**2 - 1) * narrow]):
        across = np.outer(bell, derivative)  # rows along y, the derivative along x
        across -= across.mean()
        across /= np.abs(across).sum()
        first = 18 * order + 6 * scale
        np.testing.assert_allclose(filters[first + 3], across, atol=1e-12)
        np.testing.assert_allclose(filters[first], across.T[::-1], atol=1e-12)


@pytest.mark.parametrize("k", range(18))
def test_leung_malik_edges_have_a_sign(k):
    """As a correlation, edge filter k is positive where it gets brighter towards 90° − 30°·(k mod 6)."""
    x, up = directions((49, 49))
    towards = math.radians(90 - 30 * (k % 6))
    assert (bank("leung-malik")[k] * (x * math.cos(towards) + up * math.sin(towards))).sum() > 0


def test_leung_malik_spots():
    """The last twelve are, a scale, OpenCV's Gaussian and SciPy's Laplacians of σ and 3σ, in that order."""
    filters = bank("leung-malik:size=99")  # wide enough not to cut 3σ = 12
    impulse = np.zeros((99, 99))
    impulse[49, 49] = 1
    for index in range(4):
        sigma = SQRT2 ** (index + 1)
        spots = [ndimage.gaussian_laplace(impulse, width, truncate=6) for width in (sigma, 3 * sigma)]
        expected = [opencv_gaussian(sigma, 99), *(spot / np.abs(spot).sum() for spot in spots)]
        for found, wanted in zip(filters[36 + 3 * index :], expected, strict=False):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=0.01 * np.abs(wanted).max())


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_has_defaults_and_words(name):
    """Every formula works with no parameters, says what it is, and its kernel's name makes it again."""
    kernel = parse_formula(name)
    assert is_formula(name)
    assert kernel.name.startswith(f"{name}:")
    assert kernel.description == FORMULAS[name].summary != ""
    assert kernel.source
    assert kernel.tags
    assert kernel.combine == "none"
    assert kernel.weights.dtype == np.float64
    assert kernel.anchor == (kernel.size[0] // 2, kernel.size[1] // 2)
    again = parse_formula(kernel.name)
    assert again.name == kernel.name
    np.testing.assert_array_equal(again.weights, kernel.weights)


def test_ranges():
    """Blurs and sharpeners are clipped; those with negative results are signed."""
    signed = {"dog", "log", "gabor", "gabor-bank", "leung-malik"}
    assert {name: parse_formula(name).range for name in FORMULAS} == {
        name: "signed" if name in signed else "clip" for name in FORMULAS
    }


def test_canonical_names():
    """A name holds every parameter, sizes worked out, numbers in full and without a needless .0."""
    assert parse_formula("gaussian:sigma=2").name == "gaussian:sigma=2,size=13"
    assert parse_formula("gaussian: size = 5 , sigma = 1.50").name == "gaussian:sigma=1.5,size=5"
    assert parse_formula("disk:radius=1.23456789").name == "disk:radius=1.23456789"


@pytest.mark.parametrize("name", FORMULAS)
def test_every_parameter_has_limits_and_a_place_in_the_docstring(name):
    """Each parameter of each formula has limits that hold its default, and its docstring names it."""
    for key, default in signature(name).items():
        low, high = formulas.LIMITS[key]
        assert default is None or low <= default <= high
        if name != "gabor-bank":  # whose docstring refers to gabor's
            assert key in FORMULAS[name].make.__doc__


def test_makers_check_their_own_arguments():
    """Called from Python, a formula refuses what the command line refuses."""
    with pytest.raises(FilterError, match="sigma must be from"):
        formulas.gaussian(sigma=-1)
    with pytest.raises(FilterError, match="whole number"):
        formulas.gaussian(size=5.5)
