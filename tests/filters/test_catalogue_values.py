"""The shipped kernels' numbers, checked against other libraries and against formulas.

The files are read with plain json and NumPy: this is a check of the data, not of the package.
"""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.filters
from PIL import Image, ImageFilter
from scipy import ndimage

FOLDER = Path(__file__).parents[2] / "kernels"
FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json"))
    if not path.name.endswith(".schema.json")
}
README = (FOLDER / "README.md").read_text(encoding="utf-8")
FIELDS = {
    "$schema", "name", "description", "source", "tags", "weights", "divisor", "bias", "flip", "anchor",
    "combine", "activation", "range", "color", "border",
}  # fmt: skip
DEFAULTS = {
    "divisor": 1, "bias": 0, "flip": False, "combine": "none", "activation": "linear", "range": "clip",
    "color": "gray", "border": "zero",
}  # fmt: skip
GRADIENTS = [
    "sobel", "prewitt", "scharr", "scharr-optimal", "kroon", "frei-chen", "rotation-invariant", "sobel-5",
    "sobel-7", "farid",
]  # fmt: skip
LAPLACIANS = [
    "laplacian", "laplacian-4", "laplacian-8", "laplacian-diagonal", "laplacian-5", "laplacian-7", "log-5",
    "log-9",
]  # fmt: skip
COMPASS = ["kirsch", "robinson", "prewitt-compass"]
PILLOW = {
    "smooth": "SMOOTH",
    "smooth-more": "SMOOTH_MORE",
    "ring-blur": "BLUR",
    "sharpen": "SHARPEN",
    "detail": "DETAIL",
    "edge-enhance": "EDGE_ENHANCE",
    "edge-enhance-more": "EDGE_ENHANCE_MORE",
    "contour": "CONTOUR",
    "emboss": "EMBOSS",
    "laplacian-8": "FIND_EDGES",
}
SUM_ONE = [
    "smooth", "smooth-more", "ring-blur", "box-3", "box-5", "box-7", "box-9", "binomial-3", "binomial-5",
    "identity", "sharpen", "sharpen-light", "detail", "edge-enhance", "edge-enhance-more", "emboss-setosa",
]  # fmt: skip
PLUS = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
IMPULSE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
# Eight steps (row, column): east, then anticlockwise.
STEPS = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]


def bank(name):
    """The effective filters, (filters, kh, kw): divisor and flip applied, any size of list."""
    data = FILES[name]
    weights = np.array(data["weights"], dtype=np.float64)
    weights = weights[None] if weights.ndim == 2 else weights
    divisor = data.get("divisor", 1)
    weights = weights / (weights.sum(axis=(1, 2), keepdims=True) if divisor == "sum" else divisor)
    return weights[:, ::-1, ::-1] if data.get("flip") else weights


def single(name):
    """The one filter of a kernel that is not a bank."""
    filters = bank(name)
    assert len(filters) == 1
    return filters[0]


