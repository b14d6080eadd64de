"""AlexNet: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", NIPS 2012, sections 3 and 4.2.

Five convolutions with ReLU, local response normalisation after the first two, overlapping 3×3 pooling
with stride 2, and two dense layers with dropout. The paper spreads the maps over two GPUs, so that
conv2, conv4 and conv5 see only the half on their own: groups=2 here.

    conv1    34,944    conv3   885,120    dense1  37,752,832
    conv2   307,456    conv4   663,936    dense2  16,781,312
                       conv5   442,624    output   4,097,000    in all 60,965,224

The paper writes 224×224, but its 55×55 maps need 227×227. Not the paper's: the input is [0, 1], not
pixels less their mean, which makes the normalisation weaker, and the weights start from He et al.'s
normal with biases of 0, not from a Gaussian of 0.01 with some biases of 1.

From 112×112 on the layers are the paper's, and below 227×227 dense1 is narrower. Smaller pictures, down
to 16×16, get the same eight layers with half the maps or fewer, conv1 5×5 with stride 1 and "same" for
the paper's 11×11 with stride 4, and dense layers of 512 for 4,096: 1,106,794 parameters for 28×28×1 and
ten classes. dense1 grows with the picture.
"""

from convfilter.model.boot import keras, layers
from convfilter.networks.architectures.own_layers import GroupedConv2D, LocalResponseNormalization

SMALLEST = 16
PAPER_FROM = 112


def build(input_shape: tuple[int, int, int] = (227, 227, 3), classes: int = 1000) -> keras.Model:
    """AlexNet, or its form for small pictures."""
    stack = _paper() if min(input_shape[:2]) >= PAPER_FROM else _small()
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")
    return keras.Sequential([keras.Input(input_shape, dtype="float32"), *stack, output], name="alexnet")


def _paper() -> list[layers.Layer]:
    """Shapes are those of 227×227×3."""
    relu = {"activation": "relu", "kernel_initializer": "he_normal"}
    same = {"padding": "same", **relu}
    return [
        layers.Conv2D(96, 11, strides=4, **relu, name="conv1"),  # 55×55×96
        LocalResponseNormalization(name="norm1"),
        layers.MaxPooling2D(3, strides=2, name="pool1"),  # 27×27×96
        GroupedConv2D(256, 5, groups=2, **same, name="conv2"),  # 27×27×256
        LocalResponseNormalization(name="norm2"),
        layers.MaxPooling2D(3, strides=2, name="pool2"),  # 13×13×256
        layers.Conv2D(384, 3, **same, name="conv3"),  # 13×13×384
        GroupedConv2D(384, 3, groups=2, **same, name="conv4"),  # 13×13×384
        GroupedConv2D(256, 3, groups=2, **same, name="conv5"),  # 13×13×256
        layers.MaxPooling2D(3, strides=2, name="pool5"),  # 6×6×256
        layers.Flatten(name="flatten"),  # 9216
        layers.Dense(4096, **relu, name="dense1"),
        layers.Dropout(0.5, name="dropout1"),
        layers.Dense(4096, **relu, name="dense2"),
        layers.Dropout(0.5, name="dropout2"),
    ]


def _small() -> list[layers.Layer]:
    """Shapes are those of 28×28×1."""
    relu = {"activation": "relu", "kernel_initializer": "he_normal"}
    same = {"padding": "same", **relu}
    return [
        layers.Conv2D(48, 5, **same, name="conv1"),  # 28×28×48
        LocalResponseNormalization(name="norm1"),
        layers.MaxPooling2D(3, strides=2, name="pool1"),  # 13×13×48
        GroupedConv2D(128, 5, groups=2, **same, name="conv2"),  # 13×13×128
        LocalResponseNormalization(name="norm2"),
        layers.MaxPooling2D(3, strides=2, name="pool2"),  # 6×6×128
        layers.Conv2D(192, 3, **same, name="conv3"),  # 6×6×192
        GroupedConv2D(192, 3, groups=2, **same, name="conv4"),  # 6×6×192
        GroupedConv2D(128, 3, groups=2, **same, name="conv5"),  # 6×6×128
        layers.MaxPooling2D(3, strides=2, name="pool5"),  # 2×2×128
        layers.Flatten(name="flatten"),  # 512
        layers.Dense(512, **relu, name="dense1"),
        layers.Dropout(0.5, name="dropout1"),
        layers.Dense(512, **relu, name="dense2"),
        layers.Dropout(0.5, name="dropout2"),
    ]
