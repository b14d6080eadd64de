"""FILTER: names, paths, formulas and pipeline files, and what is told of the wrong ones.

In the texts below @ stands right before the place the error must name.
"""

import json
import os
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from convfilter.errors import FilterError
from convfilter.filters import catalogue
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import sizes
from convfilter.filters.json_document import Document
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.layer import MAX_PAD
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.load import load, load_file, make_pipeline
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


def error_of(action, *args, **kwargs):
    with pytest.raises(FilterError) as caught:
        action(*args, **kwargs)
    message = str(caught.value)
    assert message.isprintable()
    return message


# --- names ---------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of one's own: where the user's kernels go."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.delenv("CONVFILTER_KERNELS", raising=False)
    return tmp_path


def put(folder, name, text="[[1]]"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(text)
    return path


def test_the_users_folder_is_in_the_config_folder(home):
    """platformdirs says where; its last part is `kernels`."""
    assert home in catalogue.user_folder().parents
    assert catalogue.user_folder().name == "kernels"


def test_a_name_is_looked_up_in_the_users_folder_first(home, monkeypatch):
    """The user's folder, then those of CONVFILTER_KERNELS in their order, then the shipped kernels."""
    first, second = home / "first", home / "second"
    monkeypatch.setenv("CONVFILTER_KERNELS", os.pathsep.join([str(first), "", str(second)]))
    shipped = catalogue.find("sobel-x")
    assert shipped.parent == catalogue.shipped_folder()
    for folder in (second, first, catalogue.user_folder()):
        path = put(folder, "sobel-x")
        assert catalogue.find("sobel-x") == path
        assert catalogue.files()["sobel-x"] == path
        assert isinstance(load("sobel-x"), Kernel)
        assert catalogue.load_kernel("sobel-x").size == (1, 1)
    assert catalogue.find("sobel-y") == shipped.with_name("sobel-y.json")


def test_the_files_are_listed_by_name(home, monkeypatch):
    """Own kernels stand among the shipped ones, sorted; other files and schemas are no kernels."""
    monkeypatch.setenv("CONVFILTER_KERNELS", str(home / "own"))
    shipped = list(catalogue.files())
    assert shipped == sorted(
        path.stem for path in catalogue.shipped_folder().glob("*.json") if ".schema" not in path.name
    )
    put(home / "own", "mine")
    put(home / "own", "mine.schema")
    (home / "own" / "notes.txt").write_text("[[1]]")
    assert set(catalogue.files()) - set(shipped) == {"mine"}
    assert list(catalogue.files()) == sorted(catalogue.files())


def test_folders_that_are_not_there_hold_nothing(home, monkeypatch):
    """A missing folder of one's own is no error, nor is a file in its place."""
    (home / "file").write_text("")
    monkeypatch.setenv("CONVFILTER_KERNELS", os.pathsep.join([str(home / "none"), str(home / "file")]))
    assert catalogue.find("sobel").parent == catalogue.shipped_folder()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sobl", 'no kernel named "sobl"; did you mean sobel'),
        ("Sobel-X", 'no kernel named "Sobel-X"; did you mean sobel-x'),
        ("kroo", 'no kernel named "kroo"; did you mean kroon'),
        ("edge", 'no kernel named "edge"; did you mean edge-enhance or edge-enhance-more?'),
        ("minee", 'no kernel named "minee"; did you mean mine?'),
        ("gausian", 'no kernel named "gausian"; did you mean gaussian?'),
        ("gausian:sigma=2", "gausian:sigma=2: no such formula; did you mean gaussian?"),
        ("gaussian:sgma=2", 'gaussian:sgma=2: unknown parameter "sgma"; did you mean sigma?'),
        ("qqqqqq", 'no kernel named "qqqqqq"; see `convfilter kernels list`'),
        ("", 'an empty name for a filter; is a variable unset?'),
        ("a\nb", 'no kernel named "a?b"; see'),
        ("none.json", "none.json: no such file; check the name"),
        ("./none", "none: no such file; check the name"),
        (".", 'no kernel named "."'),
        ("./", ".: "),
    ],
)  # fmt: skip
def test_a_near_miss_is_told(home, monkeypatch, name, says):
    """Of a name, a formula, a parameter or a path that is not there: what may have been meant."""
    monkeypatch.chdir(home)
    put(catalogue.user_folder(), "mine")
    assert error_of(load, name).startswith(says)


