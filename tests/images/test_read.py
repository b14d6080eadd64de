"""Any file that is read: sound, cut short, changed at random, too large; one or in many threads."""

import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from picture_files import H, W, chunk, noise, pillow, png, save, smooth, written
from PIL import Image

import convfilter
from convfilter.errors import PictureError
from convfilter.images.formats import FORMATS
from convfilter.images.picture import Picture
from convfilter.images.read import read


def whole_files():
    """One sound file of every kind and layout, by name."""
    samples = noise("uint16", 3)
    deflated = io.BytesIO()
    tifffile.imwrite(deflated, samples, photometric="rgb", compression="zlib")
    gif = pillow(Image.fromarray(noise("uint8")), "GIF")
    coloured = {
        f"{name}-{dtype}.{name}": written(Picture(noise(dtype, 3)), name)
        for name, each in FORMATS.items()
        for dtype in each.dtypes
        if each.writable and each.colour
    }
    return coloured | {
        "a.pgm": written(Picture(noise("uint16")), "pgm"),
        "b.ppm": b"P6\n%d %d\n1023\n" % (W, H) + (noise("uint16", 3) % 1024).astype(">u2").tobytes(),
        "plain.ppm": b"P3\n%d %d\n999\n" % (W, H) + b"7 " * (H * W * 3),
        "a.gif": gif,
        "deflated.tif": deflated.getvalue(),
    }


WHOLE = whole_files()


@pytest.mark.parametrize("part", [0, 1, 3, 12, 20, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_short_is_one_line(tmp_path, name, part, capfd):
    """Cut anywhere, a file is an error of one line that begins with its name; nothing else is printed."""
    data = WHOLE[name]
    assert read(save(tmp_path, data, name)).pixels.shape in [(H, W), (32, 48)]
    cut = data[: part if isinstance(part, int) else int(len(data) * part)]
    path = save(tmp_path, cut, f"cut-{name}")
    with pytest.raises(PictureError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert "; " in message
    assert "object at 0x" not in message
    with pytest.raises(PictureError, match="^standard input: "):
        read(io.BytesIO(cut))
    printed = capfd.readouterr()
    assert printed.out == ""
    if name != "deflated.tif":  # libtiff, in C, prints what it finds wrong
        assert printed.err == ""


def test_bytes_changed_at_random_never_raise_anything_else(tmp_path, capfd):
    """Whatever is done to a file, it is read or refused with a PictureError, silently."""
    rng = np.random.default_rng(7)
    outcomes = []
    for name, data in WHOLE.items():
        for _ in range(60):
            broken = bytearray(data)
            for at in rng.integers(0, min(len(broken), 300), rng.integers(1, 5)):
                broken[at] = rng.integers(256)
            try:
                read(io.BytesIO(bytes(broken)), gray=False, max_pixels=100_000)
                outcomes.append(True)
            except PictureError as error:
                assert str(error).isprintable(), name
                assert " at 0x" not in str(error)
                outcomes.append(False)
    assert 0.1 < np.mean(outcomes) < 0.9
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Warning" not in printed.err  # libtiff, in C, prints what it finds wrong
    assert "Error" not in printed.err.replace("ZIPDecode: Decoding error", "")


@pytest.mark.parametrize("name", WHOLE)
def test_the_limit_of_pixels(name):
    """A picture of exactly max_pixels is read; one pixel less of a limit refuses it and names the option."""
    data = WHOLE[name]
    pixels = read(io.BytesIO(data), max_pixels=H * W).pixels
    assert pixels.shape == (H, W)
    with pytest.raises(PictureError, match=rf"{W} x {H} .*limit of {H * W - 1}; .*max_pixels={H * W} "):
        read(io.BytesIO(data), max_pixels=H * W - 1)


def test_the_callers_limit_stands_above_pillows(monkeypatch):
    """Pillow's own limit neither warns nor stops a picture that max_pixels allows, and is put back."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name in ("png-uint8.png", "tiff-uint16.tiff", "webp-uint8.webp", "a.gif", "jpeg-uint8.jpeg"):
        read(io.BytesIO(WHOLE[name]), max_pixels=10_000)
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(PictureError, match="limit of 50"):
        read(io.BytesIO(WHOLE["a.gif"]), max_pixels=50)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_threads_read_at_once(monkeypatch):
    """Many threads above Pillow's limit all succeed, and its limit and the filters are as before."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    filters = list(warnings.filters)
    failed = []

    def work():
        try:
            for name, data in WHOLE.items():
                assert read(io.BytesIO(data)).pixels.shape == (H, W), name
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert Image.MAX_IMAGE_PIXELS == 10
    assert list(warnings.filters) == filters


def test_a_png_of_claimed_size_is_refused_before_decoding():
    """A header of 2^31 pixels a side is refused by its size alone."""
    head = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    with pytest.raises(PictureError, match=f"allow it with max_pixels={(2**31 - 1) ** 2} "):
        read(io.BytesIO(data))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_bomb_is_refused(kind):
    """A PNG chunk that inflates to 80 MB is an error."""
    packed = zlib.compress(bytes(80_000_000))
    body = {b"zTXt": b"k\0\0", b"iCCP": b"k\0\0", b"iTXt": b"k\0\1\0\0\0"}[kind] + packed
    with pytest.raises(PictureError, match="too large"):
        read(io.BytesIO(png(noise("uint8"), 0, depth=8, extra=chunk(kind, body))))


def test_a_tiff_of_absurd_samples_is_silent(tmp_path):
    """What Pillow logs as an error stays off the terminal of a program that set up no logging."""
    data = bytearray(written(Picture(smooth()), "tiff"))
    at = data.index(struct.pack("<HHI", 277, 3, 1))
    data[at + 8 : at + 10] = b"\xff\x7f"
    path = save(tmp_path, bytes(data), "a.tif")
    script = (
        "import sys, pathlib\n"
        "from convfilter.errors import PictureError\n"
        "from convfilter.images.read import read\n"
        "try:\n    read(pathlib.Path(sys.argv[1]))\n"
        "except PictureError:\n    print('refused')\n"
    )
    root = Path(convfilter.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, cwd=root, check=True
    )
    assert (done.stdout, done.stderr) == ("refused\n", "")
