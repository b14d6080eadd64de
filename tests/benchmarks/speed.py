"""convfilter's speed beside its peers', both sides in turn in one sitting.

    python tests/benchmarks/speed.py [--repeat N] [--json FILE] [--quick] [ROW ...]

Every row (rows.py) runs all of its sides N times, interleaved, and prints of each the median of the seconds that
passed, of the seconds of all cores, and the peak memory; then ours divided by the first peer's, and the speed,
which is the reverse. ROW may be the first word of several: batch stands for all batch-…. Peers that are not
installed are left out: OpenCV, Pillow, scikit-image and pyvips from PyPI, vips and ImageMagick as commands.
--quick takes small pictures: it shows that everything runs, not how fast.

Both sides do the same work at the same JPEG quality (95, 4:2:0); the list after the table says how far results
differ (of 255) and output sizes agree. One difference stays: convfilter waits until a picture is on the disk before
it calls it written, the peers don't. api- rows and scale- rows of one core need Linux.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from rows import ROWS, Place
from sitting import PY, SIDES, measure

MiB = 2**20


def show(row: dict[str, Any]) -> str:
    """One line of Markdown, as in the README."""
    ours, *others = (figures(side, numbers) for side, numbers in row["sides"].items())
    compared = f"{row['ratio']:.2f} | {1 / row['ratio']:.2f} ×" if row["ratio"] else "– | –"
    return f"| {row['work']} | {ours.partition(' ')[2]} | {' · '.join(others) or '–'} | {compared} |"


def figures(side: str, numbers: dict[str, float]) -> str:
    """`OpenCV 0.117 s (0.150, 78 MiB)`."""
    wall, cpu = (seconds(numbers[which]) for which in ("wall", "cpu"))
    return f"{side} {wall} ({cpu} CPU, {numbers['peak'] / MiB:.0f} MiB)"


def seconds(value: float) -> str:
    return f"{value * 1000:.2f} ms" if value < 0.03 else f"{value:.3f} s"


def checked(row: dict[str, Any]) -> str:
    """How far the results of ours and of the first peer agree."""
    texts = {"difference": "differs by {:.2g} at most", "bytes": "{:.3f} × the bytes"}
    said = [texts[what].format(value) for what, value in row["check"].items()]
    return f"- {row['row']}, beside {row['peer']}: {', '.join(said)}"


def machine() -> dict[str, object]:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": model or platform.machine(), "cores": cores, "python": platform.python_version()}


def chosen(words: list[str]) -> list[str]:
    """The rows that are meant, in their order; all without a word. KeyError with what is none."""
    for word in words:
        if not any(belongs(name, word) for name in ROWS):
            raise KeyError(word)
    return [name for name in ROWS if not words or any(belongs(name, word) for word in words)]


def belongs(name: str, word: str) -> bool:
    return name == word or (name.startswith(f"{word}-") and word not in ROWS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all unless given")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="runs of each side [7]")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--quick", action="store_true", help="small pictures, to see that all runs")
    given = parser.parse_args()
    try:
        names = chosen(given.rows)
    except KeyError as error:
        parser.error(f"no row {error.args[0]}; the rows are {', '.join(ROWS)}")
    about = machine()
    print(f"{time.strftime('%Y-%m-%d')}, {about['cpu']}, {about['cores']} cores, Python {about['python']}\n")
    print("| work | convfilter | peers | time ÷ first peer's | speed |\n|---|---|---|---|---|", flush=True)
    results = []
    with tempfile.TemporaryDirectory(prefix="convfilter-speed-") as folder:
        sizes = ("0.05", "4", "700") if given.quick else ("2.5", "60", "20000")
        subprocess.run([PY, SIDES / "pictures.py", folder, *sizes], check=True)
        for name in names:
            results.append(measure(name, ROWS[name](Place(Path(folder), given.quick)), given.repeat))
            print(show(results[-1]), flush=True)
    print("\n" + "\n".join(checked(row) for row in results if row["check"]))
    if given.json:
        Path(given.json).write_text(json.dumps({"machine": about, "rows": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
