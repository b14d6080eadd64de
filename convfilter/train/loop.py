"""The training loop: epochs of batches, a checkpoint after each, and a resume that is exact.

All that an epoch needs is in the checkpoint (every variable of the model and its optimiser) or follows from
seed, epoch number and history. So a run that was killed anywhere and resumed ends with the same bits.
"""

import csv
import json
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from convfilter.errors import DataError
from convfilter.model.boot import keras
from convfilter.networks.keras_settings import own_settings
from convfilter.system.atomic import atomic_write
from convfilter.system.interrupts import interrupts_held
from convfilter.system.temporary import folder_in
from convfilter.train.data.dataset import Dataset, Row, as_floats


class Watcher(Protocol):
    """Told how far loading and training are."""

    def load(self, done: int, total: int) -> None: ...

    def step(self, epoch: int, step: int, steps: int, logs: Row) -> None: ...

    def epoch(self, row: Row) -> None: ...


@dataclass(frozen=True)
class Plan:
    """What decides the result, besides the data: kept in config.json."""

    recipe: str
    architecture: str
    epochs: int
    batch_size: int
    seed: int
    validation: float
    limit: int | None = None
    classes: int | None = None


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

    After each epoch folder/ holds checkpoint.npz, history.csv, last.keras and, when the validation accuracy
    (without validation, any epoch) is the best so far, best.keras.
    """
    recipe.compile(model)
    model.optimizer.build(model.trainable_variables)
    history, spent = _restore(model, folder / "checkpoint.npz")
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
        _write_history(history, folder / "history.csv")
        _checkpoint(model, history, time.perf_counter() - begun, folder / "checkpoint.npz")
        watcher.epoch(row)
    return history


def _epoch(
    model: Any,
    recipe: Any,
    plan: Plan,
    images: np.ndarray,
    labels: np.ndarray,
    epoch: int,
    history: Sequence[Row],
    watcher: Watcher,
) -> Row:
    rng = np.random.default_rng([plan.seed, epoch])
    order = rng.permutation(len(images))
    starts = range(0, len(order), plan.batch_size)
    sums: Row = {}
    seen, now = 0, None
    for step, start in enumerate(starts):
        chosen = order[start : start + plan.batch_size]
        now = recipe.rate(epoch + step / len(starts), plan.epochs, history)
        if now is not None:
            model.optimizer.learning_rate = now
        x = recipe.batch(as_floats(images[chosen]), rng)
        with interrupts_held():
            logs = model.train_on_batch(x, labels[chosen], return_dict=True)  # of this batch alone
        sums = {name: sums.get(name, 0.0) + float(value) * len(chosen) for name, value in logs.items()}
        seen += len(chosen)
        watcher.step(epoch, step + 1, len(starts), {name: total / seen for name, total in sums.items()})
    rate = {} if now is None else {"rate": now}
    return {**rate, **{name: total / seen for name, total in sums.items()}}


def predict(model: Any, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Probabilities (n, classes) for uint8 images (n, H, W, C); NaN where the training diverged."""
    batches = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
    return np.concatenate([np.asarray(model.predict_on_batch(as_floats(batch))) for batch in batches])


def evaluate(model: Any, dataset: Dataset) -> Row:
    """Mean categorical cross-entropy and accuracy."""
    assert dataset.labels is not None
    return scores(predict(model, dataset.images), dataset.labels)


def scores(probabilities: np.ndarray, labels: np.ndarray) -> Row:
    """Mean categorical cross-entropy and accuracy of probabilities (n, classes)."""
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return {
        "loss": float(-np.log(np.maximum(own, 1e-7)).mean()),
        "accuracy": float((probabilities.argmax(1) == labels).mean()),
    }


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def seconds_trained(folder: Path) -> float:
    """How long the epochs of a run took, all of its sessions together."""
    return float(_read_checkpoint(folder / "checkpoint.npz")["seconds"])


def _checkpoint(model: Any, history: Sequence[Row], seconds: float, path: Path) -> None:
    arrays: dict[str, Any] = {f"v{number}": np.asarray(v) for number, v in enumerate(_variables(model))}
    with atomic_write(path) as file:
        np.savez(file, history=np.array(json.dumps(history)), seconds=np.array(seconds), **arrays)


def _restore(model: Any, path: Path) -> tuple[list[Row], float]:
    """Put the checkpoint's values into the model and its optimiser; its history and seconds."""
    if not path.exists():
        return [], 0.0
    saved, variables = _read_checkpoint(path), _variables(model)
    values = [saved.get(f"v{number}") for number in range(len(variables))]
    shapes = [None if value is None else value.shape for value in values]
    if len(saved) != len(variables) + 2 or shapes != [tuple(variable.shape) for variable in variables]:
        raise DataError(f"{path}: made for another network; start a new run folder")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    history: list[Row] = json.loads(str(saved["history"]))
    return history, float(saved["seconds"])


def _read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            return {name: saved[name] for name in saved.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged ({error}); delete it to begin again, or start a new run") from error


def save_model(model: Any, path: Path) -> None:
    """Save as .keras, whole or not at all."""
    with folder_in(path.parent) as folder:  # Keras writes only to a path
        model.save(folder / "model.keras")
        data = (folder / "model.keras").read_bytes()
    with atomic_write(path) as file:
        file.write(data)


def _write_history(history: Sequence[Row], path: Path) -> None:
    text = StringIO()
    writer = csv.DictWriter(text, list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
