"""Networks small enough to be made in a test, and what is said of their files."""

import numpy as np
import pytest

from convfilter.model.boot import keras
from convfilter.networks.load import load_model


def network(*stack, shape=(28, 28, 1), name="net"):
    """A Sequential whose biases are not zero."""
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input(shape, dtype="float32"), *stack], name=name)
    for layer in model.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.random.default_rng(3).normal(0, 0.1, layer.bias.shape))
    return model


def refused(path, error, words) -> str:
    """The message with which a model file is refused: one line that begins with its name."""
    with pytest.raises(error, match=words) as caught:
        load_model(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert len(text) < 400
    return text
