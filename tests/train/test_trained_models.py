"""The commands that take a trained model: evaluate, predict, features, extract."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convfilter.networks.load import load_model
from convfilter.networks.predict import predict

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.slow
def test_evaluate_predict_extract_features(run_folder, npz, convfilter, digits):
    """The commands on a trained model: the report's accuracy, a photo's digits, kernels that apply runs."""

    model = run_folder / "best.keras"
    report = json.loads((run_folder / "report.json").read_text())
    judged = json.loads(convfilter("evaluate", model, "--data", npz, "--json").out)
    assert judged["accuracy"] == report["test"]["accuracy"]
    assert judged["confusion"] == report["confusion"]

    network_says = predict(load_model(model), digits.test.images[:40]).argmax(1)
    sure = np.flatnonzero(network_says == digits.test.labels[:40])[:3]
    paper = np.full((60, 140), 235, np.uint8)
    for place, index in enumerate(sure):
        paper[16:44, 10 + 40 * place : 38 + 40 * place] -= (digits.test.images[index, ..., 0] * 0.85).astype(
            np.uint8
        )
    Image.fromarray(np.kron(paper, np.ones((4, 4), np.uint8))).save("photo.png")
    found = json.loads(convfilter("predict", model, "photo.png", "--json", "--csv", "digits.csv").out)
    assert [digit["digit"] for digit in found["digits"]] == digits.test.labels[sure].tolist()
    assert all(sum(digit["probabilities"]) == pytest.approx(1, abs=1e-5) for digit in found["digits"])
    assert len(Path("digits.csv").read_text().splitlines()) == 1 + 3

    done = convfilter("kernels", "extract", model, "--layer", "conv1", "--out", "learned")
    assert done.code == 0, done.err
    assert (
        convfilter("apply", "learned/fast-conv1.json", "photo.png", "conv1.npy", "--range", "raw").code == 0
    )
    assert np.load("conv1.npy").shape == (240, 560, 16)
    assert convfilter("features", model, "photo.png", "sheet.png").code == 0
    assert convfilter("features", "sobel", "photo.png", "sobel.png").code == 0
    assert np.asarray(Image.open("sheet.png")).std() > 1


@pytest.mark.slow
def test_commands_take_the_npz(run_folder, npz, convfilter, digits):
    """best.npz in the place of best.keras: the same answers, kernels and sheets to the bit, and no warning of code."""

    paper = np.full((48, 48), 235, np.uint8)
    paper[10:38, 10:38] -= (digits.test.images[0, ..., 0] * 0.85).astype(np.uint8)
    Image.fromarray(np.kron(paper, np.ones((4, 4), np.uint8))).save("photo.png")
    for number, kind in enumerate(("keras", "npz")):
        model = run_folder / f"best.{kind}"
        commands = [
            ("evaluate", model, "--data", npz, "--json"),
            ("predict", model, "photo.png", "--json"),
            ("kernels", "extract", model, "--layer", "conv2", "--out", kind),
            ("features", model, "photo.png", f"{kind}.png"),
        ]
        done = [convfilter(*command) for command in commands]
        assert [each.code for each in done] == [0] * 4, done
        assert [each.err.count("a model file is code") for each in done] == [1 - number] * 4
        Path(f"{kind}.txt").write_text(done[0].out + done[1].out)
    assert Path("keras.txt").read_bytes() == Path("npz.txt").read_bytes()
    assert Path("keras.png").read_bytes() == Path("npz.png").read_bytes()
    banks = [json.loads(Path(kind, "fast-conv2.json").read_text()) for kind in ("keras", "npz")]
    sources = [bank.pop("source") for bank in banks]
    assert banks[0] == banks[1]
    assert sources[1].startswith("layer conv2 of best.npz, SHA-256 ")


@pytest.mark.slow
def test_predict_and_features_prepare_alike(run_folder, convfilter, digits):
    """A digit black on white, with clear paper, or small on a large sheet: both give the network the
    data set's own digit and say what was done; with --as-is neither touches it."""
    from convfilter.digits.photo import network_input
    from convfilter.images.read import read

    model = run_folder / "best.npz"
    network = load_model(model)
    answers = predict(network, digits.test.images)
    sure = int(np.flatnonzero((answers.max(1) > 0.99) & (answers.argmax(1) == digits.test.labels))[0])
    image, label = digits.test.images[sure, ..., 0], int(digits.test.labels[sure])
    clear = np.stack([np.zeros_like(image), image], -1)
    whole = ["cropped to the ink", "centred by mass"]
    for pixels, steps in (
        (image, []),
        (255 - image, ["inverted"]),
        (clear, ["inverted"]),
        (
            np.kron(np.pad(255 - image, 30, constant_values=255), np.ones((3, 3), np.uint8)),
            ["inverted", *whole],
        ),
    ):
        Image.fromarray(pixels).save("digit.png")
        done = json.loads(convfilter("features", model, "digit.png", "sheet.png", "--json").out)
        assert done["prepared"] == steps
        (read_,) = json.loads(convfilter("predict", model, "digit.png", "--json").out)["digits"]
        assert (read_["digit"], read_["prepared"]) == (label, steps)
        given, _ = network_input(network, read(Path("digit.png")))
        assert np.corrcoef(given.ravel(), image.ravel())[0, 1] > (0.9 if whole[0] in steps else 0.9999)
    Image.fromarray(255 - image).save("digit.png")
    raw, said = network_input(network, read(Path("digit.png")), as_is=True)
    assert (raw[..., 0] == 255 - image).all()
    assert said == ()
    (read_,) = json.loads(convfilter("predict", model, "digit.png", "--json", "--as-is").out)["digits"]
    assert read_["probabilities"] == pytest.approx(predict(network, raw[None])[0].tolist(), abs=1e-6)
    assert read_["prepared"] == []


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_deep_pictures_are_fitted_alike(run_folder, digits, kind):
    """A picture of 16 bits or floats of another size gives the network what its 8-bit copy does."""
    from convfilter.digits.photo import network_input
    from convfilter.images.picture import Picture

    pixels = np.kron(digits.test.images[0, ..., 0], np.ones((2, 2), np.uint8))
    deep = pixels.astype(np.uint16) * 257 if kind == "uint16" else (pixels / 255).astype(np.float32)
    network = load_model(run_folder / "best.npz")
    given = [network_input(network, Picture(each), as_is=True) for each in (pixels, deep)]
    assert np.array_equal(given[0][0], given[1][0])
    assert given[0][0].max() > 200
    assert given[1][1] == ("fitted to 28×28",)


