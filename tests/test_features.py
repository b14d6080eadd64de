"""What every layer makes of a picture, judged by SciPy, NumPy and Keras."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate

import convfilter
from convfilter.errors import FilterError
from convfilter.features import layer_outputs
from convfilter.images.contact_sheet import contact_sheet
from convfilter.model.boot import keras

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own

ROOT = Path(__file__).parent.parent
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)


@pytest.fixture(scope="module")
def digits_model():
    layers = keras.layers
    keras.utils.set_random_seed(0)
    stack = [
        keras.Input((28, 28, 1)),
        layers.Conv2D(12, 5, padding="same", activation="relu", name="conv1"),
        layers.MaxPooling2D(2, name="pool1"),
        layers.Conv2D(6, 3, name="conv2"),
        layers.Flatten(name="flatten"),
        layers.Dense(10, activation="softmax", name="output"),
    ]
    return keras.Sequential(stack, name="digits")


@pytest.fixture
def digit():
    return np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)


def test_a_bank_layer_by_layer(camera):
    """sobel: the input, its padding, both derivatives (SciPy's) and their magnitude (NumPy's)."""
    part = camera[100:140, 100:150]
    outputs = layer_outputs(convfilter.make_pipeline("sobel", border="edge"), part)
    assert [name for name, _ in outputs] == ["input", "pad edge", "sobel", "magnitude"]
    x, y = (correlate(part.astype(float), k, mode="nearest") for k in (SOBEL_X, SOBEL_X.T))
    arrays = dict(outputs)
    assert np.array_equal(arrays["input"][..., 0], part)
    assert np.array_equal(arrays["pad edge"][..., 0], np.pad(part, 1, mode="edge"))
    assert np.array_equal(np.abs(arrays["sobel"]), np.abs(np.stack([x, y], -1)))
    assert np.allclose(arrays["magnitude"][..., 0], np.hypot(x, y), rtol=1e-6)


def test_a_pipeline_of_several_convolutions(camera):
    """The article's pipeline: six layers, and the last is what apply gives."""
    pipeline = convfilter.make_pipeline(ROOT / "samples" / "article.json")
    outputs = layer_outputs(pipeline, camera)
    names = [name for name, _ in outputs]
    assert names == ["input", "pad zero", "sobel-x, relu", "pad zero", "sobel-x, relu", "max-pool 1×1"]
    assert np.array_equal(
        outputs[-1][1][..., 0], convfilter.apply(pipeline, camera, range="raw", engine="keras")
    )


def test_pipeline_values_biases_and_cover(camera):
    """Unit values, a bias, padding that depends on the size and channels_first: as apply has them."""
    part = camera[:31, :37].astype(np.float32) / np.float32(255)
    kernel = convfilter.make_kernel([[[1, -1]], [[0.5, 2]]], bias=[0.25, -0.5], activation="tanh")
    settings = {"values": "unit", "pad": "cover", "strides": (3, 2), "data_format": "channels_first"}
    outputs = layer_outputs(convfilter.make_pipeline(kernel, **settings), part)
    assert outputs[1][0] == "pad zero"
    assert np.array_equal(
        outputs[-1][1], convfilter.apply(kernel, part, range="raw", engine="keras", **settings)
    )


def test_every_layer_of_a_network(digits_model, digit):
    """All layers in order; each is what a model cut there gives; vectors are rows."""
    outputs = layer_outputs(digits_model, digit)
    names = [name for name, _ in outputs]
    assert names == ["input", "conv1", "pool1", "conv2", "flatten", "output"]
    shapes = [array.shape for _, array in outputs]
    assert shapes == [(28, 28, 1), (28, 28, 12), (14, 14, 12), (12, 12, 6), (1, 864, 1), (1, 10, 1)]
    batch = (digit[None, :, :, None] / np.float32(255)).astype(np.float32)
    for name, array in outputs[1:]:
        cut = keras.Model(digits_model.inputs, digits_model.get_layer(name).output)
        assert np.array_equal(array.ravel(), np.asarray(cut.predict_on_batch(batch)).ravel())
    pooled = outputs[1][1].reshape(14, 2, 14, 2, 12).max((1, 3))
    assert np.array_equal(outputs[2][1], pooled)


def test_a_network_with_branches(digit):
    """A functional model's layers come in its own order, all at once."""
    inputs = keras.Input((None, None, 3))
    one, two = (keras.layers.Conv2D(2, k, padding="same", name=f"c{k}")(inputs) for k in (1, 3))
    model = keras.Model(inputs, keras.layers.Concatenate(name="join")([one, two]))
    outputs = dict(layer_outputs(model, digit))
    assert outputs["input"].shape == (28, 28, 3)  # gray repeated
    assert np.array_equal(outputs["join"], np.concatenate([outputs["c1"], outputs["c3"]], -1))


def test_colour_becomes_gray_for_one_channel(digits_model):
    """By Rec. 601, scaled to 0–1."""
    colour = np.random.default_rng(1).integers(0, 65536, (28, 28, 3), dtype=np.uint16)
    (_, found), *_ = layer_outputs(digits_model, colour)
    assert np.allclose(found[..., 0], colour @ np.array([0.299, 0.587, 0.114]) / 65535, atol=1e-6)


def test_pictures_and_models_that_dont_fit(digits_model, digit):
    """Size, channels, arrays that are no picture, and models that can't be followed: each is told."""
    with pytest.raises(FilterError, match="takes pictures of 28×28, this one is 20×28; resize it"):
        layer_outputs(digits_model, digit[:20])
    with pytest.raises(FilterError, match="takes 1 channels, the picture has 4"):
        layer_outputs(digits_model, np.zeros((28, 28, 4), np.uint8))
    with pytest.raises(FilterError, match=r"an array of int64 \(3,\)"):
        layer_outputs(digits_model, np.arange(3))
    with pytest.raises(FilterError, match="can't be followed"):
        layer_outputs(keras.Sequential([keras.layers.Dense(2)], name="unbuilt"), digit)
    with pytest.raises(FilterError, match="doesn't take one picture"):
        layer_outputs(keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)]), digit)


def test_whole_sheets(tmp_path, digits_model, digit, camera):
    """A network's and a pipeline's sheets: as wide as eight cells at most, and not blank."""
    contact_sheet(layer_outputs(digits_model, digit), tmp_path / "model.png")
    pixels = np.array(Image.open(tmp_path / "model.png"))
    assert pixels.shape[1] == 40 + 8 * 120 - 6
    assert (pixels != 250).any(-1).mean() > 0.3
    contact_sheet(layer_outputs(convfilter.make_pipeline("sobel"), camera), tmp_path / "sobel.png")
    pixels = np.array(Image.open(tmp_path / "sobel.png"))
    assert pixels.shape[1] == 40 + 2 * 322 + 6
