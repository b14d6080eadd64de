"""What a type checker says to who uses the package: mypy on a program of a few lines."""

import subprocess
import sys

import pytest

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
    """Good lines pass; each wrong one is told at its line, by the name of what is wrong."""
    program = tmp_path / "program.py"
    lines = [*GOOD.strip().splitlines(), *WRONG]
    program.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    told = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(told) == len(WRONG), done.stdout + done.stderr
    for number, (line, named) in enumerate(WRONG.items(), len(lines) - len(WRONG) + 1):
        found = next((each for each in told if each.startswith(f"program.py:{number}: ")), "")
        assert named in found, (line, done.stdout)