def test_a_broken_file_of_the_users_is_told_only_when_it_is_used(home):
    """The error names the user's file and place; other names are not affected."""
    path = put(catalogue.user_folder(), "broken", "[[1,\n x]]")
    assert error_of(load, "broken").startswith(f"{path}:2:2: not JSON: expecting value")
    assert error_of(catalogue.load_kernel, "broken").startswith(f"{path}:2:2: not JSON")
    assert load("sobel").filters == 2


def test_a_path_is_not_looked_up(home, monkeypatch):
    """What ends in .json or holds a slash is a path, even where a kernel has that name."""
    monkeypatch.chdir(home)
    put(home, "sobel", "[[5]]")
    for text in ("sobel.json", "./sobel.json", str(home / "sobel.json"), home / "sobel.json"):
        assert load(text).size == (1, 1)
        assert catalogue.load_kernel(text).size == (1, 1)
    assert load("sobel").size == (3, 3)


def test_a_pipeline_can_have_a_name(home):
    """A pipeline file in the user's folder is found like a kernel."""
    put(catalogue.user_folder(), "mine", '{"layers": [{"conv": "sobel-x"}]}')
    assert isinstance(load("mine"), Pipeline)
    assert load("mine").name == "mine"


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"strides": (0, 1)}, f"strides can't be (0, 1); use one whole number or two, from 1 to {MAX_PAD}"),
        ({"strides": "2"}, "strides can't be '2'; use one whole number or two"),
        ({"strides": True}, "strides can't be True; use one whole number or two"),
        ({"strid": 2}, "no setting strid; did you mean strides?"),
        ({"strides": (1, 2, 3)}, "strides can't be (1, 2, 3); use one whole number or two"),
        ({"dilation": (1, 0)}, "dilation can't be (1, 0); use one whole number or two, from 1"),
        ({"dilation": (1.5, 1)}, "dilation can't be (1.5, 1); use one whole number or two"),
        ({"pool": (0, 2)}, "pool can't be (0, 2); use one whole number or two, from 1"),
        ({"pool": "2"}, "pool can't be '2'; use one whole number or two"),
        (
            {"pad": (-1, 0)},
            f"pad can't be (-1, 0); use one whole number or two, from 0 to {MAX_PAD}, or same,",
        ),
        ({"pad": "smae"}, "pad can't be 'smae'; use one whole number or two"),
        ({"pad": (0, MAX_PAD + 1)}, "pad can't be (0, 4097)"),
        ({"border": "mirror"}, "border can't be 'mirror'; "),
        ({"border": "reflct"}, "border can't be 'reflct'; did you mean \"reflect\"?"),
        ({"activation": "rleu"}, "activation can't be 'rleu'; did you mean \"relu\"?"),
        ({"combine": "magnitud"}, "combine can't be 'magnitud'; did you mean \"magnitude\"?"),
        ({"pool_mode": "avg"}, "pool_mode can't be 'avg'; did you mean \"average\"?"),
        ({"values": "units"}, "values can't be 'units'; did you mean \"unit\"?"),
        ({"data_format": "last"}, "data_format can't be 'last'; "),
        ({"bias": float("nan")}, "bias can't be nan; use a fraction of full scale"),
        ({"bias": float("inf")}, "bias can't be inf; use a fraction of full scale"),
        ({"bias": -1e7}, "bias can't be -10000000.0; use a fraction of full scale"),
        ({"bias": "x"}, "bias can't be 'x'; use a fraction of full scale"),
        ({"bias": True}, "bias can't be True; use a fraction of full scale"),
        ({"bias": [0.5]}, "bias can't be [0.5]; use a fraction of full scale"),
        ({"dilation": None}, "dilation can't be None; use one whole number or two, from 1"),
        ({"strides": None}, "strides can't be None; use one whole number or two, from 1"),
        ({"strides": (True, 2)}, "strides can't be (True, 2); use one whole number or two"),
        ({"pad": None}, "pad can't be None; use one whole number or two, from 0"),
        ({"pad": np.ones(9)}, "pad can't be array([1., 1."),
        ({"border": ["edge"]}, "border can't be ['edge']; "),
        ({"border": np.array(["edge", "zero"])}, "border can't be array("),
        ({"pool_mode": 2}, "pool_mode can't be 2; use max, average"),
        ({"activation": abs}, "activation can't be <built-in function abs>; "),
    ],
    ids=str,
)
def test_a_wrong_setting_is_told(wrong, says):
    """A setting that no layer can have is an error before anything is filtered."""
    assert error_of(make_pipeline, "sobel-x", **wrong).startswith(says)


