"""The Filter view, used as a person would: what it shows is what convfilter computes."""

import json
import re
import shlex
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from browser import png, violations
from canvas import WHOLE, in_colour, shown_pixels
from PIL import Image

import convfilter

pytestmark = pytest.mark.slow
CANVAS = ".filter-view .frame canvas"


@pytest.fixture
def small() -> np.ndarray:
    """A small picture in colour: (40, 56, 3) uint8 of smooth waves and noise."""
    random = np.random.default_rng(11)
    rows, columns = np.mgrid[:40, :56]
    waves = 120 + 80 * np.sin(rows / 5)[..., None] * np.cos(columns[..., None] / np.array([4, 6, 9]))
    return np.clip(waves + random.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)


def opened(play, page, picture=None, **state):
    """The running server, the view open at 1:1 with nothing but the result."""
    shown = play(state.get("filter", ["sobel"]), picture)
    page.goto(shown.address(view="filter", **{**WHOLE, **state}))
    page.wait_for_selector(".under .facts:has-text(' ms')")
    return shown


def expect_shown(page, wanted: np.ndarray, step: tuple[int, int] = (1, 1)) -> None:
    """Wait until the canvas shows the pixels of a result; fail with what it shows instead."""
    wanted = in_colour(wanted)
    for _ in range(40):
        found = shown_pixels(page.locator(CANVAS), wanted.shape[:2], step)
        if np.array_equal(found, wanted):
            return
        page.wait_for_timeout(100)
    np.testing.assert_array_equal(found, wanted)


def state_of(page) -> dict[str, list[str]]:
    page.wait_for_timeout(350)  # the address follows quick edits after a pause
    return parse_qs(urlsplit(page.url).fragment, keep_blank_values=True)


def text_of(page) -> str:
    return page.get_by_label("The kernel as JSON").input_value()


@pytest.mark.parametrize("filter", [["sobel"], ["gaussian:sigma=2"], ["gaussian:sigma=1", "laplacian"]])
def test_the_picture_is_the_one_that_apply_makes(play, page, small, filter):
    """Every pixel on the page is the number of convfilter.apply, for one filter, in colour, and in a row."""
    opened(play, page, small, filter=filter)
    expect_shown(page, convfilter.apply(filter, small))


def test_the_command_starts_with_sobel_on_the_sample(play, page):
    """Without a word the page shows sobel on the sample, before and after."""
    shown = opened(play, page, split=0)
    expect_shown(page, convfilter.apply("sobel", shown.pixels()))
    page.get_by_role("slider", name="Divider").press("End")
    expect_shown(page, shown.pixels())


def test_results_with_a_sign_are_shown_around_gray(play, page, small):
    """A kernel whose results are cut off at black by default is shown signed, until another range is chosen."""
    kernel = [[-1, 0, 1]]
    opened(play, page, small, filter=[json.dumps({"weights": kernel})])
    expect_shown(page, convfilter.apply(convfilter.make_kernel(kernel), small, range="signed"))
    assert "gray is 0" in page.locator(".facts").first.inner_text()
    page.locator(".settings [name=range]").select_option("clip")
    expect_shown(page, convfilter.apply(convfilter.make_kernel(kernel), small, range="clip"))


def test_a_weight_is_edited(play, page, small):
    """A number typed into a named kernel makes its JSON the filter, with that weight; the picture follows."""
    opened(play, page, small, filter=["sobel-x"])
    page.get_by_label("Weight, row 2, column 1", exact=True).fill("-5.5")
    weights = [[-1, 0, 1], [-5.5, 0, 2], [-1, 0, 1]]
    expect_shown(page, convfilter.apply(convfilter.make_kernel(weights), small, range="abs"))
    assert json.loads(text_of(page))["weights"] == weights
    assert json.loads(state_of(page)["filter"][0]) == json.loads(text_of(page))


def test_weights_are_reached_and_changed_by_keyboard(play, page, small):
    """Arrow keys go from weight to weight, Alt with an arrow changes it; a word in place of a number is marked
    and changes nothing."""
    opened(play, page, small, filter=["sobel-x"])
    first = page.get_by_label("Weight, row 1, column 1", exact=True)
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Alt+ArrowUp")
    assert page.evaluate("document.activeElement.ariaLabel") == "Weight, row 2, column 2"
    weights = [[-1, 0, 1], [-2, 1, 2], [-1, 0, 1]]
    expect_shown(page, convfilter.apply(convfilter.make_kernel(weights), small, range="abs"))
    first.fill("much")
    assert first.get_attribute("aria-invalid") == "true"
    assert json.loads(text_of(page))["weights"] == weights


