"""Results of a batch computed and written: to files, to stdout, or a large TIFF strip by strip."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np

from convfilter.engines.base import LARGE
from convfilter.errors import BackendError, ConvfilterError, FilterError, PictureError
from convfilter.images.formats import FORMATS, Format
from convfilter.images.metadata import storable
from convfilter.images.picture import Picture
from convfilter.images.write import PADDED, write
from convfilter.processing.jobs import STREAM, Job
from convfilter.processing.options import WriteOptions
from convfilter.processing.strips import LazyPicture, collect, in_order, strips
from convfilter.system.atomic import atomic_write, make_folder

Watch = Callable[[int, int], None]  # rows done, rows in all, of a picture that is written by strips


def write_result(
    result: LazyPicture, job: Job, targets: Sequence[str], options: WriteOptions, watch: Watch
) -> tuple[Picture, ...]:
    """Compute the result and write it, a large TIFF strip by strip.

    Returns its pages if `options.keep` asks for them; of what is written by strips there are none. Raises
    PictureError where it can't be computed, encoded or written.
    """
    large = options.tile or result.size[0] * result.size[1] > LARGE
    if job.format is FORMATS["tiff"] and large and _takes_strips(job.target, result.pages):
        _write_strips(result, job, options, watch)
        return ()
    with errors_about(job.source):
        pages = collect(result, options.tile, padded=job.format.codec in PADDED)
    if len(targets) == 1:
        _write_pages(pages, targets[0], job.format, options)
    else:
        for page, target in zip(pages, targets, strict=True):
            if options.clobber or not os.path.exists(target):
                _write_pages([page], target, job.format, options)
    return tuple(pages) if options.keep else ()


def _takes_strips(target: str, pages: int) -> bool:
    """Whether it can be written strip by strip: those of several pages take turns, which no pipe allows."""
    return target != STREAM and (pages == 1 or not os.path.exists(target) or os.path.isfile(target))


def _write_strips(result: LazyPicture, job: Job, options: WriteOptions, watch: Watch) -> None:
    """Write a TIFF in constant memory."""
    from convfilter.images.tiff_writer import TiffRows

    def work(strip: tuple[int, int]) -> tuple[int, int, list[tuple[np.ndarray, np.ndarray | None]]]:
        return *strip, result.rows(*strip)

    make_folder(Path(job.target).parent)
    with atomic_write(Path(job.target)) as file, errors_about(job.source):
        writer = TiffRows(
            file, result.size, result.channels, result.dtype, result.has_alpha, result.metadata, result.pages
        )
        done = 0
        tops = strips(result.size, result.pages, options.tile)
        for top, bottom, pages in in_order(work, tops, result.threads):
            new = slice(done - top, None)  # the last strip may overlap the one before
            for number, (pixels, alpha) in enumerate(pages):
                writer.write(done, pixels[new], None if alpha is None else alpha[new], number)
            done = bottom
            watch(done, result.size[0])
        writer.close()


def _write_pages(pages: Sequence[Picture], target: str, form: Format, options: WriteOptions) -> None:
    """Write pages into one file, whole or not at all, or to stdout."""
    if target == STREAM:
        buffer = BytesIO()  # a failure while encoding sends nothing to the next program
        with errors_about("stdout"):
            write(buffer, pages, form, quality=options.quality)
        _to_stdout(buffer.getvalue())
        return
    make_folder(Path(target).parent)
    with atomic_write(Path(target)) as file, errors_about(target):
        write(file, pages, form, quality=options.quality)


def _to_stdout(data: bytes) -> None:
    if sys.stdout is None:
        raise PictureError("stdout: closed; give a file as OUTPUT")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has had enough
        raise
    except OSError as error:
        raise PictureError(f"stdout: {error.strerror}; send it elsewhere") from error


@contextmanager
def errors_about(name: str) -> Iterator[None]:
    """Put the file's name before the message of the body's errors."""
    try:
        yield
    except BackendError:
        raise
    except ConvfilterError as error:
        raise type(error)(f"{name}: {error}") from error


def choose_dtype(form: Format, dtype: np.dtype, how: str) -> np.dtype:
    """The dtype to write: float32 for the range "raw", else the input's own or the next that the format
    holds."""
    if how == "raw":
        if "float32" not in form.dtypes:
            raise FilterError(f'range="raw" needs floats, which {form.name} can\'t hold; write tiff or npy')
        return np.dtype(np.float32)
    if dtype.name in form.dtypes:
        return dtype
    return np.dtype("uint16" if dtype.name == "float32" and "uint16" in form.dtypes else "uint8")


def check_bands(result: LazyPicture, form: Format) -> None:
    """Raise PictureError where the format can't hold as many channels."""
    if result.channels not in (1, 3) and not form.bands:
        raise PictureError(f"{result.channels} channels don't go into a {form.name}; write tiff or npy")


def notes_on(result: LazyPicture, form: Format) -> tuple[str, ...]:
    """What of the result the format can't hold, for the user."""
    notes = storable(result.metadata, form).notes
    if result.has_alpha and not form.alpha:
        notes += (f"its transparency is lost: {form.name} holds none",)
    if result.metadata.bands and result.channels == 3 and not form.bands:
        notes += ("its 3 bands are written as red, green and blue",)
    return notes
