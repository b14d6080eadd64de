"""The network of the recipe `best`: convolutions only as far as they pay, batch normalisation, dropout.

In the manner of the plain stacks that lead MNIST's tables (C. Deotte's networks on Kaggle, 2018): strided
3×3 convolutions instead of pooling. 1.5 million parameters at most.
"""

from convfilter.model.boot import keras, layers

SMALLEST = 20


def build(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Model:
    """Shapes are those of 28×28×1."""
    stack = [keras.Input(input_shape, dtype="float32")]
    stack += _conv("conv1", 32, 3)  # 26×26×32
    stack += _conv("conv2", 48, 3, strides=2)  # 12×12×48
    stack += _conv("conv3", 64, 3, padding="same")  # 12×12×64
    stack += _conv("conv4", 64, 3, padding="same")  # 12×12×64
    stack += [layers.Dropout(0.2, name="dropout1")]
    stack += _conv("conv5", 128, 3, strides=2, padding="same")  # 6×6×128
    stack += _conv("conv6", 160, 3, padding="same")  # 6×6×160
    stack += _conv("conv7", 256, 3)  # 4×4×256
    stack += [
        layers.Dropout(0.3, name="dropout2"),
        layers.Flatten(name="flatten"),  # 4096
        layers.Dense(classes, activation="softmax", dtype="float32", name="output"),
    ]
    return keras.Sequential(stack, name="best")


def _conv(name: str, filters: int, size: int, strides: int = 1, padding: str = "valid") -> list[layers.Layer]:
    """Convolution, batch normalisation, ReLU."""
    return [
        layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name),
        layers.BatchNormalization(momentum=0.9, name=f"{name}_norm"),
        layers.ReLU(name=f"{name}_relu"),
    ]
