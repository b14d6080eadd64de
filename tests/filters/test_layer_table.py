"""The layer table and the weights that sharing saves."""

import json
from pathlib import Path

import numpy as np
import pytest

from convfilter.errors import FilterError
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.layer_table import Row, Sharing, as_json, sharing, table
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.load import make_pipeline
from convfilter.filters.padding import CoverPad
from convfilter.filters.pipeline import Pipeline

SAMPLES = Path(__file__).parents[2] / "samples"


def test_the_articles_729_81_9():
    """A 3×3 kernel with strides 3 on 9×9: 81 inputs × 9 outputs, 9 outputs × 9 weights, 9 weights."""
    pipeline = make_pipeline("sobel-x", pad="valid", strides=(3, 3))
    assert sharing(pipeline, (9, 9)) == [Sharing("sobel-x", 729, 81, 9)]


def test_sharing_counts_channels_and_every_convolution():
    """A row a convolution; inputs and outputs count with their channels, and after padding."""
    kernels = [make_kernel(np.ones((2, 1, 3)), name="a"), make_kernel(np.ones((3, 1, 2, 4)), name="b")]
    pipeline = make_pipeline(kernels, pad=(1, 0), strides=(2, 1), pool=(1, 2))
    # 5×6×1 → pad 7×6 → a: 4×4×2 → pad 6×4 → b: 2×4×4 → pool 2×2×4
    assert sharing(pipeline, (5, 6)) == [
        Sharing("a", 42 * 32, 32 * 3, 3 * 2),
        Sharing("b", 48 * 32, 32 * 3 * 2, 3 * 2 * 4),
    ]


def test_the_table_of_the_articles_experiment():
    """Keras' names, what each layer does, its shape, parameters, receptive field and stride."""
    assert table(make_pipeline(SAMPLES / "article-pool2.json"), (256, 256)) == [
        Row("ZeroPadding2D", "top 2, bottom 2, left 2, right 2: zero", (260, 260, 1), 0, (1, 1), (1, 1)),
        Row("Conv2D", "sobel-x, 1 × 3×3, relu", (258, 258, 1), 9, (3, 3), (1, 1)),
        Row("ZeroPadding2D", "top 1, bottom 1, left 1, right 1: zero", (260, 260, 1), 0, (3, 3), (1, 1)),
        Row("Conv2D", "sobel-x, 1 × 3×3, relu", (258, 258, 1), 9, (5, 5), (1, 1)),
        Row("MaxPooling2D", "2×2", (129, 129, 1), 0, (6, 6), (2, 2)),
    ]


def test_the_words_of_the_table():
    """Every kind of layer says what it does; a size that is not known is None."""
    kernel = make_kernel(np.ones((2, 2, 3)), name="k", combine="absmax", bias=0.5)
    rows = table(
        make_pipeline(kernel, pad="cover", border="wrap", strides=(2, 3), dilation=(1, 2), pool=(2, 1))
    )
    assert [(row.layer, row.what) for row in rows] == [
        ("CoverPadding2D", "as the picture's size needs: wrap"),
        ("Conv2D", "k, 2 × 2×3, strides (2, 3), dilation (1, 2)"),
        ("CombineFilters", "absmax"),
        ("MaxPooling2D", "2×1"),
    ]
    assert [row.shape for row in rows] == [(None, None, 1), (None, None, 2), (None, None, 1), (None, None, 1)]
    assert table(Pipeline((Activation("tanh"),)))[0].what == "tanh"


def test_a_size_that_is_too_small_is_told():
    """With a size, the table needs every layer to find a place."""
    pipeline = make_pipeline("sobel-7", pad="valid")
    assert len(table(pipeline)) == 2
    for measure in (table, sharing):
        with pytest.raises(
            FilterError, match=r"the kernel sobel-7 \(7×7\) is larger than what it gets \(6×9\)"
        ):
            measure(pipeline, (6, 9))


def test_the_json():
    """Plain JSON with the table, and the weights where a size is given."""
    pipeline = make_pipeline("sobel", pad="cover", strides=(2, 2))
    found = json.loads(json.dumps(as_json(pipeline, (9, 10))))
    assert (found["name"], [row["layer"] for row in found["layers"]]) == (
        "sobel", ["CoverPadding2D", "Conv2D", "CombineFilters"],
    )  # fmt: skip
    assert found["layers"][1] == {
        "layer": "Conv2D", "what": "sobel, 2 × 3×3, strides (2, 2)", "shape": [4, 5, 2], "parameters": 18,
        "field": [3, 3], "stride": [2, 2],
    }  # fmt: skip
    assert found["weights"] == [{"layer": "sobel", "dense": 99 * 40, "local": 40 * 9, "shared": 18}]
    assert as_json(pipeline, None)["weights"] == []


BANK = make_kernel(np.ones((3, 2, 5)), name="bank", bias=[0, 1, 0])
PIPELINES = {
    "article": make_pipeline(SAMPLES / "article.json"),
    "article-pool2": make_pipeline(SAMPLES / "article-pool2.json"),
    "sobel": make_pipeline("sobel"),
    "border": make_pipeline("sobel", border="reflect", pool=(2, 3), pool_mode="average"),
    "bank": make_pipeline(BANK, strides=(2, 1)),
    "dilated": make_pipeline(BANK, dilation=(2, 3)),
    "both": make_pipeline(BANK, strides=(1, 2), dilation=(2, 3), pad="valid"),
    "cover": make_pipeline(["binomial-5", "kirsch"], pad="cover", strides=(3, 2), border="edge"),
    "channels": make_pipeline([BANK, make_kernel(np.ones((1, 2, 3, 4)), activation="relu")], values="unit"),
    "layers": Pipeline((Pool((2, 2)), Activation("softplus"), CoverPad(), *make_pipeline(BANK, pad="valid").layers, Combine("mean"))),
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
def test_the_table_is_that_of_the_keras_model(name):
    """Class names, output shapes and parameter counts are those of the model that is built."""
    from convfilter import build

    size = (31, 34)
    pipeline = PIPELINES[name]
    model = build(pipeline)
    rows = table(pipeline, size)
    assert [row.layer for row in rows] == [type(layer).__name__ for layer in model.layers]
    assert [row.parameters for row in rows] == [layer.count_params() for layer in model.layers]
    shape = (1, *size, pipeline.in_channels)
    for row, layer in zip(rows, model.layers, strict=True):
        shape = layer.compute_output_shape(shape)
        assert shape == (1, *row.shape)
    result = model(np.zeros((1, *size, pipeline.in_channels), np.float32))
    assert tuple(result.shape) == shape
