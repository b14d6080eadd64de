"""The layers that Keras has not, against the papers' formulas."""

import subprocess
import sys

import numpy as np
import pytest

from convfilter.networks.architectures import build

# Keras 3.15 reads its own variables by np.array, in a way that NumPy 2 warns of, when it saves a model.
saves_a_model = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def keras():
    from convfilter.model.boot import keras

    return keras


@pytest.mark.slow
@saves_a_model
def test_loading_in_another_process(keras, tmp_path):
    """A process that has imported own_layers, and no architecture, loads models with any of its layers."""
    for name in ("lenet5", "alexnet"):
        build(name).save(tmp_path / f"{name}.keras")
    script = (
        "import sys\n"
        "import convfilter.networks.architectures.own_layers\n"
        "from convfilter.model.boot import keras\n"
        "for name in ('lenet5', 'alexnet'):\n"
        "    print(keras.models.load_model(f'{sys.argv[1]}/{name}.keras', safe_mode=True).count_params())\n"
    )
    run = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["60850", "1106794"]


def test_lrn_is_the_papers_formula():
    """Local response normalisation equals section 3.3's formula, written as loops over channels."""
    from convfilter.networks.architectures.own_layers import LocalResponseNormalization

    a = np.random.default_rng(3).normal(size=(2, 3, 4, 7)).astype("float32") * 20
    for n, k, alpha, beta in [(5, 2.0, 1e-4, 0.75), (3, 1.0, 0.5, 0.5), (15, 2.0, 0.1, 1.0)]:
        expected = np.empty(a.shape)
        for i in range(7):
            total = np.zeros(a.shape[:3])
            for j in range(max(0, i - n // 2), min(7 - 1, i + n // 2) + 1):
                total += np.float64(a[..., j]) ** 2
            expected[..., i] = a[..., i] / (k + alpha * total) ** beta
        result = np.asarray(LocalResponseNormalization(n, k, alpha, beta)(a))
        np.testing.assert_allclose(result, expected, rtol=2e-6)


def test_grouped_convolution_is_kerass(keras):
    """GroupedConv2D gives Conv2D's result for the same weights and groups, and is a Conv2D."""
    from convfilter.networks.architectures.own_layers import GroupedConv2D

    keras.utils.set_random_seed(7)
    x = np.random.default_rng(8).normal(size=(2, 9, 8, 6)).astype("float32")
    ours, keras_own = (
        kind(8, 3, strides=2, padding="same", groups=2, activation="relu")
        for kind in (GroupedConv2D, keras.layers.Conv2D)
    )
    ours.build(x.shape)
    keras_own.build(x.shape)
    keras_own.set_weights(ours.get_weights())
    assert ours.kernel.shape == (3, 3, 3, 8)
    assert isinstance(ours, keras.layers.Conv2D)
    np.testing.assert_allclose(np.asarray(ours(x)), np.asarray(keras_own(x)), atol=1e-6)


def test_sub_sampling_is_the_papers():
    """S2: four inputs added, times a coefficient, plus a bias, through 1.7159 tanh(2x/3)."""
    from convfilter.networks.architectures.own_layers import SubSampling2D, scaled_tanh

    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 4, 7, 3)).astype("float32")  # the odd last column falls away
    coefficient, bias = rng.normal(size=(2, 3)).astype("float32")
    layer = SubSampling2D(scaled_tanh)
    np.testing.assert_array_equal(layer(x).shape, (2, 2, 3, 3))
    layer.set_weights([coefficient, bias])
    total = x[:, 0::2, 0:6:2] + x[:, 1::2, 0:6:2] + x[:, 0::2, 1:6:2] + x[:, 1::2, 1:6:2]
    expected = 1.7159 * np.tanh((total * coefficient + bias) * 2 / 3)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, atol=1e-6)


TABLE_I = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""


def test_c3_is_connected_as_in_table_1(keras):
    """C3's kernel is zero outside the paper's table I, trains inside, and convolves as it stands."""
    marks = np.array([line.split() for line in TABLE_I.split("\n") if line]) == "X"  # (6, 16)
    assert marks.sum() == 60
    keras.utils.set_random_seed(5)
    c3 = build("lenet5").get_layer("c3")
    kernel = np.asarray(c3.kernel)
    assert kernel.shape == (5, 5, 6, 16)
    np.testing.assert_array_equal((kernel != 0).all((0, 1)), marks)
    np.testing.assert_array_equal((kernel != 0).any((0, 1)), marks)

    x = np.random.default_rng(6).normal(size=(1, 14, 14, 6)).astype("float32")
    bias = np.linspace(-1, 1, 16, dtype="float32")
    c3.bias.assign(bias)
    windows = np.lib.stride_tricks.sliding_window_view(x[0], (5, 5), (0, 1))  # (10, 10, 6, 5, 5)
    expected = 1.7159 * np.tanh((np.einsum("yxcij,ijcm->yxm", windows, kernel) + bias) * 2 / 3)
    np.testing.assert_allclose(np.asarray(c3(x))[0], expected, atol=2e-6)
