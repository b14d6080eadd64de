"""Opening what a picture is read from, and telling by its first bytes what it is; arrays. No Pillow."""

import codecs
import contextlib
import io
import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from convfilter.errors import PictureError, printable, refuse_address
from convfilter.images.npy_header import npy_header
from convfilter.images.picture import FORMATS, PIXELS, as_pixels, check_size, extension_format, pixel_type

_HEADS = {  # first bytes -> codec
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"\x93NUMPY": "NPY",
    **{b"P%c" % kind: "PPM" for kind in b"123456f"},
}
_OTHERS = {  # first bytes → what else it is, and what becomes a picture of it
    b"%PDF": "a PDF; save its page as a picture, as `pdftoppm -png` does",
    b"PK\3\4": "a zip archive; unpack it, and name a picture in it",
    b"\x1f\x8b": "gzip data; unpack it first",
    b"\x89HDF": "an HDF5 file; save its array as .npy",
    b"<svg": "an SVG, a drawing; save it as PNG",
    b"8BPS": "a Photoshop file; save it as TIFF or PNG",
}
_BOXES = {  # the same by the kind of an ISO file, which follows "ftyp"
    b"avif": "an AVIF; convert it to PNG or JPEG",
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1"), "a HEIC photo; convert it to PNG or JPEG"),
}
HEAD = 16  # bytes that tell the codec
_BLOCK = 1 << 20  # bytes read at a time from a stream
_STREAM_SLACK = 64 << 20  # bytes a stream may have beyond 32 a pixel


@contextlib.contextmanager
def opened(source: Path | BinaryIO, label: str, max_pixels: int) -> Iterator[BinaryIO]:
    """A seekable file; PictureError for what can't be opened or is no regular file."""
    if not isinstance(source, (str, Path)):
        yield _stream(source, label, max_pixels)
        return
    try:
        mode = Path(source).stat().st_mode
        if stat.S_ISDIR(mode):
            raise PictureError(f"{label}: this is a folder; name a picture in it")
        if not stat.S_ISREG(mode):  # a pipe without a writer would wait for ever
            raise PictureError(f"{label}: not a regular file; pipe it to standard input")
        file = Path(source).open("rb")  # noqa: SIM115  (closed below; errors of reading are not of opening)
    except FileNotFoundError as error:
        refuse_address(source, PictureError)
        step = "no name fits the pattern; check it" if "*" in label else "check the name"
        raise PictureError(f"{label}: no such file; {step}") from error
    except PermissionError as error:
        raise PictureError(f"{label}: no permission to read it; change its permissions") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise PictureError(f"{label}: can't be opened ({reason(error)}); check the name") from error
    with file:
        yield file


def _stream(source: BinaryIO, label: str, max_pixels: int) -> BinaryIO:
    """All of a stream in memory; refused early when no picture, and when longer than any allowed one."""
    held = io.BytesIO()
    try:
        while block := source.read(_BLOCK):
            held.write(block)
            if held.tell() > 32 * max_pixels + _STREAM_SLACK:
                raise PictureError(
                    f"{label}: more bytes than {max_pixels} pixels take; "
                    f"allow more with max_pixels={10 * max_pixels} if you trust it"
                )
            if held.tell() >= HEAD:
                sniffed(held.getbuffer()[:HEAD].tobytes(), label)
    except OSError as error:
        raise PictureError(f"{label}: can't be read ({reason(error)}); check where it comes from") from error
    held.seek(0)
    return held


def sniffed(head: bytes, label: str) -> str:
    """What kind of picture begins with these bytes."""
    if not head:
        raise PictureError(f"{label}: the file is empty; get a sound copy")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    codec = next((codec for start, codec in _HEADS.items() if head.startswith(start)), None)
    if codec is None:
        raise PictureError(f"{label}: not a picture but {_other(head)}")
    return codec


def _other(head: bytes) -> str:
    """What a file that is no known picture seems to be, and what to do."""
    if head[4:8] == b"ftyp":
        return _BOXES.get(head[8:12], "a video; save a frame of it as PNG")
    known = next((what for start, what in _OTHERS.items() if head.startswith(start)), None)
    kinds = ", ".join(dict.fromkeys(each.codec for each in FORMATS.values()))
    return known or f"{'text' if _is_text(head) else 'data of an unknown kind'}; give one of {kinds}"


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # its last letter may be cut
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\n\r\f\ufeff" for letter in text)


def check_extension(path: Path, codec: str, label: str) -> None:
    """PictureError where the extension belongs to another kind of picture."""
    named = extension_format(path)
    if named and named.codec != codec:
        real = next(each for each in FORMATS.values() if each.codec == codec).extensions[0]
        raise PictureError(f"{label}: this is a {codec}, not a {named.codec}; rename it to {path.stem}{real}")


def reason(error: Exception) -> str:
    """The first line of what a decoder said, for a message of one line."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    first = (said.splitlines() or [type(error).__name__])[0]
    return printable(re.sub(r" at 0x[0-9a-f]+", "", first)[:120])  # no addresses of objects


def npy_pixels(file: BinaryIO, max_pixels: int, label: str) -> np.ndarray:
    """The array (H, W) or (H, W, C) of an npy file; its header is judged before any of its data is read."""
    shape, fortran, dtype = npy_header(file, lambda said: PictureError(f"{label}: {said}"))
    if len(shape) not in (2, 3):
        raise PictureError(f"{label}: an array of shape {shape}; a picture is (H, W) or (H, W, C)")
    if pixel_type(dtype) is None:
        raise PictureError(f"{label}: an array of {printable(dtype)}; use {PIXELS}")
    check_size(shape[1], shape[0], max_pixels, label, math.prod(shape[2:]))
    count = math.prod(shape)
    start = file.tell()
    there = file.seek(0, io.SEEK_END) - start
    if count < 1 or there < count * dtype.itemsize:
        raise PictureError(f"{label}: {there} bytes of data for a shape of {shape}; get a sound copy")
    file.seek(start)
    flat = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    pixels = as_pixels(flat.reshape(shape, order="F" if fortran else "C"))
    assert pixels is not None
    pixels = pixels if pixels.flags.writeable else pixels.copy()  # no view of the bytes read
    return pixels[..., 0] if pixels.shape[2:] == (1,) else pixels
