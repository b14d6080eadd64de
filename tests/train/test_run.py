"""A run: what it learns and leaves, and that one cut off anywhere ends with the same bits."""

import csv
import json
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from convfilter.errors import DataError
from convfilter.train.plan import Plan
from convfilter.train.recipes import RECIPES, load_recipe

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bits(run_folder, npz, tmp_path, weights):
    """Killed with -9 in its second epoch and resumed: weights, optimiser and history are bit-identical to those of a
    run in another process."""
    folder = tmp_path / "killed"
    command = [
        sys.executable, "-m", "convfilter", "train", "mnist", "--data", npz, "--arch", "fast", "--epochs", "3",
        "--batch-size", "20", "--limit", "1500", "--seed", "4", "--out", folder,
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
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


class Impatient:
    """Stops in the middle of an epoch."""

    def load(self, *arguments):
        pass

    def epoch(self, row):
        pass

    def step(self, epoch, step, *arguments):
        if (epoch, step) == (4, 2):
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("recipe", "architecture"),
    [
        ("article", "article"),
        pytest.param("best", "best", marks=pytest.mark.slow),
        pytest.param("fast", "lenet5", marks=pytest.mark.slow),
    ],
)
def test_any_recipe_resumes_to_the_same_bits(recipe, architecture, digits, tmp_path, silent, weights):
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

    whole = session("whole", silent)
    with pytest.raises(KeyboardInterrupt):
        session("cut", Impatient())
    assert len((tmp_path / "cut" / "history.csv").read_text().splitlines()) == 5  # four epochs and the head
    assert session("cut", silent) == whole
    assert len({row["rate"] for row in whole}) > 1
    one, other = (weights(tmp_path / name / "checkpoint.npz") for name in ("whole", "cut"))
    assert one.keys() == other.keys()
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_keras_settings_change_no_training(recipe, digits, tmp_path, foreign_settings, silent, weights):
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
                model, load_recipe(recipe), plan, few_digits, few_digits, tmp_path / str(number), silent
            )
    usual, other = (weights(tmp_path / name / "checkpoint.npz") for name in "01")
    assert all(usual[name].tobytes() == other[name].tobytes() for name in usual)


@pytest.mark.slow
def test_a_resume_needs_the_same_data_and_machine(run_folder, npz, tmp_path, digits, silent):
    """Other data, another number of threads, or no run at all: an error, not other weights."""
    from convfilter.train import run

    with pytest.raises(DataError, match="holds no run"):
        run.resume(tmp_path, silent)
    other = tmp_path / "other.npz"
    np.savez(other, x_train=digits.test.images, y_train=digits.test.labels)
    with pytest.raises(DataError, match="not what the run started with"):
        run.resume(run_folder, silent, str(other))
    train = digits.train
    np.savez(other, x_train=train.images, y_train=train.labels, x_test=train.images, y_test=train.labels)
    with pytest.raises(DataError, match="not what the run started with"):  # another test set
        run.resume(run_folder, silent, str(other))
    changed = tmp_path / "run"
    changed.mkdir()
    config = json.loads((run_folder / "config.json").read_text())
    for key, other in (("cores", 99), ("keras", "3.0"), ("OMP_NUM_THREADS", "7")):
        environment = config["environment"] | {key: other}
        (changed / "config.json").write_text(json.dumps(config | {"environment": environment}))
        with pytest.raises(DataError, match=f"started with {key} {other}, here it is"):
            run.resume(changed, silent)


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


def test_a_run_folder_is_not_overwritten(run_folder, npz, convfilter):
    """A second run into the same folder is refused and changes nothing."""
    before = (run_folder / "config.json").read_bytes()
    done = convfilter("train", "mnist", "--data", npz, "--out", run_folder)
    assert done.code == 1
    assert "--resume" in done.err
    assert (run_folder / "config.json").read_bytes() == before