def impulse(size=15):
    picture = np.zeros((size, size))
    picture[size // 2, size // 2] = 1
    return picture


def reaches(filters):
    """The largest absolute output of any one filter for inputs in [0, 1]."""
    return max(max(f[f > 0].sum(), -f[f < 0].sum()) for f in filters)


def section(title):
    """The cells of the tables under a README heading, header and rule left out."""
    text = README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return [row for row in cells if row[0] not in ("name", "convfilter") and not set(row[0]) <= set("-")]


# --- the files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_it_is_and_where_it_comes_from(name):
    """Every file carries its own name, a one-sentence description, a source and lowercase tags."""
    data = FILES[name]
    assert data["$schema"] == "kernel.schema.json"
    assert data["name"] == name
    assert data["description"].endswith(".")
    assert data["description"].count(". ") == 0
    assert data["source"].strip()
    assert data["tags"]
    assert all(tag == tag.lower() and tag.strip() for tag in data["tags"])
    assert len(set(data["tags"])) == len(data["tags"])


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_known_fields_and_no_defaults(name):
    """Fields are the documented ones, and a field that has its default is left out."""
    data = FILES[name]
    assert set(data) <= FIELDS
    assert not {field for field, default in DEFAULTS.items() if data.get(field, object()) == default}


@pytest.mark.parametrize("name", FILES)
def test_a_row_of_the_matrix_is_a_line_of_the_file(name):
    """A matrix reads as a matrix: as many lines hold a row of numbers as there are rows."""
    lines = (FOLDER / f"{name}.json").read_text(encoding="utf-8").split('"weights"')[1].splitlines()
    rows = [line for line in lines if line.strip().startswith("[") and line.strip().rstrip(",").endswith("]")]
    filters = bank(name)
    assert len(rows) == filters.shape[0] * filters.shape[1]
    assert np.isfinite(filters).all()


@pytest.mark.parametrize("name", FILES)
def test_an_even_kernel_names_its_anchor(name):
    """Only kernels without a middle carry an anchor, and all of them do."""
    even = any(side % 2 == 0 for side in bank(name).shape[1:])
    assert ("anchor" in FILES[name]) == even


@pytest.mark.parametrize("name", FILES)
def test_the_range_keeps_strong_kernels_from_blowing_out(name):
    """Zero-sum kernels beyond eight times full scale are scaled by the gain; loose banks are signed."""
    data, filters = FILES[name], bank(name)
    if len(filters) > 1 and "combine" not in data:
        assert data["range"] == "signed"
    elif np.allclose(filters.sum(axis=(1, 2)), 0) and "bias" not in data:
        strong = {"gain"} if "combine" in data else {"signed"}
        mild = {"clip"} if "combine" in data else {"abs"}
        assert data.get("range", "clip") in (strong if reaches(filters) > 8 else mild)
    else:
        assert "range" not in data


@pytest.mark.parametrize("name", SUM_ONE)
def test_smoothing_and_sharpening_keep_flat_parts(name):
    """The weights sum to one, so a flat picture stays as it is."""
    assert single(name).sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("name", [n for n in FILES if n not in SUM_ONE and n != "laws"])
def test_edge_kernels_ignore_flat_parts(name):
    """Every other filter sums to zero, but for the mean in the Frei–Chen basis (and L5L5 in laws)."""
    filters = bank(name)[:8] if name == "frei-chen-basis" else bank(name)
    np.testing.assert_allclose(filters.sum(axis=(1, 2)), 0, atol=1e-15)


# --- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*GRADIENTS, "roberts"])
def test_a_gradient_is_the_bank_of_its_two_directions(name):
    """X is [X-x, X-y] combined by magnitude."""
    np.testing.assert_array_equal(bank(name), [single(f"{name}-x"), single(f"{name}-y")])
    assert FILES[name]["combine"] == "magnitude"


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_gradient_points_to_where_it_gets_brighter(name):
    """X-x is positive on a ramp to the right and zero on one downwards; X-y is its transpose."""
    x = single(f"{name}-x")
    right = np.tile(np.arange(15.0), (15, 1))
    assert ndimage.correlate(right, x)[7, 7] > 0
    assert ndimage.correlate(right.T, x)[7, 7] == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(single(f"{name}-y"), x.T)


@pytest.mark.parametrize(
    ("name", "ksize"), [("sobel", 3), ("sobel-5", 5), ("sobel-7", 7), ("scharr", cv2.FILTER_SCHARR)]
)
def test_sobel_and_scharr_equal_opencv(name, ksize):
    """Sobel 3, 5, 7 and Scharr are OpenCV's derivative kernels, number for number."""
    derivative, smoothing = cv2.getDerivKernels(1, 0, ksize, ktype=cv2.CV_64F)
    np.testing.assert_array_equal(single(f"{name}-x"), np.outer(smoothing, derivative))
    picture = np.random.default_rng(1).random((20, 24))
    for axis, (dx, dy) in (("x", (1, 0)), ("y", (0, 1))):
        expected = cv2.Sobel(picture, cv2.CV_64F, dx, dy, ksize=ksize, borderType=cv2.BORDER_REFLECT_101)
        result = ndimage.correlate(picture, single(f"{name}-{axis}"), mode="mirror")
        np.testing.assert_allclose(result, expected, atol=1e-10)


@pytest.mark.parametrize(("name", "factor"), [("sobel", 4), ("prewitt", 3), ("scharr", 16), ("farid", 1)])
def test_gradients_are_proportional_to_scikit_image(name, factor):
    """On an impulse each direction is scikit-image's answer times a factor, sign included."""
    for axis, letter in (("x", "v"), ("y", "h")):
        expected = getattr(skimage.filters, f"{name}_{letter}")(impulse()) * factor
        result = ndimage.correlate(impulse(), single(f"{name}-{axis}"))
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-15)


