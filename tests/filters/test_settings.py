"""The settings of layers: what is checked, what would have no effect, and what a type checker says."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filter_errors import error_of

from convfilter.filters.layer import MAX_PAD
from convfilter.filters.layers import Pool
from convfilter.filters.load import load, make_pipeline

SAMPLES = Path(__file__).parents[2] / "samples"


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
    for call, filters in ((load, wrong), (make_pipeline, wrong), (make_pipeline, ["sobel", wrong])):
        assert error_of(call, filters).startswith("a filter can't be ")
        assert "make_kernel makes of numbers" in error_of(call, filters)


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


GOOD = """
import numpy as np
import convfilter
from convfilter.export.export import export
from pathlib import Path

picture = np.zeros((9, 9), np.uint8)
convfilter.apply("sobel", picture, border="reflect", strides=(2, 1), pool=2, color="each", batch=False)
convfilter.apply(["blur", convfilter.make_kernel([[1]])], picture, range="raw", engine="keras")
pipeline = convfilter.make_pipeline("sobel", pad="cover", bias=0.5, combine=None)
convfilter.build("sobel", 255, activation="relu", values="unit")
export("sobel", Path("sobel.keras"), dilation=[1, 2])
"""
WRONG = {  # a line that is wrong → what mypy names
    'convfilter.apply("sobel", picture, border="reflct")': '"border"',
    'convfilter.apply("sobel", picture, bordr="edge")': '"bordr"',
    'convfilter.apply("sobel", picture, color="grey")': '"color"',
    'convfilter.apply("sobel", picture, range="auto")': '"range"',
    'convfilter.make_pipeline("sobel", strides=None)': '"strides"',
    'convfilter.make_pipeline("sobel", bias="x")': '"bias"',
    'convfilter.build("sobel", activation="rleu")': '"activation"',
    'export("sobel", Path("sobel.keras"), pool_mode="avg")': '"pool_mode"',
}


@pytest.mark.slow  # mypy reads NumPy first
def test_mypy_sees_a_misspelt_word(tmp_path):
    """Good lines pass; each wrong one is reported at its line, by the name of what is wrong."""
    pytest.importorskip("mypy", reason="mypy is in the dependency group lint, not in the extra test")
    program = tmp_path / "program.py"
    lines = [*GOOD.strip().splitlines(), *WRONG]
    program.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == len(WRONG), done.stdout + done.stderr
    for number, (line, named) in enumerate(WRONG.items(), len(lines) - len(WRONG) + 1):
        found = next((each for each in errors if each.startswith(f"program.py:{number}: ")), "")
        assert named in found, (line, done.stdout)
