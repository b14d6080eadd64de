"""Pipeline files: every kind of layer, mistakes at their places, and anything else a file may hold."""

import json
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from filter_errors import error_of
from hypothesis import given, settings

from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import sizes
from convfilter.filters.json_document import Document
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.load import load, load_file
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.pipeline_file import read_pipeline

SAMPLES = Path(__file__).parents[2] / "samples"
SOBEL_X = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def marked(text):
    """The text without its @, and the line:column where it stood."""
    before, mark, after = text.partition("@")
    assert mark
    return before + after, f"{before.count(chr(10)) + 1}:{len(before.rsplit(chr(10), 1)[-1]) + 1}"


def put(folder, name, text="[[1]]"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(text)
    return path


def read(text, folder=Path()):
    path = folder / "p.json"
    return read_pipeline(Document(text, "p.json"), path)


def test_every_kind_of_layer():
    """What each layer of a file becomes."""
    pipeline = read("""{"$schema": "pipeline.schema.json", "name": "all", "description": "d", "source": "s",
        "range": "signed", "values": "unit", "data_format": "channels_first", "layers": [
        {"pad": 2}, {"pad": [0, 3], "border": "edge"},
        {"conv": "sobel", "strides": 2, "dilation": [1, 3], "activation": "relu", "bias": 0.25,
         "combine": "none"},
        {"activation": "tanh"}, {"combine": "absmax"},
        {"pad": "same", "border": "wrap"}, {"conv": [[1, 2, 3, 4]], "dilation": 2},
        {"pad": "cover", "border": "reflect"}, {"conv": {"weights": [[2, 4]], "divisor": 2}, "strides": [1, 2]},
        {"pad": "same"}, {"conv": "box-3"},
        {"pool": [2, 3], "mode": "average"}, {"pool": 2}]}""")
    conv, cross = pipeline.convs[0], pipeline.convs[1]
    expected = (
        Pad(2, 2, 2, 2), Pad(0, 0, 3, 3, "edge"), conv, Activation("tanh"), Combine("absmax"),
        Pad(0, 0, 4, 2, "wrap"), cross, CoverPad("reflect"), pipeline.convs[2],
        Pad(1, 1, 1, 1), pipeline.convs[3], Pool((2, 3), "average"), Pool((2, 2), "max"),
    )  # fmt: skip
    assert pipeline.layers == expected
    assert (pipeline.name, pipeline.range) == ("all", "signed")
    assert (pipeline.values, pipeline.data_format) == ("unit", "channels_first")
    assert (conv.strides, conv.dilation, conv.activation) == ((2, 2), (1, 3), "relu")
    assert conv.bias.tolist() == [0.25, 0.25]
    assert (cross.name, cross.dilation, cross.strides) == ("p-7", (2, 2), (1, 1))
    assert cross.weights[0, :, 0, 0].tolist() == [1, 2, 3, 4]
    assert pipeline.convs[2].weights[0, :, 0, 0].tolist() == [1, 2]


def test_what_a_conv_leaves_out_is_the_kernels_own():
    """Activation, bias and combine come from the kernel unless the layer sets them; so does the range."""
    kernel = {
        "weights": [[[1]], [[2]]],
        "activation": "abs",
        "bias": [1, 2],
        "combine": "sum",
        "range": "gain",
    }
    pipeline = read(json.dumps({"layers": [{"conv": "sobel-x"}, {"conv": kernel}, {"pool": 2}]}))
    assert pipeline.convs[1].activation == "abs"
    assert pipeline.convs[1].bias.tolist() == [1, 2]
    assert pipeline.layers[2] == Combine("sum")
    assert (pipeline.name, pipeline.range, pipeline.values) == ("p", "gain", "stored")


@pytest.mark.parametrize("weights", [SOBEL_X, [SOBEL_X], [[[[w]] for w in row] for row in SOBEL_X]])
@pytest.mark.parametrize("brackets", [False, True])
def test_an_inline_kernel_has_every_layout(weights, brackets):
    """A kernel written out in a layer may have any number of brackets, bare or in "weights"."""
    conv = [weights] if brackets and np.ndim(weights) == 4 else weights
    for written in (conv, {"weights": conv}):
        pipeline = read(json.dumps({"layers": [{"conv": written}]}))
        assert pipeline.convs[0].weights[:, :, 0, 0].tolist() == SOBEL_X


def test_paths_are_taken_from_the_files_folder(tmp_path, monkeypatch):
    """A relative path is relative to the pipeline's file, wherever the program runs; a name is a name."""
    put(tmp_path / "deep" / "kernels", "own", "[[7]]")
    put(tmp_path / "deep", "near", "[[8]]")
    put(tmp_path, "far", "[[9]]")
    absolute = put(tmp_path / "else", "where", "[[6]]")
    convs = ["kernels/own.json", "near.json", "../far.json", str(absolute), "sobel-x", "disk:radius=1"]
    path = put(tmp_path / "deep", "p", json.dumps({"layers": [{"conv": conv} for conv in convs]}))
    monkeypatch.chdir(tmp_path / "else")
    found = load_file(path).convs
    assert [conv.name for conv in found] == ["own", "near", "far", "where", "sobel-x", "disk:radius=1"]
    assert [conv.weights.item() for conv in found[:4]] == [7, 8, 9, 6]


@pytest.mark.parametrize(("name", "side"), [("article", 258), ("article-pool2", 129)])
def test_the_articles_experiment(name, side):
    """256×256 gives 258×258, and 129×129 with the pool of 2; two Sobels with ReLU, pads of 2 and 1."""
    pipeline = load(SAMPLES / f"{name}.json")
    assert sizes(pipeline, (256, 256))[-1] == (side, side)
    assert [type(layer) for layer in pipeline.layers] == [Pad, Conv, Pad, Conv, Pool]
    assert pipeline.layers[::2] == (Pad(2, 2, 2, 2), Pad(1, 1, 1, 1), Pool((258 // side,) * 2, "max"))
    for conv in pipeline.convs:
        assert conv.weights[:, :, 0, 0].tolist() == SOBEL_X
        assert (conv.activation, conv.bias.any()) == ("relu", False)


LAYERS = '{"layers": [\n %s\n]}'
MISTAKES = [
    ('{"layers": @[]}', "layers holds 0; it needs at least 1"),
    ('{"layers": @"x"}', 'layers must be a list, not the text "x"'),
    ('{"layers": @null}', "layers must be a list, not null"),
    ('{"layers": [@1]}', "layers 1 must be an object, not 1"),
    ('{"layers": [@[]]}', "layers 1 must be an object, not a list"),
    ('{"layers": [@null]}', "layers 1 must be an object, not null"),
    ('{"layers": [' + '{"pad": 1},' * 200 + '@{"pad": 1}]}', "layers holds more than 200; remove the rest"),
    ('{"layers": [{"pad": 1}],\n "rnge": @"clip"}', 'unknown field "rnge"; did you mean "range"?'),
    ('{"layers": [{"pad": 1}], "values": @"units"}', "values must be 'stored' or 'unit', not the text"),
    ('{"layers": [{"pad": 1}], "range": @"x"}', "range must be 'clip', "),
    ('{"layers": [{"pad": 1}], "data_format": @"x"}', "data_format must be 'channels_last' or"),
    ('{"layers": [{"pad": 1}], "layers": @[]}', '"layers" stands here a second time; remove one'),
    (LAYERS % '{"cnv": @"sobel-x"}', 'unknown field "cnv"; did you mean "conv"?'),
    (LAYERS % "@{}", 'no "conv"; add it'),
    (LAYERS % '{"conv": "sobel-x",\n "stride": @2}', 'unknown field "stride"; did you mean "strides"?'),
    (LAYERS % '{"pool": 2, "strides": @2}', 'unknown field "strides"; remove it'),
    (LAYERS % '{"conv": "sobel-x", "border": @"edge"}', 'unknown field "border"; remove it'),
    (LAYERS % '{"conv": "sobel-x", "pad": @1}', 'unknown field "pad"; remove it'),
    (LAYERS % '{"pad": 1},\n {"conv": "sobel-x", "conv": @"box-3"}', '"conv" stands here a second time'),
    (LAYERS % '{"pad": @-1}', "layers 1 pad: input should be greater than or equal to 0"),
    (LAYERS % '{"pad": @5000}', "layers 1 pad: input should be less than or equal to 4096"),
    (LAYERS % '{"pad": @1.5}', "layers 1 pad must be a whole number, not 1.5"),
    (LAYERS % '{"pad": @true}', "layers 1 pad must be a whole number, not true"),
    (LAYERS % '{"pad": @"smae"}', 'layers 1 pad must be \'same\' or \'cover\', not the text "smae"; did you'),
    (LAYERS % '{"pad": [1, 2, @3]}', "layers 1 pad holds more than 2; remove the rest"),
    (LAYERS % '{"pad": @[1]}', "layers 1 pad holds 1; it needs at least 2"),
    (LAYERS % '{"pad": 1, "border": @"edg"}', "layers 1 border must be "),
    (LAYERS % '@{"pad": "same"}', 'pad "same" must stand right before a conv'),
    (LAYERS % '{"pad": 1},\n @{"pad": "cover"}', 'pad "cover" must stand right before a conv'),
    (LAYERS % '@{"pad": "same"},\n {"pool": 2}, {"conv": "sobel-x"}', 'pad "same" must stand right before'),
    (LAYERS % '@{"pad": "cover"}, {"pad": "same"}, {"conv": "box-3"}', 'pad "cover" must stand right before'),
    (LAYERS % '{"conv": "box-3",\n "strides": @0}', "layers 1 strides: input should be greater than or equal to 1"),
    (LAYERS % '{"conv": "box-3",\n "strides": [1, @0]}', "layers 1 strides 2: input should be greater than or"),
    (LAYERS % '{"conv": "box-3", "strides": @"2"}', "layers 1 strides must be a whole number, not the text"),
    (LAYERS % '{"conv": "box-3", "dilation": @0}', "layers 1 dilation: input should be greater than or equal"),
    (LAYERS % '{"conv": "box-3", "bias": @1e300}', "layers 1 bias: input should be less than or equal to"),
    (LAYERS % '{"conv": "box-3", "activation": @"rleu"}', "layers 1 activation must be "),
    (LAYERS % '{"conv": "box-3", "combine": @"mx"}', "layers 1 combine must be "),
    (LAYERS % '{"pool": @0}', "layers 1 pool: input should be greater than or equal to 1"),
    (LAYERS % '{"pool": @[]}', "layers 1 pool holds 0; it needs at least 2"),
    (LAYERS % '{"pool": 2, "mode": @"averge"}', "layers 1 mode must be 'max' or 'average', not the text"),
    (LAYERS % '{"pad": 1}, {"activation": @"glu"}', "layers 2 activation must be "),
    (LAYERS % '{"combine": @"none"}', "layers 1 combine must be 'magnitude', 'max', "),
    (LAYERS % '{"conv": @3}', "layers 1 conv must be text, not 3"),
    (LAYERS % '{"conv": @"sobl-x"}', 'no kernel named "sobl-x"; did you mean sobel-x'),
    (LAYERS % '{"conv": @"gausian"}', 'no kernel named "gausian"; did you mean gaussian?'),
    (LAYERS % '{"conv": @"gaussian:sigma=x"}', 'gaussian:sigma=x: sigma must be a number, not "x"'),
    (LAYERS % '{"conv": @"./none.json"}', "none.json: no such file; check the name"),
    (LAYERS % '{"conv": @"a\\u0000.json"}', "a?.json: "),
    (LAYERS % '{"conv": @"\\ud800.json"}', "?.json: "),
    (LAYERS % '{"conv": @"a\\nb"}', 'no kernel named "a?b"'),
    (LAYERS % '{"conv": @[]}', "weights holds 0; it needs at least 1"),
    (LAYERS % '{"conv": [[1,\n @"a"]]}', 'weights, row 1, number 2 must be a number, not the text "a"'),
    (LAYERS % '{"conv": [[1, 2],\n @[3]]}', "row 2 holds 1 number, row 1 holds 2 numbers; make them equal"),
    (LAYERS % '{"conv": {"weights": [[1, 2],\n @[3]]}}', "row 2 holds 1 number, row 1 holds 2 numbers"),
    (LAYERS % '{"conv": {"weights": [[1]], "divsor": @2}}', 'unknown field "divsor"; did you mean "divisor"?'),
    (LAYERS % '{"conv": @{}}', 'no "weights"; add it'),
    (LAYERS % '{"conv": [[@NaN]]}', "NaN is not a number a kernel can hold"),
    (LAYERS % '{"conv": [[[[[1]]]], @[[[[1]]]]]}', "weights holds more than 1; remove the rest"),
    (
        LAYERS % '{"pad": "same"}, {"conv": "sobel", "combine": "none"},\n {"conv": @"box-3"}',
        "box-3 takes 1 channels but gets 2; combine the filters before it, or change its weights",
    ),
    (LAYERS % '{"combine": "max"}, {"conv": @[[[[1], [1]]]]}', "p-2 takes 2 channels but gets 1; combine"),
    (LAYERS % '{"conv": "sobel"},\n {"pool": 2}, {"conv": @[[[[1], [1]]]]}', "p-3 takes 2 channels but gets 1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says"), MISTAKES, ids=lambda value: ascii(value[-40:]))
def test_a_mistake_in_a_pipeline_is_told_with_its_place(text, says):
    """Every mistake is reported in one line: file, line, column, and what would be right."""
    text, place = marked(text)
    assert error_of(read, text).startswith(f"p.json:{place}: {says}")


def test_a_mistake_in_a_kernels_file_names_both_files(tmp_path):
    """The pipeline's line that names the kernel, then the kernel's own."""
    put(tmp_path, "k", "[[1, 2],\n [3]]")
    path = put(tmp_path, "p", LAYERS % '{"conv": "k.json"}')
    assert error_of(load_file, path).startswith(
        f"{path}:2:11: {tmp_path / 'k.json'}:2:2: row 2 holds 1 number"
    )


def test_a_pipeline_is_not_a_kernel(tmp_path):
    """A pipeline named by a layer is refused as what it is not; so can no file contain itself."""
    path = put(tmp_path, "p", LAYERS % '{"conv": "p.json"}')
    assert 'unknown field "layers"' in error_of(load_file, path)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 5000)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["same", "cover", "sobel-x", "sobel", "relu", "max", "edge", [[1]], [2, 1], {"weights": [[1]]}])
)  # fmt: skip
KEYS = ("pad", "border", "conv", "strides", "dilation", "activation", "bias", "combine", "pool", "mode")
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
)  # fmt: skip
LIKELY = st.sampled_from([
    {"pad": "same"}, {"pad": 1}, {"conv": "sobel"}, {"conv": "sobel-x"}, {"conv": "kirsch", "combine": "none"},
    {"conv": [[[[1], [1]]]]}, {"pool": 2}, {"combine": "sum"}, {"activation": "relu"}, {"pad": "cover"},
])  # fmt: skip
LAYER = LIKELY | st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4) | VALUES
PIPELINES = st.fixed_dictionaries(
    {"layers": st.lists(LAYER, max_size=5) | VALUES},
    optional={"name": LEAVES, "range": LEAVES, "values": LEAVES, "data_format": LEAVES, "$schema": LEAVES},
)


@settings(deadline=None, max_examples=300)
@given(PIPELINES | VALUES)
def test_any_json_is_a_pipeline_or_a_clear_error(value):
    """No JSON value, however like a pipeline, brings another exception or a message of two lines."""
    try:
        pipeline = read(json.dumps(value))
    except FilterError as error:
        assert str(error).startswith("p.json:")
        assert str(error).isprintable()
    else:
        assert isinstance(pipeline, Pipeline)
        assert len(pipeline.digest) == 64


@settings(deadline=None)
@given(st.text() | st.text(alphabet='{}[]:,"layerspdconv 012\n'))
def test_any_text_is_a_pipeline_or_a_clear_error(text):
    """No text brings another exception."""
    try:
        assert isinstance(read(text), Pipeline)
    except FilterError as error:
        assert str(error).startswith("p.json:")
