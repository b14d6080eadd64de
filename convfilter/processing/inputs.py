"""Pictures of a batch opened: from stdin, from a file, or a large TIFF row by row."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convfilter.engines.base import LARGE
from convfilter.errors import PictureError, printable
from convfilter.images.formats import FORMATS, extension_format
from convfilter.images.picture import ArrayRows, Picture, RowSource
from convfilter.images.read import read
from convfilter.processing.jobs import STREAM
from convfilter.processing.options import WriteOptions


@contextmanager
def open_picture(
    name: str, gray: bool, options: WriteOptions, *, streamed: bool = False
) -> Iterator[RowSource]:
    """The picture by rows: those of a large TIFF are read when they are asked for, any other is decoded
    whole.

    name: a path, or STREAM for stdin. gray: whether a decoder may give gray in place of colours. streamed:
    whether the result of a large picture is not held in memory either, so that options.max_pixels need not
    allow its size. Raises PictureError where it can't be read.
    """
    if name == STREAM or extension_format(name) is not FORMATS["tiff"]:
        yield ArrayRows(_read(name, gray, options))
        return
    from convfilter.images.tiff_reader import open_rows

    with open_rows(Path(name), printable(name), options.max_pixels, streamed=streamed) as rows:
        if rows and (options.tile or rows.sparse or rows.shape[0] * rows.shape[1] > LARGE):
            yield rows
        else:
            yield ArrayRows(_read(name, gray, options))


def _read(name: str, gray: bool, options: WriteOptions) -> Picture:
    if name != STREAM:
        return read(Path(name), gray=gray, max_pixels=options.max_pixels)
    if sys.stdin is None:
        raise PictureError("stdin: closed; give a file as INPUT")
    return read(sys.stdin.buffer, gray=gray, name="stdin", max_pixels=options.max_pixels)
