"""What a training writes after each epoch, and how it goes on from there.

A checkpoint holds every variable of the model and its optimiser, the history and the seconds so far. All
else that an epoch needs follows from the seed, its number and the history, so a run that was killed at any
time and resumed ends with the same bits.
"""

import csv
import json
import zipfile
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import DataError
from convfilter.system.atomic import atomic_write
from convfilter.system.temporary import folder_in
from convfilter.train.data.dataset import Row

CHECKPOINT = "checkpoint.npz"


def save_checkpoint(model: Any, history: Sequence[Row], seconds: float, folder: Path) -> None:
    """Write the state of model, optimiser and history to the folder's checkpoint."""
    arrays: dict[str, Any] = {f"v{number}": np.asarray(v) for number, v in enumerate(_variables(model))}
    with atomic_write(folder / CHECKPOINT) as file:
        np.savez(file, history=np.array(json.dumps(history)), seconds=np.array(seconds), **arrays)


def restore(model: Any, folder: Path) -> tuple[list[Row], float]:
    """Put the values of the folder's checkpoint, if it has one, into the model and its optimiser.

    Returns the history and the seconds so far. Raises DataError where the file is damaged or made for
    another network.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return [], 0.0
    saved, variables = _read(path), _variables(model)
    values = [saved.get(f"v{number}") for number in range(len(variables))]
    shapes = [None if value is None else value.shape for value in values]
    if len(saved) != len(variables) + 2 or shapes != [tuple(variable.shape) for variable in variables]:
        raise DataError(f"{path}: made for another network; start a new run folder")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    history: list[Row] = json.loads(str(saved["history"]))
    return history, float(saved["seconds"])


def seconds_trained(folder: Path) -> float:
    """How long the epochs of a run took, all of its sessions together."""
    return float(_read(folder / CHECKPOINT)["seconds"])


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _read(path: Path) -> dict[str, np.ndarray]:
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


def write_history(history: Sequence[Row], path: Path) -> None:
    """A CSV with one line per epoch."""
    text = StringIO()
    writer = csv.DictWriter(text, list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
