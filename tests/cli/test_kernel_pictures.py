"""kernels gallery and kernels show --save: the pictures, reopened."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from convfilter.images.picture import Picture
from convfilter.images.resize import shrunk_picture

FRAME = 205  # the gray of a frame


def opened(path):
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.array(image).astype(int)


def stands_in(pixels, part):
    """Whether `part` (h, w, 3) stands somewhere in `pixels`."""
    height, width = (have - own + 1 for have, own in zip(pixels.shape[:2], part.shape[:2], strict=True))
    fits = np.ones((height, width), bool)
    for row, column in np.ndindex(part.shape[:2]):
        fits &= (pixels[row : row + height, column : column + width] == part[row, column]).all(-1)
        if not fits.any():
            return False
    return True


@pytest.fixture
def own_kernels(monkeypatch, tmp_path):
    """Three kernels of a tag of their own, one of which takes three channels, and a broken one."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, weights in {"left": [[-1, 1, 0]], "twice": [[2]]}.items():
        (folder / f"{name}.json").write_text(json.dumps({"weights": weights, "tags": ["mine"]}))
    three = {"weights": [[[[1]], [[1]], [[1]]]], "layout": "out,in,kh,kw", "tags": ["mine"]}
    (folder / "three.json").write_text(json.dumps(three))
    (folder / "bad.json").write_text("{}")
    monkeypatch.setenv("CONVFILTER_KERNELS", str(folder))


def test_a_gallery_shows_what_kernels_make(convfilter, own_kernels, photo):
    """A picture of 12×9 is drawn as it is, then twice as bright and as SciPy's differences; a kernel that can't
    take it, and a broken one, are said and left out."""
    pixels = np.random.default_rng(3).integers(0, 120, (9, 12), np.uint8)
    Image.fromarray(pixels).save("small.png")
    done = convfilter("kernels", "gallery", "small.png", "sheet.png", "--tag", "mine", "--columns", "2")
    assert done.code == 0, done.err
    assert "three" in done.err
    assert "bad.json" in done.err
    sheet = opened("sheet.png")
    left = np.clip(ndimage.correlate(pixels.astype(int), [[-1, 1, 0]], mode="constant"), 0, 255)
    for expected in (pixels, left, 2 * pixels.astype(int)):
        framed = np.pad(
            np.repeat(expected[..., None], 3, -1), ((1, 1), (1, 1), (0, 0)), constant_values=FRAME
        )
        assert stands_in(sheet, framed)


def test_a_gallery_of_colours_is_no_wider_than_its_columns(convfilter, own_kernels, tmp_path):
    """Colour stays colour; --columns says how many stand side by side."""
    Image.new("RGB", (400, 100), (10, 60, 90)).save("blue.png")
    widths = []
    for columns in (1, 3):
        done = convfilter("kernels", "gallery", "blue.png", "s.png", "--tag", "mine", "--columns", columns)
        assert done.code == 0, done.err
        sheet = opened("s.png")
        assert (sheet == (10, 60, 90)).all(-1).sum() >= 160 * 40
        widths.append(sheet.shape[1])
    assert widths[1] > widths[0]


@pytest.mark.slow
def test_a_gallery_shows_the_whole_catalogue(convfilter, photo):
    """Without --tag: a tile for the picture and for every kernel that is listed, eight to a row."""
    done = convfilter("kernels", "gallery", photo, "sheet.png")
    assert (done.code, done.err) == (0, "")
    count = len(json.loads(convfilter("kernels", "list", "--json").out)) + 1
    sheet = opened("sheet.png")
    small = shrunk_picture(Picture(np.asarray(Image.open(photo))), 160).pixels
    assert small.shape == (128, 160)
    runs = np.lib.stride_tricks.sliding_window_view((sheet == FRAME).all(-1), 162, axis=1).all(-1)
    assert runs.any(1).sum() == 2 * -(-count // 8)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("missing.png", "s.png"), 1, "missing.png"),
        (("photo.png", "s.pgm"), 2, "needs colour"),
        (("photo.png", "s.png", "--tag", "nonsense"), 2, 'no kernel has the tag "nonsense"'),
    ],
)
def test_a_gallery_that_cannot_be_leaves_no_file(convfilter, photo, words, code, message):
    """One line that names what is wrong, and no sheet."""
    done = convfilter("kernels", "gallery", *words)
    assert done.code == code
    assert message in done.err
    assert not Path(words[1]).exists()


def test_show_saves_weights_as_a_picture(convfilter):
    """sobel-x: three rows of squares, the extremes full blue and red, what is half as large half as deep."""
    done = convfilter("kernels", "show", "sobel-x", "--save", "weights.png")
    assert done.code == 0
    assert "sobel-x" in done.out
    pixels = opened("weights.png")
    blue, white, red = (np.array(colour) for colour in ((5, 75, 160), (252, 252, 252), (180, 20, 35)))
    area = {name: (np.abs(pixels - colour) <= 1).all(-1).sum() for name, colour in
            {"blue": blue, "red": red, "half blue": (blue + white) / 2, "half red": (red + white) / 2}.items()}  # fmt: skip
    assert area["blue"] > 800
    assert area["red"] > 800
    assert area["half blue"] > 1600
    assert area["half red"] > 1600


def test_large_banks_say_what_is_left_out(tmp_path):
    """Of 70 filters of 20 × 20 and five channels 64 and four are drawn; the file is not taller for the rest."""
    from convfilter.images.weights import draw_weights

    weights = np.random.default_rng(0).normal(size=(2, 2, 5, 70))
    draw_weights(weights, tmp_path / "many.png", title="many")
    draw_weights(weights[:, :, :4, :64], tmp_path / "first.png", title="many")
    assert opened(tmp_path / "many.png").shape[0] - opened(tmp_path / "first.png").shape[0] in range(20, 60)


def test_wide_kernels_are_squares_without_numbers(convfilter):
    """gabor of 31 by 31 is drawn in about 480 pixels."""
    convfilter("kernels", "show", "gabor:size=31", "--save", "gabor.png")
    height, width = opened("gabor.png").shape[:2]
    assert 465 <= width <= 560
    assert 465 <= height <= 640


def test_a_pipeline_is_no_kernel(convfilter):
    """`kernels show --save` of a pipeline names the command that draws one."""
    Path("pipe.json").write_text('{"layers": [{"pool": 2}]}')
    done = convfilter("kernels", "show", "./pipe.json", "--save", "a.png")
    assert done.code == 2
    assert "convfilter describe" in done.err
