"""The benchmarks run: on small pictures, once, without a look at the times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from browser import MISSING, find_browser, without

BENCHMARKS = Path(__file__).parent / "benchmarks"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="counts memory and cores as Linux does")
def test_the_speed_benchmark_runs(tmp_path):
    """Every kind of row prints a line and writes its figures; ours come first, and agree with the peer's."""
    groups = [
        "help",
        "jpeg",
        "batch-sharpen",
        "tiff-clip",
        "api-binomial5",
        "random15",
        "scale-60-1",
        "shard",
    ]
    command = [
        sys.executable,
        BENCHMARKS / "speed.py",
        "--quick",
        "--repeat",
        "1",
        "--json",
        tmp_path / "f.json",
    ]
    done = subprocess.run([*command, *groups], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "f.json").read_text())
    assert found["machine"]["cores"] >= 1
    rows = {row["row"]: row for row in found["rows"]}
    assert set(rows) == {*groups, "api-binomial5-1", "api-binomial5-all"} - {"api-binomial5"}
    assert done.stdout.count("\n| ") == 1 + len(rows)
    for row in rows.values():
        ours, peer = row["sides"]["convfilter"], row["sides"].get(row["peer"])
        assert min(ours["wall"], ours["cpu"]) > 0
        assert ours["peak"] > 10 * 2**20
        assert row["ratio"] == (ours["wall"] / peer["wall"] if peer else None)
    for name in ("batch-sharpen", "api-binomial5-1", "api-binomial5-all"):
        assert rows[name]["peer"] == "OpenCV"
        assert rows[name]["check"]["difference"] == 0
    assert 0.98 < rows["batch-sharpen"]["check"]["bytes"] < 1.02
    assert "- batch-sharpen, beside OpenCV: differs by 0 at most, 1.0" in done.stdout


@pytest.mark.slow
def test_the_pages_benchmark_runs(tmp_path):
    """Start and edits are timed, in gray and in colour."""
    if not (BENCHMARKS.parents[1] / "convfilter/play/static/filter_view.js").exists():
        pytest.skip("the Filter view is not here yet")
    if not find_browser():
        without(MISSING)
    command = [
        sys.executable,
        BENCHMARKS / "page.py",
        "--side",
        "40",
        "--edits",
        "1",
        "--json",
        tmp_path / "f.json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "f.json").read_text())
    assert found["start"]["picture"] > found["start"]["address"] > 0
    assert min(found["edit"]["gray"] + found["edit"]["colour"]) > 0


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["wide"], ["wide-20000", "wide-40000"]),
        (["tiff"], ["tiff"]),
        (["gabor16", "edited"], ["edited", "gabor16"]),
    ],
)
def test_a_first_word_stands_for_its_rows(words, rows):
    """A row's own name is that row alone, and the order is that of the table."""
    code = f"import speed; print(*speed.chosen({words}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=BENCHMARKS)
    assert done.stdout.split() == rows, done.stderr


def test_an_unknown_row_is_told():
    done = subprocess.run([sys.executable, BENCHMARKS / "speed.py", "jpg"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no row jpg; the rows are batch-clip, batch-abs" in done.stderr
