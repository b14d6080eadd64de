"""describe: the layers and their weights."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_describe_counts_weights(convfilter):
    """The article's 729 → 81 → 9."""
    done = convfilter("describe", "sobel-x", "--pad", "valid", "--strides", "3", "--size", "9x9")
    assert re.search(r"sobel-x +729 +81 +9 *$", done.out, re.M)
    rows = json.loads(
        convfilter("describe", ROOT / "samples/article-pool2.json", "--size", "256x256", "--json").out
    )["layers"]
    assert [row["layer"] for row in rows][-1] == "MaxPooling2D"
    assert rows[-1]["shape"] == [129, 129, 1]


def test_names_are_no_markup_and_no_commands(convfilter, photo):
    """A kernel called [/] can be described; a picture whose name holds an escape code is printed harmlessly."""
    Path("markup.json").write_text('{"weights": [[1]], "name": "[/]"}')
    assert "[/]" in convfilter("describe", "./markup.json", "--size", "9").out
    Path("a\x1bb.png").write_bytes(photo.read_bytes())
    done = convfilter("apply", "identity", "a\x1bb.png", photo, "out", "-v")
    assert done.code == 0
    assert "\x1b" not in done.err


def test_save_draws_the_layers(convfilter):
    """The table is still printed; the drawing says the sizes that the table says."""
    done = convfilter(
        "describe", "sobel-x", "--pad", "valid", "--pool", "2", "--size", "10x14", "--save", "l.svg"
    )
    assert done.code == 0, done.err
    assert "sobel-x" in done.out
    text = Path("l.svg").read_text(encoding="utf-8")
    assert all(f">{size}<" in text for size in ("1@10×14", "1@8×12", "1@4×6"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, saving
def test_save_draws_networks(convfilter):
    """A network by its file and by its run's folder: maps, numbers, and what Keras counts; no other option."""
    from convfilter.model.boot import keras

    stack = [keras.Input((9, 9, 1)), keras.layers.Conv2D(3, 2, activation="relu"), keras.layers.MaxPooling2D(2),
             keras.layers.Flatten(), keras.layers.Dense(5)]  # fmt: skip
    Path("run").mkdir()
    keras.Sequential(stack, name="tiny").save("run/best.keras")
    for text in ("run", "run/best.keras"):
        assert convfilter("describe", text, "--save", "n.svg").code == 0
        drawn = Path("n.svg").read_text(encoding="utf-8")
        wanted = ("1@9×9", "3@8×8", "3@4×4", "48", "5", "Conv2D 2×2 relu", "15 parameters", "245 parameters")
        assert all(f">{each}<" in drawn for each in wanted)
        Path("n.svg").unlink()
    done = convfilter("describe", "run", "--save", "n.svg", "--size", "9")
    assert done.code == 2
    assert "no option but --save" in done.err
