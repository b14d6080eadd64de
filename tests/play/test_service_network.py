"""What the page is answered about a network: as Keras and NumPy say it, of a small run made here."""

import base64
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from browser import Play
from PIL import Image

from convfilter.errors import FilterError
from convfilter.filters.load import read_text
from convfilter.play.api import Api
from convfilter.play.run import Run, model_file
from convfilter.play.work import Refusal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras' own
]


def data(path) -> tuple[np.ndarray, np.ndarray]:
    """A set of 28×28 pictures, a bar at another place for each class; its 60 test pictures and labels."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 10, 260)
    images = random.integers(0, 40, (260, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4:24, 4 + 2 * label : 7 + 2 * label] = 255
    parts = {"x_train": images[:200], "y_train": labels[:200], "x_test": images[200:], "y_test": labels[200:]}
    np.savez(path, **parts)
    return images[200:], labels[200:]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder, its test pictures and their labels."""
    folder = tmp_path_factory.mktemp("runs")
    images, labels = data(folder / "bars.npz")
    words = ["train", "bars", "--data", folder / "bars.npz", "--recipe", "fast", "--epochs", "2", "--quiet"]
    command = [sys.executable, "-m", "convfilter", *words, "--out", folder / "run"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "run", images, labels


@pytest.fixture(scope="module")
def service(run):
    from convfilter.networks.load import load_model
    from convfilter.play.service_network import NetworkService

    path = model_file(run[0])
    return NetworkService(load_model(path), path)


@pytest.fixture(scope="module")
def model(run):
    """The same network, loaded by Keras alone."""
    import keras

    return keras.saving.load_model(run[0] / "best.keras", compile=False)


def pixels_of(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_a_run_is_its_best_network(run):
    """The folder stands for best.npz in it; a folder without a run is refused."""
    assert model_file(run[0]) == run[0] / "best.npz"
    assert model_file(run[0] / "last.keras") == run[0] / "last.keras"
    with pytest.raises(FilterError, match="no run"):
        model_file(run[0].parent)


def test_facts(service, model, run):
    """Layers, parameters, curves, test and confusion matrix are the network's and the run's files'."""
    found = json.loads(json.dumps(service.facts()))
    assert (found["name"], found["parameters"]) == ("run", model.count_params())
    assert found["classes"] == list("0123456789")
    assert [(row["name"], row["kind"]) for row in found["layers"]] == [
        (each.name, type(each).__name__) for each in model.layers
    ]
    assert [row["shape"] for row in found["layers"]] == [list(each.output.shape[1:]) for each in model.layers]
    lines = (run[0] / "history.csv").read_text().split()
    assert list(found["curves"]) == ["epochs", *lines[0].split(",")[1:]]
    assert found["curves"]["epochs"] == [1, 2]
    report = json.loads((run[0] / "report.json").read_text())
    assert found["confusion"] == report["confusion"]
    assert found["test"] == {"accuracy": report["test"]["accuracy"], "count": 60}


def test_kernels_are_the_learned_weights(service, model):
    """Each loads as a filter of one channel, at most 64 a layer, and holds the layer's own numbers."""
    for entry in service.facts()["kernels"]:
        weights = np.asarray(model.get_layer(entry["layer"]).kernel)  # (kh, kw, in, out)
        depth, count = weights.shape[2:]
        assert len(entry["files"]) == min(depth * count, 64)
        for number, text in enumerate(entry["files"]):
            filter, channel = divmod(number, depth)
            kernel = read_text(text)
            np.testing.assert_array_equal(
                np.float32(kernel.weights[:, :, 0, 0]), weights[:, :, channel, filter]
            )


def drawing(side=280):
    """A slanted stroke, away from the middle, white on black."""
    pixels = np.zeros((side, side), np.uint8)
    for row in range(30, 190):
        pixels[row, 60 - row // 8 : 80 - row // 8] = 255
    return pixels


def test_a_drawing_is_prepared_as_mnist_is(service):
    """28×28, at most 20 a side, its centre of mass in the middle, wherever and however large it was drawn."""
    found = np.array(service.digit({"pixels": drawing().tolist()})["prepared"])
    assert found.shape == (28, 28)
    rows, columns = np.nonzero(found > 25)
    assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22
    middle = [(found.sum(1 - axis) * (np.arange(28) + 0.5)).sum() / found.sum() for axis in (0, 1)]
    np.testing.assert_allclose(middle, 14.5, atol=0.6)
    moved = np.roll(drawing(), (60, 120), (0, 1))
    np.testing.assert_array_equal(service.digit({"pixels": moved.tolist()})["prepared"], found)


def test_predictions_and_layers_are_keras_own(service, model):
    """The classes' probabilities and each layer's range, as the model itself gives them for what was prepared."""
    found = service.digit({"pixels": drawing().tolist()})
    given = np.float32(found["prepared"])[None, ..., None] / 255
    wanted = np.asarray(model.predict_on_batch(given))[0]
    np.testing.assert_allclose([row["probability"] for row in found["predictions"]], wanted, atol=1e-5)
    assert [row["class"] for row in found["predictions"]] == list("0123456789")
    first = np.asarray(model.layers[0](given))[0]
    layer = found["layers"][1]
    assert layer["shape"] == list(first.shape)
    assert (layer["low"], layer["high"]) == pytest.approx((first.min(), first.max()), rel=1e-4)
    assert len(layer["channels"]) == min(16, first.shape[2])
    assert pixels_of(layer["channels"][0]).shape == (*first.shape[:2], 3)


def test_an_empty_drawing_is_no_digit(service):
    """Nothing is predicted of nothing."""
    for value in (0, 10):
        assert service.digit({"pixels": np.full((50, 60), value).tolist()}) == {"empty": True}
    assert "prepared" in service.digit({"pixels": [[255]]})


@pytest.mark.parametrize(
    "pixels", [None, [], [[]], [[1], [1, 2]], [["x"]], [[256]], [[-1]], [[0] * 1025], [[[1]]]], ids=str
)
def test_what_is_no_drawing_is_refused(service, pixels):
    """Ragged, too large, not numbers from 0 to 255."""
    with pytest.raises(Refusal, match="a drawing is rows of numbers"):
        service.digit({"pixels": pixels})


def test_a_cell_of_the_matrix_opens_its_pictures(service, run, model):
    """As many as the cell counts, and those that the model itself takes for that class."""
    _, images, labels = run
    answers = np.asarray(model.predict_on_batch(np.float32(images)[..., None] / 255)).argmax(1)
    confusion = np.array(service.facts()["confusion"])
    for truth, taken in np.argwhere(confusion)[:12].tolist():
        found = service.mistakes({"truth": truth, "taken": taken})["pictures"]
        wanted = images[(labels == truth) & (answers == taken)]
        assert len(found) == confusion[truth, taken] == len(wanted)
        np.testing.assert_array_equal([pixels_of(each) for each in found], wanted)
    for wrong in (10, -1, "1", None, True):
        with pytest.raises(Refusal, match="a class is a whole number"):
            service.mistakes({"truth": wrong, "taken": 0})


def test_a_file_by_itself_has_no_run(run, tmp_path):
    """Without the folder: no curves, no matrix, numbered classes; pictures that are gone are said to be."""
    run_alone = Run(tmp_path)
    assert (run_alone.name, run_alone.curves(), run_alone.confusion, run_alone.test) == (
        None,
        None,
        None,
        None,
    )
    with pytest.raises(Refusal, match="not on this computer"):
        run_alone.test_pictures()


def test_the_page_learns_that_there_is_a_network(service):
    """Its name in the start; the network's facts under their name, and a refusal where there is none."""
    play = Play(network=service)
    play.close()
    assert play.service.start()["network"] == "run"
    assert json.loads(Api(play.service).ask("GET", "network", b"").body)["name"] == "run"
    alone = Play()
    alone.close()
    assert Api(alone.service).ask("GET", "network", b"").status == 400
