"""`kernels show --file`: what it prints loads again, to the last bit and the last word."""

import dataclasses
import json
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from convfilter.errors import FilterError
from convfilter.filters.catalogue import files
from convfilter.filters.conv import Conv
from convfilter.filters.formulas import FORMULAS
from convfilter.filters.json_document import Document
from convfilter.filters.kernel import Kernel, kernel_of
from convfilter.filters.kernel_file import kernel_from_document, make_kernel
from convfilter.filters.kernel_writer import file_text
from convfilter.filters.load import load, load_file, make_pipeline
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline

FORMULA_TEXTS = [
    *FORMULAS, "gaussian:sigma=0.7,size=4", "motion:length=7.3,angle=31", "gabor:sigma=2,theta=33,psi=90",
    "unsharp:amount=0.3", "dog:sigma=1.1", "disk:radius=1.5",
]  # fmt: skip
ARTICLES = sorted((Path(__file__).parents[2] / "samples").glob("article*.json"))


def again(filter_, name="another"):
    """What is loaded from the text, as a file of another name."""
    document = Document(file_text(filter_), f"{name}.json")
    if isinstance(filter_, Kernel):
        return kernel_from_document(document, name)
    from convfilter.filters.pipeline_file import read_pipeline

    return read_pipeline(document, Path(f"{name}.json"))


def same(one, other):
    """Every field, arrays by their bits; but not the notes of loading, which are of the first file."""
    assert type(one) is type(other)
    for field in dataclasses.fields(one):
        here, there = getattr(one, field.name), getattr(other, field.name)
        if isinstance(here, np.ndarray):
            assert (here.dtype, here.shape, here.tobytes()) == (there.dtype, there.shape, there.tobytes())
        elif field.name == "layers":
            assert len(here) == len(there)
            for layer, loaded in zip(here, there, strict=True):
                same(layer, loaded)
        elif field.name != "notes":
            assert here == there, field.name


@pytest.mark.parametrize("name", [*files(), *FORMULA_TEXTS])
def test_the_catalogue_and_the_formulas(name):
    same(load(name), again(load(name)))


def test_every_field_of_a_kernel():
    """None of Kernel's fields is lost, whatever it is."""
    changed = {
        "activation": "relu", "combine": "absmax", "data_format": "channels_first", "range": "gain", "values": "unit",
        "color": "luma", "border": "wrap", "description": "Two “filters”.", "source": "x\ny", "tags": ["é", "b"],
    }  # fmt: skip
    weights = np.random.default_rng(5).normal(size=(3, 2, 4, 5))
    kernel = make_kernel(
        weights, name="n", bias=[0, -0.0, 0.25, 1e-9, -3], anchor=[2, 0], flip=True, **changed
    )
    plain = make_kernel([[1]])
    for field in dataclasses.fields(Kernel):
        if field.name != "notes":
            assert not np.array_equal(getattr(kernel, field.name), getattr(plain, field.name)), field.name
    same(kernel, again(kernel))


NUMBERS = (
    st.floats(-1e30, 1e30) | st.integers(-20, 20).map(float) | st.sampled_from([-0.0, 1 / 3, 5e-324, 0.1])
)


@settings(deadline=None, max_examples=150)
@given(
    st.tuples(*[st.integers(1, 3)] * 4).flatmap(lambda shape: arrays(np.float64, shape, elements=NUMBERS)),
    st.sampled_from([1, 3, 7, 16, 273, 1024]),
)
def test_any_weights(weights, divisor):
    """-0.0 and the smallest numbers too, each shape; quotients of whole numbers."""
    same(kernel := kernel_of(weights, name="k"), again(kernel))
    same(kernel := kernel_of(np.rint(np.clip(weights, -99, 99)) / divisor, name="k"), again(kernel))


