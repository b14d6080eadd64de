"""The quick check of kernel files against pydantic's, which is an oracle of its own; no disk, no memo."""

import json
import os
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from convfilter.filters.kernel_check import good_fields
from convfilter.filters.kernel_schema import KernelFile, validated

SHIPPED = sorted((Path(__file__).parents[2] / "kernels").glob("*[!a].json"))


class Refused(Exception):
    pass


def refuse(message, path=()):
    raise Refused


def by_pydantic(data):
    """The fields as pydantic reads them, under the file's own names; None where it refuses them."""
    try:
        fields = validated(data, refuse)
    except Refused:
        return None
    del fields["weights"]
    return {KernelFile.model_fields[name].alias or name: value for name, value in fields.items()}


def agree(data):
    quick = good_fields(data)
    assert quick == by_pydantic(data), data
    return quick is not None


def test_every_shipped_kernel_is_accepted_without_pydantic():
    assert len(SHIPPED) > 60
    assert all(agree(json.loads(path.read_text("utf-8"))) for path in SHIPPED)


MATRIX = [[1, 2], [3, 4.5]]
BIG = 10**400
ANYTHING = [
    None, True, False, 0, 1, -1, 2, 16, 1.5, 0.0, -0.0, 1e300, -1e300, 1e6, -1e6, 1000001, 1e-320, 2**70, BIG, -BIG,
    float("nan"), float("inf"), -float("inf"), "", "1", "sum", "Sum", "relu", "none", "max", "each", "edge", "clip", "raw", "unit",
    "stored", "channels_last", "channels_first", "kh,kw,in,out", "out,in,kh,kw", "kh,kw", "true", "x" * 100, "x" * 101,
    "é" * 100, "😀" * 100, "😀" * 101, "\ud800", "a\x00b", [], [0], [0, 0], [0, 1], [1, 0], [5, 7], [0, -1],
    [0, 1.0], [0, True], [0, None], [0, 1, 2], [2**70, 0], [1.5], [1e6, -1e6], [1e6, 1e7], [1, "2"], [[0]], ["a"],
    ["a", "b"], ["a", 1], ["a", None], ["\udc00"], [BIG], [float("nan")], {}, {"a": 1}, [{}], (), (0, 1), b"relu",
]  # fmt: skip
WEIGHTS = [
    *ANYTHING, [[]], [[], []], [[1], []], [[1], [2, 3]], [[1], 2], [1, [2]], [[1], [[2]]], [[[1]], [2]], [[[1], 2]],
    [[True]], [["1"]], [[None]], [[1, None]], [[{}]], [[BIG]], [[1, float("nan")]], [[float("inf")]], [[1e39]],
    [[1e-320]], [[2**70]], MATRIX, [MATRIX], [MATRIX, MATRIX], [MATRIX, [[1]]], [[MATRIX]], [[MATRIX, MATRIX]],
    [[[MATRIX]]], [[[MATRIX]], [[MATRIX]]], [[[[MATRIX]]]], [[[[1], [2]]], [[[3], [4, 5]]]], [[[[[]]]]], [[[[["a"]]]]],
    ((1, 2), (3, 4)), [(1, 2)], [[1, 2], (3, 4)],
]  # fmt: skip
FIELDS = [field.alias or name for name, field in KernelFile.model_fields.items()]


@pytest.mark.parametrize("field", [*FIELDS, "schema_", "weight", "Name", "", "\ud800"])
def test_one_field_wrong_or_right(field):
    """Each field with some eighty values, beside a good kernel of two dimensions and of four."""
    values = WEIGHTS if field == "weights" else ANYTHING
    found = [
        agree({"weights": weights, field: value}) for weights in (MATRIX, [[MATRIX]]) for value in values
    ]
    assert any(found) == (field in FIELDS)
    assert not all(found)


@pytest.mark.parametrize("data", [*ANYTHING, {"name": "x"}, {"weights": MATRIX, 1: 2}])
def test_what_is_no_kernel_at_all(data):
    assert not agree(data)


@pytest.mark.parametrize("path", SHIPPED[::6], ids=lambda path: path.stem)
def test_a_shipped_kernel_with_one_mistake(path):
    """Every number, list, word and field of a real file replaced or taken away, one after the other."""
    data = json.loads(path.read_text("utf-8"))
    count = 0
    for container, key in places(data):
        before = container[key]
        for value in (None, True, "x", [], [[1]], -1, 1.5, BIG, float("nan")):
            container[key] = value
            agree(data)
            count += 1
        container[key] = before
    assert count > 90
    for key in data:
        agree({name: value for name, value in data.items() if name != key})


def places(data):
    """Every (container, key) inside, at most two of each list."""
    for key in list(data) if isinstance(data, dict) else range(min(len(data), 2)):
        yield data, key
        if isinstance(data[key], list | dict):
            yield from places(data[key])


NUMBERS = st.lists(st.floats(-1e40, 1e40) | st.integers(-3, 3), min_size=2, max_size=2)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(ANYTHING)
)
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=8)


@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries(
        {"weights": st.lists(NUMBERS, min_size=1, max_size=3) | NESTED},
        optional={field: LEAVES | NESTED for field in FIELDS if field != "weights"},
    )
)
def test_any_fields_of_any_values(data):
    agree(data)


SCRIPT = """
import sys
import convfilter
make = convfilter.make_kernel  # imported before the watch begins
make([[1]])
touched = []
sys.addaudithook(lambda event, args: touched.append(event) if event in WATCHED else None)
for number in range(200):
    make([[1, number], [2, 1]], description=f"kernel {number}", divisor="sum", bias=number / 200)
print(touched, "pydantic" in sys.modules)
"""
WATCHED = {"open", "os.mkdir", "os.rename", "os.remove", "os.listdir", "os.scandir", "import"}


def test_making_kernels_touches_no_disk(tmp_path):
    """No file is opened, no folder made, nothing more imported, and the cache folder stays empty."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("WATCHED", repr(WATCHED))],
        capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)}, timeout=60,
    )  # fmt: skip
    assert done.stdout == "[] False\n", done.stdout + done.stderr
    assert list(tmp_path.rglob("*")) == []
