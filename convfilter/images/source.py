"""Open what a picture is read from, a path or a stream, as a seekable file. No Pillow."""

import contextlib
import io
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from convfilter.errors import PictureError, first_line, refuse_address
from convfilter.images.sniff import HEAD, detect_codec

_BLOCK = 1 << 20  # bytes read at a time from a stream
_BYTES_PER_PIXEL = 32  # that a stream may have, and
_STREAM_SLACK = 64 << 20  # as many bytes beyond that


@contextlib.contextmanager
def open_source(source: Path | BinaryIO, label: str, max_pixels: int) -> Iterator[BinaryIO]:
    """Yield a seekable binary file: the one at a path, or all of a stream in memory.

    label: what messages call it. max_pixels: of the picture, which bounds how much of a stream is taken.
    Raises PictureError for what can't be opened, or is not a regular file.
    """
    if not isinstance(source, (str, Path)):
        yield _read_stream(source, label, max_pixels)
        return
    try:
        mode = Path(source).stat().st_mode
        if stat.S_ISDIR(mode):
            raise PictureError(f"{label}: this is a folder; name a picture in it")
        if not stat.S_ISREG(mode):  # a pipe without a writer would wait for ever
            raise PictureError(f"{label}: not a regular file; pipe it to standard input")
        file = Path(source).open("rb")  # noqa: SIM115  (closed below, where OSErrors are not about opening)
    except FileNotFoundError as error:
        refuse_address(source, PictureError)
        step = "no name fits the pattern; check it" if "*" in label else "check the name"
        raise PictureError(f"{label}: no such file; {step}") from error
    except PermissionError as error:
        raise PictureError(f"{label}: no permission to read it; change its permissions") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise PictureError(f"{label}: can't be opened ({first_line(error)}); check the name") from error
    with file:
        yield file


def _read_stream(stream: BinaryIO, label: str, max_pixels: int) -> BinaryIO:
    """A stream's bytes in memory; PictureError as soon as it is no picture or longer than any allowed one."""
    copy = io.BytesIO()
    try:
        while block := stream.read(_BLOCK):
            copy.write(block)
            if copy.tell() > _BYTES_PER_PIXEL * max_pixels + _STREAM_SLACK:
                raise PictureError(
                    f"{label}: more bytes than {max_pixels} pixels take; "
                    f"allow more with max_pixels={10 * max_pixels} if you trust it"
                )
            if copy.tell() >= HEAD:
                detect_codec(copy.getbuffer()[:HEAD].tobytes(), label)
    except OSError as error:
        raise PictureError(
            f"{label}: can't be read ({first_line(error)}); check where it comes from"
        ) from error
    copy.seek(0)
    return copy
