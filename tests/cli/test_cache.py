"""cache: what is said of an empty one, and what is compiled ahead; real entries are in engines/test_compiled.py."""

import json
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """An empty cache folder for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_an_empty_cache(convfilter):
    """Nothing kept is nothing listed and nothing deleted."""
    assert convfilter("cache", "list").out.startswith("0 files, 0 bytes in ")
    assert json.loads(convfilter("cache", "list", "--json").out) == []
    assert convfilter("cache", "clear").out.startswith("0 files deleted from ")


def test_warm_compiles_every_kernel(convfilter, monkeypatch):
    """Each name of the catalogue is compiled once."""
    from convfilter.filters.catalogue import files

    compiled = []
    monkeypatch.setattr("convfilter.cli.cache._compile", compiled.append)
    done = convfilter("cache", "warm")
    assert (done.code, done.out) == (0, f"{len(files())} filters ready\n")
    assert compiled == list(files())


def test_what_cannot_be_compiled_is_left_out(convfilter, monkeypatch):
    """A filter that fails is named on stderr with the reason, the rest go on, exit 1."""
    from convfilter.errors import FilterError

    def compile_(name):
        if name == "bad":
            raise FilterError("bad: too wide")

    monkeypatch.setattr("convfilter.filters.catalogue.files", lambda: {"bad": Path("b"), "good": Path("g")})
    monkeypatch.setattr("convfilter.cli.cache._compile", compile_)
    done = convfilter("cache", "warm")
    assert (done.code, done.out) == (1, "1 filters ready\n")
    assert "Left out: bad: bad: too wide" in done.err