def test_roberts_is_scikit_image_with_the_paper_s_sign():
    """Roberts at its anchor [0, 0] is the negative of scikit-image's diagonals, at the same pixel."""
    for axis, expected in (("x", skimage.filters.roberts_pos_diag), ("y", skimage.filters.roberts_neg_diag)):
        result = ndimage.correlate(impulse(), single(f"roberts-{axis}"), origin=-1)
        np.testing.assert_allclose(result, -expected(impulse()), atol=1e-15)
        assert FILES[f"roberts-{axis}"]["anchor"] == FILES["roberts"]["anchor"] == [0, 0]


@pytest.mark.parametrize(
    ("name", "smoothing", "divisor"),
    [
        ("kroon", [17, 61, 17], 1),
        ("scharr-optimal", [47, 162, 47], 256),
        ("frei-chen", [1, np.sqrt(2), 1], 1),
    ],
)
def test_other_gradients_are_smoothing_times_difference(name, smoothing, divisor):
    """The published smoothing weights down the column, the central difference along the row."""
    expected = np.outer(smoothing, [-1, 0, 1]) / divisor
    np.testing.assert_allclose(single(f"{name}-x"), expected, rtol=1e-16)


def test_rotation_invariant_measures_the_slope():
    """The rotation-invariant pair is Frei–Chen's, scaled so that a ramp of one per pixel gives one."""
    x = single("rotation-invariant-x")
    ramp = np.tile(np.arange(15.0), (15, 1))
    assert ndimage.correlate(ramp, x)[7, 7] == pytest.approx(1, abs=1e-15)
    np.testing.assert_allclose(x, single("frei-chen-x") / (4 + 2 * np.sqrt(2)), rtol=1e-15)


def test_kayyali_is_a_crossed_difference_and_its_negative():
    """Kayyali is six times the product of two differences, in both signs, combined by absolute value."""
    np.testing.assert_array_equal(single("kayyali-senw"), 6 * np.outer([-1, 0, 1], [-1, 0, 1]))
    np.testing.assert_array_equal(single("kayyali-nesw"), -single("kayyali-senw"))
    np.testing.assert_array_equal(bank("kayyali"), [single("kayyali-senw"), single("kayyali-nesw")])
    assert FILES["kayyali"]["combine"] == "absmax"


# --- compass banks -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPASS)
def test_a_compass_turns_by_45_degrees(name):
    """Each filter is the one before it turned anticlockwise: one ring step, or np.rot90 every second."""
    filters = bank(name)
    assert filters.shape == (8, 3, 3)
    assert FILES[name]["combine"] == "max"
    for index, kernel in enumerate(filters):
        following = filters[(index + 1) % 8]
        ring = [kernel[1 + r, 1 + c] for r, c in STEPS]
        turned = [following[1 + r, 1 + c] for r, c in STEPS]
        assert turned == ring[-1:] + ring[:-1]
        assert following[1, 1] == kernel[1, 1]
        np.testing.assert_array_equal(filters[(index + 2) % 8], np.rot90(kernel))


def test_a_compass_starts_where_its_author_does():
    """Kirsch begins in the north with 5 against −3, Robinson with Sobel-x, Prewitt in the east."""
    north = np.where(np.arange(3)[:, None] == 0, 5, -3) * (1 - IMPULSE)
    np.testing.assert_array_equal(bank("kirsch")[0], np.broadcast_to(north, (3, 3)))
    np.testing.assert_array_equal(bank("robinson")[0], single("sobel-x"))
    np.testing.assert_array_equal(bank("prewitt-compass")[0], [[-1, 1, 1], [-1, -2, 1], [-1, 1, 1]])


