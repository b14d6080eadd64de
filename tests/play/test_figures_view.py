"""The figures: all 24 open, their numbers are NumPy's, and the networks they draw are the models themselves."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from browser import violations

import convfilter
from convfilter.play import structures

SAMPLES = Path(__file__).parents[2] / "samples"
slow = pytest.mark.slow
PLACES = {  # figure → the view that it opens, and what must stand there
    **dict.fromkeys((1, 11, 13, 15, 16, 17), ("window", "table[aria-label='Output so far'] td")),
    **dict.fromkeys((3, 4, 5), ("filter", "canvas")),
    12: ("pixel", "canvas"),
    **dict.fromkeys((2, 10), ("figures", "svg.neuron")),
    **dict.fromkeys((6, 7, 8, 9, 18), ("figures", "svg.architecture")),
    14: ("figures", ".shift-pair"),
    **dict.fromkeys((19, 20, 21, 22), ("figures", ".nested")),
    **dict.fromkeys((23, 24), ("layers", "img, canvas")),
}


def opened(start, page, **state):
    shown = start()
    page.goto(shown.address(view="figures", **state))
    page.wait_for_selector(".figures-view h2")
    return shown


def state_of(page) -> dict[str, list[str]]:
    page.wait_for_timeout(400)  # the address follows quick changes after a pause
    return parse_qs(urlsplit(page.url).fragment)


@slow
def test_the_structures_are_those_of_the_models():
    """static/structures.js is, to the letter, what the networks' models give when it is made again."""
    assert structures.FILE.read_text(encoding="utf-8") == structures.module_text()


@slow
def test_the_index_has_all_figures(play, page):
    """24 cards, numbered, each with words and a drawing, and nothing that axe-core finds fault with."""
    opened(play, page)
    links = page.locator("[data-figure]")
    assert links.evaluate_all("all => all.map(one => one.dataset.figure)") == [str(n) for n in range(1, 25)]
    texts = page.locator(".figure-card p").all_inner_texts()
    assert len(set(texts)) == 24
    assert min(map(len, texts)) > 60
    assert page.locator(".figure-card .drawing").count() == 24
    page.wait_for_load_state("networkidle")
    assert violations(page) == []


@slow
@pytest.mark.parametrize("number", range(1, 25))
def test_every_figure_opens(play, page, number):
    """A figure's link opens its view without an error; going back leads to the index."""
    view, thing = PLACES[number]
    opened(play, page)
    page.locator(f"[data-figure='{number}']").click()
    page.locator(f"main {thing}").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert state_of(page)["view"] == [view]
    assert page.locator("#notice").is_hidden()
    assert page.locator("main .refusal:visible").count() == 0
    page.go_back()
    page.wait_for_selector(".figure-card")


@slow
@pytest.mark.parametrize(("number", "name"), [(23, "article"), (24, "article-pool2")])
def test_the_experiments_are_the_samples(play, page, number, name):
    """Figures 23 and 24 open the pipelines of samples/."""
    opened(play, page)
    page.locator(f"[data-figure='{number}']").click()
    found = json.loads(state_of(page)["filter"][0])
    wanted = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    assert found == {key: wanted[key] for key in ("name", "layers", "range")}


@slow
def test_the_neuron_computes(play, page):
    """A neuron's line and drawing say the weighted sum and the activation of the numbers typed in."""
    opened(play, page, figure=10)
    inputs, weights, bias = np.array([0.5, -2, 3]), np.array([4, 0.25, -1.5]), 1.75
    for at in range(3):
        page.get_by_label(f"Input {at + 1}").fill(f"{inputs[at]:g}")
        page.get_by_label(f"Weight {at + 1}").fill(f"{weights[at]:g}")
    page.get_by_label("Bias").fill(f"{bias:g}")
    page.get_by_role("combobox", name="Activation").select_option("sigmoid")
    total = inputs @ weights + bias
    value = 1 / (1 + np.exp(-total))
    said = page.locator(".said").inner_text().replace("−", "-")
    assert said.endswith(f"= {total:g}; sigmoid({total:g}) = {value:.6g}")
    assert page.locator("svg.neuron .result").text_content() == f"{value:.3g}"
    assert state_of(page)["neuron"] == ["0.5,-2,3;4,0.25,-1.5;1.75;sigmoid"]
    page.reload()
    assert page.locator(".said").inner_text().replace("−", "-") == said
    assert page.get_by_label("Weight 3").input_value() == "-1.5"


