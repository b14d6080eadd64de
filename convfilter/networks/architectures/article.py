"""The article's network for MNIST, 99.671 % on Kaggle's Digit Recognizer.

Two pairs of convolutions, each followed by pooling and dropout, and one dense layer before the softmax.
887,530 parameters for 28×28×1 and ten classes. There is no other form: on larger pictures only dense1
grows, and 8×8 is the least it takes.
"""

from convfilter.model.boot import keras, layers

SMALLEST = 8


def build(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Model:
    """The article's network. Shapes are those of 28×28×1."""
    stack = [
        keras.Input(input_shape, dtype="float32"),
        layers.Conv2D(32, 5, padding="same", activation="relu", name="conv1"),  # 28×28×32
        layers.Conv2D(32, 5, padding="same", activation="relu", name="conv2"),  # 28×28×32
        layers.MaxPooling2D(2, name="pool1"),  # 14×14×32
        layers.Dropout(0.25, name="dropout1"),
        layers.Conv2D(64, 3, padding="same", activation="relu", name="conv3"),  # 14×14×64
        layers.Conv2D(64, 3, padding="same", activation="relu", name="conv4"),  # 14×14×64
        layers.MaxPooling2D(2, strides=2, name="pool2"),  # 7×7×64
        layers.Dropout(0.25, name="dropout2"),
        layers.Flatten(name="flatten"),  # 3136
        layers.Dense(256, activation="relu", name="dense1"),
        layers.Dropout(0.25, name="dropout3"),
        layers.Dense(classes, activation="softmax", dtype="float32", name="output"),
    ]
    return keras.Sequential(stack, name="article")
