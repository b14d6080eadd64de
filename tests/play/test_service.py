"""What the page is answered: numbers by NumPy, or by what the command writes."""

import base64
import io
import json
import shlex

import numpy as np
import pytest
from browser import Play, png
from PIL import Image

import convfilter as library
from convfilter.cli import run as run_command
from convfilter.play.api import Api
from convfilter.play.work import Refusal, text_of, work_of

RNG = np.random.default_rng(11)
GRAY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
COLOURS = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
BINOMIAL = '{"weights": [[1, 2, 1], [2, 4, 2], [1, 2, 1]], "divisor": "sum"}'


def opened(pixels):
    """The service of a picture, and the picture's id."""
    play = Play(picture=pixels)
    play.close()
    return play.service, play.service.first.id


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def decoded(address: str) -> np.ndarray:
    """The pixels of data:image/png;base64,…"""
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    return pixels_of(base64.b64decode(data))


WORKS = [
    {"filter": ["sobel"]},
    {"filter": ["sobel"], "border": "edge", "strides": [2, 1], "activation": "relu", "bias": 0.25},
    {"filter": ["gaussian:sigma=1.5"]},
    {"filter": ["gaussian:sigma=1"], "color": "luma", "linear": True},
    {"filter": ["sobel-x"], "range": "signed", "color": "each"},
    {"filter": ["laplacian", "box-3"], "range": "abs", "pad": [2, 3], "dilation": [2, 1]},
    {"filter": ["sobel"], "combine": "absmax", "pool": [2, 2], "pool_mode": "average", "values": "unit"},
    {"filter": ["sobel"], "data_format": "channels_first", "range": "gain"},
]


@pytest.mark.parametrize("pixels", [GRAY, COLOURS], ids=["gray", "colours"])
@pytest.mark.parametrize("work", WORKS, ids=str)
def test_a_picture_is_what_apply_gives(work, pixels):
    """POST apply is the array of convfilter.apply, to the last bit."""
    service, identity = opened(pixels)
    found, taken = service.apply({"work": work, "picture": identity})
    others = {key: value for key, value in work.items() if key != "filter"}
    np.testing.assert_array_equal(pixels_of(found), library.apply(work["filter"], pixels, **others))
    assert taken > 0


def test_a_kernels_text_is_its_filter():
    """A matrix, an object and a pipeline as text: the same as the kernels and pipelines of Python."""
    service, identity = opened(GRAY)
    texts = {
        "[[0, 1, 0], [1, 1, 1], [0, 1, 0]]": library.make_kernel([[0, 1, 0], [1, 1, 1], [0, 1, 0]]),
        BINOMIAL: library.make_kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor="sum"),
        '{"layers": [{"pad": "same"}, {"conv": "sobel-x"}]}': library.make_pipeline("sobel-x"),
    }
    for text, filter in texts.items():
        found, _ = service.apply({"work": {"filter": [text]}, "picture": identity})
        np.testing.assert_array_equal(pixels_of(found), library.apply(filter, GRAY), err_msg=text)


def test_pages_are_the_filters_of_a_bank():
    """Page n is the n-th filter's picture."""
    service, identity = opened(GRAY)
    work = {"filter": ["sobel"], "combine": "none", "range": "signed"}
    wanted = library.apply("sobel", GRAY, combine="none", range="signed")
    for page in range(2):
        found, _ = service.apply({"work": work, "picture": identity, "page": page})
        np.testing.assert_array_equal(pixels_of(found), wanted[..., page])
    assert service.describe({"work": work, "size": [20, 30]})["pages"] == 2
    with pytest.raises(Refusal, match="page must be a whole number from 0 to 1"):
        service.apply({"work": work, "picture": identity, "page": 2})


