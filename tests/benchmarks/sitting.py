"""Rows of a benchmark: sides that run in turn in one sitting, and their medians.

This imports nothing large, since Linux counts a parent's memory as its child's.
"""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

PY = sys.executable
SIDES = Path(__file__).parent / "sides"
# Installed packages are compiled: so is what runs from a checkout, from its second run on.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Run:
    """Seconds that passed, seconds of all cores (user and system), bytes of memory at the peak."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Side:
    """One side of a row."""

    name: str
    run: Callable[[], Run]


@dataclass(frozen=True)
class Row:
    """Sides of equal work, ours first; the ratio is to the second. unit: what a run is divided by for the
    table, as 20 calls. check: says how far the sides' results agree, asked before anything is timed."""

    work: str
    sides: Sequence[Side]
    runs_hold: int = 1
    check: Callable[[], dict[str, float]] = field(default=dict)


class Failed(Exception):
    """A side that ended with an error."""


def process(
    arguments: Sequence[str], env: Mapping[str, str] | None = None, cores: int | None = None
) -> tuple[Run, str]:
    """A whole process, and what it printed. cores: how many it may use, None for all of this one's.

    It doesn't wait for what others left to the disk. Raises Failed with the end of its messages.
    """
    os.sync()
    limit = None if cores is None else functools.partial(keep_to, cores)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        child = subprocess.Popen(
            arguments, env={**ENVIRONMENT, **(env or {})}, stdout=out, stderr=err, preexec_fn=limit
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise Failed(f"{' '.join(map(str, arguments))}: {text(err)[-500:]}")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Run(wall, usage.ru_utime + usage.ru_stime, peak), text(out)


def text(file: IO[bytes]) -> str:
    """What was written there."""
    file.seek(0)
    return file.read().decode()


def keep_to(cores: int) -> None:
    """Let this process and its children use so many cores (Linux)."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def whole(name: str, *arguments: str, **options: Any) -> Side:
    """A side that is a whole process. options: as of `process`."""
    return Side(name, lambda: process(arguments, **options)[0])


def script(name: str, file: str, *arguments: str) -> Side:
    """A side of sides/FILE, which times itself: its imports and its first run are left out."""

    def run() -> Run:
        took, out = process([PY, str(SIDES / file), *arguments])
        own = json.loads(out.splitlines()[-1])
        return Run(own["wall"], own["cpu"], took.peak)

    return Side(name, run)


def said(file: str, *arguments: str) -> float:
    """The number that a script of sides/ prints."""
    return float(process([PY, str(SIDES / file), *arguments])[1].split()[-1])


def have(module: str) -> bool:
    """Whether a Python package can be imported."""
    return subprocess.run([PY, "-c", f"import {module}"], capture_output=True).returncode == 0


def measure(name: str, row: Row, repeat: int) -> dict[str, Any]:
    """A row's medians. The order of the sides is turned round each time, so that none always runs first."""
    checked = row.check()
    found: dict[str, list[Run]] = {side.name: [] for side in row.sides}
    for number in range(repeat):
        for side in row.sides[:: -1 if number % 2 else 1]:
            found[side.name].append(side.run())
    sides = {
        side: {
            "wall": statistics.median(run.wall for run in runs) / row.runs_hold,
            "cpu": statistics.median(run.cpu for run in runs) / row.runs_hold,
            "peak": max(run.peak for run in runs),
        }
        for side, runs in found.items()
    }
    ours, peer = [*sides, None][:2]
    ratio = sides[ours]["wall"] / sides[peer]["wall"] if peer else None
    return {"row": name, "work": row.work, "sides": sides, "peer": peer, "ratio": ratio, "check": checked}
