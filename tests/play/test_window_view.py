"""The Window view, used as a person would: what it shows at each step is what NumPy computes by hand."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from browser import violations

import convfilter

pytestmark = pytest.mark.slow
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float64)
GRID = np.array(
    [[3, 1, 4, 1, 5], [9, 2, 6, 5, 3], [5, 8, 9, 7, 9], [3, 2, 3, 8, 4], [6, 2, 6, 4, 3]], np.float64
)
INPUT, OUTPUT = "table[aria-label=Input]", "table[aria-label='Output so far']"
NUMPY_MODES = {
    "zero": "constant",
    "edge": "edge",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "wrap": "wrap",
}


def text_of(rows: np.ndarray) -> str:
    return ";".join(",".join(f"{value:g}" for value in row) for row in rows)


def opened(start, page, **state):
    """A running server and the view of a state, its numbers there."""
    shown = start(["sobel-x"])
    page.goto(shown.address(view="window", **{"filter": ["sobel-x"], "grid": text_of(GRID), **state}))
    page.wait_for_selector(f"{OUTPUT} td")
    return shown


def numbers(page, table: str) -> np.ndarray:
    """A table's numbers, NaN where a cell is empty; fields and text alike."""
    rows = page.locator(table).evaluate(
        "table => [...table.rows].map(row => [...row.cells].map(cell =>"
        " (cell.querySelector('input')?.value ?? cell.textContent)))"
    )
    return np.array([[float(_plain(text) or "nan") for text in row] for row in rows])


def _plain(text: str) -> str:
    return text.replace("−", "-").replace(",", "")


def to_the_end(page) -> None:
    page.get_by_role("slider", name="Step").focus()
    page.keyboard.press("End")


def state_of(page) -> dict[str, str]:
    page.wait_for_timeout(400)  # the address follows quick changes after a pause
    return {key: values[-1] for key, values in parse_qs(urlsplit(page.url).fragment).items()}


