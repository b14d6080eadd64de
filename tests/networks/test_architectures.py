"""The networks of the papers: layer tables, parameter counts, saving, and wrong requests."""

import subprocess
import sys

import numpy as np
import pytest

from convfilter.errors import FilterError
from convfilter.networks.architectures import ARCHITECTURES, build

NAMES = list(ARCHITECTURES)
# Keras 3.15 reads its own variables by np.array, in a way that NumPy 2 warns of, when it saves a model.
saves_a_model = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def keras():
    from convfilter.model.boot import keras

    return keras


@pytest.fixture
def plan(keras):
    """build() without filling the weights: the networks of the papers have up to 138 million."""

    def unfilled(*args):
        with keras.StatelessScope(initialize_variables=False):
            return build(*args)

    yield unfilled
    keras.utils.clear_session(free_memory=False)  # drops the list of unfilled weights


def table(model):
    """{layer: its output's shape without the batch}."""
    return {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}


ARTICLE = (
    (5 * 5 * 1 * 32 + 32)
    + (5 * 5 * 32 * 32 + 32)
    + (3 * 3 * 32 * 64 + 64)
    + (3 * 3 * 64 * 64 + 64)
    + (7 * 7 * 64 * 256 + 256)
    + (256 * 10 + 10)
)
LENET5 = (
    (5 * 5 * 1 * 6 + 6)  # C1 156
    + (2 * 6)  # S2 12
    + (5 * 5 * (6 * 3 + 9 * 4 + 1 * 6) + 16)  # C3 1,516
    + (2 * 16)  # S4 32
    + (5 * 5 * 16 * 120 + 120)  # C5 48,120
    + (120 * 84 + 84)  # F6 10,164
)
ALEXNET = (
    (11 * 11 * 3 * 96 + 96)
    + (5 * 5 * 48 * 256 + 256)  # two groups: 96 / 2 inputs
    + (3 * 3 * 256 * 384 + 384)
    + (3 * 3 * 192 * 384 + 384)  # two groups
    + (3 * 3 * 192 * 256 + 256)  # two groups
    + (6 * 6 * 256 * 4096 + 4096)
    + (4096 * 4096 + 4096)
    + (4096 * 1000 + 1000)
)
ZFNET = (
    (7 * 7 * 3 * 96 + 96)
    + (5 * 5 * 96 * 256 + 256)
    + (3 * 3 * 256 * 384 + 384)
    + (3 * 3 * 384 * 384 + 384)
    + (3 * 3 * 384 * 256 + 256)
    + (6 * 6 * 256 * 4096 + 4096)
    + (4096 * 4096 + 4096)
    + (4096 * 1000 + 1000)
)
VGG_DENSE = (7 * 7 * 512 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * 1000 + 1000)
VGG11 = (
    (3 * 3 * 3 * 64 + 64)
    + (3 * 3 * 64 * 128 + 128)
    + (3 * 3 * 128 * 256 + 256)
    + (3 * 3 * 256 * 256 + 256)
    + (3 * 3 * 256 * 512 + 512)
    + 3 * (3 * 3 * 512 * 512 + 512)
    + VGG_DENSE
)
VGG16 = (
    (3 * 3 * 3 * 64 + 64)
    + (3 * 3 * 64 * 64 + 64)
    + (3 * 3 * 64 * 128 + 128)
    + (3 * 3 * 128 * 128 + 128)
    + (3 * 3 * 128 * 256 + 256)
    + 2 * (3 * 3 * 256 * 256 + 256)
    + (3 * 3 * 256 * 512 + 512)
    + 5 * (3 * 3 * 512 * 512 + 512)
    + VGG_DENSE
)


def inception(inputs, one, three_reduce, three, five_reduce, five, proj):
    return (
        (1 * 1 * inputs * one + one)
        + (1 * 1 * inputs * three_reduce + three_reduce)
        + (3 * 3 * three_reduce * three + three)
        + (1 * 1 * inputs * five_reduce + five_reduce)
        + (5 * 5 * five_reduce * five + five)
        + (1 * 1 * inputs * proj + proj)
    )


