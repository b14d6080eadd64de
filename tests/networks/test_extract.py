"""Convolution layers as kernel files."""

import hashlib
import json

import numpy as np
import pytest
from scipy.signal import correlate
from small_networks import network

import convfilter
from convfilter.errors import FilterError, PictureError
from convfilter.filters.load import load
from convfilter.model.boot import keras
from convfilter.model.layers import absolute
from convfilter.networks import extract as ex
from convfilter.networks import load as models
from convfilter.networks.convolution import settings

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
layers = keras.layers


def own(model, layer, picture):
    """What `layer` gives for its own input `picture` (H, W, C): the model cut at that layer."""
    found = model.get_layer(layer)
    cut = keras.Model(found.input, found.output)
    return np.asarray(cut.predict_on_batch(picture[None]))[0]


def same_bits(found, expected):
    return found.shape == expected.shape and found.tobytes() == np.ascontiguousarray(expected).tobytes()


def applied(tmp_path, model, layer, picture):
    """What `apply` gives with the extracted file and the arguments that `settings` gives."""
    (path,) = ex.write(tmp_path, [ex.extract(model, layer, "net.keras")])
    arguments = settings(model.get_layer(layer))
    found = convfilter.apply(path, picture, range="raw", engine="keras", **arguments)
    return found if found.ndim == 3 else found[..., None]


def test_a_gray_first_layer_is_equal_to_the_bit(tmp_path, two, picture):
    """apply on conv1's file gives the 32 activations the loaded model's conv1 gives, every bit."""
    expected = own(two, "conv1", picture)
    assert expected.shape == (28, 28, 32)
    assert same_bits(applied(tmp_path, two, "conv1", picture[..., 0]), expected)


def test_a_second_layer_is_equal_to_the_bit(tmp_path, two, picture):
    """conv2's file, fed with conv1's 32 maps, gives the whole network's conv2, every bit."""
    whole = keras.Model(two.inputs, [two.get_layer("conv1").output, two.get_layer("conv2").output])
    maps, expected = (np.asarray(out)[0] for out in whole.predict_on_batch(picture[None]))
    assert same_bits(applied(tmp_path, two, "conv2", maps), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": "valid", "activation": "relu"},
        {"kernel_size": 3, "padding": "valid", "strides": 2, "activation": "tanh"},
        {"kernel_size": (1, 7), "padding": "same", "activation": "sigmoid"},
        {"kernel_size": 3, "padding": "same", "dilation_rate": 2, "activation": "gelu"},
        {"kernel_size": 3, "padding": "same", "strides": 2},
        {"kernel_size": 4, "padding": "same", "activation": absolute},
        {"kernel_size": (2, 5), "padding": "same", "use_bias": False, "activation": "softmax"},
        {"kernel_size": 5, "padding": "valid", "strides": (3, 2), "activation": "leaky_relu"},
        {"kernel_size": (5, 4), "padding": "valid", "dilation_rate": (2, 3)},
    ],
    ids=lambda options: "-".join(str(getattr(v, "__name__", v)) for v in options.values()),
)
@pytest.mark.parametrize("depth", [1, 3])
def test_every_kind_of_conv2d_is_equal_to_the_bit(tmp_path, options, depth):
    """Padding, strides, dilation, even kernels, bias and activation all come through."""
    model = network(layers.Conv2D(6, **options, name="conv"), shape=(29, 33, depth))
    picture = np.random.default_rng(1).random((29, 33, depth), np.float32)
    expected = own(model, "conv", picture)
    assert same_bits(applied(tmp_path, model, "conv", picture), expected)


@pytest.mark.parametrize(("size", "rate"), [(2, 2), (4, 2), ((4, 3), 3), ((2, 3), (2, 1)), (2, 3)])
@pytest.mark.parametrize("depth", [1, 3])
def test_even_dilated_kernels_are_written_with_their_zeros(tmp_path, size, rate, depth):
    """Where Keras' "same" puts the kernel's middle on a zero; the order of sums may then be another."""
    model = network(
        layers.Conv2D(6, size, padding="same", dilation_rate=rate, name="conv"), shape=(29, 33, depth)
    )
    picture = np.random.default_rng(1).random((29, 33, depth), np.float32)
    assert np.allclose(applied(tmp_path, model, "conv", picture), own(model, "conv", picture), atol=1e-6)
    assert "--dilation" not in ex.extract(model, "conv", "x")["description"]


