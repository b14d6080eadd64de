"""How good a network is: loss, accuracy and confusion matrix on labelled pictures; report.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import DataError, FilterError
from convfilter.networks.predict import predict
from convfilter.train.data.dataset import Data, Dataset, Row, labels_of


def evaluate(model: Any, dataset: Dataset) -> Row:
    """Mean categorical cross-entropy and accuracy."""
    return scores(predict(model, dataset.images), labels_of(dataset))


def scores(probabilities: np.ndarray, labels: np.ndarray) -> Row:
    """Mean categorical cross-entropy and accuracy of probabilities (n, classes)."""
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return {
        "loss": float(-np.log(np.maximum(own, 1e-7)).mean()),
        "accuracy": float((probabilities.argmax(1) == labels).mean()),
    }


def assess(model: Any, dataset: Dataset, classes: int) -> tuple[dict[str, float], list[list[int]]]:
    """Loss, accuracy and number of images; and the confusion matrix, true classes down, predicted across."""
    labels = labels_of(dataset)
    probabilities = predict(model, dataset.images)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (labels, probabilities.argmax(1)), 1)
    return {**scores(probabilities, labels), "images": len(dataset.images)}, counts.tolist()


def make_report(model: Any, data: Data, history: Sequence[Row], seconds: float) -> dict[str, Any]:
    """report.json: how the run went, and what the model does on the test pictures where there are any."""
    report: dict[str, Any] = {
        "parameters": model.count_params(),
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


def classes_of(model: Any, path: Path) -> int:
    """How many classes the model knows. Raises FilterError for one whose results are no classes."""
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise FilterError(f"{path}: its results are no classes; give a network that was trained to tell some")
    return int(shape[1])


def check_fit(model: Any, dataset: Dataset, path: Path) -> None:
    """Raise DataError where the model's pictures are not those of the data."""
    wanted, given = model.input_shape[1:], dataset.images.shape[1:]
    if len(wanted) != 3 or any(want not in (None, have) for want, have in zip(wanted, given, strict=True)):
        raise DataError(f"{path}: takes inputs of {wanted}, the data has {given}; give data of that shape")
