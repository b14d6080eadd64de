"""Data sets that Keras can download. Keras is imported when one is asked for."""

import contextlib
import io
import re
import sys

from convfilter.errors import DataError
from convfilter.image_source import reason
from convfilter.train.source import WANTED, Part, Progress

_DIGITS = tuple("0123456789")
NAMED: dict[str, tuple[str, ...]] = {  # what Keras can download → its classes
    "mnist": _DIGITS,
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}


def downloaded(name: str, progress: Progress | None) -> dict[str, Part]:
    """A data set by Keras' own loader, which downloads it once and keeps it."""
    import keras

    loader = getattr(keras.datasets, name.replace("-", "_"))
    try:
        with contextlib.redirect_stdout(_KerasBar(progress)):
            pairs = loader.load_data()
    except Exception as error:  # the loader raises a bare Exception offline, anything on a damaged file
        raise DataError(
            f"{name}: Keras can't get it ({reason(error)}); without a network, fetch the files on another "
            f"machine and give them with --data PATH: {WANTED}"
        ) from error
    (train, train_labels), (test, test_labels) = pairs
    return {
        "train": Part(train[..., None], train_labels, lambda i: f"{name}, training picture {i}"),
        "test": Part(test[..., None], test_labels, lambda i: f"{name}, test picture {i}"),
    }


class _KerasBar(io.TextIOBase):
    """Takes what Keras prints while it downloads, and reads the bytes done and all off its bar."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._outside = progress, sys.stdout

    def write(self, text: str) -> int:
        counts = re.search(r"(\d+)/(\d+)", text)
        if counts and self._progress:
            with contextlib.redirect_stdout(self._outside):
                self._progress(int(counts[1]), int(counts[2]))
        return len(text)
