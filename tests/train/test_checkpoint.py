"""Checkpoints: what comes back, and what is damaged or of another network."""

import numpy as np
import pytest

from convfilter.errors import DataError
from convfilter.train.checkpoint import CHECKPOINT, restore, save_checkpoint, seconds_trained

HISTORY = [{"epoch": 1, "rate": 1e-3, "loss": 0.5, "accuracy": 0.8}]


def compiled(name):
    """A network with new weights, and the optimiser of the recipe `best`."""
    from convfilter.networks.architectures import build
    from convfilter.train.recipes import best

    model = build(name)
    best.compile(model)
    model.optimizer.build(model.trainable_variables)
    return model


def test_a_checkpoint_comes_back(tmp_path):
    """Every variable of model and optimiser to the bit, the history and the seconds; nothing where there is none."""
    old, new = compiled("fast"), compiled("fast")
    assert restore(new, tmp_path) == ([], 0.0)
    old.optimizer.iterations.assign(7)
    save_checkpoint(old, HISTORY, 2.5, tmp_path)
    assert restore(new, tmp_path) == (HISTORY, 2.5)
    assert seconds_trained(tmp_path) == 2.5
    for one, other in (
        (old.variables, new.variables),
        (old.optimizer.variables, new.optimizer.variables),
    ):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert int(new.optimizer.iterations) == 7


def test_a_damaged_checkpoint_is_refused(tmp_path):
    """Cut short, or of another network."""
    save_checkpoint(compiled("fast"), HISTORY, 2.5, tmp_path)
    whole = (tmp_path / CHECKPOINT).read_bytes()
    other = compiled("lenet5")
    for data, said in ((whole[:-100], "damaged"), (b"no", "damaged"), (whole, "another network")):
        (tmp_path / CHECKPOINT).write_bytes(data)
        with pytest.raises(DataError, match=said):
            restore(other, tmp_path)
