"""A data set in memory: pictures, their classes, and the part kept for validation."""

import hashlib

import numpy as np

from convfilter.errors import DataError, FilterError
from convfilter.system.values import dataclass

Row = dict[str, float]  # of a history: epoch, rate, loss, accuracy, val_loss, val_accuracy


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures and their classes."""

    images: np.ndarray  # (n, H, W, C) uint8, C is 1 or 3
    labels: np.ndarray | None  # (n,) int64, an index into Data.classes; None for an unlabelled test file

    def __len__(self) -> int:
        return len(self.images)

    def counts(self, classes: int) -> np.ndarray:
        """How many pictures each class has, (classes,)."""
        return np.bincount(labels_of(self), minlength=classes)

    @property
    def sha256(self) -> str:
        """Of shape, pixels and labels."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        return digest.hexdigest()

    def take(self, indices: np.ndarray) -> "Dataset":
        """These pictures, in this order."""
        return Dataset(self.images[indices], None if self.labels is None else self.labels[indices])


@dataclass(frozen=True, eq=False)
class Data:
    """A data set as loaded; its pictures all have one size and number of channels."""

    name: str
    classes: tuple[str, ...]
    train: Dataset | None
    test: Dataset | None
    unlabelled: Dataset | None  # pictures to predict, as Kaggle's test.csv
    source: str  # path, or keras.datasets.NAME


def labels_of(dataset: Dataset) -> np.ndarray:
    if dataset.labels is None:
        raise DataError("these pictures have no labels; use a labelled file")
    return dataset.labels


def split(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """(the rest, `fraction` of it), every class in proportion and in both, the same for the same seed.

    Both keep the order of `dataset`. Raises DataError for a class of one picture.
    """
    if not 0 < fraction < 1:
        raise FilterError(f"a validation fraction of {fraction}; give a number between 0 and 1, as 0.1")
    labels = labels_of(dataset)
    present, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        lone = present[np.argmin(counts)]
        raise DataError(f"class {lone} has one picture, so none is left for validation; add more of it")
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for label, share in zip(present, _shares(counts, fraction), strict=True):
        chosen[generator.permutation(np.flatnonzero(labels == label))[:share]] = True
    return dataset.take(np.flatnonzero(~chosen)), dataset.take(np.flatnonzero(chosen))


def _shares(counts: np.ndarray, fraction: float) -> np.ndarray:
    """`fraction` of every count, rounded so that the sum is right too, at least 1 and not all."""
    exact = counts * fraction
    shares = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:missing]] += 1
    return np.clip(shares, 1, counts - 1)
