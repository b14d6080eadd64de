"""ZF Net: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014
(arXiv 1311.2901), figure 3.

AlexNet changed after looking at its features: conv1 is 7×7 with stride 2 where AlexNet has 11×11 with
stride 4, conv2 has stride 2, no layer is split in groups, and the normalisation follows the pooling.

    224   conv1 7×7 / 2, padded by 1      (224 + 2 - 7) // 2 + 1 = 110
    110   pool 3×3 / 2, last block cut    ceil((110 - 3) / 2) + 1 = 55     "same" in Keras
     55   conv2 5×5 / 2, not padded       (55 - 5) // 2 + 1 = 26
     26   pool 3×3 / 2, last block cut    ceil((26 - 3) / 2) + 1 = 13
     13   conv3, conv4, conv5 3×3         13
     13   pool 3×3 / 2                    (13 - 3) // 2 + 1 = 6, and 6·6·256 = 9,216 as in the paper

    conv1    14,208    conv3    885,120    dense1  37,752,832
    conv2   614,656    conv4  1,327,488    dense2  16,781,312
                       conv5    884,992    output   4,097,000    in all 62,357,608

Not in the paper: the padding, which the figure's sizes imply, and the contrast normalisation's
constants, for which AlexNet's are taken. Not the paper's: the input is [0, 1], not pixels less their
mean; the weights start from He et al.'s normal, not from a Gaussian of 0.01; and the filters' RMS is not
held at 0.1 in training.

From 112×112 on the layers are the paper's, and below 224×224 dense1 is narrower. Smaller pictures, down
to 16×16, get the same eight layers with half the maps or fewer, conv1 3×3 and conv2 5×5 with stride 1
and "same", and dense layers of 512 for 4,096: 1,786,986 parameters for 28×28×1 and ten classes. dense1
grows with the picture.
"""

from convfilter.model.boot import keras, layers
from convfilter.networks.architectures.own_layers import LocalResponseNormalization

SMALLEST = 16
PAPER_FROM = 112


def build(input_shape: tuple[int, int, int] = (224, 224, 3), classes: int = 1000) -> keras.Model:
    """ZF Net, or its form for small pictures."""
    stack = _paper() if min(input_shape[:2]) >= PAPER_FROM else _small()
    output = layers.Dense(classes, activation="softmax", dtype="float32", name="output")
    return keras.Sequential([keras.Input(input_shape, dtype="float32"), *stack, output], name="zfnet")


def _paper() -> list[layers.Layer]:
    """Shapes are those of 224×224×3."""
    relu = {"activation": "relu", "kernel_initializer": "he_normal"}
    same = {"padding": "same", **relu}
    return [
        layers.ZeroPadding2D(1, name="padding1"),  # 226×226×3
        layers.Conv2D(96, 7, strides=2, **relu, name="conv1"),  # 110×110×96
        layers.MaxPooling2D(3, strides=2, padding="same", name="pool1"),  # 55×55×96
        LocalResponseNormalization(name="norm1"),
        layers.Conv2D(256, 5, strides=2, **relu, name="conv2"),  # 26×26×256
        layers.MaxPooling2D(3, strides=2, padding="same", name="pool2"),  # 13×13×256
        LocalResponseNormalization(name="norm2"),
        layers.Conv2D(384, 3, **same, name="conv3"),  # 13×13×384
        layers.Conv2D(384, 3, **same, name="conv4"),  # 13×13×384
        layers.Conv2D(256, 3, **same, name="conv5"),  # 13×13×256
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
        layers.Conv2D(48, 3, **same, name="conv1"),  # 28×28×48
        layers.MaxPooling2D(3, strides=2, padding="same", name="pool1"),  # 14×14×48
        LocalResponseNormalization(name="norm1"),
        layers.Conv2D(128, 5, **same, name="conv2"),  # 14×14×128
        layers.MaxPooling2D(3, strides=2, padding="same", name="pool2"),  # 7×7×128
        LocalResponseNormalization(name="norm2"),
        layers.Conv2D(192, 3, **same, name="conv3"),  # 7×7×192
        layers.Conv2D(192, 3, **same, name="conv4"),  # 7×7×192
        layers.Conv2D(128, 3, **same, name="conv5"),  # 7×7×128
        layers.MaxPooling2D(3, strides=2, name="pool5"),  # 3×3×128
        layers.Flatten(name="flatten"),  # 1152
        layers.Dense(512, **relu, name="dense1"),
        layers.Dropout(0.5, name="dropout1"),
        layers.Dense(512, **relu, name="dense2"),
        layers.Dropout(0.5, name="dropout2"),
    ]
