"""The Keras layers of this package's own, against NumPy, saved and compiled."""

import numpy as np
import pytest
import skimage.data

from convfilter import choices
from convfilter.engines import keras_engine as engine
from convfilter.filters.layers import Activation
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.model.boot import keras
from convfilter.model.build import build
from convfilter.model.layers import BorderPadding2D, CombineFilters

PHOTO = skimage.data.camera()[100:148, 200:261].astype(np.float32)[None, :, :, None]
BORDERS = {"edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
FORMATS = ("channels_last", "channels_first")


def test_every_border_is_tried():
    """A new border has an oracle here: without a branch of its own it would be taken for "reflect"."""
    assert {*BORDERS, "zero"} == set(choices.BORDERS)


@pytest.mark.parametrize("border", BORDERS)
def test_border_layer_saved_and_loaded(border):
    """BorderPadding2D comes back from its configuration, as JSON has it (lists for tuples)."""
    layer = BorderPadding2D(((1, 2), (3, 4)), border, "channels_first", name="around")
    config = layer.get_config() | {"padding": [[1, 2], [3, 4]]}
    again = BorderPadding2D.from_config(config)
    assert (again.padding, again.border, again.data_format, again.name) == (
        ((1, 2), (3, 4)), border, "channels_first", "around",
    )  # fmt: skip
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(copy, BorderPadding2D)
    assert copy.get_config() == layer.get_config()


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 1), (2, 3), (5, 4)])
def test_border_padding_is_numpys(border, size):
    """BorderPadding2D is np.pad in every mode, also where the padding is several times as wide as the picture
    and for pictures of one pixel, row or column."""
    picture = np.random.default_rng(6).normal(size=(2, *size, 3)).astype(np.float32)
    for top, bottom, left, right in [(1, 1, 1, 1), (0, 0, 0, 1), (3, 0, 0, 2), (7, 8, 9, 11), (0, 0, 0, 0)]:
        padding = ((top, bottom), (left, right))
        expected = np.pad(picture, ((0, 0), *padding, (0, 0)), mode=BORDERS[border])
        last = BorderPadding2D(padding, border)
        assert np.array_equal(keras.ops.convert_to_numpy(last(picture)), expected)
        assert last.compute_output_shape(picture.shape) == expected.shape
        first = BorderPadding2D(padding, border, "channels_first")
        found = keras.ops.convert_to_numpy(first(picture.transpose(0, 3, 1, 2)))
        assert np.array_equal(found, expected.transpose(0, 3, 1, 2))
        assert first.compute_output_shape((2, 3, *size)) == (2, 3, *expected.shape[1:3])


@pytest.mark.parametrize("border", BORDERS)
def test_border_padding_in_a_compiled_model(border):
    """The same in a model of open size, where lengths are known only when it runs."""
    pipeline = Pipeline((Pad(4, 0, 9, 6, border),))
    for size in ((1, 1), (2, 7), (48, 61)):
        picture = PHOTO[:, : size[0], : size[1]]
        expected = np.pad(picture, ((0, 0), (4, 0), (9, 6), (0, 0)), mode=BORDERS[border])
        assert np.array_equal(engine.run(pipeline, picture, 255.0), expected)


def test_border_padding_keeps_open_sizes_open():
    """Unknown heights and widths stay unknown."""
    layer = BorderPadding2D(((1, 2), (3, 4)), "edge")
    assert layer.compute_output_shape((None, None, None, 3)) == (None, None, None, 3)
    assert layer.compute_output_shape((None, 5, None, 3)) == (None, 8, None, 3)


COMBINE = {
    "magnitude": lambda x: np.sqrt(np.square(x).sum(-1, keepdims=True)),
    "max": lambda x: x.max(-1, keepdims=True),
    "absmax": lambda x: np.abs(x).max(-1, keepdims=True),
    "sum": lambda x: x.sum(-1, keepdims=True),
    "mean": lambda x: x.mean(-1, keepdims=True),
}


@pytest.mark.parametrize("how", COMBINE)
@pytest.mark.parametrize("data_format", FORMATS)
def test_combine_filters(how, data_format):
    """CombineFilters is NumPy's reduction over the channels, which become one; it comes back from its
    configuration."""
    values = np.random.default_rng(8).normal(size=(2, 4, 5, 3)).astype(np.float32)
    values[..., 0] -= 5  # the largest magnitude is a negative value
    layer = CombineFilters(how, data_format, name="together")
    assert layer.get_config()["how"] == how
    layer = CombineFilters.from_config(layer.get_config())
    assert layer.name == "together"
    entering = values.transpose(0, 3, 1, 2) if data_format == "channels_first" else values
    found = keras.ops.convert_to_numpy(layer(entering))
    assert found.shape == layer.compute_output_shape(entering.shape)
    found = found.transpose(0, 2, 3, 1) if data_format == "channels_first" else found
    assert found == pytest.approx(COMBINE[how](values), abs=1e-6)


def test_absolute_value_is_an_activation():
    """ "abs" is our own registered function; the others are Keras' by name."""
    from convfilter.model.layers import absolute

    assert np.array_equal(keras.ops.convert_to_numpy(absolute(np.array([-2.0, 0, 3]))), [2, 0, 3])
    assert build(Pipeline((Activation("abs"),))).layers[0].activation is absolute
    assert build(Pipeline((Activation("tanh"),))).layers[0].activation is keras.activations.tanh
