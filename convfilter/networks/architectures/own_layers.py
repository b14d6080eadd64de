"""The layers that the papers use and Keras has not. Import this module before loading a model with them."""

from typing import Any

import numpy as np

from convfilter.model.boot import keras, layers, ops

_register = keras.saving.register_keras_serializable(package="convfilter.train")


@_register
def scaled_tanh(x: Any) -> Any:
    """1.7159 tanh(2x/3), LeNet-5's squashing function: f(1) = 1 and f(-1) = -1."""
    return 1.7159 * ops.tanh(x * (2 / 3))


@_register
class LocalResponseNormalization(layers.Layer):
    """AlexNet's normalisation across channels (Krizhevsky et al. 2012, section 3.3).

        b[c] = a[c] / (k + alpha · Σ a[j]²) ** beta      over the n channels j around c that exist

    alpha multiplies the sum, as in the paper, not the mean, as in Caffe. Channels last.
    """

    def __init__(self, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **kwargs: Any):
        super().__init__(**kwargs)
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def call(self, x: Any) -> Any:
        channels, radius = x.shape[-1], self.n // 2
        squares = ops.pad(ops.square(x), [(0, 0)] * (len(x.shape) - 1) + [(radius, radius)])
        total = sum(squares[..., shift : shift + channels] for shift in range(2 * radius + 1))
        return x * ops.power(self.k + self.alpha * total, -self.beta)

    def get_config(self) -> dict[str, Any]:
        own = {"n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}


@_register
class GroupedConv2D(layers.Conv2D):
    """Conv2D whose groups are convolved one after the other. Channels last.

    Same weights, same result: TensorFlow's own gradient of a grouped convolution is slow on a CPU.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        convolve = super().convolution_op
        parts = zip(ops.split(inputs, self.groups, -1), ops.split(kernel, self.groups, -1), strict=True)
        return ops.concatenate([convolve(part, own) for part, own in parts], -1)


@_register
class SubSampling2D(layers.Layer):
    """LeNet-5's pooling: the sum of each 2×2 block, times a coefficient and plus a bias, squashed.

    One trainable coefficient and one bias a channel: 2 · channels parameters. The coefficient starts at
    1/4, which makes the sum a mean.
    """

    def __init__(self, activation: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: Any) -> None:
        quarter = keras.initializers.Constant(0.25)
        self.coefficient = self.add_weight(name="coefficient", shape=(input_shape[-1],), initializer=quarter)
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        return batch, height and height // 2, width and width // 2, channels

    def call(self, x: Any) -> Any:
        total = 4 * ops.average_pool(x, 2, 2, "valid", "channels_last")
        return self.activation(total * self.coefficient + self.bias)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}


@_register
class TableConv2D(layers.Layer):
    """A convolution whose maps each see only some of the input's maps, as LeNet-5's C3.

    table: for every map the input maps it sees. The trainable `connections` hold one kernel_size² kernel
    for every pair in the table, (k, k, pairs), and nothing for the rest; `kernel` is the same as
    Conv2D's, (k, k, inputs, maps), with zeros where the table has no pair. Stride 1, no padding.
    """

    def __init__(self, table: Any, kernel_size: int = 5, activation: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.table = [[int(source) for source in row] for row in table]
        self.kernel_size = kernel_size
        self.activation = keras.activations.get(activation)

    @property
    def filters(self) -> int:
        return len(self.table)

    def build(self, input_shape: Any) -> None:
        size, pairs = self.kernel_size, sum(len(row) for row in self.table)
        # (inputs, maps): where each pair's kernel stands in `connections`; `pairs` is the zeros after them.
        self._place = np.full((input_shape[-1], self.filters), pairs, "int32")
        seen = ((source, target) for target, row in enumerate(self.table) for source in row)
        for number, pair in enumerate(seen):
            self._place[pair] = number
        # LeCun's uniform, each map's fan-in its mean: size² inputs from each map it sees.
        limit = (3 * self.filters / (size * size * pairs)) ** 0.5
        self.connections = self.add_weight(
            name="connections",
            shape=(size, size, pairs),
            initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    @property
    def kernel(self) -> Any:
        """(k, k, inputs, maps), with zeros where the table has no pair."""
        padded = ops.pad(self.connections, [(0, 0), (0, 0), (0, 1)])
        return ops.take(padded, self._place, axis=2)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, height, width, _ = input_shape
        lost = self.kernel_size - 1
        return batch, height and height - lost, width and width - lost, self.filters

    def call(self, x: Any) -> Any:
        return self.activation(ops.conv(x, self.kernel, 1, "valid", "channels_last") + self.bias)

    def get_config(self) -> dict[str, Any]:
        own = {"table": self.table, "kernel_size": self.kernel_size}
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), **own, "activation": activation}