@pytest.mark.parametrize("dtype", ["uint16", "alpha"])
def test_deep_pictures_are_shown_as_bytes(dtype):
    """16 bits are shown by their upper byte, rounded; a translucent result keeps its alpha."""
    if dtype == "uint16":
        deep = RNG.integers(0, 65536, (9, 9), dtype=np.uint16)
        service, identity = opened(deep)
        shown = pixels_of(service.picture_file(identity))
        np.testing.assert_array_equal(shown, np.rint(deep / 257))
        assert service.picture(identity)["dtype"] == "uint16"
        found, _ = service.apply({"work": {"filter": ["identity"]}, "picture": identity})
        np.testing.assert_array_equal(pixels_of(found), np.rint(deep / 257))
        return
    four = RNG.integers(0, 256, (9, 9, 4), dtype=np.uint8)
    service, identity = opened(four)
    assert service.picture(identity)["channels"] == 3
    found, _ = service.apply({"work": {"filter": ["identity"], "color": "each"}, "picture": identity})
    assert pixels_of(found).shape == (9, 9, 4)


def test_the_start_and_the_picture():
    """The page learns what it shows first; the picture comes back as it was."""
    service, identity = opened(COLOURS)
    start = service.start()
    assert start == {
        "filter": ["sobel"],
        "picture": identity,
        "network": None,
        "version": library.__version__,
    }
    facts = {
        "id": identity,
        "name": "picture.png",
        "width": 30,
        "height": 20,
        "channels": 3,
        "dtype": "uint8",
    }
    assert service.picture(identity) == facts
    np.testing.assert_array_equal(pixels_of(service.picture_file(identity)), COLOURS)


def test_ids_are_of_the_files_bytes():
    """The first 16 hexadecimal digits of their SHA-256."""
    import hashlib

    data = png(GRAY)
    service, _ = opened(COLOURS)
    assert service.upload(data, "a.png")["id"] == hashlib.sha256(data).hexdigest()[:16]


def test_the_catalogue_names_what_can_be_used():
    """Every kernel and formula of it works; defaults lie within what a parameter may be."""
    service, _ = opened(GRAY)
    known = json.loads(json.dumps(service.catalogue()))
    assert {"sobel", "laplacian"} <= {row["name"] for row in known["kernels"]}
    for row in known["kernels"][:5]:
        assert work_of({"filter": [row["name"]]}).pipeline.convs[0].weights.shape[:2] == tuple(row["size"])
    for row in known["formulas"]:
        for each in row["parameters"]:
            assert each["default"] is None or each["least"] <= each["default"] <= each["most"]
            assert each["unit"] in ("pixels", "degrees", "")
        values = ",".join(
            f"{each['name']}={each['default']}" for each in row["parameters"] if each["default"] is not None
        )
        assert work_of({"filter": [f"{row['name']}:{values}" if values else row["name"]]}).pipeline.convs
    assert known["words"]["border"] == ["zero", "edge", "reflect", "symmetric", "wrap"]


