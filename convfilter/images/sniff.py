"""Tell by a file's first bytes which picture format it is, or what else. No Pillow."""

import codecs
import re
from pathlib import Path

from convfilter.errors import PictureError
from convfilter.images.formats import FORMATS, extension_format

_OTHERS = {  # first bytes → what kind of file it is, and how to make a picture of it
    b"%PDF": "a PDF; save its page as a picture, as `pdftoppm -png` does",
    b"PK\3\4": "a zip archive; unpack it, and name a picture in it",
    b"\x1f\x8b": "gzip data; unpack it first",
    b"\x89HDF": "an HDF5 file; save its array as .npy",
    b"<svg": "an SVG, a drawing; save it as PNG",
    b"8BPS": "a Photoshop file; save it as TIFF or PNG",
}
_BOXES = {  # the same for ISO media files, by the four letters after "ftyp"
    b"avif": "an AVIF; convert it to PNG or JPEG",
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"msf1"), "a HEIC photo; convert it to PNG or JPEG"),
}
HEAD = 16  # bytes that detect_codec needs


def detect_codec(head: bytes, label: str) -> str:
    """The codec (as in FORMATS) of a file that begins with the bytes `head`; PictureError for no picture.

    label: what messages call the file.
    """
    if not head:
        raise PictureError(f"{label}: the file is empty; get a sound copy")
    for each in FORMATS.values():
        if re.match(each.start, head, re.DOTALL):
            return each.codec
    raise PictureError(f"{label}: not a picture but {_other_kind(head)}")


def _other_kind(head: bytes) -> str:
    """What a file that is no known picture seems to be, and what to do with it."""
    if head[4:8] == b"ftyp":
        return _BOXES.get(head[8:12], "a video; save a frame of it as PNG")
    other = next((what for start, what in _OTHERS.items() if head.startswith(start)), None)
    kinds = ", ".join(dict.fromkeys(each.codec for each in FORMATS.values()))
    return other or f"{'text' if _is_text(head) else 'data of an unknown kind'}; give one of {kinds}"


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\n\r\f\ufeff" for letter in text)


def check_extension(path: Path, codec: str, label: str) -> None:
    """Raise PictureError if the extension of `path` is that of another codec."""
    named = extension_format(path)
    if named and named.codec != codec:
        real = next(each for each in FORMATS.values() if each.codec == codec).extensions[0]
        raise PictureError(f"{label}: this is a {codec}, not a {named.codec}; rename it to {path.stem}{real}")
