"""Formulas as text: parameters, mistakes, and any text at all."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convfilter.errors import FilterError
from convfilter.filters import formulas
from convfilter.filters.formula_text import is_formula, parse_formula, signature
from convfilter.filters.formulas import FORMULAS
from convfilter.filters.kernel import Kernel


def test_signatures():
    """signature tells parameters and defaults in order; None is worked out."""
    assert signature("dog") == {"sigma": 1.0, "ratio": 1.6, "size": None}
    assert list(signature("gabor")) == ["sigma", "theta", "wavelength", "gamma", "psi", "size"]


@pytest.mark.parametrize(
    "text", ["sobel", "gaussian.json", "./gaussian", "Gaussian", "", ":sigma=1", " disk"]
)
def test_other_filters_are_no_formulas(text):
    """Names of files and of other kernels are left to the catalogue."""
    assert not is_formula(text)


def test_no_keras():
    """Making a kernel loads neither Keras nor TensorFlow."""
    code = (
        "import sys; from convfilter.filters.formula_text import parse_formula; parse_formula('leung-malik');"
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gaussian:sigme=2", ['"sigme"', "did you mean sigma?"]),
        ("gaussian:zzz=2", ['"zzz"', "use sigma, size"]),
        ("gausian:sigma=2", ["did you mean gaussian?"]),
        ("gaussian:sigma=two", ["sigma", "a number", '"two"']),
        ("gaussian:sigma=", ["sigma", "a number", '""']),
        ("gaussian:sigma=nan", ["sigma", "0.1 to 1000", "nan"]),
        ("gaussian:sigma=inf", ["sigma", "0.1 to 1000", "inf"]),
        ("gaussian:sigma=1e999", ["sigma", "inf"]),
        ("gaussian:sigma=0", ["sigma", "0.1 to 1000", "not 0"]),
        ("gaussian:sigma=-1", ["sigma", "0.1 to 1000", "not -1"]),
        ("gaussian:size=0", ["size", "1 to 1023", "not 0"]),
        ("gaussian:size=1024", ["size", "1 to 1023", "not 1024"]),
        ("gaussian:size=5.5", ["size", "whole number", "5.5"]),
        ("gaussian:size=nan", ["size", "nan"]),
        ("gaussian:sigma=2,sigma=3", ["sigma", "twice", "remove one"]),
        ("gaussian:sigma", ['"sigma"', 'no "="', "gaussian:sigma=…"]),
        ("gaussian:", ['no "="', "gaussian:sigma=…"]),
        ("gaussian:sigma=2,", ['no "="']),
        ("gaussian:=2", ["unknown parameter"]),
        ("gaussian:sigma=1000", ["6001×6001", "size=1023"]),
        ("dog:ratio=1", ["ratio", "1.01"]),
        ("dog:size=2", ["size", "3 or more"]),
        ("log:size=1", ["size", "3 or more"]),
        ("unsharp:size=4", ["odd", "3 or 5"]),
        ("gabor:size=30", ["odd", "29 or 31"]),
        ("gabor-bank:orientations=0", ["orientations", "1 to 360"]),
        ("gabor-bank:orientations=2.5", ["orientations", "whole number"]),
        ("gabor-bank:orientations=100,size=201", ["201×201", "size=101"]),
        ("leung-malik:size=2", ["size", "3 or more"]),
        ("leung-malik:size=999", ["size=147"]),
        ("motion:angle=inf", ["angle", "inf"]),
        ("motion:length=0", ["length", "1 to 1000"]),
        ("disk:radius=0", ["radius", "0.5 to 511"]),
    ],
)
def test_mistakes_are_explained(text, said):
    """A mistake is a FilterError of one line that names the text, the parameter and the fix."""
    with pytest.raises(FilterError) as caught:
        parse_formula(text)
    message = str(caught.value)
    assert message.startswith(f"{text}: ")
    assert [word for word in said if word not in message] == []


@pytest.mark.parametrize("text", ["disk:radius=511", "motion:length=1000,angle=45", "gaussian:size=1023"])
def test_the_largest_work(text):
    """The limits hold: the largest disk and line fit MAX_SIDE, and so does the largest size."""
    assert max(parse_formula(text).size) <= 1023


NUMBERS = st.one_of(
    st.floats(-50, 50).map(repr),
    st.integers(-2, 40).map(str),
    st.sampled_from(["nan", "inf", "-inf", "1e999", "1_0", "٣", "", "x", "1e-320", "-0.0", "9" * 5000]),
)
PARAMETERS = st.tuples(st.sampled_from([*formulas.LIMITS, "", "sgima"]), NUMBERS).map("=".join)
LISTS = st.lists(st.one_of(PARAMETERS, st.text(max_size=10)), max_size=4).map(",".join)
TEXTS = st.tuples(st.sampled_from([*FORMULAS, "gauss"]), LISTS).map(":".join)


@settings(deadline=None, max_examples=150)
@given(st.one_of(TEXTS, st.text()))
def test_any_text_gives_a_kernel_or_a_filter_error(text):
    """Whatever is typed gives a kernel of finite, non-zero weights or a one-line FilterError."""
    try:
        kernel = parse_formula(text)
    except FilterError as error:
        assert str(error).isprintable()
    else:
        assert isinstance(kernel, Kernel)
        assert np.isfinite(kernel.weights).all()
        assert kernel.weights.any()


@settings(deadline=None, max_examples=80)
@given(
    name=st.sampled_from([*FORMULAS]),
    wish=st.fixed_dictionaries(
        {},
        optional={
            "sigma": st.floats(0.1, 5), "ratio": st.floats(1.01, 4), "length": st.floats(1, 40),
            "radius": st.floats(0.5, 12), "angle": st.floats(-360, 360), "theta": st.floats(-360, 360),
            "amount": st.floats(0, 100), "size": st.integers(1, 10).map(lambda half: 2 * half + 1),
        },
    ),
)  # fmt: skip
def test_any_parameters_within_limits_keep_the_sum(name, wish):
    """Blurs and unsharp sum to 1, dog and log to 0, for any parameters; and the name makes it again."""
    kernel = FORMULAS[name].make(**{key: value for key, value in wish.items() if key in signature(name)})
    sums = dict.fromkeys(["gaussian", "motion", "disk", "unsharp"], 1) | {"dog": 0, "log": 0}
    scale = np.abs(kernel.weights).sum()
    if name in sums:
        assert kernel.weights.sum() == pytest.approx(sums[name], abs=1e-13 * max(1, scale))
    np.testing.assert_array_equal(parse_formula(kernel.name).weights, kernel.weights)
