"""Small forms of the networks learn."""

import numpy as np
import pytest

from convfilter.networks.architectures import ARCHITECTURES, build

NAMES = list(ARCHITECTURES)


@pytest.fixture(scope="module")
def keras():
    from convfilter.model.boot import keras

    return keras


@pytest.fixture(scope="module")
def digits():
    """200 of scikit-learn's 8×8 digits in [0, 1], (200, 8, 8), and their labels."""
    from sklearn.datasets import load_digits

    pictures, labels = load_digits(return_X_y=True)
    return np.float32(pictures[:200].reshape(-1, 8, 8) / 16), labels[:200]


def enlarge(pictures, shape):
    """8×8 digits as float32 (n, *shape): every pixel 3×3 or 4×4, in a field of zeros, in every channel."""
    height, width, channels = shape
    scale = height // 8
    large = pictures.repeat(scale, axis=1).repeat(scale, axis=2)
    edge = (height - 8 * scale) // 2
    field = np.pad(large, [(0, 0), (edge, height - 8 * scale - edge), (edge, width - 8 * scale - edge)])
    return np.repeat(field[..., None], channels, axis=3)


# Adam's rate, and the least fall of the loss in twenty steps; measured falls are more than twice that.
# At 1e-3 the deepest go to chance and stay there for an epoch this short.
TRAINING = {
    "article": (1e-3, 0.1),
    "lenet5": (1e-3, 1.0),
    "alexnet": (1e-3, 0.02),
    "zfnet": (1e-3, 0.05),
    "vgg11": (3e-4, 0.1),
    "vgg16": (3e-4, 0.01),
    "googlenet": (3e-4, 0.01),
    "fast": (1e-2, 0.1),
    "best": (1e-3, 0.1),
}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param(name, shape, marks=() if (name, shape[2]) == ("lenet5", 1) else pytest.mark.slow)
        for name in NAMES
        for shape in [(28, 28, 1), (32, 32, 3)]
    ],
)
def test_small_forms_train(keras, digits, name, shape):
    """An epoch of 200 digits (for `best` five) lowers a small form's loss on them, and moves every one of its weights."""
    pictures, labels = enlarge(digits[0], shape), digits[1]
    rate, fall = TRAINING[name]
    keras.utils.set_random_seed(1)
    model = build(name, shape)

    def loss():
        return -np.log(np.asarray(model(pictures))[np.arange(200), labels]).mean()

    before, weights = loss(), model.get_weights()
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    epochs = 5 if name == "best" else 1  # moving averages of many layers need their steps
    model.fit(pictures, labels, batch_size=10, epochs=epochs, verbose=0)
    assert loss() < before - fall
    moved = [(old != new).any() for old, new in zip(weights, model.get_weights(), strict=True)]
    assert all(moved), [weight.path for weight, ok in zip(model.weights, moved, strict=True) if not ok]
