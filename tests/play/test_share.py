"""A page that stands alone: opened from its file, without a network, it shows what apply makes."""

import json
import re

import numpy as np
import pytest
from browser import watched
from canvas import WHOLE, in_colour, shown_pixels
from click.testing import CliRunner
from PIL import Image
from skimage import data

import convfilter
from convfilter.cli import command

LIMIT = 500_000  # bytes of a page with a picture of 512 pixels


@pytest.fixture
def offline(chromium):
    """A page of a browser without any network."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.faults = watched(page)
    yield page
    context.close()
    assert page.faults == []


@pytest.fixture
def photo(tmp_path):
    """A gray photograph of 256×256."""
    Image.fromarray(np.ascontiguousarray(data.camera()[::2, ::2])).save(tmp_path / "camera.png")
    return tmp_path / "camera.png"


def shared(tmp_path, *words):
    found = CliRunner().invoke(command, ["share", *map(str, words), str(tmp_path / "page.html")])
    assert found.exit_code == 0, found.output
    return tmp_path / "page.html"


def opened(page, path, ready=".under .facts:has-text(' ms')", **state):
    [data] = re.findall(r'id="page-data">(.*)</script>', path.read_text(encoding="utf-8"))
    words = "&".join(f"{key}={value}" for key, value in {**WHOLE, **state}.items())
    page.goto("about:blank")  # else another page of the same name would only be asked for another address
    page.goto(f"{path.as_uri()}{json.loads(data)['address']}&{words}")
    page.wait_for_selector("#check:not(:has-text('Starting'))")
    page.wait_for_selector(ready)


def said(page):
    return page.locator("#check").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("sobel",), ("sobel-x", "--border", "reflect"), ("gaussian:sigma=2",), ("log:sigma=1.4",),
        ("gabor-bank:orientations=2,size=9",), ("samples/article-pool2.json",),
        ("box-3", "--then", "laplacian", "--strides", "2", "--pad", "cover", "--range", "rescale"),
        ("emboss", "--activation", "tanh", "--values", "unit", "--range", "signed", "--dilation", "2"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_the_page_computes_what_the_engine_computes(offline, photo, tmp_path, words):
    """It compares itself with the engine's result: all numbers are equal, or of kernels that are no whole
    numbers a few in ten thousand are not, and the engine's are shown."""
    path = shared(tmp_path, words[0], photo, *words[1:])
    opened(offline, path)
    text = said(offline)
    if "equal the engine's" not in text:
        different, count = (int(each) for each in re.search(r"(\d+) of (\d+) numbers differ", text).groups())
        assert different <= count / 2000


@pytest.mark.slow
def test_what_is_shown_is_what_apply_writes(offline, tmp_path):
    """Every pixel on the canvas, for edges and for a blur in colour, of a small picture."""
    pixels = data.astronaut()[60:160, 180:300]
    Image.fromarray(pixels).save(tmp_path / "in.png")
    for filter, wanted in (
        ("sobel", convfilter.apply("sobel", pixels)),
        ("box-3", convfilter.apply("box-3", pixels)),
    ):
        opened(offline, shared(tmp_path, filter, tmp_path / "in.png"))
        wanted = in_colour(wanted)
        for _ in range(100):  # the view follows the address after a moment
            found = shown_pixels(offline.locator(".filter-view canvas"), wanted.shape[:2])
            if np.array_equal(found, wanted):
                break
            offline.wait_for_timeout(200)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
def test_a_pixel_is_explained(offline, photo, tmp_path):
    """The Pixel view names sums and pixel as the command `explain` does."""
    path = shared(tmp_path, "sobel", photo)
    explained = CliRunner().invoke(command, ["explain", "sobel", str(photo), "100,50", "--json"])
    wanted = json.loads(explained.stdout)
    opened(offline, path, ".sentence:has-text('row 50')", view="pixel", x=100, y=50)
    text = offline.locator(".sentence").inner_text().replace("−", "-")
    assert f"write {wanted['pixel']['written']:.0f}" in text
    for step in wanted["steps"][1:]:
        assert f"sum {step['sum']:.0f}" in text


@pytest.mark.slow
@pytest.mark.parametrize("view", ["pixel", "window", "layers"])
def test_every_view_opens(offline, photo, tmp_path, view):
    """Without an error in the console."""
    opened_at = shared(tmp_path, "sobel", photo)
    offline.goto(opened_at.as_uri())
    offline.wait_for_selector("#check:not(:has-text('Starting'))")
    offline.get_by_role("link", name=view.capitalize(), exact=True).click()
    offline.wait_for_timeout(1500)
    assert offline.locator(".refusal:visible").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"strides": "0"}, "strides can't be"), ({"pool": "0"}, "pool can't be"), ({"pad": "5000"}, "pad can't be"),
        ({"dilation": "0"}, "dilation can't be"), ({"bias": "1e9"}, "bias can't be"), ({"pad": "4000"}, "pad less"),
    ],
    ids=str,
)  # fmt: skip
def test_what_the_engine_refuses_the_page_refuses(offline, photo, tmp_path, state, error):
    """In a line, at once, and without computing it."""
    opened(offline, shared(tmp_path, "sobel", photo), f'.refusal:visible:has-text("{error}")', **state)


@pytest.mark.slow
def test_hostile_names_stay_text(offline, tmp_path):
    """A kernel and a picture named like markup are shown as they are, and nothing of them runs."""
    picture = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8))
    picture.save(tmp_path / "<img src=x onerror=alert(1)>.png")
    kernel = {"name": "</script><script>document.title='taken'</script>", "weights": [[1]]}
    (tmp_path / "k.json").write_text(json.dumps(kernel))
    path = shared(tmp_path, tmp_path / "k.json", tmp_path / "<img src=x onerror=alert(1)>.png")
    opened(offline, path)
    assert offline.title() == "Filter – convfilter"
    assert offline.locator("main img").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filter", "pixels"),
    [
        ("sobel", data.camera()), ("gaussian:sigma=2", data.astronaut()),
        ("gabor-bank:orientations=4", data.camera()),
    ],
    ids=["sobel", "gaussian", "gabor-bank"],
)  # fmt: skip
def test_a_page_of_512_pixels_is_within_the_limit(tmp_path, filter, pixels):
    """Of photographs: half a megabyte."""
    Image.fromarray(pixels).save(tmp_path / "in.png")
    assert shared(tmp_path, filter, tmp_path / "in.png").stat().st_size <= LIMIT


def test_a_large_picture_becomes_small_and_that_is_said(tmp_path):
    """A colour picture of 1024 pixels of noise: made smaller, kept as a JPEG, in a page within the limit."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 1024, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(noise).resize((100, 70)).resize((1024, 700)))
    Image.fromarray(smooth).save(tmp_path / "in.png")
    found = CliRunner().invoke(
        command, ["share", "sobel", str(tmp_path / "in.png"), str(tmp_path / "p.html")]
    )
    assert found.exit_code == 0
    assert "made smaller, 512×350" in found.output
    assert (tmp_path / "p.html").stat().st_size <= LIMIT


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("sobel", "samples/scene.png", "page.png"), "give a name that ends in .html"),
        (("sobel", "missing.png", "page.html"), "missing.png"),
        (("sobbel", "samples/scene.png", "page.html"), "did you mean sobel"),
    ],
)
def test_what_is_wrong_is_one_line(words, error, tmp_path, monkeypatch):
    """And nothing is written."""
    found = CliRunner().invoke(command, ["share", *words])
    assert found.exit_code != 0
    assert error in str(found.exception)
