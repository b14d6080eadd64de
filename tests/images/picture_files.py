"""Small pictures, and the bytes of their files, for the tests of images."""

import io
import struct
import zlib

import numpy as np

from convfilter.images.formats import FORMATS
from convfilter.images.write import write

RNG = np.random.default_rng(20)
H, W = 7, 11
LUMA = np.array([0.299, 0.587, 0.114])


def noise(dtype, *channels):
    """Random samples (H, W, *channels); 16-bit ones use both bytes."""
    if dtype == "float32":
        return RNG.normal(size=(H, W, *channels)).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, (H, W, *channels), dtype, endpoint=True)


def smooth(*channels):
    """A gentle 8-bit ramp (32, 48, *channels), which lossy formats keep within a few levels."""
    rows, columns = np.mgrid[:32, :48]
    planes = [rows * 4 + 40, columns * 3 + 30, rows + columns + 60]
    return np.dstack(planes[: channels[0]]).astype(np.uint8) if channels else planes[0].astype(np.uint8)


def written(picture, name, **options):
    """The bytes of one picture, or of a list of pages."""
    file = io.BytesIO()
    write(file, picture if isinstance(picture, list) else [picture], FORMATS[name], **options)
    return file.getvalue()


def save(folder, data, name):
    """A file of these bytes."""
    path = folder / name
    path.write_bytes(data)
    return path


def png(samples, colour, depth=16, extra=b"", interlaced=False):
    """A PNG laid out by hand: filter 0 on every row, optionally Adam7."""
    rows = []
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    for top, left, down, across in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across]
        if part.size:
            rows += [b"\0" + row.astype(f">u{max(depth // 8, 1)}").tobytes() for row in part]
    head = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, colour, 0, 0, interlaced)
    body = [chunk(b"IHDR", head), extra, chunk(b"IDAT", zlib.compress(b"".join(rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def chunk(kind, data):
    """One PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pillow(image, codec, **options):
    """The bytes of an image that Pillow encodes."""
    file = io.BytesIO()
    image.save(file, codec, **options)
    return file.getvalue()


def same(got, wanted):
    """Equal values, shape and dtype."""
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)


def luma(colour, dtype=None):
    """Rec. 601 in float64, rounded once."""
    return np.rint(colour.astype(np.float64) @ LUMA).astype(dtype or colour.dtype)
