"""What notebooks show of kernels, pipelines and pictures."""

import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import convfilter
from convfilter.images.picture import Picture


class Cells(HTMLParser):
    """The texts of a table's cells, and the tags that are not closed."""

    def __init__(self, html):
        super().__init__()
        self.cells, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] in (["td"], ["th"]):
            self.cells[-1] += data


def test_a_kernel_shows_its_weights():
    """sobel-x's nine numbers in order, its name, and how it is applied; every tag closed."""
    html = convfilter.load("sobel-x")._repr_html_()
    found = Cells(html)
    assert found.cells == ["-1", "0", "1", "-2", "0", "2", "-1", "0", "1"]
    assert found.open == []
    assert "sobel-x" in html
    assert "range abs" in html


def test_colours_suit_dark_and_light():
    """Text has the page's own colour, and every background lets the page shine through."""
    html = convfilter.load("sobel")._repr_html_() + convfilter.make_pipeline("sobel")._repr_html_()
    assert set(re.findall(r"[^-]color: ([^;\"]+)", html)) == {"currentColor"}
    backgrounds = re.findall(r"background: ([^;\"]+)", html)
    assert all(each == "none" or re.fullmatch(r"rgba\(\d+, \d+, \d+, 0\.\d+\)", each) for each in backgrounds)


def test_texts_are_no_markup():
    """A name and a description with tags in them are shown, not run."""
    kernel = convfilter.make_kernel([[1]], name="<script>", description="<b>&")
    for html in (kernel._repr_html_(), convfilter.make_pipeline(kernel)._repr_html_()):
        assert "&lt;script&gt;" in html
        assert "<script" not in html
        assert "<b>" not in html


def test_large_kernels_are_summarised():
    """16 columns: no numbers, the extremes; 15: all; of 25 filters eight."""
    assert Cells(convfilter.make_kernel([[*range(16)]])._repr_html_()).cells == []
    assert "from 0 to 15" in convfilter.make_kernel([[*range(16)]])._repr_html_()
    assert len(Cells(convfilter.make_kernel([[*range(15)]])._repr_html_()).cells) == 15
    laws = convfilter.load("laws")._repr_html_()
    assert len(Cells(laws).cells) == 8 * 25
    assert "shown: 8 filters" in laws


def test_a_pipeline_shows_its_layer_table():
    """A row per layer; fields and strides as by hand: 3×3, then a pool of 2 of it sees 4×4 at steps of 2."""
    pipeline = convfilter.make_pipeline("sobel-x", pad="valid", pool=2)
    cells = Cells(pipeline._repr_html_()).cells
    assert cells[6:] == [
        "Conv2D", "sobel-x, 1 × 3×3", "1", "9", "3×3", "1×1",
        "MaxPooling2D", pipeline.layers[1].description, "1", "0", "4×4", "2×2",
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_picture_shows_itself(shape, dtype):
    """Pillow reads the PNG: the pixels in 8 bits."""
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    scaled = {"uint8": pixels, "uint16": pixels * np.uint16(257), "float32": pixels / np.float32(255)}[dtype]
    with Image.open(io.BytesIO(Picture(scaled)._repr_png_())) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.array(image), pixels)


def test_a_picture_with_alpha_or_beyond_white():
    """Alpha goes along; what is below black or no number is black; a large picture loses every second pixel."""
    pixels = np.array([[-1, 0.5, np.nan, 2]], np.float32)
    with Image.open(io.BytesIO(Picture(pixels, np.ones((1, 4), np.float32))._repr_png_())) as image:
        assert np.array(image)[0].tolist() == [[0, 255], [128, 255], [0, 255], [255, 255]]
    with Image.open(io.BytesIO(Picture(np.zeros((2, 2000), np.uint8))._repr_png_())) as image:
        assert image.size == (1000, 1)


def test_showing_loads_nothing_heavy():
    """Neither Keras nor Pillow nor pydantic."""
    code = """
import sys, convfilter, numpy
from convfilter.images.picture import Picture
convfilter.load("sobel")._repr_html_(), convfilter.make_pipeline("sobel")._repr_html_()
Picture(numpy.zeros((2, 2), "uint8"))._repr_png_()
print(*{"keras", "PIL", "pydantic", "tensorflow"} & {*sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")
