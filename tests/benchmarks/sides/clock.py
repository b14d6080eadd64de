"""Seconds of work inside a process, printed for the benchmark that started it."""

import json
import time
from collections.abc import Callable


def timed(work: Callable[[], object], runs: int = 1) -> None:
    """Print wall and CPU seconds (all threads) of the fastest of `runs` calls as a line of JSON."""
    found = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = min(found)
    print(json.dumps({"wall": wall, "cpu": cpu}), flush=True)
