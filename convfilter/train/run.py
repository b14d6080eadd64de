"""A training run from top to bottom: data, network, epochs of batches, best.keras, test, model card.

    start, resume   load the data and say in config.json what the run is
    _run            network, training, and what is written when it ends
    train           the epochs; after each a checkpoint, and best.keras where it is the best so far
    _epoch          the batches

What is special to one recipe stands in its file in recipes/: optimiser and loss, augmentation, learning rate.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from convfilter.errors import DataError
from convfilter.model.boot import keras
from convfilter.networks.architectures import build
from convfilter.networks.keras_settings import own_settings
from convfilter.networks.npz_file import save_npz
from convfilter.networks.predict import as_floats, predict
from convfilter.system.atomic import make_folder
from convfilter.system.interrupts import interrupts_held
from convfilter.system.values import dataclass
from convfilter.train.card import model_card
from convfilter.train.checkpoint import restore, save_checkpoint, save_model, seconds_trained, write_history
from convfilter.train.data.dataset import Data, Dataset, Row, split
from convfilter.train.data.load import load
from convfilter.train.evaluation import evaluate, make_report
from convfilter.train.plan import Plan
from convfilter.train.plots import write_all
from convfilter.train.plots.figures import require_matplotlib
from convfilter.train.recipes import load_recipe
from convfilter.train.run_folder import (
    CONFIG,
    describe_data,
    environment,
    write_json,
    write_submission,
    write_text,
)


class Watcher(Protocol):
    """Learns how far loading and training are; a progress bar, say."""

    def load(self, done: int, total: int) -> None: ...

    def step(self, epoch: int, step: int, steps: int, logs: Row) -> None: ...

    def epoch(self, row: Row) -> None: ...


@dataclass(frozen=True)
class Result:
    """What a run ended with."""

    folder: Path
    history: list[Row]
    report: dict[str, Any]


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
    """Go on where `folder`'s run stopped; `source` if its data has moved.

    Raises DataError for a folder without a run, and where the data or the machine are not those it started
    with, since the weights would not be the same.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
        plan, before, then = Plan(**config["plan"]), dict(config["data"]), dict(config["environment"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        why = "no config.json" if isinstance(error, FileNotFoundError) else "its config.json is damaged"
        raise DataError(f"{folder}: holds no run to resume ({why}); give a run folder") from error
    source = source or before["source"]
    data = load(source, limit=plan.limit, classes=plan.classes, progress=watcher.load)
    found = describe_data(data)
    if any(found.get(key) != before.get(key) for key in ("sha256", "test_sha256", "classes")):
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
    """Build the network, train it, judge best.keras on the test pictures, and write what the run leaves."""
    if data.train is None:
        raise DataError(f"{data.source}: nothing to train on; give pictures with labels")
    recipe = load_recipe(plan.recipe)
    training, validation = data.train, None
    if plan.validation:
        training, validation = split(data.train, plan.validation, plan.seed)
    keras.utils.set_random_seed(plan.seed)
    model = build(plan.architecture, training.images.shape[1:], len(data.classes))
    history = train(model, recipe, plan, training, validation, folder, watcher)

    best = keras.saving.load_model(folder / "best.keras", compile=False)
    save_npz(best, plan.architecture, folder / "best.npz")
    report = make_report(best, data, history, seconds_trained(folder))
    write_json(folder / "report.json", report)
    pictures = write_all(folder, data, best, recipe, history, report, plan.seed)
    card = model_card(config, report, history, [path.name for path in pictures])
    write_text(folder / "README.md", card)
    if data.unlabelled is not None:
        answers = predict(best, data.unlabelled.images).argmax(1)
        write_submission(answers.tolist(), folder / "submission.csv")
    return Result(folder, history, report)


@own_settings()
def train(
    model: Any,
    recipe: Any,
    plan: Plan,
    training: Dataset,
    validation: Dataset | None,
    folder: Path,
    watcher: Watcher,
) -> list[Row]:
    """Train `model` by `recipe` from the checkpoint in `folder`, or from the start; the history.

    After each epoch the folder holds checkpoint.npz, history.csv and last.keras. best.keras is written too
    when the epoch's validation accuracy is the best so far, and after any epoch where there is no validation.
    """
    recipe.compile(model)
    model.optimizer.build(model.trainable_variables)
    history, spent = restore(model, folder)
    begun = time.perf_counter() - spent
    labels = keras.utils.to_categorical(training.labels, model.output_shape[-1])
    for epoch in range(len(history), plan.epochs):
        logs = _epoch(model, recipe, plan, training.images, labels, epoch, history, watcher)
        checked = evaluate(model, validation) if validation else {}
        row = {"epoch": epoch + 1, **logs, **{f"val_{name}": value for name, value in checked.items()}}
        best = max((past.get("val_accuracy", -1.0) for past in history), default=-1.0)
        history.append(row)
        if row.get("val_accuracy", 0.0) > best or not validation:
            save_model(model, folder / "best.keras")
        save_model(model, folder / "last.keras")
        write_history(history, folder / "history.csv")
        save_checkpoint(model, history, time.perf_counter() - begun, folder)
        watcher.epoch(row)
    return history


def _epoch(
    model: Any,
    recipe: Any,
    plan: Plan,
    images: np.ndarray,  # (n, H, W, C) uint8
    labels: np.ndarray,  # (n, classes), one-hot
    epoch: int,
    history: Sequence[Row],
    watcher: Watcher,
) -> Row:
    """One pass over the pictures, in an order that seed and epoch decide; its mean loss and accuracy."""
    rng = np.random.default_rng([plan.seed, epoch])
    order = rng.permutation(len(images))
    starts = range(0, len(order), plan.batch_size)
    sums: Row = {}
    seen, rate = 0, None
    for step, begin in enumerate(starts):
        chosen = order[begin : begin + plan.batch_size]
        rate = recipe.rate(epoch + step / len(starts), plan.epochs, history)
        if rate is not None:
            model.optimizer.learning_rate = rate
        x = recipe.batch(as_floats(images[chosen]), rng)
        with interrupts_held():
            logs = model.train_on_batch(x, labels[chosen], return_dict=True)  # of this batch alone
        sums = {name: sums.get(name, 0.0) + float(value) * len(chosen) for name, value in logs.items()}
        seen += len(chosen)
        watcher.step(epoch, step + 1, len(starts), {name: total / seen for name, total in sums.items()})
    means = {name: total / seen for name, total in sums.items()}
    return means if rate is None else {"rate": rate, **means}