@pytest.mark.slow
def test_rows_and_pictures_of_other_things(run_folder, convfilter, digits):
    """Rows of digits stay apart in text, JSON and CSV; a landscape is refused by name, the others are read."""
    model = run_folder / "best.npz"
    cells = 255 - digits.test.images[:6, ..., 0]
    page = np.vstack([np.hstack(cells[:4]), np.hstack([*cells[4:], *np.full((2, 28, 28), 255, np.uint8)])])
    Image.fromarray(np.kron(np.pad(page, 20, constant_values=255), np.ones((3, 3), np.uint8))).save(
        "page.png"
    )
    scene = Path(__file__).parents[2] / "samples" / "scene.png"
    done = convfilter("predict", model, scene, "page.png", "--csv", "digits.csv")
    assert done.code == 1
    assert f"{scene}: no page of digits: " in done.err.replace("\n", "")
    title, *lines = done.out.splitlines()
    assert title.startswith("page.png: 2 rows  (least sure: ")
    assert [len(line.strip()) for line in lines] == [4, 2]
    with open("digits.csv") as file:
        rows = [(row["place"], row["row"], row["column"], row["digit"]) for row in csv.DictReader(file)]
    found = json.loads(convfilter("predict", model, "page.png", "--json").out)["digits"]
    assert [(each["row"], each["column"]) for each in found] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (2, 1),
        (2, 2),
    ]
    assert rows == [
        (str(n), *(str(each[k]) for k in ("row", "column", "digit"))) for n, each in enumerate(found, 1)
    ]
    assert "".join(line.strip() for line in lines) == "".join(str(each["digit"]) for each in found)
    drawn = json.loads(convfilter("features", model, scene, "sheet.png", "--json").out)
    assert drawn["prepared"] == ["no page of digits", "fitted to 28×28"]
    first = json.loads(convfilter("features", model, "page.png", "sheet.png", "--json").out)
    assert first["prepared"][0] == "the first of 6 digits"


@pytest.mark.slow
def test_an_unsure_network_is_told(run_folder, convfilter, digits, tmp_path):
    """A network that gives every class alike gets a warning on stderr and in JSON, and exit 0."""
    model = load_model(run_folder / "best.keras")
    model.layers[-1].set_weights([np.zeros_like(values) for values in model.layers[-1].get_weights()])
    model.save(tmp_path / "unsure.keras")
    surest = predict(load_model(run_folder / "best.npz"), digits.test.images).max(1).argmax()
    Image.fromarray(digits.test.images[surest, ..., 0]).save("one.png")
    for name, words in ((tmp_path / "unsure.keras", "perhaps no digits"), (run_folder / "best.npz", None)):
        done = convfilter("predict", name, "one.png", "--json")
        assert done.code == 0
        warning = json.loads(done.out)["warning"]
        assert (words in warning and words in done.err) if words else (warning is None)


def test_a_model_that_diverged_is_told(run_folder, npz, convfilter, tmp_path):
    """NaN is no answer, neither of a test nor of a photo."""
    model = load_model(run_folder / "best.keras")
    head = model.layers[-1]
    head.set_weights([np.full_like(values, np.nan) for values in head.get_weights()])
    model.save(tmp_path / "nan.keras")
    Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), 12)).save("one.png")
    for words in (
        ("evaluate", tmp_path / "nan.keras", "--data", npz),
        ("predict", tmp_path / "nan.keras", "one.png"),
    ):
        done = convfilter(*words)
        assert done.code == 1
        assert "its training diverged; use an earlier model" in done.err
