"""A small network that learns fast: pool before the ReLU, batch normalisation, no dense layer but the last.

After the ideas of T. Lehtinen's train_mnist_fast (2020): few filters, pooling as early as may be.
"""

from convfilter.model.boot import keras, layers

SMALLEST = 20


def build(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Model:
    """Shapes are those of 28×28×1."""
    stack = [
        keras.Input(input_shape, dtype="float32"),
        layers.Conv2D(16, 5, use_bias=False, name="conv1"),  # 24×24×16
        layers.MaxPooling2D(2, name="pool1"),  # 12×12×16
        layers.BatchNormalization(momentum=0.8, name="norm1"),
        layers.ReLU(name="relu1"),
        layers.Conv2D(48, 3, use_bias=False, name="conv2"),  # 10×10×48
        layers.MaxPooling2D(2, name="pool2"),  # 5×5×48
        layers.BatchNormalization(momentum=0.8, name="norm2"),
        layers.ReLU(name="relu2"),
        layers.Conv2D(96, 3, use_bias=False, name="conv3"),  # 3×3×96
        layers.BatchNormalization(momentum=0.8, name="norm3"),
        layers.ReLU(name="relu3"),
        layers.GlobalMaxPooling2D(name="pool3"),  # 96
        layers.Dense(classes, activation="softmax", dtype="float32", name="output"),
    ]
    return keras.Sequential(stack, name="fast")
