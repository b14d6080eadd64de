"""The benchmarks run: on small pictures, once, without a look at the times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="measures memory as Unix does")
def test_the_speed_benchmark_runs(tmp_path):
    """Every kind of row prints a line and writes its figures; ours and OpenCV's are among the sides."""
    rows = ["help", "jpeg", "batch", "tiff", "random15"]
    command = [
        sys.executable,
        BENCHMARKS / "speed.py",
        "--quick",
        "--repeat",
        "1",
        "--json",
        tmp_path / "f.json",
    ]
    done = subprocess.run([*command, *rows], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "f.json").read_text())
    assert [row["row"] for row in found["rows"]] == rows
    assert found["machine"]["cores"] >= 1
    assert done.stdout.count("\n| ") == 1 + len(rows)
    for row in found["rows"]:
        assert row["seconds"]["convfilter"] > 0
        if row["row"] not in ("help", "tiff"):
            assert row["ratio"] == row["seconds"]["convfilter"] / row["seconds"]["OpenCV"]
    memory = found["rows"][1]["peak_bytes"]["convfilter"]
    assert memory > 10 * 2**20


def test_an_unknown_row_is_told():
    done = subprocess.run([sys.executable, BENCHMARKS / "speed.py", "jpg"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no row jpg; the rows are help, jpeg" in done.stderr
