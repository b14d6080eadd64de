"""The Pixel view: the arithmetic on the page is the picture's own, and ends in what convfilter writes."""

import json

import numpy as np
import pytest
from browser import violations
from canvas import in_colour, shown_pixels

import convfilter

pytestmark = pytest.mark.slow


@pytest.fixture
def gray() -> np.ndarray:
    """(24, 30) uint8 of noise."""
    return np.random.default_rng(5).integers(0, 256, (24, 30), np.uint8)


def opened(play, page, picture, **state):
    shown = play(state.get("filter", ["sobel"]), picture)
    page.goto(shown.address(view="pixel", **state))
    page.wait_for_selector(".steps .step")
    return shown


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def table(page, name: str, index: int = 0) -> np.ndarray:
    """A table's numbers to all their digits, which its cells have as their titles."""
    rows = page.locator(f"table[aria-label='{name}']").nth(index).locator("tr").all()
    cells = [[cell.get_attribute("title") for cell in row.locator("td").all()] for row in rows]
    return np.array([[number(title) for title in row] for row in cells])


def entry(page, name: str, index: int = 0) -> float:
    return number(page.locator(f".entry [data-name='{name}']").nth(index).inner_text())


def written(page) -> float:
    return number(page.locator(".written .number").inner_text())


def says(page, words: str) -> None:
    """Wait for words in the line that is read aloud."""
    page.wait_for_selector(f".sentence[aria-live=polite]:has-text('{words}')")


@pytest.mark.parametrize(("x", "y"), [(0, 0), (13, 7), (29, 23)])
def test_window_weights_products_and_sum(play, page, gray, x, y):
    """Inside and in the corners: the window is the picture's, zeros outside it, and its products add up to the
    number that apply writes."""
    opened(play, page, gray, filter=["sobel"], x=x, y=y)
    window = np.pad(gray, 1).astype(float)[y : y + 3, x : x + 3]
    kernels = np.moveaxis(convfilter.load("sobel").weights[:, :, 0], -1, 0)
    for index, kernel in enumerate(kernels):
        np.testing.assert_array_equal(table(page, "Window", index), window)
        np.testing.assert_array_equal(table(page, "Weights", index), kernel)
        np.testing.assert_array_equal(table(page, "Products", index), window * kernel)
        assert entry(page, "sum of 9 products", index) == (window * kernel).sum()
    outside = page.locator("table[aria-label=Window]").first.locator("td.outside").count()
    assert outside == {(0, 0): 5, (13, 7): 0, (29, 23): 5}[x, y]
    assert written(page) == convfilter.apply("sobel", gray)[y, x]


def test_the_pixel_moves_by_keys_by_pointer_and_by_numbers(play, page, gray):
    """Arrow keys, a press on the result, and the two fields all lead to a pixel; the line read aloud says so,
    and the address names it."""
    opened(play, page, gray, filter=["box-3"], x=10, y=10)
    wanted = convfilter.apply("box-3", gray)
    canvas = page.get_by_role("application", name="Result")
    canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowDown"):
        page.keyboard.press(key)
    says(page, "Column 12, row 19")
    page.wait_for_timeout(300)
    assert written(page) == wanted[19, 12]
    assert "x=12" in page.url
    assert "y=19" in page.url
    page.get_by_label("Column").fill("3")
    page.get_by_label("Column").press("Enter")
    says(page, "Column 3, row 19")
    box = canvas.bounding_box()
    scale = min(box["width"] / 30, box["height"] / 24)
    left, top = box["x"] + (box["width"] - 30 * scale) / 2, box["y"] + (box["height"] - 24 * scale) / 2
    page.mouse.click(left + 20.5 * scale, top + 4.5 * scale)
    says(page, "Column 20, row 4")
    assert written(page) == wanted[4, 20]


def test_bias_activation_combination_and_range(play, page, gray):
    """What follows the sum stands there step by step: bias, activation, the filters' combination, the range."""
    opened(play, page, gray, filter=["sobel"], x=9, y=8, bias="0.1", activation="relu", range="gain")
    window = gray[7:10, 8:11].astype(float)
    kernels = np.moveaxis(convfilter.load("sobel").weights[:, :, 0], -1, 0)
    sums = [(window * kernel).sum() for kernel in kernels]
    rectified = [max(total + 25.5, 0) for total in sums]
    for index, (total, value) in enumerate(zip(sums, rectified, strict=True)):
        assert entry(page, "sum of 9 products", index) == total
        assert entry(page, "bias", index) == pytest.approx(25.5)
        assert entry(page, "relu", index) == pytest.approx(value, rel=1e-6)
    assert entry(page, "root of the sum of squares") == pytest.approx(np.hypot(*rectified), rel=1e-6)
    assert written(page) == convfilter.apply("sobel", gray, bias=0.1, activation="relu", range="gain")[8, 9]