@slow
@pytest.mark.parametrize("name", [*structures.PAPERS])
def test_a_network_is_drawn_whole(play, page, name):
    """Every layer of the model stands in the table with its shape and parameters, which add up to the network's."""
    figure = {"lenet5": 6, "alexnet": 7, "zfnet": 8, "vgg16": 9, "googlenet": 18}[name]
    opened(play, page, figure=figure)
    if page.locator("details:not([open])").count():
        page.locator("summary").click()
    rows = page.locator(".layer-table tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    text = structures.FILE.read_text(encoding="utf-8").partition(f"  {name}: ")[2]
    total = int(text.partition("parameters: ")[2].partition(",")[0])
    assert sum(int(row[4].replace(",", "")) for row in rows) == total
    assert rows[0][3].count("×") == 2
    assert page.locator("svg.architecture .block").count() > 6
    assert violations(page) == []


def shift_map(page, name: str, at: int) -> np.ndarray:
    rows = page.locator(f".shift-pair[data-layer='{name}'] table").nth(at)
    texts = rows.evaluate("table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))")
    return np.array([[float(text.replace("−", "-")) for text in row] for row in texts])


@slow
def test_a_shift_moves_the_maps_along(play, page):
    """Figure 14: the maps are those of NumPy for the grid and its moved copy, and moved as it is."""
    opened(play, page, figure=14)
    page.locator(".shift-pair").first.wait_for()
    grid, copy = (shift_map(page, "Input", at) for at in (0, 1))
    np.testing.assert_array_equal(copy, np.pad(grid, ((0, 0), (1, 0)))[:, :-1])
    weights = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    for at, plane in enumerate((grid, copy)):
        views = np.lib.stride_tricks.sliding_window_view(np.pad(plane, 1), (3, 3))
        map_ = np.maximum((views * weights).sum((2, 3)), 0)
        np.testing.assert_array_equal(shift_map(page, "sobel-x, relu", at), map_)
    said = page.locator(".shift-pair[data-layer='sobel-x, relu'] p").inner_text()
    assert said.endswith("with the first moved along, by 0 %.")
    page.get_by_role("combobox").select_option("down")
    page.locator(".shift-pair").first.wait_for()
    assert state_of(page)["move"] == ["down"]
    np.testing.assert_array_equal(shift_map(page, "Input", 1), np.pad(grid, ((1, 0), (0, 0)))[:-1])


@slow
@pytest.mark.parametrize("number", [19, 20, 21, 22])
def test_the_nested_lists_are_keras_arrays(play, page, number):
    """Figures 19–22: the list written out has the shape that is said, a number chosen in a plane is the one at
    that index, and the weights' is the shape of Keras' own kernel."""
    opened(play, page, figure=number)
    array = np.array(json.loads(page.locator(".nested").inner_text()))
    assert f"Shape {array.shape}" in page.locator(".figures-view").inner_text()
    index = tuple(side - 1 for side in array.shape)
    page.locator(".tensor button").last.click()
    brackets = "".join(f"[{at}]" for at in index)
    assert f"{brackets} = {array[index]}:" in page.locator(".said").inner_text()
    assert page.locator(".nested .marked").inner_text() == str(array[index])
    assert state_of(page)["index"] == [",".join(map(str, index))]
    if number == 22:
        wanted = convfilter.build(convfilter.make_pipeline("sobel"))
        kernel = next(layer for layer in wanted.layers if type(layer).__name__ == "Conv2D").get_weights()[0]
        assert array.shape == kernel.shape
        np.testing.assert_array_equal(np.abs(array), np.abs(kernel))


@slow
def test_both_data_formats_hold_the_same_picture(play, page):
    """Figure 20's array is figure 19's with the channels moved to the front."""
    arrays = []
    for number in (19, 20):
        opened(play, page, figure=number)
        page.reload()
        page.locator(".nested").wait_for()
        arrays.append(np.array(json.loads(page.locator(".nested").inner_text())))
    np.testing.assert_array_equal(arrays[1], np.moveaxis(arrays[0], -1, 0))


@slow
@pytest.mark.parametrize(
    "state", [{}, {"figure": 6}, {"figure": 10}, {"figure": 14}, {"figure": 18}, {"figure": 21}], ids=str
)
def test_nothing_sticks_out_of_a_narrow_screen(play, page, state):
    """360 pixels wide, in the dark, and axe-core finds nothing."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 800})
    opened(play, page, **state)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
