"""Drawings of layers: what is in them, and that the SVG and the picture say the same."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from convfilter.errors import FilterError
from convfilter.images.structure import Box, Label, pixels, save_structure, structure, svg

LENET = [
    ("input", (32, 32, 1), 0), ("Conv2D 5×5", (28, 28, 6), 156), ("MaxPooling2D", (14, 14, 6), 0),
    ("Flatten", (1176,), 0), ("Dense", (10,), 11770), ("Dropout", (10,), 0),
]  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def labels(drawing):
    return [part.text for part in drawing.parts if isinstance(part, Label)]


def test_sizes_operations_and_parameters_are_written():
    """As the paper on LeNet writes sizes; Dropout, which changes none, stands with the layer before."""
    drawing = structure("net", LENET)
    assert labels(drawing) == [
        "net", "1@32×32", "Conv2D 5×5", "156 parameters", "6@28×28", "MaxPooling2D", "6@14×14", "Flatten", "1,176",
        "Dense", "11,770 parameters", "Dropout", "10",
    ]  # fmt: skip
    assert sum(isinstance(part, Box) for part in drawing.parts) == 1 + 6 + 6 + 1 + 1


def test_everything_is_within_the_drawing():
    """Of sixty layers too, in several lines."""
    drawing = structure("deep", [("input", (64, 64, 3), 0)] + [("Conv2D 3×3", (64, 64, 64), 9)] * 60)
    boxes = [part for part in drawing.parts if isinstance(part, Box)]
    assert min(box.left for box in boxes) > 0
    assert max(box.left + box.width for box in boxes) < drawing.width < 1800
    assert max(box.top + box.height for box in boxes) < drawing.height
    assert max(part.base for part in drawing.parts if isinstance(part, Label)) < drawing.height


def test_the_svg_is_xml_and_texts_are_no_markup():
    """Names of tags are text; there is no script, and nothing is fetched."""
    root = ET.fromstring(svg(structure("<b>&\x1b", LENET)))
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert texts[0] == "<b>&?"
    assert texts[1:] == labels(structure("", LENET))[1:]
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {"svg", "rect", "path", "text"}


def test_the_picture_is_the_drawing():
    """Two pixels a unit; each box is filled with its colour, and its frame goes around it."""
    drawing = structure("net", LENET)
    found = pixels(drawing)
    assert found.shape == (np.ceil(2 * drawing.height), np.ceil(2 * drawing.width), 3)
    box = next(part for part in drawing.parts if isinstance(part, Box))
    middle = found[round(2 * (box.top + box.height / 2)), round(2 * (box.left + box.width / 2))]
    assert "#" + bytes(middle.tolist()).hex() == box.fill


def test_unknown_sizes_shrink_by_their_steps():
    """After a pool of four a map of any size is half as wide and high, by the root; none are joined."""
    rows = [("input", (None, None, 1), 0), ("MaxPooling2D", (None, None, 1), 0)]
    first, second = (part for part in structure("p", rows, [(1, 1), (4, 4)]).parts if isinstance(part, Box))
    assert (second.width, second.height) == (first.width / 2, first.height / 2)
    assert "1@H×W" in labels(structure("p", rows))


def test_files(tmp_path):
    """An .svg is text; a .png is a picture; gray formats are refused and leave nothing."""
    save_structure("net", LENET, tmp_path / "a.svg")
    assert ET.parse(tmp_path / "a.svg").getroot().tag == f"{SVG}svg"
    save_structure("net", LENET, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.array(image), pixels(structure("net", LENET)))
    with pytest.raises(FilterError, match="needs colour"):
        save_structure("net", LENET, tmp_path / "a.pgm")
    assert not (tmp_path / "a.pgm").exists()
