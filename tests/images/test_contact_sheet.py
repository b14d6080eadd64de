"""The contact sheet, reopened and judged by its pixels."""

import numpy as np
import pytest
from PIL import Image

from convfilter.errors import FilterError, PictureError
from convfilter.images import contact_sheet as sheets
from convfilter.images import drawing
from convfilter.images.contact_sheet import contact_sheet
from convfilter.images.text import text_mask


def sheet(outputs, path, **options):
    contact_sheet(outputs, path, **options)
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.array(image).astype(int)


def place_of(pixels, picture):
    """Where `picture` stands in `pixels`: found by its pixels alone."""
    height, width = (have - own for have, own in zip(pixels.shape[:2], picture.shape[:2], strict=True))
    fits = np.ones((height + 1, width + 1), bool)
    for row, column in np.ndindex(picture.shape[:2]):
        there = pixels[row : row + height + 1, column : column + width + 1]
        fits &= (np.abs(there - picture[row, column]) <= 1).all(-1)
    return [tuple(map(int, hit)) for hit in np.argwhere(fits)]


def test_a_map_without_negatives_is_gray(tmp_path):
    """0 is black, the channel's largest is white, between is linear; each pixel 4 wide in a cell of 18."""
    maps = np.array([[0, 1, 2, 4], [4, 2, 1, 0], [1, 1, 1, 1], [0, 0, 0, 4]], np.float32)[..., None]
    pixels = sheet([("a", maps)], tmp_path / "s.png", cell=18)
    gray = np.rint(maps / 4 * 255).astype(int) * np.ones(3, int)
    assert len(place_of(pixels, np.repeat(np.repeat(gray, 4, 0), 4, 1))) == 1


def test_a_signed_map_is_blue_and_red(tmp_path):
    """Below 0 blue, above red, 0 white, the depth by the largest absolute value."""
    maps = np.array([[-2, -1], [0, 2]], np.float32)[..., None]
    pixels = sheet([("a", maps)], tmp_path / "s.png", cell=18)
    blue, white, red = (5, 75, 160), (252, 252, 252), (180, 20, 35)
    half = (np.array(blue) + white) / 2
    expected = np.repeat(np.repeat(np.array([[blue, half], [white, red]]), 8, 0), 8, 1)
    assert len(place_of(pixels, expected)) == 1


def test_each_channel_has_its_own_scale(tmp_path):
    """Two channels, one a thousand times the other, look the same, side by side, `cell` + 6 apart."""
    one = np.arange(16, dtype=np.float32).reshape(4, 4)
    pixels = sheet([("a", np.stack([one, 1000 * one], -1))], tmp_path / "s.png", cell=18)
    gray = np.repeat(np.repeat(np.rint(one / 15 * 255), 4, 0), 4, 1)[..., None] * np.ones(3)
    (top, left), (top2, left2) = place_of(pixels, gray)
    assert (top2 - top, left2 - left) == (0, 24)


def test_large_maps_are_averaged(tmp_path):
    """64 pixels to 16: every pixel of the cell is the mean of its 4×4 block."""
    plane = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    blocks = plane.reshape(16, 4, 16, 4).mean((1, 3))
    pixels = sheet([("a", plane[..., None])], tmp_path / "s.png", cell=18)
    assert len(place_of(pixels, (blocks / blocks.max() * 255)[..., None] * np.ones(3))) == 1


def test_fine_edges_dont_cancel():
    """A line of 1 beside a line of −1 stays visible when averaged, with the sign of the stronger."""
    plane = np.zeros((64, 64), np.float32)
    plane[:, 20], plane[:, 21] = -3, 1
    small = drawing.sized(plane, 16)
    assert np.allclose(small[:, 5], -3 / 4)
    assert not small[:, [4, 6]].any()


@pytest.mark.parametrize(("have", "wanted"), [(64, 16), (65, 16), (100, 99), (7, 1)])
def test_averages_are_averages(have, wanted):
    """Weights sum to 1 for each output and are spread evenly over the inputs."""
    weights = drawing.averages(have, wanted)
    assert np.allclose(weights.sum(1), 1, atol=1e-5)
    assert np.allclose(weights.sum(0), wanted / have, atol=1e-5)