def test_a_bank_grows_and_a_kernel_too(play, page, small):
    """Rows, columns and filters are added around what is there; divisor and bias are part of the kernel."""
    opened(play, page, small, filter=[json.dumps({"weights": [[1, 2], [3, 4]], "range": "clip"})])
    grid = page.locator(".weights-card")
    for name, value in {"Rows": "3", "Columns": "3", "Filters": "2"}.items():
        grid.get_by_label(name, exact=True).fill(value)
        grid.get_by_label(name, exact=True).press("Enter")
        page.wait_for_timeout(200)
    grid.get_by_label("Weight, filter 2, row 2, column 2").fill("7")
    grid.get_by_label("Divisor").fill("sum")
    grid.get_by_label("Bias", exact=True).fill("0.1, 0.2")
    page.wait_for_timeout(500)
    weights = [[[0, 0, 0], [0, 1, 2], [0, 3, 4]], [[0, 0, 0], [0, 7, 0], [0, 0, 0]]]
    assert json.loads(text_of(page)) == {
        "weights": weights, "range": "clip", "divisor": "sum", "bias": [0.1, 0.2],
    }  # fmt: skip
    kernel = convfilter.make_kernel(weights, divisor="sum", bias=[0.1, 0.2])
    wanted = convfilter.apply(kernel, small)
    expect_shown(page, wanted[..., 0])
    page.get_by_label("Next result").click()
    expect_shown(page, wanted[..., 1])
    assert state_of(page)["page"] == ["1"]


def test_what_is_wrong_for_a_moment_can_be_typed_on(play, page, small):
    """On the way to 0.5 the divisor is 0, which is refused; the field keeps the focus and the rest is typed."""
    opened(play, page, small, filter=[json.dumps({"weights": [[1, 2]], "divisor": 3})])
    field = page.get_by_label("Divisor")
    field.select_text()
    page.keyboard.type("0.5", delay=150)
    expect_shown(page, convfilter.apply(convfilter.make_kernel([[1, 2]], divisor=0.5), small))
    page.faults.clear()  # the browser's own lines about the refusals


def test_json_is_live_and_wrong_json_keeps_the_last_picture(play, page, small):
    """The text changes grid and picture; a mistake is told at its line in the validator's words."""
    opened(play, page, small, filter=["box-3"])
    area = page.get_by_label("The kernel as JSON")
    area.fill('{\n  "weights": [[1, 2],\n   [3]]\n}')
    page.wait_for_selector(".fault:has-text('Line 3, column 4: row 2 holds 1 number, row 1 holds 2')")
    assert page.locator(".json mark").inner_text() == "3"
    expect_shown(page, convfilter.apply("box-3", small))
    assert page.get_by_role("button", name="Download").is_disabled()
    page.faults.clear()  # the browser's own line about the refusal
    area.fill('{\n  "weights": [[1, 2],\n   [3, 4]], "divisor": 10\n}')
    kernel = convfilter.make_kernel([[1, 2], [3, 4]], divisor=10)
    expect_shown(page, convfilter.apply(kernel, small))
    assert page.locator(".fault").is_hidden()
    assert page.get_by_label("Weight, row 2, column 1", exact=True).input_value() == "3"


def test_wrong_json_in_an_address_is_shown_with_its_mistake(play, page, small):
    """A reload loses nothing: the text is there, and what is wrong with it."""
    text = '{"weights": [[1, 2]], "bordr": "edge"}'
    shown = play(["sobel"], small)
    page.goto(shown.address(view="filter", filter=[text]))
    page.wait_for_selector(".fault:has-text('border')")
    assert text_of(page) == text
    page.faults.clear()


def test_the_catalogue_is_searched_and_formulas_have_sliders(play, page, small):
    """A word finds kernels by their tags; a formula's slider and its number set the parameter."""
    opened(play, page, small, filter=["sobel"])
    search = page.get_by_label("Search the catalogue")
    search.fill("gaussian blur")
    names = page.locator(".found b").all_inner_texts()
    assert "gaussian" in names
    assert "binomial-3" in names
    assert "sobel" not in names
    search.fill("gaussian")
    search.press("Enter")
    page.get_by_label("sigma, as a number").fill("3")
    expect_shown(page, convfilter.apply("gaussian:sigma=3", small))
    page.get_by_role("slider", name="sigma").press("ArrowRight")
    page.wait_for_timeout(500)
    (text,) = state_of(page)["filter"]
    assert re.fullmatch(r"gaussian:sigma=3\.\d+", text)
    expect_shown(page, convfilter.apply(text, small))


def test_filters_in_a_row(play, page, small):
    """Another filter is put after the first, chosen, moved and taken away."""
    opened(play, page, small, filter=["gaussian:sigma=2"])
    page.get_by_role("button", name="+ then").click()
    page.get_by_label("Search the catalogue").fill("laplacian-8")
    page.get_by_role("button", name=re.compile("^laplacian-8")).first.click()
    expect_shown(page, convfilter.apply(["gaussian:sigma=2", "laplacian-8"], small))
    page.get_by_role("button", name="Move it one to the front").click()
    page.wait_for_timeout(300)
    assert state_of(page)["filter"] == ["laplacian-8", "gaussian:sigma=2"]
    page.get_by_role("button", name="Remove it").click()
    expect_shown(page, convfilter.apply("gaussian:sigma=2", small))


