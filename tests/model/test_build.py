"""The Keras model of a pipeline: its layers, its weights, and what becomes of it when it is saved."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import skimage.data

import convfilter
from convfilter.choices import Activation as ActivationName
from convfilter.engines import keras_engine as engine
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.model.boot import keras
from convfilter.model.build import build

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own

PHOTO = skimage.data.camera()[100:148, 200:261].astype(np.float32)[None, :, :, None]
FORMATS = ("channels_last", "channels_first")
BANK = np.random.default_rng(5).integers(-5, 6, (3, 3, 1, 2)).astype(float)
STEP = np.array([[1.0, 2.0, -4.0]])[:, :, None, None]
ON_TENSORFLOW = keras.config.backend() == "tensorflow"


def conv(weights, **fields):
    """A Conv of these weights (kh, kw, in, out) without bias."""
    return Conv("test", weights, np.zeros(weights.shape[3]), (0, 0), **fields)


def everything(data_format="channels_last"):
    """A pipeline of every kind of layer."""
    bank = Conv("bank", BANK, np.array([0.5, -1.0]), (1, 1), "abs")
    layers = (
        Pad(1, 2, 3, 0), bank, Combine("magnitude"), Pad(2, 1, 0, 1, "reflect"), conv(STEP, strides=(2, 1)),
        Activation("relu"), Pool((2, 3), "max"), Pool((1, 2), "average"),
    )  # fmt: skip
    return Pipeline(layers, "everything", data_format=data_format)


def layer_names(model):
    return [type(layer).__name__ for layer in model.layers]


def predict(model, batch):
    return np.asarray(keras.ops.convert_to_numpy(model.predict_on_batch(batch)))


def test_layers_come_in_order():
    """build gives a keras.Sequential of Keras' own layers, in the order of the pipeline."""
    model = build(everything())
    assert isinstance(model, keras.Sequential)
    assert layer_names(model) == [
        "ZeroPadding2D", "Conv2D", "CombineFilters", "BorderPadding2D", "Conv2D", "Activation",
        "MaxPooling2D", "AveragePooling2D",
    ]  # fmt: skip
    own = {"CombineFilters", "BorderPadding2D"}
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers if type(layer).__name__ not in own)  # fmt: skip
    padding, first, _, border, second, _, largest, average = model.layers
    assert padding.padding == ((1, 2), (3, 0))
    assert (border.padding, border.border) == (((2, 1), (0, 1)), "reflect")
    assert (first.kernel_size, first.strides, first.padding, first.filters) == ((3, 3), (1, 1), "valid", 2)
    assert (second.kernel_size, second.strides) == ((1, 3), (2, 1))
    assert (largest.pool_size, largest.strides) == ((2, 3), (2, 3))
    assert (average.pool_size, average.strides) == ((1, 2), (1, 2))


def test_article_is_the_articles_network():
    """The sample builds the article's layers: pad, Conv2D with ReLU, pad, Conv2D with ReLU, max-pool."""
    path = Path(__file__).parents[2] / "samples" / "article-pool2.json"
    model = build(convfilter.load(path))
    assert layer_names(model) == ["ZeroPadding2D", "Conv2D", "ZeroPadding2D", "Conv2D", "MaxPooling2D"]
    assert [model.layers[index].activation.__name__ for index in (1, 3)] == ["relu", "relu"]
    assert model.count_params() == 18


@pytest.mark.parametrize("data_format", FORMATS)
def test_sizes_are_open_and_weights_fixed(data_format):
    """Height and width are None, so one model serves every picture, and nothing is trainable."""
    model = build(everything(data_format))
    sides = (None, 1, None, None) if data_format == "channels_first" else (None, None, None, 1)
    assert model.input_shape == model.output_shape == sides
    assert model.trainable_weights == []
    assert len(model.weights) == 3


