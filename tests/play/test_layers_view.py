"""The Layers view: every layer with its pictures and its facts, which are those of `describe` and of Keras."""

import numpy as np
import pytest
from browser import violations

from convfilter.features import layer_outputs
from convfilter.filters.layer_table import table
from convfilter.filters.load import make_pipeline

pytestmark = pytest.mark.slow
FILTERS = ["gaussian:sigma=1", "sobel"]


@pytest.fixture
def gray() -> np.ndarray:
    """(24, 30) uint8 of noise."""
    return np.random.default_rng(5).integers(0, 256, (24, 30), np.uint8)


def opened(play, page, picture, **state):
    shown = play(state["filter"], picture)
    page.goto(shown.address(view="layers", **state))
    page.wait_for_selector(".layer")
    return shown


def facts(layer) -> dict[str, str]:
    """What a layer's list says, name by name."""
    names, values = layer.locator("dt").all_inner_texts(), layer.locator("dd").all_inner_texts()
    return dict(zip(names, values, strict=True))


def numbers(text: str, between: str) -> list[float]:
    return [float(part.replace("−", "-").replace(",", "")) for part in text.split(between)]


def test_every_layer_has_its_facts(play, page, gray):
    """Shape, parameters, receptive field and stride are those of `describe`; the range is that of what Keras
    makes of the picture."""
    opened(play, page, gray, filter=FILTERS, pool="2")
    pipeline = make_pipeline(FILTERS, pool=2)
    rows, outputs = table(pipeline, gray.shape), layer_outputs(pipeline, gray)
    layers = page.locator(".layer").all()
    assert len(layers) == len(rows) + 1
    assert facts(layers[0])["Shape"] == "24 × 30 × 1"
    for layer, row, (name, output) in zip(layers[1:], rows, outputs[1:], strict=True):
        said = facts(layer)
        assert layer.locator("h3").inner_text() == name
        assert row.layer in layer.inner_text()
        assert row.what in layer.inner_text()
        assert numbers(said["Shape"], "×") == list(row.shape)
        assert numbers(said["Receptive field"], "×") == list(row.field)
        assert numbers(said["Stride"], "×") == list(row.stride)
        assert numbers(said["Parameters"], "×") == [row.parameters]
        wanted = [float(output.min()), float(output.max())]
        np.testing.assert_allclose(numbers(said["Range"], "to"), wanted, rtol=2e-3, atol=1e-3)
        assert layer.locator("img").count() == row.shape[2]


def test_weights_with_and_without_sharing(play, page):
    """Nine inputs squared by 3 × 3 in steps of three: 9 weights, 81 if every window had its own, 729 if all
    were joined to all."""
    picture = np.zeros((9, 9), np.uint8)
    opened(play, page, picture, filter=["sobel-x"], pad="valid", strides="3")
    said = page.locator(".layer").last.inner_text()
    assert "9 shared" in said
    assert "81 if each" in said
    assert "729 if every" in said


def test_a_picture_leads_to_its_pixels(play, page, gray):
    """A channel's picture opens the Pixel view at that layer and channel."""
    opened(play, page, gray, filter=["sobel"])
    page.get_by_role("link", name="sobel, 2 of 2").click()
    page.wait_for_selector(".pixel-view")
    assert "layer=1" in page.url
    assert "channel=1" in page.url


def test_a_refusal_is_said(play, page, gray):
    """What can't be computed is said in one line."""
    shown = play(["sobel"], gray)
    page.goto(shown.address(view="layers", filter="sobell"))
    page.wait_for_selector(".refusal:has-text('did you mean sobel')")
    page.faults.clear()  # the browser's own line about the refusal


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_page_and_axe_finds_nothing(play, page, gray, width, scheme):
    """At every width, in light and dark: no sideways scrolling, and nothing that shuts people out."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    opened(play, page, gray, filter=FILTERS)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert violations(page) == []
