"""A network of two convolutions, and its file."""

import numpy as np
import pytest

from convfilter.model.boot import keras

layers = keras.layers


def network(*stack, shape=(28, 28, 1), name="net"):
    """A Sequential whose biases are not zero."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input(shape, dtype="float32"), *stack], name=name)
    for layer in model.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.random.default_rng(3).normal(0, 0.1, layer.bias.shape))
    return model


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