def test_not_finite_is_magenta(tmp_path):
    """NaN and infinities neither break the scale nor hide, nor spread when the map is averaged."""
    maps = np.array([[np.nan, 1], [0, 2]], np.float32)[..., None]
    pixels = sheet([("a", maps)], tmp_path / "s.png", cell=18)
    colours = np.array([[(255, 0, 255), (128,) * 3], [(0,) * 3, (255,) * 3]])
    assert len(place_of(pixels, np.repeat(np.repeat(colours, 8, 0), 8, 1))) == 1
    large = np.ones((64, 64), np.float32)
    large[9, 9] = np.inf
    assert np.argwhere(np.isnan(drawing.sized(large, 16))).tolist() == [[2, 2]]


def test_a_dense_layer_is_a_row_of_squares(tmp_path):
    """Ten numbers: ten framed squares of one scale, 28 apart, in order."""
    values = np.array([0, 1, 0, 0, 2, 0, 0, 0, 0, 4], np.float32)
    pixels = sheet([("a", values.reshape(1, 10, 1))], tmp_path / "s.png", cell=114)
    expected = np.concatenate([np.full((26, 26, 3), round(v / 4 * 255)) for v in values[[4]]], 1)
    (top, left), *_ = place_of(pixels, expected)
    row = pixels[top + 5, left + 5 - 4 * 28 : left + 5 + 6 * 28 : 28, 0]
    assert row.tolist() == [0, 64, 0, 0, 128, 0, 0, 0, 0, 255]


@pytest.mark.parametrize("count", [1, 2, 21, 120, 256, 3136, 9216])
def test_rows_of_any_length_fit(count):
    """All numbers are drawn, in no more than the width of eight cells."""
    strip = sheets._numbers(np.linspace(0.1, 1, count, dtype=np.float32), False, 954)
    assert strip.shape[1] <= 954
    assert strip.shape[0] <= 600


def test_columns_and_captions(tmp_path, monkeypatch):
    """Only the first `columns` channels, and the caption says so, with shape and range."""
    texts = []

    def mask(text, size):
        texts.append(text)
        return text_mask(text, size)

    monkeypatch.setattr("convfilter.images.drawing.text_mask", mask)
    maps = np.linspace(-1, 2, 4 * 4 * 12, dtype=np.float32).reshape(4, 4, 12)
    narrow = sheet([("conv 3×3", maps)], tmp_path / "a.png", columns=5, cell=18)
    assert texts[:2] == ["conv 3x3", "4 x 4 x 12, first 5    -1 to 2"]
    wide = sheet([("conv 3×3", maps)], tmp_path / "b.png", columns=40, cell=18)
    assert narrow.shape[0] == wide.shape[0]
    frame = np.full((18, 1, 3), 205)
    assert len(place_of(wide, frame)) - len(place_of(narrow, frame)) == 2 * 7


def test_a_note_below_the_picture(tmp_path):
    """The line stands between the first strip and the second, and moves nothing else."""
    outputs = [(name, np.ones((4, 4, 1), np.float32)) for name in ("input", "a")]
    plain = sheet(outputs, tmp_path / "plain.png")
    noted = sheet(outputs, tmp_path / "noted.png", note="The picture: inverted.")
    more = noted.shape[0] - plain.shape[0]
    first = int(np.flatnonzero((plain != noted[: len(plain)]).any((1, 2)))[0])
    assert np.array_equal(plain[first:], noted[first + more :])
    ink = (1 - text_mask("The picture: inverted.", 13)) * (250 - 25) + 25
    part = noted[first - 20 : first + 40, : ink.shape[1] + 30]
    (place,) = place_of(part, np.rint(ink)[..., None].repeat(3, -1))
    assert place[0] == 20 - np.flatnonzero(ink.min(1) < 249)[0]


def test_sheets_that_cant_be(tmp_path):
    """Formats without colour, no outputs, wrong numbers, and folders that aren't there."""
    one = [("a", np.ones((2, 2, 1), np.float32))]
    with pytest.raises(FilterError, match="needs colour"):
        contact_sheet(one, tmp_path / "s.pgm")
    with pytest.raises(FilterError, match="columns must be at least 1"):
        contact_sheet(one, tmp_path / "s.png", columns=0)
    with pytest.raises(FilterError, match="cell from 16"):
        contact_sheet(one, tmp_path / "s.png", cell=5)
    with pytest.raises(FilterError, match="columns must"):
        contact_sheet([], tmp_path / "s.png")
    with pytest.raises(PictureError, match="its folder does not exist"):
        contact_sheet(one, tmp_path / "no" / "s.png")