def test_weights_as_in_the_file_and_as_used():
    """The file's whole numbers and divisor, and what they make; flip turns the used ones."""
    service, _ = opened(GRAY)
    text = '{"weights": [[1, 2], [3, 4]], "divisor": 8, "flip": true, "bias": 0.5}'
    (kernel,) = service.describe({"work": {"filter": [text]}, "size": [20, 30]})["kernels"]
    weights, effective = np.array(kernel["weights"]), np.array(kernel["effective"])
    np.testing.assert_array_equal(weights[:, :, 0, 0], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(effective[:, :, 0, 0], [[4 / 8, 3 / 8], [2 / 8, 1 / 8]])
    assert (kernel["divisor"], kernel["bias"], kernel["filter"]) == (8, [0.5], 0)
    (named,) = service.describe({"work": {"filter": ["binomial-3"]}, "size": [20, 30]})["kernels"]
    np.testing.assert_array_equal(np.array(named["weights"])[:, :, 0, 0], np.outer([1, 2, 1], [1, 2, 1]))
    assert named["divisor"] == 16


def test_files_load_again():
    """Each filter's text, loaded, gives the same picture."""
    service, identity = opened(GRAY)
    work = {"filter": ["sobel", "gaussian:sigma=1", BINOMIAL]}
    files = service.describe({"work": work, "size": [20, 30]})["files"]
    assert len(files) == 3
    first, _ = service.apply({"work": work, "picture": identity})
    again, _ = service.apply({"work": {"filter": files}, "picture": identity})
    assert first == again


def test_layers_bounds_and_counts():
    """Shapes and the three counts of weights of a 9×9 grid, a 3×3 kernel and strides of 3: 729, 81, 9."""
    service, _ = opened(GRAY)
    work = {"filter": ["sobel-x"], "pad": "valid", "strides": [3, 3]}
    found = service.describe({"work": work, "size": [9, 9]})
    assert [(row["kind"], row["keras"], row["shape"]) for row in found["layers"]] == [
        ("conv", "Conv2D", (3, 3, 1))
    ]
    assert [(row["dense"], row["local"], row["shared"]) for row in found["weights"]] == [(729, 81, 9)]
    assert (found["bounds"]["low"], found["bounds"]["high"]) == (-4, 4)


def test_signs_that_would_be_lost_are_told():
    """signed: results below 0 that the range makes black."""
    service, _ = opened(GRAY)

    def signed(**work):
        return service.describe({"work": work, "size": [20, 30]})["signed"]

    assert signed(filter=["sharpen"])
    assert signed(filter=["sobel-x"], range="clip")
    assert not signed(filter=["sobel-x"])  # its own range is signed
    assert not signed(filter=["gaussian:sigma=1"])
    assert not signed(filter=["sharpen"], range="signed")


@pytest.mark.parametrize(
    "work", [*WORKS, {"filter": [BINOMIAL, "sobel", "[[1, -1]]"], "bias": -0.125, "border": "wrap"}], ids=str
)
def test_the_command_does_the_same(work, tmp_path, monkeypatch, capfd):
    """Run as it stands, quoted for a shell, it writes the pixels that the page shows."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(COLOURS).save("photo.jpg", quality=100)
    service, identity = opened(tmp_path / "photo.jpg")
    told = service.describe({"work": work, "size": [20, 30]})
    documents = [text for text in work["filter"] if text.startswith(("{", "["))]
    for number, text in enumerate(documents, 1):
        (tmp_path / f"kernel{f'-{number}' if number > 1 else ''}.json").write_text(text)
    program, *words = shlex.split(told["command"])
    assert program == "convfilter"
    assert run_command(words) == 0
    found, _ = service.apply({"work": work, "picture": identity})
    np.testing.assert_array_equal(np.asarray(Image.open("out.png")), pixels_of(found))


def test_a_shell_takes_no_part_of_a_command():
    """What a shell would act on is quoted."""
    service, _ = opened(GRAY)
    hostile = '{"name": "$(rm -rf ~); `x` \' \\" ", "weights": [[1]]}'
    told = service.describe({"work": {"filter": [hostile]}, "size": [20, 30]})
    assert told["command"] == "convfilter apply ./kernel.json photo.jpg out.png"


def test_each_layer_is_the_engines():
    """Ranges of sobel's layers, by NumPy; the picture of a channel is blue below 0 and red above."""
    service, identity = opened(GRAY)
    found = service.layers({"work": {"filter": ["sobel"]}, "picture": identity})["layers"]
    assert [layer["kind"] for layer in found] == ["input", "pad", "conv", "combine"]
    padded = np.pad(GRAY.astype(np.float64), 1)
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    gradients = [
        sum(kernel[r, c] * padded[r : r + 20, c : c + 30] for r in range(3) for c in range(3))
        for kernel in (across, across.T)
    ]
    assert (found[0]["low"], found[0]["high"]) == (GRAY.min(), GRAY.max())
    assert (found[2]["low"], found[2]["high"]) == (np.min(gradients), np.max(gradients))
    assert found[3]["high"] == pytest.approx(np.hypot(*gradients).max(), rel=1e-6)
    assert found[2]["shape"] == (20, 30, 2)
    drawn = decoded(found[2]["channels"][0]).astype(int)
    clear = np.abs(gradients[0]) > 0.5 * np.abs(gradients[0]).max()
    assert (drawn[clear & (gradients[0] > 0)] @ [1, 0, -1] > 0).all()
    assert (drawn[clear & (gradients[0] < 0)] @ [1, 0, -1] < 0).all()


def test_a_windows_numbers_are_apply_s():
    """Layer by layer for a grid: the padding by numpy.pad, the last layer by convfilter.apply of floats."""
    service, _ = opened(GRAY)
    grid = RNG.normal(size=(9, 8)).astype(np.float32)
    work = {"filter": [BINOMIAL], "border": "reflect", "strides": [2, 3], "bias": 0.5}
    found = service.window({"work": work, "grid": grid.tolist()})
    first, pad, conv = found["layers"]
    np.testing.assert_array_equal(np.float32(first["values"]), grid[None])
    assert pad["pad"] == {"top": 1, "bottom": 1, "left": 1, "right": 1, "border": "reflect"}
    np.testing.assert_array_equal(np.float32(pad["values"])[0], np.pad(grid, 1, "reflect"))
    others = {key: value for key, value in work.items() if key != "filter"}
    kernel = library.load("binomial-3")
    wanted = library.apply(library.make_kernel(kernel.weights), grid, range="raw", **others)
    np.testing.assert_array_equal(np.float32(conv["values"])[0], wanted)
    assert conv["window"] == {"extent": (3, 3), "strides": (2, 3), "dilation": (1, 1)}
    assert (np.shape(conv["weights"]), conv["bias"]) == ((3, 3, 1, 1), [0.5])
    assert [row["shared"] for row in found["weights"]] == [9]


def test_window_pads_to_cover():
    """`cover` becomes the rows and columns that the grid's size needs; pools and combinations say what they are."""
    service, _ = opened(GRAY)
    work = {"filter": ["sobel"], "pad": "cover", "strides": [3, 2], "pool": [2, 2]}
    found = service.window({"work": work, "grid": np.eye(11).tolist()})["layers"]
    assert [layer["kind"] for layer in found] == ["input", "pad", "conv", "combine", "pool"]
    assert found[1]["pad"] == {"top": 0, "bottom": 1, "left": 0, "right": 0, "border": "zero"}
    assert (found[3]["combine"], found[4]["mode"]) == ("magnitude", "max")


GRIDS = [
    None,
    [],
    [[]],
    [[1], [1, 2]],
    [["x"]],
    "grid",
    [[1] * 33],
    [[1]] * 33,
    [[[1]]],
    [[1e999]],
    [[1e39]],
    [[None]],
]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: str(grid)[:20])
def test_what_is_no_grid_is_refused(grid):
    """Ragged, empty, larger than 32, not numbers, infinite."""
    service, _ = opened(GRAY)
    with pytest.raises(Refusal, match="a grid is up to 32 rows"):
        service.window({"work": {"filter": ["sobel"]}, "grid": grid})