@pytest.mark.parametrize(("index", "degrees"), list(enumerate([90, 120, 150, 0, 30, 60])))
def test_nevatia_babu_is_a_sampled_step_edge(index, degrees):
    """Each weight is, within 2 in 100, how much of its pixel lies on the bright side of a line."""
    fine = (np.arange(1000) + 0.5) / 200 - 2.5  # 200 samples a pixel, 5 pixels
    normal = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    side = np.sign(np.round(fine[None, :] * normal[0] - fine[:, None] * normal[1], 9))
    expected = 100 * side.reshape(5, 200, 5, 200).mean(axis=(1, 3))
    np.testing.assert_allclose(bank("nevatia-babu")[index], expected, atol=2)


def test_nevatia_babu_is_antisymmetric_and_mirrored():
    """Every mask is the negative of itself turned by 180°; the last two mirror the third and the second."""
    filters = bank("nevatia-babu")
    np.testing.assert_array_equal(filters, -filters[:, ::-1, ::-1])
    np.testing.assert_array_equal(filters[4], filters[2][:, ::-1])
    np.testing.assert_array_equal(filters[5], filters[1][:, ::-1])
    assert FILES["nevatia-babu"]["combine"] == "absmax"


# --- Laplacians ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "ksize"), [("laplacian", 1), ("laplacian-4", 1), ("laplacian-diagonal", 3)])
def test_laplacians_equal_opencv(name, ksize):
    """The four-neighbour and the diagonal Laplacian are OpenCV's for ksize 1 and 3."""
    picture = np.random.default_rng(2).random((16, 20))
    expected = cv2.Laplacian(picture, cv2.CV_64F, ksize=ksize, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(ndimage.correlate(picture, single(name), mode="mirror"), expected, atol=1e-12)


@pytest.mark.parametrize("name", LAPLACIANS)
def test_a_laplacian_looks_the_same_from_every_side(name):
    """A Laplacian is unchanged by quarter turns and mirroring and blind to a ramp."""
    kernel = single(name)
    np.testing.assert_array_equal(kernel, np.rot90(kernel))
    np.testing.assert_array_equal(kernel, kernel.T)
    assert (kernel * np.arange(len(kernel))).sum() == 0


@pytest.mark.parametrize(("name", "centre"), [("laplacian-5", 4), ("laplacian-7", 8)])
def test_a_wide_laplacian_is_a_paraboloid(name, centre):
    """The weights of the 5×5 and 7×7 Laplacian are the centre minus x² + y²."""
    reach = len(single(name)) // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    np.testing.assert_array_equal(single(name), centre - x**2 - y**2)


def test_the_eight_neighbour_laplacian_is_nine_times_the_pixel_minus_the_sum():
    """laplacian-8 is nine impulses minus a 3×3 box."""
    np.testing.assert_array_equal(single("laplacian-8"), 9 * IMPULSE - np.ones((3, 3)))


def test_log_5_falls_with_the_city_block_distance():
    """log-5 is 16, −2 beside it, −1 two steps away, 0 beyond."""
    y, x = np.mgrid[-2:3, -2:3]
    steps = abs(x) + abs(y)
    np.testing.assert_array_equal(single("log-5"), np.array([16, -2, -1, 0, 0])[steps])


def test_log_9_is_a_laplacian_of_a_gaussian():
    """log-9 follows the sampled negative Laplacian of a Gaussian of 1.4 pixels."""
    y, x = np.mgrid[-4:5, -4:5]
    r = (x**2 + y**2) / (2 * 1.4**2)
    expected = (1 - r) * np.exp(-r)
    assert np.corrcoef(single("log-9").ravel(), expected.ravel())[0, 1] > 0.99
    assert single("log-9")[4, 4] == 40


# --- smoothing, sharpening, style ----------------------------------------------------------------


@pytest.mark.parametrize(("name", "filter_name"), PILLOW.items())
def test_pillow_s_filters_give_pillow_s_picture(name, filter_name):
    """Correlating with the file's kernel is what Pillow computes inside the border, up to rounding."""
    random = np.random.default_rng(3)
    for low, high in ((0, 256), (110, 140)):  # strong contrast, and one that is not clipped
        picture = random.integers(low, high, (40, 50)).astype(np.uint8)
        expected = np.array(Image.fromarray(picture).filter(getattr(ImageFilter, filter_name)))
        exact = ndimage.correlate(picture.astype(float), single(name)) + 255 * FILES[name].get("bias", 0)
        difference = (np.clip(exact, 0, 255) - expected)[2:-2, 2:-2]
        assert abs(difference).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("size", [3, 5, 7, 9])
def test_a_box_is_the_mean(size):
    """Box kernels are SciPy's uniform filter."""
    picture = np.random.default_rng(4).random((20, 20))
    expected = ndimage.uniform_filter(picture, size)
    np.testing.assert_allclose(ndimage.correlate(picture, single(f"box-{size}")), expected, atol=1e-14)
    assert FILES[f"box-{size}"]["divisor"] == "sum"


@pytest.mark.parametrize("size", [3, 5])
def test_a_binomial_is_repeated_averaging(size):
    """Binomial weights come from averaging two neighbours again and again."""
    row = np.ones(1)
    for _ in range(size - 1):
        row = np.convolve(row, [0.5, 0.5])
    np.testing.assert_array_equal(single(f"binomial-{size}"), np.outer(row, row))


def test_sharpening_is_the_picture_minus_a_laplacian():
    """sharpen-light subtracts the plus-shaped Laplacian; the edge enhancers add laplacian-8."""
    np.testing.assert_array_equal(single("identity"), IMPULSE)
    np.testing.assert_array_equal(single("sharpen-light"), IMPULSE - PLUS)
    np.testing.assert_array_equal(single("edge-enhance"), IMPULSE + single("laplacian-8") / 2)
    np.testing.assert_array_equal(single("edge-enhance-more"), IMPULSE + single("laplacian-8"))
    np.testing.assert_array_equal(single("contour"), single("laplacian-8"))


def test_setosa_s_emboss_leans_to_the_lower_right():
    """emboss-setosa is the pixel plus an antisymmetric slope along the falling diagonal."""
    y, x = np.mgrid[-1:2, -1:2]
    np.testing.assert_array_equal(single("emboss-setosa"), x + y + IMPULSE)


# --- banks ---------------------------------------------------------------------------------------


def test_the_frei_chen_basis_is_orthonormal():
    """The nine filters, as vectors, are orthonormal."""
    vectors = bank("frei-chen-basis").reshape(9, 9)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(9), atol=1e-15)


