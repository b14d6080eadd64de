"""What each part of the recipe `best` is worth: the recipe without it, on all of MNIST.

    python tests/benchmarks/ablation_mnist.py FOLDER [EPOCHS] [SEEDS]

FOLDER: where fetch_mnist.py put the data. Each row trains SEEDS times for EPOCHS epochs (6 and 1 unless given;
the recipe itself takes 30) and is judged on the test set once, after the last. Prints a table as it goes on.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# What is done before the command runs; `best` is the recipe, `layers` is keras.layers.
ROWS = {
    "the recipe": "",
    "without augmentation": "best.batch = lambda images, rng: images",
    "with the article's augmentation": "best.batch = article.batch",
    "without label smoothing": "best.SMOOTHING = 0.0",
    "without weight decay": "best.DECAY = 0.0",
    "at a constant rate of 1e-3": "best.rate = lambda epoch, epochs, history: 1e-3",
    "without dropout": "layers.Dropout = lambda rate, name: layers.Identity(name=name)",
    "without batch normalisation": (
        "layers.BatchNormalization = lambda momentum, name: layers.Identity(name=name)"
    ),
}
CHILD = """
import sys
from convfilter.model.boot import layers
from convfilter.train.recipes import article, best
exec(sys.argv.pop(1))
from convfilter.__main__ import main
main()
"""


def accuracy(change: str, data: Path, epochs: int, seed: int) -> float:
    """On the test set."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "run")
        arguments = ["train", "mnist", "--recipe", "best", "--data", data, "--epochs", epochs, "--seed", seed]
        command = [sys.executable, "-c", CHILD, change, *map(str, arguments), "--out", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        found: float = json.loads((out / "report.json").read_text())["test"]["accuracy"]
        return found


def main(data: Path, epochs: int = 6, seeds: int = 1) -> None:
    print(f"| {epochs} epochs, {seeds} seeds | test accuracy | wrong of 10,000 | seconds a run |")
    print("|---|---|---|---|", flush=True)
    for name, change in ROWS.items():
        start = time.perf_counter()
        found = statistics.mean(accuracy(change, data, epochs, seed) for seed in range(1, seeds + 1))
        seconds = (time.perf_counter() - start) / seeds
        print(f"| {name} | {found:.2%} | {10_000 * (1 - found):.0f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