PLACES = [
    ('{"weights": [[1, 2],\n [3, x]]}', 2, 6, "not JSON: expecting value"),
    ('{"weights": [[1, 2], [3]]}', 1, 22, "row 2 holds 1 number, row 1 holds 2 numbers; make them equal"),
    ('{"weights": [[1]], "bordr": 1}', 1, 29, 'unknown field "bordr"; did you mean "border"?'),
    (
        '{"layers": [{"conv": [[1, 0]]},\n{"conv": "sobell"}]}',
        2,
        10,
        'no kernel named "sobell"; did you mean',
    ),
    ("[[NaN]]", 1, 3, "NaN is not a number a kernel can hold"),
    ("[", 1, 2, "not JSON"),
]


@pytest.mark.parametrize(("text", "line", "column", "says"), PLACES)
def test_mistakes_have_their_place(text, line, column, says):
    """The filter's number, line and column apart, so that the page shows the message there."""
    with pytest.raises(Refusal) as caught:
        work_of({"filter": ["sobel", text]})
    told = caught.value.as_json()
    assert (told["filter"], told["line"], told["column"]) == (1, line, column)
    assert told["error"].startswith(says)


def test_a_name_that_is_wrong_has_no_place():
    """But the number of the filter; a setting that is wrong has neither."""
    with pytest.raises(Refusal) as caught:
        work_of({"filter": ["sobell"]})
    assert caught.value.as_json()["line"] is None
    assert caught.value.filter == 0
    with pytest.raises(library.FilterError, match="border can't be 'ege'"):
        work_of({"filter": ["sobel"], "border": "ege"})


