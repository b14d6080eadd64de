"""A training run: its folder, its configuration, and what is written when it ends."""

import csv
import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from convfilter._version import __version__
from convfilter.errors import DataError, FilterError
from convfilter.networks.architectures import build, check_name
from convfilter.networks.npz_file import save_npz
from convfilter.system.atomic import atomic_write, make_folder
from convfilter.system.machine import schedulable_cores
from convfilter.train.card import model_card
from convfilter.train.data.dataset import Data, Dataset, Row, load, split
from convfilter.train.loop import Plan, Watcher, predict, scores, seconds_trained, train
from convfilter.train.plots import write_all
from convfilter.train.plots.figures import require_matplotlib
from convfilter.train.recipes import load_recipe

CONFIG = "config.json"
# Variables that change the order in which TensorFlow or its kernels add up.
_DECIDING = ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Result:
    """What a run ended with."""

    folder: Path
    history: list[Row]
    report: dict[str, Any]


def new_plan(recipe: str, seed: int, **given: Any) -> Plan:
    """The recipe's plan with what was given on the command line; None means the recipe's own."""
    module = load_recipe(recipe)
    own = {
        "architecture": module.ARCHITECTURE,
        "epochs": module.EPOCHS,
        "batch_size": module.BATCH_SIZE,
        "validation": module.VALIDATION,
        "limit": None,
        "classes": None,
    }
    plan = Plan(recipe=recipe, seed=seed, **{**own, **{k: v for k, v in given.items() if v is not None}})
    check_name(plan.architecture)
    return plan


def new_folder(name: str) -> Path:
    """runs/NAME-date-time, with a number where that exists."""
    stem = f"{Path(name).name}-{datetime.now():%Y%m%d-%H%M%S}"
    tries = (Path("runs") / (stem + suffix) for suffix in ("", *(f"-{n}" for n in range(2, 100))))
    return next(path for path in tries if not path.exists())


def start(source: str, plan: Plan, folder: Path, watcher: Watcher) -> Result:
    """Train anew in `folder`. Raises DataError where the folder already holds a run."""
    if (folder / CONFIG).exists():
        raise DataError(
            f'{folder}: already holds a run; go on with resume="{folder}", or choose another out="FOLDER"'
        )
    data = load(source, limit=plan.limit, classes=plan.classes, progress=watcher.load)
    require_matplotlib()
    make_folder(folder)
    config = {"plan": asdict(plan), "data": describe_data(data), "environment": environment()}
    write_json(folder / CONFIG, config)
    return _run(data, plan, folder, watcher, config)


