"""What old weights are worth: a network of the digits 0–4 fine-tuned to 5–9, against one from scratch.

    python tests/benchmarks/finetune_mnist.py FOLDER [SEEDS]

FOLDER: where fetch_mnist.py put the data; SEEDS: 2 or more. The base network is the recipe `article`, six epochs on the
digits 0–4. Then `convfilter finetune` runs SEEDS times with each row's options on digits 5–9: both sides have
the same pictures, seed, epochs and batches, and are judged on all 4,861 test pictures of 5–9. Prints a table:
means and standard deviations over the seeds, in percent and points.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from convfilter.train.data.load import load

ROWS = (
    "--each 1",
    "--each 10",
    "--each 100",
    "--each 10 --rate-reused 1e-4",
    "--each 10 --freeze conv1,conv2",
    "--each 10 --rate-new 3e-3 --rate-reused 3e-3",
    "--each 10 --epochs 100",
    "--each 10 --batch-size 10",
)


def half(source: Path, first: int, path: Path) -> Path:
    """An .npz of the digits `first` to `first` + 4, their labels counted from 0."""
    data, arrays = load(source), {}
    for part in ("train", "test"):
        dataset = getattr(data, part)
        ours = (dataset.labels >= first) & (dataset.labels < first + 5)
        arrays |= {f"x_{part}": dataset.images[ours], f"y_{part}": dataset.labels[ours] - first}
    np.savez(path, **arrays)
    return path


def run(out: Path, *arguments: object) -> tuple[dict, float]:
    """The report of a command that leaves one in `out`, and its seconds."""
    command = [sys.executable, "-m", "convfilter", *map(str, arguments), "--out", str(out), "-q"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return json.loads((out / "report.json").read_text()), time.perf_counter() - start


def row(options: str, model: Path, data: Path, seeds: int, folder: Path) -> str:
    """A line of the table."""
    words = ["finetune", model, "--data", data, *options.split(), "--seed"]
    runs = [run(folder / f"{options}-{seed}", *words, seed) for seed in range(1, seeds + 1)]
    values = [(one["scratch"]["accuracy"], one["finetuned"]["accuracy"], one["gain"]) for one, _ in runs]
    sides = 100 * np.array(values)
    cells = [f"{side.mean():.1f} ± {side.std(ddof=1):.1f}" for side in sides.T]
    took = statistics.median(seconds for _, seconds in runs)
    return f"| `{options}` | {' | '.join(cells)} | {sides[:, 2].min():.1f} | {took:.0f} |"


def main(source: Path, seeds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        low, high = (half(source, first, folder / f"{first}.npz") for first in (0, 5))
        training = ["train", "mnist", "--recipe", "article", "--epochs", 6, "--data", low]
        base, seconds = run(folder / "base", *training)
        print(f"base: {base['test']['accuracy']:.2%} on 0–4, {base['epochs']} epochs, {seconds:.0f} s")
        print("| options | from scratch | fine-tuned | gain | least gain | seconds a run |")
        print("|---|---|---|---|---|---|", flush=True)
        for options in ROWS:
            print(row(options, folder / "base" / "best.npz", high, seeds, folder), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
