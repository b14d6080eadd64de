"""Pillow's plugins: one for each picture, and all of them for whoever else asks."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from convfilter.images import pillow_plugins
from convfilter.images.formats import FORMATS

CODECS = sorted({form.codec for form in FORMATS.values()} - {"NPY"})
CHILD = """
import sys
from pathlib import Path
from PIL import Image
from convfilter.images import pillow_plugins
from convfilter.images.formats import format_of
from convfilter.images.read import read
from convfilter.images.write import write
source, target, *only = sys.argv[1:]
if only:
    pillow_plugins.only_needed()
picture = read(Path(source))
with open(target, "wb") as file:
    write(file, [picture], format_of(target))
print(*sorted(name[4:-11] for name in sys.modules if name.endswith("ImagePlugin")))
print(*(Image.open(open(name, "rb")).format for name in (source, target, "other.gif")))  # by Pillow itself
Image.open("other.gif").save("again.bmp")
"""


def test_every_codec_has_its_plugin():
    """The table is that of the formats, and each plugin is the one that Pillow opens the codec with."""
    assert sorted(pillow_plugins._PLUGINS) == CODECS
    for codec in CODECS:
        pillow_plugins.need(codec)
        assert Image.OPEN[codec][0].__module__ == f"PIL.{pillow_plugins._PLUGINS[codec]}"


@pytest.mark.parametrize(
    ("source", "target", "only", "loaded"),
    [
        ("a.jpg", "b.jpg", ["only"], "Jpeg"),
        ("a.png", "b.jpg", ["only"], "Jpeg Png"),
        ("a.bmp", "b.webp", ["only"], "Bmp WebP"),
        ("a.webp", "b.bmp", ["only"], "Bmp WebP"),
        ("a.jpg", "b.jpg", [], "Bmp Gif Jpeg Png Ppm"),
    ],
)
def test_one_plugin_for_each_format(tmp_path, source, target, only, loaded):
    """A process that asks for it imports no plugin of another format; Pillow still finds the others."""
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for name in (source, "other.gif"):
        Image.fromarray(pixels).save(tmp_path / name)
    command = [sys.executable, "-c", CHILD, source, target, *only]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = {"jpg": "JPEG", "png": "PNG", "bmp": "BMP", "webp": "WEBP"}
    formats = [names[name.partition(".")[2]] for name in (source, target)]
    assert done.stdout.splitlines() == [loaded, " ".join([*formats, "GIF"])]
    with Image.open(tmp_path / "again.bmp") as again:
        assert np.array_equal(np.asarray(again.convert("L")), pixels)
