"""What a run's folder tells of the network in it: classes, curves, test results, and the test pictures."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.backend import keras_home
from convfilter.errors import DataError, FilterError, printable
from convfilter.play.work import Refusal
from convfilter.train.data.dataset import Dataset
from convfilter.train.data.keras_datasets import FILES
from convfilter.train.data.load import load

MODELS = ("best.npz", "best.keras", "last.keras")  # of a run's folder, the first that is there


def model_file(path: Path) -> Path:
    """The model file at a path, or of the run in that folder. Raises FilterError for a folder without one."""
    if not path.is_dir():
        return path
    found = next((path / name for name in MODELS if (path / name).is_file()), None)
    if found is None:
        raise FilterError(
            f"{printable(path)}: no run, as it holds no {MODELS[0]}; give a run's folder or a file"
        )
    return found


class Run:
    """What lies beside a model file; nothing where it is in no run's folder."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._config = self._json("config.json")
        self._report = self._json("report.json") if self._config else {}

    @property
    def name(self) -> str | None:
        return self._folder.resolve().name if self._config else None

    @property
    def classes(self) -> list[str] | None:
        found: list[str] | None = self._config.get("data", {}).get("classes")
        return found

    @property
    def confusion(self) -> list[list[int]] | None:
        """How many test pictures of each class, down, were taken for which, across."""
        return self._report.get("confusion")

    @property
    def test(self) -> dict[str, Any] | None:
        found = self._report.get("test")
        return found and {"accuracy": found["accuracy"], "count": found["images"]}

    def curves(self) -> dict[str, list[float]] | None:
        """The columns of history.csv, the epochs first; None where there is no such file."""
        try:
            rows = [*csv.DictReader((self._folder / "history.csv").read_text().splitlines())]
            names = [name for name in rows[0] if name != "epoch"] if self._config else []
            columns = {name: [float(row[name]) for row in rows] for name in ("epoch", *names)}
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            return None
        return {"epochs": columns.pop("epoch"), **columns} if names else None

    def test_pictures(self) -> Dataset:
        """The run's labelled test pictures, if they are on this computer. Raises Refusal where not."""
        data, plan = self._config.get("data", {}), self._config.get("plan", {})
        source = data.get("source", "")
        if not _is_here(source):
            raise Refusal("the pictures of this run's test are not on this computer")
        try:
            found = load(source, limit=plan.get("limit"), classes=plan.get("classes")).test
        except DataError as error:
            raise Refusal(f"the pictures of this run's test can't be read: {error}") from error
        if found is None or found.labels is None or found.sha256 != data.get("test_sha256"):
            raise Refusal("the pictures of this run's test are no longer those it was made with")
        return found

    def _json(self, name: str) -> dict[str, Any]:
        """A file of the folder; nothing where it is missing or damaged."""
        try:
            found = json.loads((self._folder / name).read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _is_here(source: str) -> bool:
    """Whether a data set needs no download."""
    if source in FILES:
        return all((keras_home() / "datasets" / file).exists() for file in FILES[source])
    return bool(source) and Path(source).exists()


def mistaken(labels: np.ndarray, answers: np.ndarray, truth: int, taken: int) -> np.ndarray:
    """The numbers of the pictures of one class that were taken for another, or for itself."""
    return np.flatnonzero((labels == truth) & (answers == taken))