def test_weights_are_the_kernels():
    """Conv2D holds the kernel as it is (Keras correlates), in float32; the bias is a share of full scale; a
    layer without bias has none."""
    model = build(everything(), full_scale=255)
    first, second = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    weights, bias = first.get_weights()
    assert np.array_equal(weights, BANK)
    assert weights.dtype == bias.dtype == np.float32
    assert np.array_equal(bias, [127.5, -255])
    assert len(second.get_weights()) == 1
    assert np.array_equal(second.get_weights()[0], STEP)


def test_full_scale_matters_only_where_there_is_a_bias():
    """Without a bias the model is the same for 8 and 16 bits, so the engine makes it once."""
    engine._model.cache_clear()
    batch = PHOTO[:, :8, :9]
    plain, biased = (convfilter.make_pipeline(convfilter.make_kernel([[1, 2]], bias=bias)) for bias in (0, 1))
    for full in (255.0, 65535.0, 1.0):
        engine.run(plain, batch, full)
    assert engine._model.cache_info().misses == 1
    for number, full in enumerate((255.0, 65535.0, 1.0), 2):
        corner = engine.run(biased, batch, full)[0, 0, 0, 0]
        assert corner == 2 * batch[0, 0, 0, 0] + full
        assert engine._model.cache_info().misses == number


def test_one_model_serves_every_size():
    """Pictures of other sizes use the model that is there, and so does an equal pipeline made anew."""
    engine._model.cache_clear()
    for side in (8, 9, 31, 48):
        pipeline = convfilter.make_pipeline("sobel", border="edge")
        assert engine.run(pipeline, PHOTO[:, :side, :side], 255.0).shape == (1, side, side, 1)
    assert engine._model.cache_info().misses == 1


def test_dilation_beside_strides_is_written_out():
    """Keras refuses dilation beside strides, so the kernel then holds the zeros itself; otherwise Keras
    dilates."""
    both = build(Pipeline((conv(BANK, strides=(1, 2), dilation=(3, 2)),))).layers[0]
    assert both.kernel_size == (7, 5)
    assert both.dilation_rate == (1, 1)
    spread = np.zeros((7, 5, 1, 2))
    spread[::3, ::2] = BANK
    assert np.array_equal(both.get_weights()[0], spread)
    alone = build(Pipeline((conv(BANK, dilation=(3, 2)),))).layers[0]
    assert (alone.kernel_size, alone.dilation_rate) == ((3, 3), (3, 2))


@pytest.mark.slow
@pytest.mark.parametrize("border", ["zero", "edge", "reflect", "symmetric", "wrap"])
def test_cover_is_one_model_for_every_size(border):
    """CoverPadding2D pads each size by what its windows need, like resolve_padding, which gives the same sizes."""
    pipeline = convfilter.make_pipeline("sobel-x", pad="cover", strides=(3, 4), border=border)
    model = build(pipeline)
    assert layer_names(model)[0] == "CoverPadding2D"
    for size in ((10, 11), (9, 9), (12, 15), (3, 3), (2, 1), (31, 30)):
        picture = np.random.default_rng(1).integers(0, 256, (1, *size, 1)).astype(np.float32)
        settled = build(resolve_padding(pipeline, size)).predict_on_batch(picture)
        assert np.array_equal(model.predict_on_batch(picture), settled)


@pytest.mark.parametrize("data_format", FORMATS)
def test_predict_gives_what_the_engine_gives(data_format):
    """model.predict on the same pixels is the engine's result, to the last bit."""
    pipeline = everything(data_format)
    model = build(pipeline, 255)
    first = data_format == "channels_first"
    found = model.predict(PHOTO.transpose(0, 3, 1, 2) if first else PHOTO, verbose=0)
    found = found.transpose(0, 2, 3, 1) if first else found
    assert np.array_equal(found, engine.run(pipeline, PHOTO, 255.0))
    assert found.shape == (1, 13, 10, 1)


