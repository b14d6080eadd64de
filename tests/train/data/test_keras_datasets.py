"""Data sets by name, from Keras' loader."""

import os
import subprocess
import sys

import numpy as np
import pytest

from convfilter.train.data.load import load


def test_named_sets_come_from_keras_quietly(monkeypatch, capsys, small, same):
    """mnist and fashion-mnist are what Keras' loader returns; its bar becomes `progress`, nothing is printed."""
    import keras

    def loader():
        print("Downloading data from https://…")
        print("\r\x1b[1m8192/11490434\x1b[0m ━━━━ \x1b[1m0s\x1b[0m 0us/step", end="")
        return (small[0], small[1].astype(np.uint8)), (small[0][:5], small[1][:5].astype(np.uint8))

    monkeypatch.setattr(keras.datasets.mnist, "load_data", loader)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", loader)
    seen = []
    data = load("mnist", progress=lambda done, of: (print("seen"), seen.append((done, of))))
    same(data.train, *small)
    same(data.test, small[0][:5], small[1][:5])
    assert seen == [(8192, 11490434)]
    assert capsys.readouterr().out == "seen\n"
    fashion = load("fashion-mnist", limit=3)
    assert fashion.classes[9] == "Ankle boot"
    assert len(fashion.train) == 3
    assert (data.source, fashion.source) == ("keras.datasets.mnist", "keras.datasets.fashion_mnist")


@pytest.mark.slow
def test_offline(tmp_path):
    """Without a network the error says to fetch the files elsewhere; nothing is left in Keras' cache."""
    code = (
        "from convfilter.train.data.load import load\nimport sys\nassert 'keras' not in sys.modules\n"
        "try: load('mnist')\nexcept Exception as error: print(type(error).__name__, error)"
    )
    away = {"KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **away}, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.startswith("DataError mnist: can't be downloaded (Connection refused);"), done.stderr
    assert "/tf-keras-datasets/mnist.npz where" in done.stdout
    assert f'put it into {tmp_path / "datasets"}, or give it with data="mnist.npz"' in done.stdout
    assert done.stdout.count("\n") == 1
    assert not list(tmp_path.rglob("*.npz"))