GOOGLENET = (
    (7 * 7 * 3 * 64 + 64)
    + (1 * 1 * 64 * 64 + 64)
    + (3 * 3 * 64 * 192 + 192)
    + inception(192, 64, 96, 128, 16, 32, 32)
    + inception(256, 128, 128, 192, 32, 96, 64)
    + inception(480, 192, 96, 208, 16, 48, 64)
    + inception(512, 160, 112, 224, 24, 64, 64)
    + inception(512, 128, 128, 256, 24, 64, 64)
    + inception(512, 112, 144, 288, 32, 64, 64)
    + inception(528, 256, 160, 320, 32, 128, 128)
    + inception(832, 256, 160, 320, 32, 128, 128)
    + inception(832, 384, 192, 384, 48, 128, 128)
    + (1024 * 1000 + 1000)
)


@pytest.mark.parametrize(
    ("name", "shape", "classes", "by_hand", "published"),
    [
        ("article", (28, 28, 1), 10, ARTICLE, 887_530),
        ("lenet5", (32, 32, 1), 10, LENET5 + (84 * 10 + 10), 60_000 + 850),
        ("alexnet", (227, 227, 3), 1000, ALEXNET, 60_965_224),
        ("zfnet", (224, 224, 3), 1000, ZFNET, 62_357_608),
        ("vgg11", (224, 224, 3), 1000, VGG11, 132_863_336),
        ("vgg16", (224, 224, 3), 1000, VGG16, 138_357_544),
        ("googlenet", (224, 224, 3), 1000, GOOGLENET, 6_998_552),
    ],
)
def test_parameters_are_the_papers(plan, name, shape, classes, by_hand, published):
    """Every paper's network has as many parameters as its layer table adds up to; all are trainable."""
    model = plan(name, shape, classes)
    assert by_hand == published
    assert model.count_params() == published
    assert len(model.trainable_weights) == len(model.weights)


def test_lenet5_parameters_layer_by_layer(plan):
    """C1 to F6 have the paper's own counts, 60,000 in all; the softmax for the RBF units adds 850."""
    counts = {layer.name: layer.count_params() for layer in plan("lenet5", (32, 32, 1)).layers}
    papers = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}
    assert counts == papers | {"flatten": 0, "output": 850}
    assert sum(papers.values()) == 60_000


FROM_13 = {
    "conv3": (13, 13, 384),
    "conv4": (13, 13, 384),
    "conv5": (13, 13, 256),
    "pool5": (6, 6, 256),
    "flatten": (9216,),
    "dense1": (4096,),
    "dropout1": (4096,),
    "dense2": (4096,),
    "dropout2": (4096,),
    "output": (1000,),
}


def test_lenet5_shapes(plan):
    """LeNet-5's maps have the sizes of the paper's figure 2."""
    assert table(plan("lenet5", (32, 32, 1))) == {
        "c1": (28, 28, 6),
        "s2": (14, 14, 6),
        "c3": (10, 10, 16),
        "s4": (5, 5, 16),
        "c5": (1, 1, 120),
        "flatten": (120,),
        "f6": (84,),
        "output": (10,),
    }