@pytest.mark.parametrize("wrong", [None, 3, [[1, 0, -1]], np.ones((3, 3)), {"weights": [[1]]}], ids=str)
def test_what_is_no_filter_is_told(wrong):
    """Numbers, or nothing, where a FILTER belongs."""
    assert "make_kernel makes of numbers" in error_of(make_pipeline, wrong)
    assert "make_kernel makes of numbers" in error_of(make_pipeline, ["sobel", wrong])


def test_numbers_of_numpy_are_numbers():
    """Sizes and biases that come out of an array are as good as Python's own."""
    settings = {"strides": np.int64(2), "pool": (np.uint8(2), 3), "bias": np.float32(0.5)}
    assert make_pipeline("sobel-x", **settings) == make_pipeline("sobel-x", strides=2, pool=(2, 3), bias=0.5)


@pytest.mark.parametrize("filters", [[], ()])
def test_no_filter_is_an_error(filters):
    """An empty list has nothing to filter with."""
    assert error_of(make_pipeline, filters) == "no filter; give at least one"


@pytest.mark.parametrize(
    "idle",
    [{"pad": "valid"}, {"border": "edge"}, {"strides": (2, 2)}, {"dilation": (2, 2)}, {"activation": "relu"},
     {"bias": 0.5}, {"combine": "max"}],
    ids=str,
)  # fmt: skip
def test_a_setting_that_would_do_nothing_is_told(idle):
    """Layer settings are refused for pipeline files alone, and taken where a kernel stands beside them."""
    article = SAMPLES / "article.json"
    name = next(iter(idle))
    assert f"sets each layer's {name} by itself" in error_of(make_pipeline, article, **idle)
    assert make_pipeline([article, "sobel"], **idle) != make_pipeline([article, "sobel"])


def test_a_pipeline_file_takes_the_settings_of_the_whole():
    """Pool, values and data format are the network's, so they hold for a pipeline file, too."""
    pipeline = make_pipeline(
        SAMPLES / "article.json",
        pool=(3, 2),
        pool_mode="average",
        values="unit",
        data_format="channels_first",
    )
    assert pipeline.layers[-1] == Pool((3, 2), "average")
    assert (pipeline.values, pipeline.data_format) == ("unit", "channels_first")


def test_filters_may_be_given_in_every_form(tmp_path):
    """Names, formulas, paths, kernels and pipelines, one or several in a row."""
    kernel = make_kernel([[1, 2]], name="own")
    pipeline = make_pipeline("sobel-x", pad="valid")
    article = SAMPLES / "article.json"
    made = make_pipeline(["sobel-y", "gaussian:sigma=1", put(tmp_path, "k"), kernel, pipeline, article])
    names = ["sobel-y", "gaussian:sigma=1,size=7", "k", "own", "sobel-x", "sobel-x", "sobel-x"]
    assert [conv.name for conv in made.convs] == names
    assert make_pipeline(kernel) == make_pipeline([kernel])
    assert make_pipeline(pipeline) == pipeline


# --- pipeline files ------------------------------------------------------------------------------


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
    """Every mistake is told in one line: file, line, column, and what would be right."""
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
    """A pipeline named by a layer is told as what it is not; so can no file contain itself."""
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


@pytest.mark.parametrize("name", sorted(catalogue.files()))
def test_every_shipped_kernel_loads(name):
    """Each makes a pipeline that keeps a picture's size and gives one channel, or one per filter."""
    kernel = load(name)
    assert isinstance(kernel, Kernel)
    assert kernel.notes == ()
    pipeline = make_pipeline(name)
    assert sizes(pipeline, (40, 50))[-1] == (40, 50)
    assert pipeline.out_channels == (kernel.filters if kernel.combine == "none" else 1)
