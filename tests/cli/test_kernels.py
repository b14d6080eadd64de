"""The kernels commands: list, show, check and schema."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)


def test_kernels_list_json(convfilter):
    """`kernels list --json` is an array of every shipped kernel with the promised fields."""
    rows = json.loads(convfilter("kernels", "list", "--json").out)
    shipped = {path.stem for path in (ROOT / "kernels").glob("*.json") if "schema" not in path.name}
    assert {row["name"] for row in rows} == shipped
    assert all(set(row) == {"name", "description", "size", "filters", "tags", "source"} for row in rows)
    assert next(row for row in rows if row["name"] == "laws")["filters"] == 25


def test_kernels_list_text(convfilter):
    """Without --json one line per kernel, and the formulas."""
    out = convfilter("kernels", "list").out
    assert re.search(r"^sobel-x +3×3 +1  Sobel derivative", out, re.M)
    assert "gaussian: sigma=1" in out


def test_kernel_folders(convfilter, monkeypatch):
    """One broken file is reported and hides no other; a user's kernel goes before a formula of its name."""
    Path("mine").mkdir()
    Path("mine/bad.json").write_text('{"weights": []}')
    Path("mine/log.json").write_text('{"weights": [[5]]}')
    Path("mine/pipe.json").write_text('{"layers": [{"pool": 2}]}')
    monkeypatch.setenv("CONVFILTER_KERNELS", "mine")
    done = convfilter("kernels", "list", "--json")
    assert done.code == 0
    assert "bad.json:1:13" in done.err
    names = {row["name"] for row in json.loads(done.out)}
    assert {"log", "sobel"} < names
    assert not {"bad", "pipe"} & names
    assert json.loads(convfilter("kernels", "show", "log", "--json").out)["weights"] == [[[[5.0]]]]
    assert json.loads(convfilter("kernels", "show", "log:sigma=2", "--json").out)["size"] == [17, 17]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_among_the_kernels_does_not_hang(convfilter, monkeypatch):
    """A FIFO in a kernel folder is no kernel; one that is named is refused."""
    Path("mine").mkdir()
    os.mkfifo("mine/fifo.json")
    monkeypatch.setenv("CONVFILTER_KERNELS", "mine")
    assert convfilter("kernels", "list").code == 0
    done = convfilter("kernels", "check", "mine/fifo.json")
    assert done.code == 2
    assert "a pipe" in done.err


def test_kernels_show(convfilter):
    """`kernels show` gives the effective numbers; as text it draws the matrix and says the gain."""
    facts = json.loads(convfilter("kernels", "show", "sobel", "--json").out)
    assert np.array(facts["weights"]).shape == (3, 3, 1, 2)
    assert np.array_equal(np.array(facts["weights"])[:, :, 0, 0], SOBEL_X)
    assert facts["gain"]["max"] == pytest.approx(20**0.5)
    assert facts["gain"]["min"] == 0
    assert facts["rank"] == [1, 1]
    assert facts["sum"] == 0
    text = convfilter("kernels", "show", "sobel-x").out
    assert " -2  0  2" in text
    assert "-4 … 4" in text


def test_a_bank_of_very_many_filters_has_bounds(convfilter):
    """The magnitude of 20,000 filters is bounded in little memory: by the root of the sum of squares."""
    Path("many.json").write_text(
        json.dumps({"weights": [[[n % 3 - 1, 1]] for n in range(20_000)], "combine": "magnitude"})
    )
    from convfilter.filters.kernel_file import read_kernel
    from convfilter.filters.kernel_info import gain

    found = gain(read_kernel(Path("many.json")))
    largest = np.array([max(1, 1 + (n % 3 - 1)) for n in range(20_000)])
    assert found.high <= np.sqrt((largest**2).sum()) * (1 + 1e-12)
    assert found.high >= np.sqrt(sum((1 + (n % 3 - 1)) ** 2 for n in range(20_000))) * (1 - 1e-12)


def test_kernels_check(convfilter):
    """Good files are named ok on stdout and notes are said; all of several bad ones are reported."""
    Path("good.json").write_text('{"weights": [[1, -1]], "divisor": "sum"}')
    Path("bad.json").write_text("{}")
    done = convfilter("kernels", "check", "good.json", "bad.json", "missing.json")
    assert done.code == 2
    assert re.search(r"^good\.json: ok; .*the sum is 0", done.out)
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["bad.json", "missing.json"]


def test_the_shipped_schemas_are_current(convfilter):
    """kernels/*.schema.json are what `kernels schema` prints."""
    for name, option in {"kernel": [], "pipeline": ["--pipeline"]}.items():
        shipped = (ROOT / "kernels" / f"{name}.schema.json").read_text()
        assert convfilter("kernels", "schema", *option).out == shipped


def test_a_kernel_cannot_command_the_terminal(convfilter, monkeypatch):
    """Escape codes in names and descriptions are shown as replacement characters, wherever they are printed."""
    Path("mine").mkdir()
    evil = "\x1b[31mred\x07"
    Path("mine/evil.json").write_text(json.dumps({"weights": [[1]], "name": evil, "description": evil}))
    monkeypatch.setenv("CONVFILTER_KERNELS", "mine")
    for words in (["kernels", "list"], ["kernels", "show", "evil"], ["describe", "evil", "--size", "9"]):
        out = convfilter(*words).out
        assert "�[31mred�" in out
        assert not {"\x1b", "\x07"} & set(out)
