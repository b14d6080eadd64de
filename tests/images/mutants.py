"""Small pictures of every format, changed at random and read by a child with little memory and time.

    python tests/images/mutants.py [COUNT [SEED [MAX_PIXELS]]]

prints each one that is neither read nor refused in a line, that is read from a stream and refused by rows, or
that takes too long; its bytes come back with `mutant(number, seed)`. Exits with 1 if there are any.
"""

import io
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

sys.path.insert(0, os.fspath(Path(__file__).parents[2]))

from convfilter.errors import PictureError
from convfilter.images.picture import DEFAULT_MAX_PIXELS
from convfilter.images.read import read
from convfilter.images.tiff_reader import open_rows

MEMORY, SECONDS = 2 << 30, 5
SMALL = [0, 1, 2, 3, 4, 7, 8, 15, 16, 127, 128, 200, 255]
LARGE = [0, 1, 2, 31, 33, 255, 1300, 8000, 30000, 2**16 - 1, 2**16, 89 * 10**6, 2**31 - 1, 2**31, 2**32 - 1]


def samples(*shape, dtype=np.uint8):
    return np.random.default_rng(12).integers(0, 256, shape).astype(dtype)


def pillow(codec, mode="RGB", image=None, **options):
    """A picture that Pillow encodes."""
    file = io.BytesIO()
    image = image or Image.fromarray(samples(32, 32, 3)).convert(mode)
    image.save(file, codec, **options)
    return file.getvalue()


def frames():
    """What makes Pillow write two of them; an image remembers how it was written, so each has its own."""
    return {"save_all": True, "append_images": [Image.fromarray(samples(32, 32, 3)).rotate(90)]}


def tiff(array, photometric="rgb", **options):
    """A TIFF that tifffile writes."""
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric=photometric, metadata=None, **options)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def whole_files():
    """One sound file of every kind, by name."""
    colour, exif = samples(32, 32, 3), Image.Exif()
    exif[274], exif[271] = 6, "Maker"
    ramp = Image.fromarray((np.mgrid[:32, :32].sum(0) * 4).astype(np.uint8))
    deflate = {"compression": "zlib", "rowsperstrip": 7}
    return {
        "gif": pillow("GIF", "P"),
        "gif-moving": pillow("GIF", "P", disposal=2, **frames()),
        "gif-interlaced": pillow("GIF", "P", interlace=1, transparency=3),
        "png": pillow("PNG", exif=exif, dpi=(72, 72)),
        "png-palette": pillow("PNG", "P", transparency=2),
        "png-16": pillow("PNG", image=Image.fromarray(samples(32, 32, dtype=np.uint16))),
        "png-moving": pillow("PNG", **frames()),
        "jpeg": pillow("JPEG"),
        "jpeg-progressive": pillow("JPEG", progressive=True, exif=exif),
        "jpeg-cmyk": pillow("JPEG", "CMYK"),
        "mpo": pillow("MPO", **frames()),
        "webp": pillow("WEBP", image=ramp.convert("RGB")),
        "webp-lossless": pillow("WEBP", "RGBA", lossless=True, exif=exif),
        "webp-moving": pillow("WEBP", **frames()),
        "bmp": pillow("BMP"),
        "bmp-palette": pillow("BMP", "P"),
        "bmp-bilevel": pillow("BMP", "1"),
        "pgm": b"P5\n32 32\n255\n" + samples(1024).tobytes(),
        "ppm-16": b"P6\n32 32\n1023\n" + samples(3072, dtype=">u2").tobytes(),
        "ppm-plain": b"P3\n8 8\n999\n" + b" ".join(b"%d" % value for value in samples(192)),
        "pbm": b"P4\n32 32\n" + bytes(128),
        "pfm": b"Pf\n8 8\n-1.0\n" + samples(64, dtype="<f4").tobytes(),
        "npy": npy(samples(32, 32)),
        "npy-colour": npy(samples(32, 32, 3, dtype=float)),
        "tiff": tiff(colour, rowsperstrip=7),
        "tiff-tiles": tiff(colour, tile=(16, 16)),
        "tiff-deflate": tiff(colour, predictor=True, **deflate),
        "tiff-deflate-tiles": tiff(colour, compression="zlib", tile=(16, 16)),
        "tiff-big": tiff(samples(32, 32, dtype=np.uint16), "minisblack", bigtiff=True),
        "tiff-floats": tiff(samples(32, 32, 3, dtype=np.float32), byteorder=">"),
        "tiff-bands": tiff(samples(16, 16, 7), "minisblack", planarconfig="contig"),
        "tiff-planes": tiff(samples(3, 16, 16), planarconfig="separate"),
        "tiff-palette": pillow("TIFF", "P"),
        "tiff-bilevel": pillow("TIFF", "1"),
        "tiff-fax": pillow("TIFF", "1", compression="group4"),
        "tiff-lzw": pillow("TIFF", compression="tiff_lzw"),
        "tiff-jpeg": pillow("TIFF", compression="jpeg"),
        "tiff-packbits": pillow("TIFF", compression="packbits"),
        "tiff-cmyk": pillow("TIFF", "CMYK"),
        "tiff-turned": pillow("TIFF", exif=exif),
        "tiff-pages": pillow("TIFF", **frames()),
    }


