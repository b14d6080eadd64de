"""The pictures of a run folder, drawn by Matplotlib.

    data.py     how many pictures each class has, some of them, and augmented ones
    curves.py   loss, accuracy and learning rate by epoch
    errors.py   what was taken for what, and the worst errors
    kernels.py  what the first convolution has learned
    figures.py  colours, sizes and axes that they share

draw_NAME(…) returns a Figure, which figures.save writes. Only Figure objects are made, so neither pyplot nor
rcParams changes for a program that uses them too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convfilter.errors import DataError
from convfilter.networks.predict import predict
from convfilter.train.data.dataset import Data, Row
from convfilter.train.plots.curves import draw_learning_curves
from convfilter.train.plots.data import draw_augmented, draw_label_counts, draw_sample_digits
from convfilter.train.plots.errors import draw_confusion_matrix, draw_worst_errors
from convfilter.train.plots.figures import require_matplotlib, save
from convfilter.train.plots.kernels import draw_first_kernels, first_conv


def write_all(
    folder: Path,
    data: Data,
    model: Any,
    recipe: Any,
    history: Sequence[Row],
    report: dict[str, Any],
    seed: int,
) -> list[Path]:
    """Write the run's pictures and return their paths.

    Without labelled test pictures there is no confusion matrix and no gallery of errors, without a Conv2D
    layer there are no kernels. Everything else that goes wrong raises, before any picture is written.
    """
    require_matplotlib()
    if data.train is None:
        raise DataError(f"{data.source}: no pictures to train on, so none to draw; give labelled ones")
    figures = {
        "label-counts.png": draw_label_counts(data),
        "sample-digits.png": draw_sample_digits(data.train, data.classes),
        "augmented.png": draw_augmented(recipe, data.train, seed),
        "learning-curves.png": draw_learning_curves(history),
    }
    if data.test is not None and data.test.labels is not None:
        answers = predict(model, data.test.images)
        figures["confusion-matrix.png"] = draw_confusion_matrix(report["confusion"], data.classes)
        figures["worst-errors.png"] = draw_worst_errors(data.test, answers, data.classes)
    if first_conv(model) is not None:
        figures["first-kernels.png"] = draw_first_kernels(model)
    for name, figure in figures.items():
        save(figure, folder / name)
    return [folder / name for name in figures]
