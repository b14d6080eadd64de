"""A run's folder: its name, and the text files in it."""

import csv
import json
import os
import platform
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

from convfilter._version import __version__
from convfilter.system.atomic import atomic_write
from convfilter.system.machine import schedulable_cores
from convfilter.train.data.dataset import Data

CONFIG = "config.json"
# Variables that change the order in which TensorFlow or its kernels add up.
_DECIDING = ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


def new_folder(name: str) -> Path:
    """runs/NAME-date-time, with a number where that exists."""
    stem = f"{Path(name).name}-{datetime.now():%Y%m%d-%H%M%S}"
    tries = (Path("runs") / (stem + suffix) for suffix in ("", *(f"-{n}" for n in range(2, 100))))
    return next(path for path in tries if not path.exists())


def describe_data(data: Data) -> dict[str, Any]:
    """What config.json says of the data: name, where it is from, hashes, classes, and numbers of pictures."""
    parts = {"train": data.train, "test": data.test, "unlabelled": data.unlabelled}
    found = {name: part for name, part in parts.items() if part is not None}
    by_name = data.source.startswith("keras.datasets.")
    named = (("sha256", "train"), ("test_sha256", "test"))
    hashes = {key: found[name].sha256 for key, name in named if name in found}
    return {
        "name": data.name,
        "source": data.name if by_name else str(Path(data.source).resolve()),
        **hashes,
        "classes": list(data.classes),
        **{name: len(part) for name, part in found.items()},
    }


def environment() -> dict[str, Any]:
    """What the bits of the weights depend on besides plan and data, as far as that can be found out."""
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
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """`text` as UTF-8, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text.encode())


def write_submission(classes: Sequence[int], path: Path) -> None:
    """A CSV as Kaggle takes it: ImageId from 1, Label."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("ImageId", "Label"))
    writer.writerows(enumerate(classes, 1))
    write_text(path, text.getvalue())
