"""GoogLeNet: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich, "Going Deeper
with Convolutions", CVPR 2015 (arXiv 1409.4842), table 1 and figure 3.

An inception module is four branches side by side, joined by their channels: 1×1; 1×1 then 3×3; 1×1 then
5×5; 3×3 max-pooling then 1×1. Its layers are 3a_1x1, 3a_3x3_reduce, 3a_3x3, 3a_5x5_reduce, 3a_5x5,
3a_pool, 3a_pool_proj, and 3a joins them. All convolve with ReLU, pad with "same" and pool 3×3 with
stride 2. Shapes for 224×224×3:

    conv1 7×7 / 2   112×112×64     3a, 3b        28×28×256, ×480    pool3   14×14×480
    pool1, norm1      56×56×64     4a, 4b, 4c    14×14×512          pool4     7×7×832
    conv2_reduce      56×56×64     4d, 4e        14×14×528, ×832    pool5       1,024
    conv2            56×56×192     5a, 5b          7×7×832, ×1024   output      1,000
    norm2, pool2     28×28×192

6,998,552 parameters. Left out are the two auxiliary classifiers on 4a and 4d, which the paper throws away
after training and found to matter little (around 0.5 %). The paper doesn't give the normalisation's
constants; AlexNet's are taken. Not the paper's: the input is [0, 1], not pixels less their mean, and the
weights start from He et al.'s normal.

From 112×112 on the layers are the paper's, and no size changes the number of parameters. Smaller
pictures, down to 16×16, get the same nine modules with half the maps; conv1 is 5×5 with stride 1 and
pool2 is left out, so that 28×28 comes to 14×14 in module 3a, 7×7 in 4a and 4×4 in 5a: 1,498,786
parameters for 28×28×1 and ten classes.

There is no batch normalisation, so the rate matters: five epochs of 1,400 8×8 digits enlarged to 28×28
took the small form to 91 % (RMSprop) and 94 % (Adam) of 397 others at 3e-4, in one run each, and to 21 %
with RMSprop at 1e-3.
"""

from typing import Any

from convfilter.model.boot import keras, layers
from convfilter.networks.architectures.own_layers import LocalResponseNormalization

SMALLEST = 16
PAPER_FROM = 112

# Table 1: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool proj.
INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32),  # 256 in all
    "3b": (128, 128, 192, 32, 96, 64),  # 480
    "4a": (192, 96, 208, 16, 48, 64),  # 512
    "4b": (160, 112, 224, 24, 64, 64),  # 512
    "4c": (128, 128, 256, 24, 64, 64),  # 512
    "4d": (112, 144, 288, 32, 64, 64),  # 528
    "4e": (256, 160, 320, 32, 128, 128),  # 832
    "5a": (256, 160, 320, 32, 128, 128),  # 832
    "5b": (384, 192, 384, 48, 128, 128),  # 1024
}


def build(input_shape: tuple[int, int, int] = (224, 224, 3), classes: int = 1000) -> keras.Model:
    """GoogLeNet, or its form for small pictures."""
    paper = min(input_shape[:2]) >= PAPER_FROM
    share = 1 if paper else 2
    picture = keras.Input(input_shape, dtype="float32")
    x = _paper_stem(picture) if paper else _small_stem(picture)
    for name, maps in INCEPTION.items():
        if name in ("4a", "5a"):
            x = _pool(x, f"pool{int(name[0]) - 1}")
        x = _inception(x, name, *(count // share for count in maps))
    x = layers.GlobalAveragePooling2D(name="pool5")(x)  # 1024; the paper's 7×7 average
    x = layers.Dropout(0.4, name="dropout")(x)
    x = layers.Dense(classes, activation="softmax", dtype="float32", name="output")(x)
    return keras.Model(picture, x, name="googlenet")


def _paper_stem(x: Any) -> Any:
    x = _conv(x, 64, 7, "conv1", strides=2)  # 112×112×64
    x = _pool(x, "pool1")  # 56×56×64
    x = LocalResponseNormalization(name="norm1")(x)
    x = _conv(x, 64, 1, "conv2_reduce")  # 56×56×64
    x = _conv(x, 192, 3, "conv2")  # 56×56×192
    x = LocalResponseNormalization(name="norm2")(x)
    return _pool(x, "pool2")  # 28×28×192


def _small_stem(x: Any) -> Any:
    """Shapes are those of 28×28×1."""
    x = _conv(x, 32, 5, "conv1")  # 28×28×32
    x = _pool(x, "pool1")  # 14×14×32
    x = LocalResponseNormalization(name="norm1")(x)
    x = _conv(x, 32, 1, "conv2_reduce")  # 14×14×32
    x = _conv(x, 96, 3, "conv2")  # 14×14×96
    return LocalResponseNormalization(name="norm2")(x)


def _inception(
    x: Any, name: str, one: int, three_reduce: int, three: int, five_reduce: int, five: int, proj: int
) -> Any:
    """One module: (height, width, any) to (height, width, one + three + five + proj)."""
    branches = [
        _conv(x, one, 1, f"{name}_1x1"),
        _conv(_conv(x, three_reduce, 1, f"{name}_3x3_reduce"), three, 3, f"{name}_3x3"),
        _conv(_conv(x, five_reduce, 1, f"{name}_5x5_reduce"), five, 5, f"{name}_5x5"),
        _conv(_pool(x, f"{name}_pool", strides=1), proj, 1, f"{name}_pool_proj"),
    ]
    return layers.Concatenate(name=name)(branches)


def _conv(x: Any, filters: int, size: int, name: str, strides: int = 1) -> Any:
    return layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _pool(x: Any, name: str, strides: int = 2) -> Any:
    return layers.MaxPooling2D(3, strides=strides, padding="same", name=name)(x)