def test_alexnet_shapes(plan):
    """AlexNet's maps have the sizes of the paper's figure 2, and conv2, conv4 and conv5 are split in two."""
    model = plan("alexnet", (227, 227, 3), 1000)
    assert table(model) == {
        "conv1": (55, 55, 96),
        "norm1": (55, 55, 96),
        "pool1": (27, 27, 96),
        "conv2": (27, 27, 256),
        "norm2": (27, 27, 256),
        "pool2": (13, 13, 256),
        **FROM_13,
    }
    groups = {layer.name: layer.groups for layer in model.layers if hasattr(layer, "groups")}
    assert groups == {"conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2}


def test_zfnet_shapes(plan):
    """ZF Net's maps have the sizes of the paper's figure 3: 110, 55, 26, 13, 6."""
    assert table(plan("zfnet", (224, 224, 3), 1000)) == {
        "padding1": (226, 226, 3),
        "conv1": (110, 110, 96),
        "pool1": (55, 55, 96),
        "norm1": (55, 55, 96),
        "conv2": (26, 26, 256),
        "pool2": (13, 13, 256),
        "norm2": (13, 13, 256),
        **FROM_13,
    }


@pytest.mark.parametrize(("name", "convs"), [("vgg11", (1, 1, 2, 2, 2)), ("vgg16", (2, 2, 3, 3, 3))])
def test_vgg_shapes(plan, name, convs):
    """VGG's layers are those of the paper's table 1, columns A and D."""
    expected = {}
    blocks = [(224, 64), (112, 128), (56, 256), (28, 512), (14, 512)]
    for block, ((side, maps), count) in enumerate(zip(blocks, convs, strict=True), 1):
        expected |= {f"conv{block}_{number + 1}": (side, side, maps) for number in range(count)}
        expected[f"pool{block}"] = (side // 2, side // 2, maps)
    expected |= {"flatten": (25088,), "dense1": (4096,), "dropout1": (4096,)}
    expected |= {"dense2": (4096,), "dropout2": (4096,), "output": (1000,)}
    assert table(plan(name, (224, 224, 3), 1000)) == expected


def test_googlenet_shapes(plan):
    """GoogLeNet's outputs have the sizes of the paper's table 1, and a module's branches bear its name."""
    shapes = table(plan("googlenet", (224, 224, 3), 1000))
    outputs = {
        "conv1": (112, 112, 64),
        "pool1": (56, 56, 64),
        "norm1": (56, 56, 64),
        "conv2_reduce": (56, 56, 64),
        "conv2": (56, 56, 192),
        "norm2": (56, 56, 192),
        "pool2": (28, 28, 192),
        "3a": (28, 28, 256),
        "3b": (28, 28, 480),
        "pool3": (14, 14, 480),
        "4a": (14, 14, 512),
        "4b": (14, 14, 512),
        "4c": (14, 14, 512),
        "4d": (14, 14, 528),
        "4e": (14, 14, 832),
        "pool4": (7, 7, 832),
        "5a": (7, 7, 832),
        "5b": (7, 7, 1024),
        "pool5": (1024,),
        "dropout": (1024,),
        "output": (1000,),
    }
    assert {name: shapes[name] for name in outputs} == outputs
    assert {name: shape for name, shape in shapes.items() if name.startswith("4b_")} == {
        "4b_1x1": (14, 14, 160),
        "4b_3x3_reduce": (14, 14, 112),
        "4b_3x3": (14, 14, 224),
        "4b_5x5_reduce": (14, 14, 24),
        "4b_5x5": (14, 14, 64),
        "4b_pool": (14, 14, 512),
        "4b_pool_proj": (14, 14, 64),
    }


@pytest.mark.parametrize(
    ("name", "by_hand", "stated"),
    [
        (
            "alexnet",
            (5 * 5 * 1 * 48 + 48)
            + (5 * 5 * 24 * 128 + 128)
            + (3 * 3 * 128 * 192 + 192)
            + (3 * 3 * 96 * 192 + 192)
            + (3 * 3 * 96 * 128 + 128)
            + (2 * 2 * 128 * 512 + 512)
            + (512 * 512 + 512)
            + (512 * 10 + 10),
            "1,106,794",
        ),
        (
            "zfnet",
            (3 * 3 * 1 * 48 + 48)
            + (5 * 5 * 48 * 128 + 128)
            + (3 * 3 * 128 * 192 + 192)
            + (3 * 3 * 192 * 192 + 192)
            + (3 * 3 * 192 * 128 + 128)
            + (3 * 3 * 128 * 512 + 512)
            + (512 * 512 + 512)
            + (512 * 10 + 10),
            "1,786,986",
        ),
        (
            "vgg11",
            (3 * 3 * 1 * 32 + 32)
            + (3 * 3 * 32 * 64 + 64)
            + (3 * 3 * 64 * 128 + 128)
            + (3 * 3 * 128 * 128 + 128)
            + (3 * 3 * 128 * 256 + 256)
            + 3 * (3 * 3 * 256 * 256 + 256)
            + (2 * 2 * 256 * 256 + 256)
            + (256 * 256 + 256)
            + (256 * 10 + 10),
            "2,636,426",
        ),
        (
            "vgg16",
            (3 * 3 * 1 * 32 + 32)
            + (3 * 3 * 32 * 32 + 32)
            + (3 * 3 * 32 * 64 + 64)
            + (3 * 3 * 64 * 64 + 64)
            + (3 * 3 * 64 * 128 + 128)
            + 2 * (3 * 3 * 128 * 128 + 128)
            + (3 * 3 * 128 * 256 + 256)
            + 5 * (3 * 3 * 256 * 256 + 256)
            + (2 * 2 * 256 * 256 + 256)
            + (256 * 256 + 256)
            + (256 * 10 + 10),
            "4,010,346",
        ),
        (
            "googlenet",
            (5 * 5 * 1 * 32 + 32)
            + (1 * 1 * 32 * 32 + 32)
            + (3 * 3 * 32 * 96 + 96)
            + inception(96, 32, 48, 64, 8, 16, 16)
            + inception(128, 64, 64, 96, 16, 48, 32)
            + inception(240, 96, 48, 104, 8, 24, 32)
            + inception(256, 80, 56, 112, 12, 32, 32)
            + inception(256, 64, 64, 128, 12, 32, 32)
            + inception(256, 56, 72, 144, 16, 32, 32)
            + inception(264, 128, 80, 160, 16, 64, 64)
            + inception(416, 128, 80, 160, 16, 64, 64)
            + inception(416, 192, 96, 192, 24, 64, 64)
            + (512 * 10 + 10),
            "1,498,786",
        ),
    ],
)
def test_small_forms_have_the_stated_parameters(plan, name, by_hand, stated):
    """A small form has the parameters that its layers add up to and its module's docstring states."""
    module = sys.modules[f"convfilter.networks.architectures.{ARCHITECTURES[name]}"]
    assert plan(name).count_params() == by_hand
    assert f"{by_hand:,}" == stated
    assert stated in " ".join(module.__doc__.split())


def test_lenet5_pads_small_pictures(plan):
    """LeNet-5 sets 28×28 into its field of 32×32 and is then the paper's network."""
    model = plan("lenet5", (28, 28, 1))
    assert table(model)["field"] == (32, 32, 1)
    assert model.count_params() == 60_000 + 850


LEAST = {"article": 8, "best": 20, "fast": 20}  # sides; 16 for all others


@pytest.mark.parametrize("name", NAMES)
def test_layers_between_the_forms(plan, name):
    """The least picture, one that is not square, and one halfway to the paper's size all build."""
    smallest = LEAST.get(name, 16)
    for shape in [(smallest, smallest, 1), (smallest + 5, 64, 4), (112, 150, 3)]:
        model = plan(name, shape, 7)
        assert model.output_shape == (None, 7)
        assert model.layers[-1].name == "output"


@saves_a_model
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "googlenet" else ()) for name in NAMES]
)
def test_probabilities_and_saving(keras, tmp_path, name):
    """The output is float32 and sums to 1, and a saved model loads in safe mode and gives it bit for bit."""
    keras.utils.set_random_seed(1)
    model = build(name)
    pictures = np.random.default_rng(2).random((3, 28, 28, 1), "float32")
    before = np.asarray(model(pictures))
    assert before.dtype == np.float32
    np.testing.assert_allclose(before.sum(1), 1, atol=1e-6)
    assert before.std() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(np.asarray(loaded(pictures)), before)
    assert [layer.get_config() for layer in loaded.layers] == [layer.get_config() for layer in model.layers]


