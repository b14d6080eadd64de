"""A network of two convolutions, and its file."""

import numpy as np
import pytest
from small_networks import network

from convfilter.model.boot import keras

layers = keras.layers


@pytest.fixture(scope="module")
def two():
    """Two convolutions as in the article's network, and a dense layer."""
    return network(
        layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1"),
        layers.Conv2D(8, 3, padding="same", activation="tanh", name="conv2"),
        layers.MaxPooling2D(2, name="pool1"),
        layers.Flatten(name="flatten"),
        layers.Dense(10, activation="softmax", name="output"),
    )


@pytest.fixture(scope="module")
def saved(two, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "best.keras"
    two.save(path)
    return path


@pytest.fixture
def picture():
    """(28, 28, 1) float32: pixels over 255, as the training divides them."""
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 1), dtype=np.uint8)
    return pixels.astype(np.float32) / np.float32(255)
