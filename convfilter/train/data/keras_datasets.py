"""Data sets that Keras can download. Keras is imported when one is asked for."""

import contextlib
import io
import re
import sys

from convfilter.backend import keras_home
from convfilter.errors import DataError, first_line, printable
from convfilter.train.data.source import Part, Progress

_DIGITS = tuple("0123456789")
NAMED: dict[str, tuple[str, ...]] = {  # what Keras can download → its classes
    "mnist": _DIGITS,
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}


FILES: dict[str, tuple[str, ...]] = {  # what Keras downloads, and keeps in its folder of data sets
    "mnist": ("mnist.npz",),
    "fashion-mnist": tuple(
        f"fashion-mnist/{part}-{kind}-ubyte.gz"
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ),
}
_ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_FETCH = "URL fetch failure on "  # the start of Keras' message where there is no network


def downloaded(name: str, progress: Progress | None) -> dict[str, Part]:
    """A data set by Keras' own loader, which downloads it once and keeps it."""
    import keras

    loader = getattr(keras.datasets, name.replace("-", "_"))
    try:
        with contextlib.redirect_stdout(_KerasBar(progress)):
            pairs = loader.load_data()
    except Exception as error:  # the loader raises a bare Exception offline, anything on a damaged file
        raise DataError(f"{name}: {_no_files(name, error)}") from error
    (train, train_labels), (test, test_labels) = pairs
    return {
        "train": Part(train[..., None], train_labels, lambda i: f"{name}, training picture {i}"),
        "test": Part(test[..., None], test_labels, lambda i: f"{name}, test picture {i}"),
    }


def _no_files(name: str, error: Exception) -> str:
    """Why Keras' loader has failed, and the two ways to do without it."""
    kept = [keras_home() / "datasets" / file for file in FILES[name]]
    files, folder = ", ".join(path.name for path in kept), printable(kept[0].parent)
    it, given = ("it", kept[0].name) if len(kept) == 1 else ("their folder", "FOLDER")
    if not str(error).startswith(_FETCH):
        return (
            f"Keras can't read it ({first_line(error)}); delete {files} in {folder}, so that it is "
            f'downloaded again, or give sound data with data="{given}"'
        )
    why = re.sub(r"\[Errno -?\d+\] ", "", str(error).rpartition(" -- ")[2]).splitlines()[0]
    return (
        f"can't be downloaded ({why}); fetch {_addresses(name)} where there is a network, and put "
        f'{it if len(kept) == 1 else "them"} into {folder}, or give {it} with data="{given}"'
    )


def _addresses(name: str) -> str:
    """Where Keras finds the files: the address of one, the folder of several."""
    files = FILES[name]
    if len(files) == 1:
        return _ADDRESS + files[0]
    return f"{', '.join(file.rpartition('/')[2] for file in files)} from {_ADDRESS}"


class _KerasBar(io.TextIOBase):
    """Stands in for stdout while Keras downloads: reads bytes done and total off its progress bar."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._outside = progress, sys.stdout

    def write(self, text: str) -> int:
        counts = re.search(r"(\d+)/(\d+)", text)
        if counts and self._progress:
            with contextlib.redirect_stdout(self._outside):
                self._progress(int(counts[1]), int(counts[2]))
        return len(text)