def test_it_reads_like_a_kernel_of_the_catalogue(convfilter):
    """A row of the matrix is a line, whole numbers have no point, and ninths are written over 9."""
    out = convfilter("kernels", "show", "box-3", "--file").out
    assert '  "weights": [\n    [1, 1, 1],\n    [1, 1, 1],\n    [1, 1, 1]\n  ],\n  "divisor": 9,\n' in out
    bank = convfilter("kernels", "show", "sobel", "--file").out
    assert bank.count("\n      [") == 6
    assert "\n      [-2, 0, 2],\n" in bank
    assert "3×3" in bank  # the source's own letters, no escapes


@pytest.mark.parametrize("name", ["sobel", "laws", "kirsch", "gaussian:sigma=2", "leung-malik:size=9"])
def test_the_command_prints_what_check_takes(convfilter, name):
    """`kernels check` finds it right, `show` shows the same facts, and it can be shown again unchanged."""
    Path("mine.json").write_bytes(convfilter("kernels", "show", name, "--file").out.encode())
    assert convfilter("kernels", "check", "mine.json").out == "mine.json: ok\n"
    facts, wanted = (
        json.loads(convfilter("kernels", "show", each, "--json").out) for each in ("./mine.json", name)
    )
    assert facts == wanted
    assert convfilter("kernels", "show", "./mine.json", "--file").out == Path("mine.json").read_text("utf-8")


def test_it_is_utf8_wherever_it_goes(process, tmp_path):
    """Redirected where text would be written in another code, the file is still one."""
    done = process("kernels", "show", "sobel", "--file", PYTHONIOENCODING="latin-1")
    (tmp_path / "mine.json").write_bytes(done.stdout)
    same(load_file(tmp_path / "mine.json"), load("sobel"))


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.stem)
def test_pipelines(path):
    """The kernels are written out, so the file stands alone."""
    pipeline = load(path)
    assert again(pipeline) == pipeline
    same(again(pipeline), pipeline)


def test_every_kind_of_layer(tmp_path, convfilter):
    """Paddings of all kinds, strides, dilation, a bank, its combination, activation and pools."""
    layers = [
        {"pad": [2, 3], "border": "wrap"},
        {"pad": "same", "border": "edge"}, {"conv": "roberts", "strides": 2, "combine": "magnitude"},
        {"pad": "cover"}, {"conv": "gaussian:sigma=1", "strides": [2, 3]}, {"pad": 0},
        {"conv": [[1, 0.5]], "dilation": [1, 2], "bias": 0.25, "activation": "tanh"},
        {"conv": "laws"}, {"combine": "mean"}, {"activation": "relu"}, {"pool": [2, 1], "mode": "average"},
    ]  # fmt: skip
    file = {
        "layers": layers,
        "range": "gain",
        "values": "unit",
        "data_format": "channels_first",
        "color": "luma",
    }
    (tmp_path / "all.json").write_text(json.dumps(file))
    same(load(tmp_path / "all.json"), again(load(tmp_path / "all.json")))
    Path("again.json").write_bytes(convfilter("kernels", "show", "./all.json", "--file").out.encode())
    assert convfilter("kernels", "check", "again.json").out == "again.json: ok\n"


def test_what_a_file_can_not_hold():
    """A kernel larger than files may be, and a padding that no pipeline file can say."""
    with pytest.raises(FilterError, match=r"characters as a file, which may have 8,388,608; use its name"):
        file_text(load("gaussian:sigma=200,size=1001"))
    conv = next(layer for layer in make_pipeline("sobel").layers if isinstance(layer, Conv))
    with pytest.raises(
        FilterError, match="top 1, bottom 2, left 0, right 0: a pipeline file pads both sides"
    ):
        file_text(Pipeline((Pad(1, 2, 0, 0), conv)))


def test_a_name_longer_than_a_file_may_say():
    """As much of it as fits."""
    kernel = make_kernel([[1]], name="é" * 150)
    assert again(kernel).name == "é" * 100


def test_one_form_at_a_time(convfilter):
    done = convfilter("kernels", "show", "sobel", "--file", "--json")
    assert (done.code, "give one of them" in done.err) == (2, True)