SETTINGS = {
    "border": ("reflect", "reflect"), "pad": ("3", (3, 3)), "strides": ("2, 3", (2, 3)),
    "dilation": ("2", (2, 2)), "activation": ("relu", "relu"), "bias": ("0.2", 0.2), "combine": ("max", "max"),
    "pool": ("2", (2, 2)), "range": ("rescale", "rescale"), "color": ("each", "each"), "values": ("unit", "unit"),
}  # fmt: skip


def test_settings(play, page, small):
    """Each setting does what the argument of convfilter.apply does, stands in the address, and is taken back."""
    opened(play, page, small, filter=["sobel"])
    for option, (text, value) in SETTINGS.items():
        control = page.locator(f".settings [name={option}]")
        if control.evaluate("each => each.tagName") == "SELECT":
            control.select_option(text)
        else:
            control.fill(text)
        step = value if option in ("strides", "pool") else (1, 1)
        sign = {"range": "signed"} if option == "combine" else {}  # their largest may be below 0
        expect_shown(page, convfilter.apply("sobel", small, **{option: value, **sign}), step)
        assert state_of(page)[option] == [text.replace(", ", ",")]
        page.get_by_role("button", name="Take all back").click()
        expect_shown(page, convfilter.apply("sobel", small))


def test_the_command_makes_what_is_shown(play, page, small, process, tmp_path):
    """What is copied, run in a shell where the picture and the downloaded kernel lie, writes the shown pixels."""
    kernel = json.dumps({"weights": [[1, -2], [3, 1]], "divisor": 4})
    opened(play, page, small, filter=[kernel, "laplacian"], border="reflect", strides="2", range="abs")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as command").click()
    page.wait_for_selector("text=Copied.")
    words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download kernel.json").click()
    assert download.value.suggested_filename == "kernel.json"
    download.value.save_as(tmp_path / "kernel.json")
    Image.fromarray(small).save(tmp_path / "picture.png")
    words = ["picture.png" if word == "photo.jpg" else word for word in words]
    done = process(*words[1:])
    assert done.returncode == 0, done.stderr
    written = np.asarray(Image.open(tmp_path / "out.png"))
    expect_shown(page, written, (4, 4))


def test_a_picture_of_ones_own(play, page, small):
    """A file that is chosen is filtered; one that is dropped too; one that is none is refused in a line."""
    opened(play, page, filter=["sobel"])
    other = np.ascontiguousarray(small[::-1])
    page.set_input_files(
        "input[type=file]", {"name": "mine.png", "mimeType": "image/png", "buffer": png(other)}
    )
    page.wait_for_selector(".facts:has-text('mine.png')")
    page.get_by_role("button", name="1:1").click()
    expect_shown(page, convfilter.apply("sobel", other))
    page.set_input_files("input[type=file]", {"name": "no.png", "mimeType": "image/png", "buffer": b"no"})
    page.wait_for_selector("#notice:not([hidden])")
    expect_shown(page, convfilter.apply("sobel", other))
    page.faults.clear()
    drop = """(section, bytes) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
      section.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }"""
    page.locator(".see").evaluate(drop, list(png(small)))
    page.wait_for_selector(".facts:has-text('dropped.png')")


def test_one_address_shows_the_same_again_and_back_goes_back(play, page, small):
    """Zoom, divider, filter and settings are in the address; a reload shows them, Back undoes a choice."""
    opened(play, page, small, filter=["sobel"], split=0.5)
    page.locator(".settings [name=border]").select_option("edge")
    page.locator(CANVAS).focus()
    page.keyboard.press("+")
    page.get_by_role("slider", name="Divider").press("Home")
    state = state_of(page)
    assert (state["border"], state["zoom"], state["split"]) == (["edge"], ["2"], ["0.000"])
    page.reload()
    page.get_by_role("button", name="1:1").click()
    expect_shown(page, convfilter.apply("sobel", small, border="edge"))
    page.get_by_label("Search the catalogue").fill("box-5")
    page.get_by_role("button", name=re.compile("^box-5")).click()
    expect_shown(page, convfilter.apply("box-5", small, border="edge"))
    page.go_back()
    expect_shown(page, convfilter.apply("sobel", small, border="edge"))


def test_the_divider_by_hand_and_by_keyboard(play, page, small):
    """It is a slider: arrows, Home and End move it, and so does a drag."""
    opened(play, page, small, split=0.5)
    divider = page.get_by_role("slider", name="Divider")
    assert divider.get_attribute("aria-valuenow") == "50"
    divider.press("ArrowRight")
    divider.press("PageUp")
    assert divider.get_attribute("aria-valuenow") == "62"
    box, frame = divider.bounding_box(), page.locator(".frame").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(frame["x"] + 1, box["y"] + 40, steps=4)
    page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "0"


@pytest.mark.parametrize("width", [360, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_page_and_axe_finds_nothing(play, page, small, width, scheme):
    """At every width, in light and dark: no sideways scrolling, and nothing that shuts people out."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    opened(play, page, small, filter=["gaussian", "gabor-bank:orientations=2"])
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert violations(page) == []
