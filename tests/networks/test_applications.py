"""Networks of keras.applications by name, with weights of chance in Keras' own folder."""

import importlib

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

import convfilter
from convfilter.cli import command
from convfilter.errors import DataError
from convfilter.model.boot import keras
from convfilter.networks import extract as ex
from convfilter.networks.applications import APPLICATIONS, load_application
from convfilter.networks.preprocess import WAYS, Preprocess

legacy_h5_format = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Keras' folder, with nothing in it, and no way to fetch anything."""
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(keras.src.utils.file_utils.config, "keras_home", lambda: str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(keras.src.utils.file_utils, "urlretrieve", refuse)
    return tmp_path


@pytest.fixture
def mobilenet(folder):
    """The folder with MobileNet's file, of weights of chance."""
    keras.utils.set_random_seed(1)
    made = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(224, 224, 3))
    with h5py.File(folder / "models" / "mobilenet_1_0_224_tf_no_top.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, made)
    return folder


@pytest.mark.parametrize(("way", "module"), [("caffe", "vgg16"), ("tf", "mobilenet"), ("torch", "densenet")])
def test_pixels_enter_as_keras_has_it(way, module):
    """Preprocess of pixels from 0 to 1 is the module's own preprocess_input of those from 0 to 255."""
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 9, 3)).astype(np.float32)
    expected = np.asarray(getattr(keras.applications, module).preprocess_input(pixels.copy()))
    found = np.asarray(Preprocess(way)(pixels / 255))
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_every_name_is_a_function_of_keras():
    """The table names what keras.applications has, and ways that there are."""
    for known in APPLICATIONS.values():
        assert callable(getattr(keras.applications, known.function))
        assert known.way in WAYS


@pytest.mark.parametrize("way", WAYS)
def test_a_first_layer_sees_the_picture_itself(tmp_path, way):
    """Its kernel file, applied to red, green and blue, gives what Keras' layer gives behind the preparation."""
    keras.utils.set_random_seed(2)
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    seen = Preprocess(way, name="preprocess")(keras.Input((None, None, 3)))
    inside = keras.layers.Conv2D(4, 3, activation="relu", bias_initializer="random_normal", name="first")
    model = keras.Model(seen._keras_history.operation.input, inside(seen), name="net")
    [path] = ex.write(tmp_path, [ex.extract(model, "first", "net")])
    found = convfilter.apply(path, picture, pad="valid", range="raw", engine="keras")
    expected = np.asarray(model.predict_on_batch(picture[None].astype(np.float32) / 255))[0]
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_without_weights_it_says_where_they_go(folder):
    """One line with the network's name and Keras' folder; nothing else is tried."""
    with pytest.raises(DataError, match=r"mobilenet: Keras can't get its weights .*models$"):
        load_application("mobilenet")


@pytest.mark.slow
def test_the_commands_take_a_name(mobilenet, tmp_path):
    """features draws every layer of MobileNet for a photograph, kernels extract writes its first kernels."""
    run = CliRunner().invoke
    sheet, out = tmp_path / "sheet.png", tmp_path / "learned"
    found = run(command, ["features", "mobilenet", "samples/scene.png", str(sheet), "--json"])
    assert found.exit_code == 0, found.output
    assert sheet.exists()
    found = run(command, ["kernels", "extract", "mobilenet", "--layer", "conv1", "--out", str(out)])
    assert found.exit_code == 0, found.output
    [file] = out.iterdir()
    picture = np.random.default_rng(0).integers(0, 256, (34, 34, 3), dtype=np.uint8)
    layer = load_application("mobilenet").get_layer("conv1")
    result = convfilter.apply(file, picture, pad="valid", strides=2, range="raw", engine="keras")
    prepared = picture.astype(np.float32) / np.float32(127.5) - 1
    windows = np.lib.stride_tricks.sliding_window_view(prepared, (3, 3), (0, 1))[::2, ::2]  # y, x, c, i, j
    expected = np.einsum("yxcij,ijco->yxo", windows, np.asarray(layer.kernel))
    assert np.abs(result - expected).max() <= 1e-5 * np.abs(expected).max()