def test_numbers_that_json_has_not_become_null():
    """An activation that grows to infinity: null, not Infinity, which no browser reads."""
    service, _ = opened(GRAY)
    work = {"filter": ["[[1]]"], "activation": "exponential"}
    answer = Api(service).ask("POST", "window", json.dumps({"work": work, "grid": [[1000, 0]]}).encode())
    assert json.loads(answer.body)["layers"][-1]["values"] == [[[None, 1]]]


def test_a_files_text_goes_to_the_page(tmp_path, monkeypatch):
    """As it was written; kernels that a pipeline names by their paths are written into it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text(BINOMIAL)
    (tmp_path / "two.json").write_text('{"layers": [{"pad": "same"}, {"conv": "./mine.json"}]}')
    assert text_of("sobel") == "sobel"
    assert text_of("./mine.json") == BINOMIAL
    found = work_of({"filter": [text_of("./two.json")]}).pipeline
    np.testing.assert_array_equal(library.apply(found, GRAY), library.apply("./two.json", GRAY))


def test_explain_is_asked_with_what_the_command_writes(monkeypatch):
    """x, y and the layer as they came; uint16 for a picture of 16 bits, floats for raw results."""
    pytest.importorskip("convfilter.play.explain")
    asked = []

    def explain(pipeline, picture, options, dtype, engine, x, y, layer, channel, plane):
        asked.append((dtype.name, x, y, layer, channel, plane))
        return type("Told", (), {"as_json": lambda self: {}})()

    monkeypatch.setattr("convfilter.play.explain.explain", explain)
    service, identity = opened(RNG.integers(0, 65536, (9, 9), dtype=np.uint16))
    question = {"work": {"filter": ["sobel"]}, "picture": identity, "x": 3, "y": 4}
    service.explain(question)
    service.explain(
        {**question, "work": {"filter": ["sobel"], "range": "raw"}, "layer": 1, "channel": 1, "plane": 0}
    )
    assert asked == [("uint16", 3, 4, None, 0, 0), ("float32", 3, 4, 1, 1, 0)]
    for wrong in ({"x": -1}, {"x": 1.5}, {"y": True}, {"layer": 3}, {"layer": "1"}, {"channel": None}):
        with pytest.raises(Refusal, match="must be a whole number"):
            service.explain(question | wrong)


def test_layers_are_those_that_alpha_weights():
    """Of a translucent picture, blurred: the last layer's range is that of the numbers that explain gives."""
    pixels = RNG.integers(0, 256, (6, 7, 4), dtype=np.uint8)
    service, identity = opened(pixels)
    asked = {"work": {"filter": ["gaussian:sigma=1"], "color": "gray"}, "picture": identity}
    row = service.layers(asked)["layers"][-1]
    places = [{"x": x, "y": y} for x in range(7) for y in range(6)]
    values = [service.explain({**asked, **place, "layer": 1, "channel": 0, "plane": 0}) for place in places]
    found = [value["steps"][0]["value"] for value in values]
    assert (row["low"], row["high"]) == (min(found), max(found))