WHOLE = whole_files()


def mutant(number, seed):
    """The name and the bytes of one of them, always the same."""
    rng = np.random.default_rng([seed, number])
    name = list(WHOLE)[number % len(WHOLE)]
    data = bytearray(WHOLE[name])
    if rng.random() < 0.5:
        field_changed(data, rng)
    if rng.random() < 0.6 or bytes(data) == WHOLE[name]:
        data = bytes_changed(data, rng)
    return name, checksums_mended(data) if rng.random() < 0.9 else bytes(data)


def bytes_changed(data, rng):
    """A few bytes, words, insertions or cuts, mostly near the beginning."""
    kind = rng.integers(6)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(max(1, len(data) if rng.random() < 0.3 else min(len(data), 250) - 4)))
        order = "<>"[rng.integers(2)]
        if kind < 3:
            data[at] = rng.choice(SMALL) if rng.random() < 0.6 else rng.integers(256)
        elif kind == 3:
            data[at : at + 2] = struct.pack(order + "H", int(rng.choice(LARGE)) & 0xFFFF)
        elif kind == 4:
            data[at : at + 4] = struct.pack(order + "I", int(rng.choice(LARGE)))
        elif rng.random() < 0.4:
            del data[at : at + int(rng.integers(1, 20))]
        elif rng.random() < 0.7:
            data[at:at] = data[max(0, at - 20) : at]
        elif at > 16:
            data = data[:at]
    return data


def field_changed(data, rng):
    """A number that the format gives a meaning, sizes above all."""
    one, two = int(rng.choice(LARGE)), int(rng.choice(LARGE))
    head = bytes(data[:4])
    if head[:3] == b"GIF":  # the canvas, the first frame
        frame = data.find(b",", 13)
        place = 6 if rng.random() < 0.5 else frame + 5
        struct.pack_into("<HH", data, place, one & 0xFFFF, two & 0xFFFF)
    elif head == b"\x89PNG":  # size, depth, colour type, interlacing; frames
        struct.pack_into(">II", data, 16, one, two)
        data[24], data[28] = rng.choice([1, 2, 4, 8, 16]), rng.integers(2)
    elif head[:2] == b"BM":
        struct.pack_into("<ii", data, 18, one & 0x7FFFFFFF, int(rng.choice([two & 0x7FFFFFFF, -32])))
        struct.pack_into("<HI", data, 28, int(rng.choice([1, 4, 8, 16, 24, 32])), int(rng.integers(5)))
    elif head[:2] == b"\xff\xd8":
        frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
        struct.pack_into(">HH", data, frame + 5, one & 0xFFFF, two & 0xFFFF)
    elif head == b"RIFF":
        struct.pack_into("<I", data, 21 if data[12:16] == b"VP8L" else 24, one)
    elif head in (b"II*\0", b"MM\0*"):  # value, count and type of some tags
        order = "<" if head[:1] == b"I" else ">"
        start = struct.unpack_from(order + "I", data, 4)[0]
        for _ in range(rng.integers(1, 4)):
            entry = start + 2 + 12 * int(rng.integers(struct.unpack_from(order + "H", data, start)[0]))
            short = struct.unpack_from(order + "H", data, entry + 2)[0] == 3
            value = int(rng.choice([*LARGE, *range(9)]))
            if rng.random() < 0.8:
                struct.pack_into(
                    order + "HI"[not short], data, entry + 8, value & (0xFFFF if short else 2**32 - 1)
                )
            if rng.random() < 0.2:
                struct.pack_into(order + "I", data, entry + 4, int(rng.choice(LARGE)))
            if rng.random() < 0.1:
                struct.pack_into(order + "H", data, entry + 2, int(rng.integers(14)))
    elif head[:1] == b"P":
        lines = bytes(data).split(b"\n", 3)
        lines[1] = b"%d %d" % (one, two)
        lines[2] = b"%d" % two if rng.random() < 0.5 else lines[2]
        data[:] = b"\n".join(lines)
    elif head == b"\x93NUM":
        data[:] = bytes(data).replace(b"(32, 32", b"(%d, %d" % (one, two))