def test_against_scipy(tmp_path, picture):
    """Valid correlation in float64 by SciPy, plus the bias, is what the file computes."""
    model = network(layers.Conv2D(4, 3, name="conv"))
    weights, bias = model.get_layer("conv").get_weights()
    expected = np.stack(
        [correlate(picture[..., 0].astype(float), weights[:, :, 0, n], "valid") + bias[n] for n in range(4)],
        -1,
    )
    assert np.allclose(applied(tmp_path, model, "conv", picture), expected, rtol=0, atol=2e-6)


def test_eight_bit_pixels_are_255_times_the_activation(tmp_path, two, picture):
    """The file asks for values 0 to 1; with those as stored relu and bias scale along: 255 times the layer's."""
    (path,) = ex.write(tmp_path, [ex.extract(two, "conv1", "net.keras")])
    pixels = np.rint(picture * 255).astype(np.uint8)[..., 0]
    stored = convfilter.apply(path, pixels, range="raw", engine="keras", values="stored")
    assert np.allclose(stored, 255 * own(two, "conv1", picture), rtol=1e-5, atol=1e-3)
    unit = convfilter.apply(path, pixels, range="raw", engine="keras")
    exact = (pixels.astype(np.float32) / np.float32(255))[..., None]
    assert np.array_equal(unit, own(two, "conv1", exact))


def test_the_numbers_are_the_float32_weights(tmp_path, two):
    """The text of the file, read by json alone, becomes the same float32 weights and biases."""
    (path,) = ex.write(tmp_path, [ex.extract(two, "conv2", "net.keras")])
    data = json.loads(path.read_text())
    weights, bias = two.get_layer("conv2").get_weights()
    assert data["layout"] == "kh,kw,in,out"
    assert np.array_equal(np.array(data["weights"]).astype(np.float32), weights)
    assert np.array_equal(np.array(data["bias"]).astype(np.float32), bias)
    assert len(path.read_text()) < 15 * weights.size  # the shortest decimals


def test_floats_of_every_size_round_trip():
    """Any float32, subnormal or huge, is written so that it comes back."""
    bits = np.random.default_rng(5).integers(0, 2**32, 20_000, dtype=np.uint64).astype(np.uint32)
    values = bits.view(np.float32)
    values = np.concatenate([values[np.isfinite(values)], np.float32([0, 1e-45, 3.4028235e38, 0.1])])
    assert np.array_equal(np.array(ex._plain(values)).astype(np.float32), values)


def test_the_file_says_where_it_is_from(tmp_path, saved):
    """Name, source with the model's hash, tag, activation and range; the file passes its own check."""
    file = ex.extract(models.load_model(saved), "conv1", ex.source_of(saved))
    digest = hashlib.sha256(saved.read_bytes()).hexdigest()
    assert file["name"] == "net-conv1"
    assert file["source"] == f"layer conv1 of best.keras, SHA-256 {digest}"
    assert (file["tags"], file["activation"], file["range"]) == (["learned"], "relu", "signed")
    assert "With --pad same" in file["description"]
    (path,) = ex.write(tmp_path / "new" / "folder", [file])
    assert path.name == "net-conv1.json"
    assert load(path).filters == 32


def test_the_file_is_readable(tmp_path, two):
    """Each row of numbers stands on a line of its own, a lone filter as the matrix it is."""
    first = ex.write(tmp_path, ex.extract_each(two, "conv1", "net.keras"))[0]
    lines = first.read_text().splitlines()
    start = lines.index('  "weights": [')
    assert lines[start + 6] == "  ],"
    assert all(line.count(",") >= 4 for line in lines[start + 1 : start + 6])


def test_one_file_a_filter(tmp_path, two, picture):
    """The 32 files, in order, are the 32 planes of the bank."""
    paths = ex.write(tmp_path, ex.extract_each(two, "conv1", "net.keras"))
    assert [path.name for path in paths[:2]] == ["net-conv1-01.json", "net-conv1-02.json"]
    expected = own(two, "conv1", picture)
    for number in (0, 9, 31):
        plane = convfilter.apply(paths[number], picture, values="unit", range="raw", engine="keras")
        assert np.allclose(plane, expected[..., number], rtol=1e-6, atol=1e-7)
    assert load(paths[9]).name == "net-conv1-10"


