"""Fine-tuning: which layers are reused, and what the report says old weights are worth."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convfilter.errors import DataError, FilterError
from convfilter.networks.load import load_model
from convfilter.train.data.dataset import Dataset
from convfilter.train.finetune import Tuning, few, finetune, fresh_copy, reuse
from convfilter.train.plan import Plan

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.slow
def test_fine_tuning_takes_the_npz(run_folder, npz, convfilter, weights):
    """The command trains on from best.npz: all layers but the head are reused, a frozen one has its weights."""
    model = run_folder / "best.npz"
    done = convfilter(
        "finetune", model, "--data", npz, "--each", "5", "--epochs", "1", "--freeze", "conv1", "--out", "tuned", "-q",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.err == ""
    tuned = load_model(Path("tuned/finetuned/last.keras"))
    weighty = [layer.name for layer in tuned.layers if layer.weights]
    assert json.loads(done.out)["finetuned"]["reused"] == weighty[:-1]
    assert np.array_equal(tuned.get_layer("conv1").kernel, weights(model)["conv1/kernel"])


def test_layers_keep_their_weights(run_folder):
    """Layers of the same name and shapes take the old weights bit for bit; none comes frozen."""
    old = load_model(run_folder / "best.keras")
    old.get_layer("conv2").trainable = False
    model = fresh_copy(old, 5)
    assert all(layer.trainable for layer in model.layers)
    assert reuse(model, old) == ["conv1", "norm1", "conv2", "norm2", "conv3", "norm3"]
    for name in ("conv1", "conv2", "conv3"):
        pairs = zip(model.get_layer(name).get_weights(), old.get_layer(name).get_weights(), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    assert model.output_shape == (None, 5)
    with pytest.raises(FilterError, match="don't keep it"):
        fresh_copy(old, 5, keep_head=True)


@pytest.mark.slow
def test_fine_tuning_reports_both(run_folder, digits, tmp_path, silent):
    """On ten digits a class the report has both accuracies, frozen weights did not move, rates differ."""
    old = load_model(run_folder / "best.keras")
    plan = Plan("finetune", "fast", 15, 10, 1, 0.0)
    tuning = Tuning(1e-2, 1e-4, ("conv1",), each=10)
    report = finetune(old, digits, plan, tuning, tmp_path, silent)
    assert report["images"] == 100
    assert report["gain"] == report["finetuned"]["accuracy"] - report["scratch"]["accuracy"]
    assert report["gain"] > 0.03  # digits it has seen 1,350 of, against 100 from scratch
    tuned = load_model(tmp_path / "finetuned" / "last.keras")
    moved = {
        name: np.abs(tuned.get_layer(name).get_weights()[0] - old.get_layer(name).get_weights()[0]).max()
        for name in ("conv1", "conv2", "conv3")
    }
    assert moved["conv1"] == 0
    assert 0 < moved["conv3"] < 0.05
    silent.rows.clear()
    assert finetune(old, digits, plan, tuning, tmp_path, silent) == report  # all of it was done
    assert silent.rows == []
    with pytest.raises(DataError, match="holds another run"):
        finetune(old, digits, replace(plan, seed=2), tuning, tmp_path, silent)


def test_what_is_frozen_must_be_kept(run_folder, digits, tmp_path, silent):
    """A layer that gets no old weights can't be frozen, and that is said before anything is trained."""
    old = load_model(run_folder / "best.keras")
    for name in ("conv9", "output_new", "relu1"):
        with pytest.raises(FilterError, match=f'no layer "{name}" whose weights are kept; kept are conv1, '):
            finetune(
                old,
                digits,
                Plan("finetune", "fast", 1, 10, 1, 0.0),
                Tuning(1e-3, 1e-3, (name,)),
                tmp_path,
                silent,
            )
    assert not list(tmp_path.iterdir())


def test_few_takes_so_many_a_class(digits):
    """`few` gives exactly N of each class, the same for the same seed."""
    chosen = few(digits.train, 7, 3)
    assert np.array_equal(np.bincount(chosen.labels), [7] * 10)
    assert np.array_equal(chosen.images, few(digits.train, 7, 3).images)
    with pytest.raises(DataError, match="class without"):
        few(Dataset(digits.train.images[:2], np.array([0, 2])), 1, 0)