@pytest.mark.parametrize("name", NAMES)
def test_keras_settings_change_no_network(plan, foreign_settings, name):
    """Channels first and half floats as Keras' defaults: the same layers and weights, and the defaults stay."""
    usual = plan(name)
    with foreign_settings():
        other = plan(name)
    assert [{**layer.get_config(), "name": ""} for layer in other.layers] == [
        {**layer.get_config(), "name": ""} for layer in usual.layers
    ]
    assert [(w.shape, w.dtype) for w in other.weights] == [(w.shape, w.dtype) for w in usual.weights]


def test_unknown_name():
    """An unknown architecture is an error with the nearest name, or all of them."""
    with pytest.raises(FilterError, match='no architecture "vgg19"; did you mean vgg1'):
        build("vgg19")
    with pytest.raises(FilterError, match="choose one of article, .*, lenet5, alexnet, .*, googlenet"):
        build("perceptron")


@pytest.mark.parametrize("name", NAMES)
def test_too_small(name):
    """A picture with a side below the network's least is an error that names both sizes."""
    least = LEAST.get(name, 16)
    with pytest.raises(
        FilterError, match=f"{name} needs pictures of at least {least}×{least}, not 64×{least - 1}"
    ):
        build(name, (64, least - 1, 1))


def test_wrong_shapes():
    """A shape without channels, one of zero channels, and a single class are errors."""
    with pytest.raises(
        FilterError, match=r"lenet5 takes pictures of \(height, width, channels\), not \(28, 28\)"
    ):
        build("lenet5", (28, 28))
    with pytest.raises(FilterError, match="not \\(28, 28, 0\\)"):
        build("lenet5", (28, 28, 0))
    with pytest.raises(FilterError, match="at least 2 classes, not 1"):
        build("lenet5", classes=1)


def test_the_registry_imports_no_keras():
    """Importing the registry loads neither Keras nor TensorFlow."""
    script = (
        "import sys, convfilter.networks.architectures; print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
