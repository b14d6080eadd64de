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
from convfilter.processing.strips import Block, LazyPicture, Rows, blocks, collect, in_runs
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
    together = result.columns.together and len(result.columns.bands) > 1
    if large and takes_strips(job, result.pages, together):
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


def takes_strips(job: Job, pages: int, together: bool = False) -> bool:
    """Whether a large result can be written strip by strip, into a TIFF. Strips of several pages take turns,
    and so do bands of columns computed together, which no pipe allows."""
    target, turns = job.target, pages > 1 or together
    is_file = not os.path.exists(target) or os.path.isfile(target)
    return job.format is FORMATS["tiff"] and target != STREAM and (is_file or not turns)


def _write_strips(result: LazyPicture, job: Job, options: WriteOptions, watch: Watch) -> None:
    """Write a TIFF in constant memory: in strips, or where it is computed by bands of columns, in tiles."""
    from convfilter.images.tiff_writer import TiffRows

    def work(block: Block[Rows]) -> tuple[Block[Rows], Rows]:
        return block, block.compute(*block.rows)

    make_folder(Path(job.target).parent)
    height, bands = result.size[0], result.columns.bands
    tile = bands[0][1] if len(bands) > 1 else None
    with atomic_write(Path(job.target)) as file, errors_about(job.source):
        writer = TiffRows(
            file, result.size, result.channels, result.dtype, result.has_alpha, result.metadata, result.pages,
            tile,
        )  # fmt: skip
        done = [0] * len(bands)
        todo = blocks(result.columns, height, result.pages, options.tile)
        for block, pages in in_runs(work, todo, result.threads):
            top = done[block.band]
            new = slice(top - block.rows[0], None)  # the last block may overlap the one before
            for number, (pixels, alpha) in enumerate(pages):
                writer.write(top, pixels[new], None if alpha is None else alpha[new], number, block.band)
            done[block.band] = block.rows[1]
            watch(sum(done) // len(bands), height)
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
