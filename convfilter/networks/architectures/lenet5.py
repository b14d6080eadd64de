"""LeNet-5: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE 86 (11), 1998, section II.B.

The layers carry the paper's names. All squash with 1.7159 tanh(2x/3). C3 is the paper's partly connected
layer (its table I), S2 and S4 are trainable, and C5 is a convolution that sees the whole of S4:

    C1 156 + S2 12 + C3 1,516 + S4 32 + C5 48,120 + F6 10,164 = 60,000 trainable parameters

Not the paper's: the output, ten RBF units with fixed prototypes, is a softmax (850 parameters more for
ten classes), whose loss is cross-entropy. The input is [0, 1], not [-0.1, 1.175]. The weights start from
LeCun's later uniform, ±√(3 / fan-in), not ±2.4 / fan-in. Colour pictures give C1 deeper kernels.

Small pictures: the paper sets its 28×28 digits into a field of 32×32, and so does the first layer here
for sides below 32, down to 16. Nothing else changes. Larger sides make C5 a map and F6's kernel larger.
"""

from convfilter.model.boot import keras, layers
from convfilter.networks.architectures.own_layers import SubSampling2D, TableConv2D, scaled_tanh

SMALLEST = 16
FIELD = 32  # the paper's input

# Table I: the maps of S2 that each of C3's sixteen maps sees. 6·3 + 9·4 + 1·6 = 60 kernels.
C3_TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),  # three neighbours
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),  # four
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),  # four with a gap
    (0, 1, 2, 3, 4, 5),
)


def build(input_shape: tuple[int, int, int] = (32, 32, 1), classes: int = 10) -> keras.Model:
    """LeNet-5. Shapes are those of 32×32×1, and of anything smaller once it is padded."""
    squash = {"activation": scaled_tanh, "kernel_initializer": "lecun_uniform"}
    stack = [
        keras.Input(input_shape, dtype="float32"),
        *_field(*input_shape[:2]),  # 32×32×1
        layers.Conv2D(6, 5, **squash, name="c1"),  # 28×28×6
        SubSampling2D(scaled_tanh, name="s2"),  # 14×14×6
        TableConv2D(C3_TABLE, 5, scaled_tanh, name="c3"),  # 10×10×16
        SubSampling2D(scaled_tanh, name="s4"),  # 5×5×16
        layers.Conv2D(120, 5, **squash, name="c5"),  # 1×1×120
        layers.Flatten(name="flatten"),  # 120
        layers.Dense(84, **squash, name="f6"),
        layers.Dense(classes, activation="softmax", dtype="float32", name="output"),
    ]
    return keras.Sequential(stack, name="lenet5")


def _field(height: int, width: int) -> list[layers.Layer]:
    """Zeros around a picture with a side below 32."""
    lack = [max(0, FIELD - side) for side in (height, width)]
    if not any(lack):
        return []
    sides = tuple((missing // 2, missing - missing // 2) for missing in lack)
    return [layers.ZeroPadding2D(sides, name="field")]