def resume(folder: Path, watcher: Watcher, source: str | None = None) -> Result:
    """Go on where `folder`'s run stopped; `source` if its data has moved. Raises DataError."""
    try:
        config = json.loads((folder / CONFIG).read_text())
        plan, held, then = Plan(**config["plan"]), dict(config["data"]), dict(config["environment"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        why = "no config.json" if isinstance(error, FileNotFoundError) else "its config.json is damaged"
        raise DataError(f"{folder}: holds no run to resume ({why}); give a run folder") from error
    source = source or held["source"]
    data = load(source, limit=plan.limit, classes=plan.classes, progress=watcher.load)
    found = describe_data(data)
    if any(found.get(part) != held.get(part) for part in ("sha256", "test_sha256", "classes")):
        raise DataError(
            f'{folder}: the data is not what the run started with; give the same with data="PATH"'
        )
    now = environment()
    for key in {**then, **now}:
        if now.get(key) != then.get(key):
            raise DataError(
                f"{folder}: the run started with {key} {then.get(key)}, here it is {now.get(key)}; "
                "the weights would not be the same. Set it back, or start a new run"
            )
    return _run(data, plan, folder, watcher, config)


def _run(data: Data, plan: Plan, folder: Path, watcher: Watcher, config: dict[str, Any]) -> Result:
    from convfilter.model.boot import keras

    if data.train is None:
        raise DataError(f"{data.source}: nothing to train on; give pictures with labels")
    recipe = load_recipe(plan.recipe)
    training, validation = parts(data.train, plan)
    keras.utils.set_random_seed(plan.seed)
    model = build(plan.architecture, training.images.shape[1:], len(data.classes))
    history = train(model, recipe, plan, training, validation, folder, watcher)
    best = keras.saving.load_model(folder / "best.keras", compile=False)
    save_npz(best, plan.architecture, folder / "best.npz")
    report = judge(best, data, plan, history, model.count_params(), seconds_trained(folder))
    write_json(folder / "report.json", report)
    pictures = write_all(folder, data, best, recipe, history, report, plan.seed)
    card = model_card(config, report, history, [path.name for path in pictures])
    _write_text(folder / "README.md", card)
    if data.unlabelled is not None:
        write_submission(best, data.unlabelled, folder / "submission.csv")
    return Result(folder, history, report)


def parts(training: Dataset, plan: Plan) -> tuple[Dataset, Dataset | None]:
    """The pictures to train on and those to validate with; the same for the same seed."""
    if plan.validation == 0:
        return training, None
    return split(training, plan.validation, plan.seed)


def judge(
    model: Any, data: Data, plan: Plan, history: list[Row], parameters: int, seconds: float
) -> dict[str, Any]:
    """report.json: accuracies, the confusion matrix and how the run went."""
    report: dict[str, Any] = {
        "parameters": parameters,
        "epochs": len(history),
        "seconds": round(seconds, 1),
        "last": history[-1],
    }
    checked = [row for row in history if "val_accuracy" in row]
    if checked:
        report["best"] = max(checked, key=lambda row: row["val_accuracy"])
    if data.test is not None and data.test.labels is not None:
        report["test"], report["confusion"] = assess(model, data.test, len(data.classes))
    return report


def assess(model: Any, dataset: Dataset, classes: int) -> tuple[dict[str, float], list[list[int]]]:
    """Loss, accuracy and number of images; and the confusion matrix, true classes down, predicted across."""
    assert dataset.labels is not None
    probabilities = predict(model, dataset.images)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (dataset.labels, probabilities.argmax(1)), 1)
    return {**scores(probabilities, dataset.labels), "images": len(dataset.images)}, counts.tolist()


def write_submission(model: Any, dataset: Dataset, path: Path) -> None:
    """Kaggle's form: ImageId from 1, Label."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("ImageId", "Label"))
    writer.writerows(enumerate(predict(model, dataset.images).argmax(1).tolist(), 1))
    _write_text(path, text.getvalue())


def describe_data(data: Data) -> dict[str, Any]:
    """What config.json says of the data."""
    counts = {
        part: len(found.images)
        for part in ("train", "test", "unlabelled")
        if (found := getattr(data, part)) is not None
    }
    hashes = {
        key: part.sha256
        for key, part in (("sha256", data.train), ("test_sha256", data.test))
        if part is not None
    }
    return {
        "name": data.name,
        "source": data.name
        if data.source.startswith("keras.datasets.")
        else str(Path(data.source).resolve()),
        **hashes,
        "classes": list(data.classes),
        **counts,
    }


def environment() -> dict[str, Any]:
    """What the bits of the weights depend on besides plan and data, as far as it can be told."""
    from convfilter.model.boot import keras

    backend = keras.config.backend()
    return {
        "convfilter": __version__,
        "keras": version("keras"),
        "backend": backend,
        backend: version(backend),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": schedulable_cores(),
        **{name: os.environ[name] for name in _DECIDING if name in os.environ},
    }


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, whole or not at all."""
    _write_text(path, json.dumps(value, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())


def classes_of(model: Any, path: Path) -> int:
    """How many classes the model tells apart. Raises FilterError for one that tells none."""
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise FilterError(f"{path}: its results are no classes; give a network that was trained to tell some")
    return int(shape[1])


def check_fit(model: Any, dataset: Dataset, path: Path) -> None:
    """DataError where the model's pictures are not those of the data."""
    wanted, given = model.input_shape[1:], dataset.images.shape[1:]
    if len(wanted) != 3 or any(want not in (None, have) for want, have in zip(wanted, given, strict=True)):
        raise DataError(f"{path}: takes inputs of {wanted}, the data has {given}; give data of that shape")
