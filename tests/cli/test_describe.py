"""describe: the layers and their weights."""

import json
import re
from pathlib import Path

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