def test_the_frei_chen_basis_splits_into_edges_lines_and_mean():
    """Four odd filters for edges, led by the Frei–Chen gradient; four even ones for lines; the mean."""
    filters = bank("frei-chen-basis")
    np.testing.assert_allclose(filters[:4], -filters[:4, ::-1, ::-1], atol=1e-16)
    np.testing.assert_array_equal(filters[4:], filters[4:, ::-1, ::-1])
    np.testing.assert_allclose(filters[0], -single("frei-chen-y") / np.sqrt(8), rtol=1e-15)
    np.testing.assert_allclose(filters[1], -single("frei-chen-x") / np.sqrt(8), rtol=1e-15)
    np.testing.assert_allclose(filters[8], 1 / 3, rtol=1e-15)


def test_laws_are_outer_products():
    """The 25 filters are the outer products of five vectors, themselves made from three short ones."""
    level, edge, spot = [1, 2, 1], [-1, 0, 1], [-1, 2, -1]
    vectors = [
        np.convolve(level, level),  # L5
        np.convolve(level, edge),  # E5
        np.convolve(level, spot),  # S5
        -np.convolve(edge, spot),  # W5
        np.convolve(spot, spot),  # R5
    ]
    expected = [np.outer(column, row) for column, row in itertools.product(vectors, vectors)]
    np.testing.assert_array_equal(bank("laws"), expected)


def test_laws_names_stand_in_the_order_of_the_filters():
    """The description lists the 25 names row by row; only L5L5 lets the mean through."""
    names = [f"{column}5{row}5" for column, row in itertools.product("LESWR", "LESWR")]
    assert ", ".join(names) in FILES["laws"]["description"]
    np.testing.assert_array_equal(bank("laws").sum(axis=(1, 2)), [256] + 24 * [0])