@pytest.mark.parametrize("data_format", FORMATS)
def test_saved_and_loaded(tmp_path, data_format):
    """A model saved as .keras loads in safe mode and gives identical results, with its own registered layers
    and its activation "abs"; the weights stay fixed."""
    model = build(everything(data_format), 255)
    batch = PHOTO.transpose(0, 3, 1, 2) if data_format == "channels_first" else PHOTO
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert layer_names(loaded) == layer_names(model)
    assert np.array_equal(predict(loaded, batch), predict(model, batch))
    assert loaded.trainable_weights == []
    assert loaded.input_shape == model.input_shape


@pytest.mark.skipif(not ON_TENSORFLOW, reason="only TensorFlow's CPU kernels want the channels last")
def test_channels_first_on_tensorflow_transposes_at_its_ends():
    """A channels_first model takes and gives (batch, channels, height, width); on TensorFlow it transposes at
    its two ends, and every layer between has the channels last."""
    model = build(everything("channels_first"))
    assert layer_names(model)[0] == layer_names(model)[-1] == "Permute"
    assert layer_names(model)[1:-1] == layer_names(build(everything()))
    inner = [layer for layer in model.layers[1:-1] if hasattr(layer, "data_format")]
    assert len(inner) == 7
    assert {layer.data_format for layer in inner} == {"channels_last"}


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", "sparsemax"])
def test_activations_over_the_channels(activation):
    """softmax and its kin run over the filters in both data formats: the softmaxes sum to 1 over them."""
    kernel = convfilter.make_kernel(np.moveaxis(BANK[:, :, 0], -1, 0) / 100, activation=activation)
    outputs = []
    for data_format in FORMATS:
        pipeline = convfilter.make_pipeline(kernel, data_format=data_format, values="unit")
        outputs.append(engine.run(pipeline, PHOTO / 255, 1.0))
    assert outputs[0].shape == (*PHOTO.shape[:3], 2)
    assert np.array_equal(outputs[0], outputs[1])
    if activation == "sparsemax":  # Keras 3.15's doesn't sum to 1, so it is compared with itself
        plain = convfilter.make_pipeline(kernel, activation="linear", values="unit")
        linear = engine.run(plain, PHOTO / 255, 1.0)
        found = keras.ops.convert_to_numpy(keras.activations.sparsemax(linear))
        assert outputs[0] == pytest.approx(found, abs=1e-6)
        return
    total = (np.exp(outputs[0]) if activation == "log_softmax" else outputs[0]).sum(-1)
    assert total == pytest.approx(np.ones_like(total), abs=1e-5)


def test_batches_are_filtered_one_by_one():
    """A batch of several pictures gives what each gives alone."""
    batch = np.concatenate([PHOTO, PHOTO[:, ::-1], PHOTO[:, :, ::-1]])
    together = engine.run(everything(), batch, 255.0)
    alone = [engine.run(everything(), picture[None], 255.0)[0] for picture in batch]
    assert np.allclose(together, np.stack(alone), rtol=1e-6, atol=0)  # roots may differ in their last bit


@pytest.mark.parametrize("activation", ActivationName.__args__)
def test_every_activation_of_the_schema_builds(activation):
    """Each activation a file may name is one that Keras knows, fused and as a layer of its own."""
    fused = build(Pipeline((conv(BANK, activation=activation),))).layers[0]
    own = build(Pipeline((Activation(activation),))).layers[0]
    assert fused.activation is own.activation
    assert callable(own.activation)


def test_sizes_foretold_are_the_sizes_made():
    """The shapes that the pipeline foretells without Keras are those of the arrays Keras makes."""
    from convfilter.filters.geometry import sizes

    for pad, strides, dilation in itertools.product(
        ["same", "valid", (2, 0)], [(1, 1), (2, 3)], [(1, 1), (2, 1)]
    ):
        pipeline = convfilter.make_pipeline(
            "sobel-5", pad=pad, strides=strides, dilation=dilation, pool=(2, 1)
        )
        assert engine.run(pipeline, PHOTO, 255.0).shape[1:3] == sizes(pipeline, PHOTO.shape[1:3])[-1]
