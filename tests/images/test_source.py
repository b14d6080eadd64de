"""Paths and streams that pictures are read from."""

import io
import os
from pathlib import Path

import pytest
from picture_files import save, smooth, written

from convfilter.errors import PictureError
from convfilter.images.picture import Picture
from convfilter.images.read import read


def test_places_that_are_no_picture(tmp_path, monkeypatch):
    """A missing file, a folder, a pipe, a text, an empty file and one without permission say so."""
    os.mkfifo(tmp_path / "pipe.png")
    cases = {
        tmp_path / "none.png": "no such file",
        tmp_path: "folder",
        tmp_path / "pipe.png": "not a regular file",
        save(tmp_path, b"hello there", "text.png"): "not a picture",
        save(tmp_path, b"", "empty.png"): "empty",
        save(tmp_path, b"%!PS-Adobe-3.0 EPSF-3.0\n", "a.eps"): "not a picture",
        tmp_path / "nul\0.png": "can't be opened",
        tmp_path / ("x" * 300): "can't be opened",
    }
    for path, said in cases.items():
        with pytest.raises(PictureError, match=said) as caught:
            read(path)
        assert str(caught.value).isprintable()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    path = save(tmp_path, written(Picture(smooth()), "png"), "a.png")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match="no permission"):
        read(path)


def test_a_stream_has_the_name_it_is_given():
    """Messages call a stream 'standard input' or what the caller says, control characters escaped."""
    with pytest.raises(PictureError, match="^standard input: "):
        read(io.BytesIO(b""))
    with pytest.raises(PictureError, match=r"^'a\\nb': "):
        read(io.BytesIO(b""), name="a\nb")


class Endless(io.RawIOBase):
    """A stream that never ends, counting what was taken."""

    def __init__(self, start):
        self.start, self.taken = start, 0

    def read(self, size=-1):
        block = (self.start + bytes(size))[:size] if self.taken == 0 else bytes(size)
        self.taken += size
        return block


def test_an_endless_stream_is_given_up():
    """Noise is refused at its first block, a picture that never ends at what its pixels could take."""
    noise_stream, png_stream = Endless(b"hello"), Endless(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(PictureError, match="not a picture"):
        read(noise_stream)
    assert noise_stream.taken <= 1 << 20
    with pytest.raises(PictureError, match="more bytes"):
        read(png_stream, max_pixels=1000)
    assert png_stream.taken < 70 << 20