def test_an_activation_that_is_a_layer_of_its_own(play, page, gray):
    """A pipeline's activation is a step between the sum and the pixel."""
    layers = [{"conv": [[1, -2], [-3, 1]]}, {"activation": "abs"}]
    opened(play, page, gray, filter=[json.dumps({"layers": layers})], x=9, y=8)
    total = (gray[8:10, 9:11].astype(float) * np.array([[1, -2], [-3, 1]])).sum()
    assert entry(page, "sum of 4 products") == total
    assert entry(page, "abs") == abs(total)


def test_results_with_a_sign_are_signed_here_too(play, page, gray):
    """The Pixel view shows what the Filter view does: gray is 0 where results would be cut off."""
    kernel = [[-1, 0, 1]]
    opened(play, page, gray, filter=[json.dumps({"weights": kernel})], x=4, y=5)
    wanted = convfilter.apply(convfilter.make_kernel(kernel), gray, range="signed")
    assert written(page) == wanted[5, 4]
    page.get_by_role("group", name="Zoom").first.get_by_role("button", name="1:1").click()
    page.get_by_label("Row").fill("0")
    page.get_by_label("Row").press("Enter")
    says(page, "row 0")
    assert written(page) == wanted[0, 4]


def test_back_through_the_layers_to_the_picture(play, page, gray):
    """Each number of a window leads to the arithmetic behind it, down to the picture, and the way back up."""
    opened(play, page, gray, filter=["box-3", "laplacian"], x=9, y=8, border="reflect")
    soft = convfilter.apply("box-3", gray, border="reflect", range="raw")
    np.testing.assert_allclose(table(page, "Window"), soft[7:10, 8:11], rtol=1e-6)
    page.locator("table[aria-label=Window] td").nth(5).get_by_role("link").click()
    says(page, "Column 10, row 8 of box-3")
    np.testing.assert_array_equal(table(page, "Window"), gray[7:10, 9:12])
    assert entry(page, "sum of 9 products") == pytest.approx(gray[7:10, 9:12].mean(), rel=1e-6)
    assert page.locator("table[aria-label=Window] a").count() == 0
    page.locator(".trail a").click()
    says(page, "Column 9, row 8 of laplacian")
    page.get_by_role("link", name="Back to box-3").click()
    says(page, "Column 9, row 8 of box-3")
    page.go_back()
    says(page, "of laplacian")


def test_strides_and_pools(play, page, gray):
    """A pool's window is shown with its largest value; positions count the layer's own rows and columns."""
    opened(play, page, gray, filter=["box-3"], strides="2", pool="2", x=3, y=2)
    strided = convfilter.apply("box-3", gray, strides=2, range="raw")
    np.testing.assert_allclose(table(page, "Window"), strided[4:6, 6:8], rtol=1e-6)
    assert entry(page, "the largest") == pytest.approx(strided[4:6, 6:8].max(), rel=1e-6)
    assert written(page) == convfilter.apply("box-3", gray, strides=2, pool=2)[2, 3]


def test_colours_each_by_itself(play, page):
    """Of a picture in colour that is filtered channel by channel, one colour is chosen."""
    colour = np.random.default_rng(6).integers(0, 256, (12, 14, 3), np.uint8)
    opened(play, page, colour, filter=["gaussian:sigma=1"], x=6, y=5)
    wanted = convfilter.apply("gaussian:sigma=1", colour)
    for plane, name in enumerate(("red", "green", "blue")):
        page.get_by_label("Colour").select_option(name)
        page.wait_for_selector(f".written .number:text-is('{wanted[5, 6, plane]}')")


def test_the_result_beside_the_picture(play, page, gray):
    """Both are shown pixel by pixel at 1:1, with the window and the pixel outlined."""
    opened(play, page, gray, filter=["box-3"], x=2, y=2, zoom=1)
    wanted = in_colour(convfilter.apply("box-3", gray))
    found = shown_pixels(page.get_by_role("application", name="Result"), gray.shape)
    np.testing.assert_array_equal(found[20:], wanted[20:])  # the outline lies on the rows above
    assert not np.array_equal(found, wanted)


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_is_wider_than_the_page_and_axe_finds_nothing(play, page, gray, width):
    """At every width: no sideways scrolling, and nothing that shuts people out."""
    page.set_viewport_size({"width": width, "height": 800})
    opened(play, page, gray, filter=["gaussian:sigma=1", "sobel"], x=3, y=3)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert violations(page) == []
