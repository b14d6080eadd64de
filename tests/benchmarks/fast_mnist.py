"""Whole processes to 99 % on MNIST's test set: the recipe `fast` against a plain Keras convnet.

    python tests/benchmarks/fast_mnist.py FOLDER [SEEDS]

FOLDER: where fetch_mnist.py put the data. The peer is the network and training of Keras' own example
"Simple MNIST convnet" (34,826 parameters, Adam, batches of 128, a validation tenth), which stops after the
first epoch that reaches 99.0 % on the test set: looking at the test set is not counted against it.
Both sides run in turn, SEEDS times each; prints seconds, accuracies, medians and their ratio.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEER = """
import sys
import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(int(sys.argv[2]))

def idx(name, header):
    return np.frombuffer(open(f"{sys.argv[1]}/{name}", "rb").read(), np.uint8, offset=header)

def pictures(name):
    return idx(name, 16).reshape(-1, 28, 28, 1).astype("float32") / 255

x, y = pictures("train-images-idx3-ubyte"), keras.utils.to_categorical(idx("train-labels-idx1-ubyte", 8))
test_x, test_y = pictures("t10k-images-idx3-ubyte"), keras.utils.to_categorical(idx("t10k-labels-idx1-ubyte", 8))
model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(2),
    layers.Conv2D(64, 3, activation="relu"),
    layers.MaxPooling2D(2),
    layers.Flatten(),
    layers.Dropout(0.5),
    layers.Dense(10, activation="softmax"),
])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
for epoch in range(30):
    model.fit(x, y, batch_size=128, epochs=1, validation_split=0.1, verbose=0)
    accuracy = model.evaluate(test_x, test_y, verbose=0)[1]
    if accuracy >= 0.99:
        break
print(epoch + 1, accuracy)
"""


def ours(data: Path, seed: int) -> tuple[float, float]:
    """Seconds and test accuracy of `convfilter train mnist --recipe fast`."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place, "run")
        arguments = ["train", "mnist", "--recipe", "fast", "--data", data, "--seed", seed, "--out", out]
        start = time.perf_counter()
        command = [sys.executable, "-m", "convfilter", *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        return seconds, json.loads((out / "report.json").read_text())["test"]["accuracy"]


def peer(data: Path, seed: int) -> tuple[float, float, int]:
    """Seconds, test accuracy and epochs of the plain convnet, stopped at 99.0 %."""
    start = time.perf_counter()
    command = [sys.executable, "-c", PEER, str(data), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    epochs, accuracy = done.stdout.split()[-2:]
    return time.perf_counter() - start, float(accuracy), int(epochs)


def main(data: Path, seeds: int) -> None:
    mine, theirs = [], []
    for seed in range(1, seeds + 1):
        mine.append(ours(data, seed))
        theirs.append(peer(data, seed))
        print(
            f"seed {seed}: fast {mine[-1][0]:.1f} s {mine[-1][1]:.2%}, "
            f"peer {theirs[-1][0]:.1f} s {theirs[-1][1]:.2%} after {theirs[-1][2]} epochs",
            flush=True,
        )
    fast, plain = (statistics.median(run[0] for run in runs) for runs in (mine, theirs))
    accuracies = [run[1] for run in mine]
    print(f"fast: median {fast:.1f} s, mean {statistics.mean(accuracies):.2%}, least {min(accuracies):.2%}")
    print(f"peer: median {plain:.1f} s; fast takes {fast / plain:.3f} of it, 1/{plain / fast:.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