def checksums_mended(data):
    """A PNG whose chunks are taken for sound, whatever was changed."""
    place = 8 if data[:4] == b"\x89PNG" else len(data)
    while place + 12 <= len(data):
        end = place + 8 + struct.unpack_from(">I", data, place)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(data)


def tried(action):
    """What it returns; None where it refuses the picture. Anything else is raised."""
    try:
        return action()
    except PictureError as error:
        if not str(error).isprintable() or "; " not in str(error) or " at 0x" in str(error):
            raise AssertionError(f"no message: {error!s}") from error
        return None


def examine(data, path, max_pixels):
    """Read it in every way, which have to agree."""
    tried(lambda: read(io.BytesIO(data), max_pixels=max_pixels))
    whole = tried(lambda: read(io.BytesIO(data), gray=False, max_pixels=max_pixels))
    if data[:2] not in (b"II", b"MM"):
        return
    path.write_bytes(data)
    by_rows = tried(lambda: rows_of(path, max_pixels))
    if by_rows is None:
        assert whole is None, "read from a stream, refused by rows"
    elif by_rows:
        np.testing.assert_array_equal(whole.pixels, np.concatenate(by_rows))


def rows_of(path, max_pixels):
    """The pixels of a TIFF in bands; none of them where it isn't read by rows."""
    with open_rows(path, "it", max_pixels) as source:
        if source is None:
            return []
        height = source.shape[0]
        return [source.rows(top, min(top + 64, height))[0] for top in range(0, height, 64)]


def work(first, count, seed, max_pixels, results):
    """In a child: examine one after the other, reporting the start of each, then what is wrong with it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff, in C, prints what it finds wrong
    with tempfile.TemporaryDirectory() as folder, os.fdopen(results, "w", buffering=1) as out:
        path = Path(folder, "a.tif")
        for number in range(first, count):
            out.write(f"{number}\n")
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor's time
            try:
                examine(mutant(number, seed)[1], path, max_pixels)
            except BaseException as error:
                out.write(f"{number} {type(error).__name__} {' '.join(str(error).split())[:200]}\n")
            signal.setitimer(signal.ITIMER_PROF, 0)


def campaign(count, seed=0, max_pixels=DEFAULT_MAX_PIXELS):
    """What is wrong with each of `count` files of which something is, in lines; and the peak of memory, MB."""
    wrong, number, peak = [], -1, 0
    while number + 1 < count:
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            work(number + 1, count, seed, max_pixels, theirs)
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as lines:
            for line in lines:
                number = int(line.split()[0])
                if " " in line:
                    wrong.append(f"{mutant(number, seed)[0]} {line.strip()}")
        _, status, usage = os.wait4(child, 0)
        peak = max(peak, usage.ru_maxrss // 1024)
        if status:
            wrong.append(f"{mutant(number, seed)[0]} {number} killed by signal {status & 127}")
    return wrong, peak


if __name__ == "__main__":
    start = time.monotonic()
    arguments = [int(argument) for argument in sys.argv[1:]]
    wrong, peak = campaign(*(arguments or [2000]))
    print(*wrong, f"{len(wrong)} wrong; {time.monotonic() - start:.0f} s, at most {peak} MB", sep="\n")
    sys.exit(1 if wrong else 0)