def test_one_file_a_filter_of_many_channels(tmp_path, two):
    """A filter of 32 channels keeps them all."""
    paths = ex.write(tmp_path, ex.extract_each(two, "conv2", "net.keras"))
    weights = two.get_layer("conv2").get_weights()[0]
    assert np.array_equal(load(paths[7]).weights.astype(np.float32), weights[..., 7:])


@pytest.mark.parametrize("kind", ["depthwise", "grouped"])
def test_depthwise_and_grouped_become_the_full_kernel(tmp_path, kind):
    """Written in full, they compute the same but for the order of sums; the description says so."""
    layer = {
        "depthwise": layers.DepthwiseConv2D(
            3, depth_multiplier=2, padding="same", activation="relu", name="conv"
        ),
        "grouped": layers.Conv2D(6, 3, groups=2, padding="same", activation="relu", name="conv"),
    }[kind]
    model = network(layer, shape=(16, 18, 4))
    picture = np.random.default_rng(2).random((16, 18, 4), np.float32)
    assert np.allclose(applied(tmp_path, model, "conv", picture), own(model, "conv", picture), atol=1e-6)
    assert kind in ex.extract(model, "conv", "x")["description"]


def test_alexnets_grouped_layer(tmp_path):
    """This package's own grouped convolution is one too."""
    from convfilter.networks.architectures import build

    model = build("alexnet", (28, 28, 1))
    maps = np.random.default_rng(2).random(model.get_layer("conv2").input.shape[1:], np.float32)
    expected = own(model, "conv2", maps)
    assert np.allclose(applied(tmp_path, model, "conv2", maps), expected, atol=1e-4 * np.abs(expected).max())


def test_lenets_table_layer(tmp_path):
    """LeNet-5's partly connected C3, whose activation has no word in a kernel file, before that activation."""
    from convfilter.networks.architectures import build

    model = build("lenet5", (28, 28, 1))
    file = ex.extract(model, "c3", "x")
    assert file["activation"] == "linear"
    assert "scaled_tanh is left out" in file["description"]
    maps = np.random.default_rng(2).random((14, 14, 6), np.float32)
    expected = own(model, "c3", maps)
    linear = applied(tmp_path, model, "c3", maps)
    assert np.allclose(1.7159 * np.tanh(linear * 2 / 3), expected, atol=1e-5)
    assert (np.array(file["weights"])[:, :, 3:, 0] == 0).all()  # map 0 sees 0, 1, 2


def test_a_layer_inside_a_model_inside(two):
    """A nested model's layer is named MODEL/LAYER."""
    outer = keras.Sequential([keras.Input((28, 28, 1)), two], name="outer")
    assert ex.extract(outer, "net/conv2", "x")["name"] == "outer-net-conv2"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("conv3", 'did you mean "conv'),
        ("xyz", "its convolution layers: conv1, conv2"),
        ("pool1", '"pool1" is a MaxPooling2D layer'),
    ],
)
def test_a_wrong_layer_is_told_the_right_ones(two, name, words):
    """Unknown names get a suggestion, other layers their kind, both the list of convolutions."""
    with pytest.raises(FilterError, match=words) as caught:
        ex.extract(two, name, "x")
    assert "conv1, conv2" in str(caught.value)


def test_what_no_kernel_file_can_hold():
    """Diverged weights, transposed convolutions, too many weights, and a softmax taken apart."""
    model = network(layers.Conv2D(2, 3, activation="softmax", name="conv"))
    with pytest.raises(FilterError, match="needs all filters at once"):
        ex.extract_each(model, "conv", "x")
    model.get_layer("conv").bias.assign([np.nan, 0])
    with pytest.raises(FilterError, match="NaN or infinity"):
        ex.extract(model, "conv", "x")
    model = network(layers.Conv2DTranspose(2, 3, name="up"))
    with pytest.raises(FilterError, match="is a Conv2DTranspose layer"):
        ex.extract(model, "up", "x")
    model = network(layers.DepthwiseConv2D(3, name="conv"), shape=(8, 8, 400))
    with pytest.raises(FilterError, match="1,440,000 weights"):
        ex.extract(model, "conv", "x")


def test_a_folder_that_cant_be_made(tmp_path, two):
    """A file in the way is told."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(PictureError, match="taken: can't be made a folder: part of its path is a file"):
        ex.write(tmp_path / "taken", [ex.extract(two, "conv1", "x")])
