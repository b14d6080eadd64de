"""Model files by kind: what is loaded, and what is refused."""

import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
from small_networks import refused

from convfilter.errors import DataError, FilterError
from convfilter.model.boot import keras
from convfilter.networks import load as models
from convfilter.system.checksum import file_hash

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
layers = keras.layers


def test_a_model_comes_back(saved, two, picture):
    """A .keras file loads uncompiled and predicts the same bits."""
    model = models.load_model(saved)
    assert not model.compiled
    expected = two.predict_on_batch(picture[None])
    assert np.array_equal(model.predict_on_batch(picture[None]), expected)


@pytest.mark.slow
def test_own_layers_load_in_a_fresh_process(tmp_path):
    """LeNet-5's layers are registered by load_model itself, in a process that imported nothing."""
    from convfilter.networks.architectures import build

    build("lenet5").save(tmp_path / "lenet.keras")
    code = "from convfilter.networks.load import load_model as l; print(l('lenet.keras').count_params())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == str(build("lenet5").count_params()), done.stderr


def test_functional_models_with_operations_load(tmp_path):
    """What Keras saves of `x * 2 + skip` is known, too."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 3, padding="same", kernel_regularizer="l2", name="conv")(inputs)
    x = keras.layers.LeakyReLU(0.1)(x * 2.0 + inputs)
    keras.Model(inputs, keras.ops.mean(x, axis=(1, 2))).save(tmp_path / "f.keras")
    assert models.load_model(tmp_path / "f.keras").get_layer("conv").filters == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("old.h5", b"\x89HDF\r\n\x1a\n", "old format"),
        ("old.keras", b"\x89HDF\r\n\x1a\n", "old format"),
        ("p.pkl", pickle.dumps([1]), "pickle"),
        ("p.keras", pickle.dumps([1]), "pickle"),
        ("m.pt", b"PK\x03\x04", "PyTorch"),
        ("m.onnx", b"", "ONNX"),
        ("p.npz", pickle.dumps([1]), "pickle"),
        ("w.safetensors", b"", "without a network"),
        ("m.txt", b"hello", "a file ending in"),
        ("model", b"PK\x03\x04", "a name without an ending"),
    ],
)
def test_other_kinds_are_refused(tmp_path, name, content, words):
    """By name or by first bytes: what it is, which kinds are loaded, and how to get one; exit 2."""
    path = tmp_path / name
    path.write_bytes(content)
    assert "model.save(" in refused(path, FilterError, words)
    assert FilterError.exit_code == 2


def test_folders_are_refused(tmp_path):
    """A SavedModel is a folder; so are others."""
    refused(tmp_path, FilterError, "a folder; only .keras")
    (tmp_path / "saved_model.pb").write_bytes(b"")
    refused(tmp_path, FilterError, "a SavedModel folder")


def test_the_warning_and_the_hash(saved):
    """One sentence or two that a model is code, for all but .npz; the hash is hashlib's."""
    assert [models.is_code(name) for name in ("m.keras", "m.npz", "M.NPZ", "m.npz.keras", "m")] == [
        True, False, False, True, True,
    ]  # fmt: skip
    assert "a model file is code" in models.warn_text(saved)
    assert file_hash(saved) == hashlib.sha256(saved.read_bytes()).hexdigest()
    with pytest.raises(DataError, match="No such file"):
        file_hash(saved.with_name("none"))
