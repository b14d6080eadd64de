"""What old weights are worth: a network of the digits 0–4 fine-tuned to 5–9, against one from scratch.

    python tests/benchmarks/finetune_mnist.py FOLDER [SEEDS]

FOLDER: where fetch_mnist.py put the data. The base network is the recipe `article`, six epochs on the
digits 0–4. Then `convfilter finetune` runs with its defaults, SEEDS times a row, on a few pictures a class
of the digits 5–9: both sides have the same pictures, seed, epochs and batches, and each run is judged on all
4,861 test pictures of 5–9. Prints a table: means and standard deviations over the seeds, in percent and
points.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from convfilter.train.data import load

ROWS: dict[str, list[str]] = {
    "1 a class": ["--each", "1"],
    "10 a class": ["--each", "10"],
    "100 a class": ["--each", "100"],
    "10 a class, `--rate-reused 1e-4`": ["--each", "10", "--rate-reused", "1e-4"],
    "10 a class, `--freeze conv1,conv2`": ["--each", "10", "--freeze", "conv1,conv2"],
}


def half(source: Path, first: int, path: Path) -> Path:
    """An .npz of the digits `first` to `first` + 4, their labels counted from 0."""
    data, arrays = load(str(source)), {}
    for part in ("train", "test"):
        images, labels = (getattr(getattr(data, part), name) for name in ("images", "labels"))
        ours = (labels >= first) & (labels < first + 5)
        arrays[f"x_{part}"], arrays[f"y_{part}"] = images[ours], labels[ours] - first
    np.savez(path, **arrays)
    return path


def run(out: Path, *arguments: object) -> tuple[dict, float]:
    """The report of a command that leaves one in `out`, and its seconds."""
    command = [sys.executable, "-m", "convfilter", *map(str, arguments), "--out", str(out), "-q"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return json.loads((out / "report.json").read_text()), time.perf_counter() - start


def said(values: list[float]) -> str:
    """Mean ± standard deviation, in hundredths."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{100 * statistics.mean(values):.1f} ± {100 * spread:.1f}"


def main(source: Path, seeds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        low, high = (half(source, first, Path(place, f"{first}.npz")) for first in (0, 5))
        base, seconds = run(
            Path(place, "base"), "train", "mnist", "--recipe", "article", "--epochs", 6, "--data", low
        )
        print(f"base: {base['test']['accuracy']:.2%} on 0–4, {base['epochs']} epochs, {seconds:.0f} s")
        print("| pictures of 5–9 | from scratch | fine-tuned | gain | least gain | seconds a run |")
        print("|---|---|---|---|---|---|", flush=True)
        for number, (name, options) in enumerate(ROWS.items()):
            model, data = Path(place, "base", "best.npz"), ["--data", high, *options]
            runs = [
                run(Path(place, f"{number}-{seed}"), "finetune", model, *data, "--seed", seed)
                for seed in range(1, seeds + 1)
            ]
            sides = [[report[side]["accuracy"] for report, _ in runs] for side in ("scratch", "finetuned")]
            gains = [report["gain"] for report, _ in runs]
            took = statistics.median(seconds for _, seconds in runs)
            print(
                f"| {name} | {' | '.join(map(said, [*sides, gains]))} | {100 * min(gains):.1f} | {took:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