def windows(padded: np.ndarray, kernel=(3, 3), strides=(1, 1), dilation=(1, 1)) -> np.ndarray:
    """(rows, columns, kh, kw): what each output looks at, by loops."""
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    counts = [(n - e) // s + 1 for n, e, s in zip(padded.shape, extent, strides, strict=True)]
    rows, columns = (range(count) for count in counts)
    return np.array(
        [[_window(padded, y * strides[0], x * strides[1], extent, dilation) for x in columns] for y in rows]
    )


def _window(padded, top, left, extent, dilation):
    return padded[top : top + extent[0] : dilation[0], left : left + extent[1] : dilation[1]]


CASES = [
    ({"pad": "valid"}, GRID),
    ({"border": "edge"}, np.pad(GRID, 1, mode="edge")),
    ({"strides": "3,3", "pad": "1"}, np.pad(GRID, 1)),
    ({"strides": "2,3", "pad": "1", "border": "reflect"}, np.pad(GRID, 1, mode="reflect")),
    ({"strides": "3,2", "pad": "1", "border": "wrap"}, np.pad(GRID, 1, mode="wrap")),
    ({"dilation": "2,2"}, np.pad(GRID, 2)),
]


@pytest.mark.parametrize(
    ("state", "padded"), CASES, ids=lambda part: str(part) if isinstance(part, dict) else ""
)
def test_the_output_is_that_of_numpy(play, page, state, padded):
    """At the last step the output is full, and every number of it the sum of products that NumPy makes, for every
    kind of stride, padding and dilation; convfilter.apply says the same."""
    opened(play, page, **state)
    to_the_end(page)
    pairs = {key: tuple(map(int, state[key].split(","))) for key in ("strides", "dilation") if key in state}
    wanted = (windows(padded, **pairs) * SOBEL_X).sum((2, 3))
    np.testing.assert_array_equal(numbers(page, INPUT), padded)
    np.testing.assert_array_equal(numbers(page, OUTPUT), wanted)
    words = {key: int(text) if text.isdigit() else text for key, text in state.items() if key not in pairs}
    applied = convfilter.apply("sobel-x", GRID.astype(np.float32), range="raw", **words, **pairs)
    np.testing.assert_array_equal(applied.reshape(wanted.shape), wanted)


@pytest.mark.parametrize("border", [*NUMPY_MODES])
def test_the_padding_holds_what_the_border_says(play, page, border):
    """The dashed cells are those around the grid, with the numbers of numpy.pad's mode."""
    opened(play, page, border=border)
    padded = np.pad(GRID, 1, mode=NUMPY_MODES[border])
    np.testing.assert_array_equal(numbers(page, INPUT), padded)
    assert page.locator(f"{INPUT} td.outside").count() == padded.size - GRID.size
    assert page.locator(f"{INPUT} td.outside input").count() == 0


def test_cover_reaches_every_pixel(play, page):
    """With strides of 3, cover pads 8×8 so that 3×3 windows reach the last pixel; valid leaves two rows out."""
    opened(play, page, grid="eight", strides="3,3", pad="valid")
    assert numbers(page, OUTPUT).shape == (2, 2)
    page.get_by_label("Padding").select_option("cover")
    page.locator(f"{OUTPUT} tr").nth(2).wait_for()
    assert numbers(page, OUTPUT).shape == (3, 3)
    assert numbers(page, INPUT).shape == (9, 9)


def test_each_step_says_its_products_and_their_sum(play, page):
    """What is seen times the weights are the products, their sum is the output's new number, and the live line
    says the same."""
    opened(play, page, pad="valid")
    seen = windows(GRID)
    for step in range(9):
        place = divmod(step, 3)
        np.testing.assert_array_equal(
            numbers(page, "table[aria-label='Seen through the window']"), seen[place]
        )
        np.testing.assert_array_equal(numbers(page, "table[aria-label=Weights]"), SOBEL_X)
        np.testing.assert_array_equal(numbers(page, "table[aria-label=Products]"), seen[place] * SOBEL_X)
        total = (seen[place] * SOBEL_X).sum()
        assert numbers(page, OUTPUT)[place] == total
        assert np.isnan(numbers(page, OUTPUT)).sum() == 8 - step
        line = _plain(page.locator(".window-view .said").inner_text())
        assert line.startswith(f"Step {step + 1} of 9. Output row {place[0] + 1} column {place[1] + 1}: ")
        assert line.endswith(f" = {total:g}.")
        if step < 8:
            page.get_by_role("button", name="Step").click()
    page.get_by_role("button", name="Back").click()
    assert state_of(page)["step"] == "7"


def test_sharing_is_counted(play, page):
    """9×9 in steps of 3: 729 weights if all were joined, 81 if each window had its own, 9 as it is."""
    opened(play, page, grid="digit", strides="3,3", pad="valid")
    found = [page.locator(f"[data-count={key}]").inner_text() for key in ("dense", "local", "shared")]
    assert found == [str(81 * 9), str(9 * 9), str(9)]


def test_a_number_typed_in_changes_the_output_and_the_address(play, page):
    """Arrow keys go from cell to cell; a number typed over counts at once, and is there after a reload."""
    opened(play, page, pad="valid")
    page.get_by_label("Row 1, column 1", exact=True).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("-2.5")
    changed = GRID.copy()
    changed[1, 2] = -2.5
    wanted = (windows(changed) * SOBEL_X).sum((2, 3))
    page.locator(f"{OUTPUT} td").first.filter(has_text=_said(wanted)).wait_for()
    assert state_of(page)["grid"] == text_of(changed)
    page.reload()
    page.wait_for_selector(f"{OUTPUT} td")
    to_the_end(page)
    np.testing.assert_array_equal(numbers(page, OUTPUT), wanted)


def _said(wanted: np.ndarray) -> str:
    return f"{wanted[0, 0]:g}".replace("-", "−")


def test_layers_are_chosen_and_pools_take_the_largest(play, page):
    """sobel with a pool: the two filters' channels, the root of their squares, and 2×2 of it pooled, by NumPy."""
    opened(play, page, filter=["sobel"], pad="valid", pool="2,2")
    seen = windows(GRID)
    first, second = ((seen * kernel).sum((2, 3)) for kernel in (SOBEL_X, SOBEL_X.T))
    to_the_end(page)
    np.testing.assert_array_equal(numbers(page, OUTPUT), first)
    page.get_by_role("combobox", name="Channel").select_option(label="2")
    page.locator(".said", has_text="Step 1 of 9").wait_for()
    to_the_end(page)
    np.testing.assert_array_equal(np.abs(numbers(page, OUTPUT)), np.abs(second))
    magnitude = np.hypot(first, second)
    page.get_by_role("combobox", name="Layer").select_option(label="magnitude")
    to_the_end(page)
    np.testing.assert_allclose(numbers(page, OUTPUT), magnitude, rtol=5e-3)  # three digits are shown
    page.get_by_role("combobox", name="Layer").select_option(label="max-pool 2×2")
    np.testing.assert_allclose(numbers(page, OUTPUT), [[magnitude[:2, :2].max()]], rtol=5e-3)
    assert page.locator("td.winner").count() >= 1


def test_it_plays_and_rests(play, page):
    """Play goes on by itself, Pause stops it, and the address then names the step, also after a reload."""
    opened(play, page)
    page.get_by_role("button", name="Play").click()
    page.locator(".said", has_text="Step 3 of").wait_for()
    assert page.locator(".said").get_attribute("aria-live") == "off"  # it would be read out at every step
    page.get_by_role("button", name="Pause").click()
    said = page.locator(".said").inner_text()
    assert page.locator(".said").get_attribute("aria-live") == "polite"
    page.wait_for_timeout(800)
    assert page.locator(".said").inner_text() == said
    step = int(state_of(page)["step"])
    assert said.startswith(f"Step {step + 1} of 25")
    page.reload()
    page.wait_for_selector(f"{OUTPUT} td")
    assert page.locator(".said").inner_text() == said


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_plays_by_itself_where_less_motion_is_wanted(play, page, motion):
    """An address that plays does so, but not for those whose system asks for less motion."""
    page.emulate_media(reduced_motion=motion)
    opened(play, page, play="true")
    page.wait_for_timeout(1200)
    moved = not page.locator(".said").inner_text().startswith("Step 1 ")
    assert moved == (motion == "no-preference")


def test_playing_ends_with_the_view(play, page):
    """Another view opened while it plays stays open, and its address is left alone."""
    opened(play, page, play="true")
    page.get_by_role("link", name="Figures").click()
    page.wait_for_selector(".figure-card")
    page.wait_for_timeout(1200)
    assert state_of(page)["view"] == "figures"
    assert "step" not in state_of(page)


def test_a_refusal_is_said_and_can_be_undone(play, page):
    """A window larger than the grid is refused in words; other settings show numbers again."""
    opened(play, page, grid="1,2;3,4")
    page.get_by_label("Padding").select_option("valid")
    refusal = page.locator(".window-view .refusal")
    refusal.wait_for()
    assert refusal.inner_text()
    page.get_by_label("Padding").select_option("1")
    refusal.wait_for(state="hidden")
    assert numbers(page, OUTPUT).shape == (2, 2)
    page.faults.clear()  # the browser's own line about the refusal


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_used_by_everyone(play, page, scheme):
    """axe-core finds nothing, in light and dark, and nothing sticks out of a narrow screen."""
    page.emulate_media(color_scheme=scheme)
    opened(play, page, grid="digit", step=13)
    assert violations(page) == []
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