def along(step, values, first):
    """5×5 matrix with `values` laid along `step`, the first `first` steps from the centre."""
    matrix = np.zeros((5, 5))
    for position, value in enumerate(values, first):
        matrix[2 + position * step[0], 2 + position * step[1]] = value
    return matrix


def test_srm_lines_are_differences_of_order_one_two_and_three():
    """Filters 1–8, 9–12, 13–20 are scaled finite differences through the centre in every direction."""
    filters = bank("srm-30")
    first = np.array([-1, 1])
    second = np.convolve(first, first)  # 1, −2, 1
    third = np.convolve(second, first)  # −1, 3, −3, 1, read outside in
    halves = [(1, 1), (-1, 1), (0, 1), (1, 0)]
    expected = [along(step, first, 0) for step in STEPS]
    expected += [along(step, second / 2, -1) for step in halves]
    expected += [along(step, third[::-1] / 3, -1) for step in STEPS]
    np.testing.assert_allclose(filters[:20], expected, rtol=1e-15)


def test_srm_squares_and_their_halves():
    """The 3×3 square is a product of second differences; edges are the top halves, turned three times."""
    filters = bank("srm-30")
    second = np.array([1, -2, 1])
    square_3, square_5 = filters[24], filters[29]
    np.testing.assert_allclose(square_3[1:4, 1:4], -np.outer(second, second) / 4, rtol=1e-15)
    np.testing.assert_array_equal(square_5, square_5.T)
    np.testing.assert_array_equal(square_5, np.rot90(square_5))
    np.testing.assert_allclose(square_5[0] * 12, np.convolve(second, [-1, 0, -1]), rtol=1e-15)
    assert square_5[2, 2] == -1
    for square, start in ((square_3, 20), (square_5, 25)):
        top = np.where(np.arange(5)[:, None] <= 2, square, 0)
        edges = [np.rot90(top, turns) for turns in range(4)]
        np.testing.assert_array_equal(filters[start : start + 4], edges)


def test_srm_holds_thirty_different_high_pass_filters():
    """Thirty 5×5 filters, all different, none a multiple of another."""
    filters = bank("srm-30")
    assert filters.shape == (30, 5, 5)
    vectors = filters.reshape(30, 25) / np.linalg.norm(filters.reshape(30, 25), axis=1, keepdims=True)
    likeness = abs(vectors @ vectors.T) - np.eye(30)
    assert likeness.max() < 1 - 1e-6


# --- README --------------------------------------------------------------------------------------


def test_the_readme_lists_every_kernel_with_its_size():
    """The catalogue's tables name every file once, with its size and number of filters."""
    listed = {}
    for names, size, counts, *_ in section("Catalogue"):
        for name, count in zip(names.split(), counts.split(" · "), strict=True):
            assert name.strip("`") not in listed
            listed[name.strip("`")] = f"{size} {count}"
    sizes = {name: bank(name).shape for name in FILES}
    assert listed == {name: f"{kh}×{kw} {filters}" for name, (filters, kh, kw) in sizes.items()}


def test_the_readme_s_border_names_mean_what_it_says():
    """Each row of the border table is one behaviour in NumPy, SciPy and OpenCV, drawn as they draw it."""
    shift = np.zeros(5)
    for _, drawn, numpy_name, scipy_name, opencv_name, _ in section("Borders"):
        wanted = [0 if letter == "0" else ord(letter) - ord("a") + 1 for letter in drawn.strip("`").split()]
        pixels = np.array([1.0, 2, 3, 4])
        assert np.pad(pixels, 2, mode=numpy_name.strip("`")).tolist() == wanted
        border = getattr(cv2, opencv_name.strip("`"))
        assert cv2.copyMakeBorder(pixels[None], 0, 0, 2, 2, border).ravel().tolist() == wanted
        for offset in range(5):  # what lies `offset − 2` pixels away, border included
            shift[:] = np.arange(5) == offset
            seen = ndimage.correlate1d(pixels, shift, mode=scipy_name.strip("`"), cval=0)
            assert seen.tolist() == wanted[offset : offset + 4]
