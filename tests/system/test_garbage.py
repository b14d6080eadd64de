"""Garbage collections are put off for the imports of the command, and no longer."""

import subprocess
import sys

import pytest

from convfilter.system import garbage

CHILD = """
import gc, sys
own = gc.get_threshold()
from convfilter import __main__
from convfilter.processing import batch
from convfilter.system import garbage
put_off, run = garbage.put_off, batch.run

def watched_put_off():
    put_off()
    print("imports:", gc.get_threshold() == own, file=sys.stderr)

def watched_run(*args):
    print("pictures:", gc.get_threshold() == own, file=sys.stderr)
    return run(*args)

garbage.put_off, batch.run = watched_put_off, watched_run
__main__._leave = lambda code: print("end:", gc.get_threshold() == own, code, file=sys.stderr)
__main__.main()
"""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["apply", "sobel", "none.png", "out.png"], ["imports: False", "pictures: True", "end: True 1"]),
        (["describe", "sobel"], ["imports: False", "end: True 0"]),
    ],
)
def test_thresholds_are_put_back_after_the_imports(tmp_path, command, said):
    """By the time that pictures are filtered, collections come as often as Python has them."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command], cwd=tmp_path, capture_output=True, text=True
    )
    told = [line for line in done.stderr.splitlines() if not line.startswith("Error")]
    assert told == said


def test_nothing_is_changed_for_who_put_nothing_off():
    """Whoever calls the commands from a program of his own keeps his thresholds."""
    import gc

    before = gc.get_threshold(), gc.get_freeze_count()
    garbage.as_usual()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
