"""Picture after picture: read, filter, write; what fails is reported and the rest go on."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter.engines.base import LARGE, Engine
from convfilter.errors import BackendError, ConvfilterError, FilterError, PictureError, printable
from convfilter.filters.pipeline import Pipeline, color_for
from convfilter.images.metadata import storable
from convfilter.images.picture import (
    DEFAULT_MAX_PIXELS,
    FORMATS,
    ArrayRows,
    Format,
    Picture,
    RowSource,
    extension_format,
)
from convfilter.images.read import read
from convfilter.images.write import write
from convfilter.processing.apply import (
    LazyPicture,
    PixelOptions,
    collect,
    filter_rows,
    in_order,
    strips,
)
from convfilter.processing.jobs import STREAM, Job
from convfilter.system.atomic import atomic_write, make_folder
from convfilter.system.temporary import sweep, sweep_temporary_folder

if TYPE_CHECKING:
    from convfilter.processing.manifest import Manifest


@dataclass(frozen=True)
class WriteOptions:
    """Limits and habits of reading and writing. clobber: whether a file that exists is replaced. tile: rows
    of a strip; None leaves it to the size. keep: whether Done holds the pages, for a preview. manifest: where
    finished pictures are noted; with `resume` those noted there are skipped."""

    quality: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    clobber: bool = True
    tile: int | None = None
    keep: bool = False
    manifest: "Manifest | None" = None
    resume: bool = False


@dataclass(frozen=True)
class JobResult:
    """What became of one picture. status: written | skipped | failed."""

    source: str
    targets: tuple[str, ...]
    status: str
    size: tuple[int, int] | None = None
    seconds: float = 0.0
    error: ConvfilterError | None = None
    pages: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self, told: Callable[[Exception], str] = str) -> str:
        """One line of JSON; `told`: what an error's message is."""
        record: dict[str, Any] = {"input": self.source, "output": list(self.targets), "status": self.status}
        if self.size:
            record["size"] = {"height": self.size[0], "width": self.size[1]}
        if self.error:
            record["error"] = told(self.error)
        if self.notes:
            record["notes"] = list(self.notes)
        return json.dumps({**record, "seconds": round(self.seconds, 4)})


Watch = Callable[[int, int], None]  # rows done, rows in all, of a picture that is written by strips


def run(
    jobs: Sequence[Job],
    pipeline: Pipeline,
    look: PixelOptions,
    output: WriteOptions,
    engine: Engine,
    at_once: int = 1,
    watch: Watch = lambda done, rows: None,
) -> Iterator[JobResult]:
    """Do the jobs, `at_once` of them together, and yield what became of each, in order; a picture that fails
    doesn't stop the rest. KeyboardInterrupt passes through; no partial file is left behind.
    """
    sweep_temporary_folder()
    for folder in {os.path.dirname(job.target) for job in jobs if job.target != STREAM}:
        sweep(Path(folder))  # also where every picture is there already and nothing will be written
    work = partial(_one, pipeline=pipeline, look=look, output=output, engine=engine, watch=watch)
    yield from in_order(work, iter(jobs), at_once)


def _one(
    job: Job, pipeline: Pipeline, look: PixelOptions, output: WriteOptions, engine: Engine, watch: Watch
) -> JobResult:
    """Do one job. Whatever goes wrong is this picture's failure, unless no picture would fare better."""
    start = time.perf_counter()
    targets: tuple[str, ...] = ()
    look = replace(look, color=color_for(pipeline, look.color, format_holds_color=job.format.colour))
    try:
        targets = tuple(job.targets(pipeline.out_channels))
        done = _filter_file(job, targets, pipeline, look, output, engine, watch)
    except (BackendError, BrokenPipeError):
        raise
    except Exception as error:
        # The failure has no name here: its traceback holds this frame, and the two would keep each other.
        return JobResult(
            job.source, targets, "failed", None, time.perf_counter() - start, _failure(job, error)
        )
    return replace(done, seconds=time.perf_counter() - start)


def _filter_file(
    job: Job,
    targets: tuple[str, ...],
    pipeline: Pipeline,
    look: PixelOptions,
    output: WriteOptions,
    engine: Engine,
    watch: Watch,
) -> JobResult:
    """Read, filter and write a picture, unless it is there already."""
    if not output.clobber and all(os.path.exists(target) for target in targets):
        return JobResult(job.source, targets, "skipped")
    manifest = output.manifest if job.source != STREAM else None
    key = manifest.key(job.source, targets) if manifest else ""
    if manifest and output.resume and manifest.has(key, targets):
        return JobResult(job.source, targets, "skipped")
    with _opened(job.source, pipeline, look, output) as source:
        with _about(job.source):
            dtype = choose_dtype(job.format, source, look.range or pipeline.range)
            result = filter_rows(pipeline, source, look, dtype, engine)
            _check_bands(result, job.format)
        pages = _finish(result, targets, job, output, watch)
    if manifest:
        manifest.add(key)
    notes = storable(result.metadata, job.format).notes
    if result.has_alpha and not job.format.alpha:
        notes += (f"its transparency is lost: {job.format.name} holds none",)
    if result.metadata.bands and result.channels == 3 and not job.format.bands:
        notes += ("its 3 bands are written as red, green and blue",)
    return JobResult(job.source, targets, "written", result.size, pages=pages, notes=notes)


def _failure(job: Job, error: Exception) -> ConvfilterError:
    """What is said of an error, with its traceback, but without the pictures in the traceback's frames."""
    if isinstance(error, ConvfilterError):
        failure = error
    else:
        if isinstance(error, MemoryError):
            failure = PictureError(f"{job.source}: not enough memory; make the picture smaller")
        else:  # nobody foresaw it
            said = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
            failure = PictureError(f"{job.source}: internal error: {said}; please report it")
        failure.__cause__ = error
    linked: BaseException | None = failure
    while linked is not None:
        traceback.clear_frames(linked.__traceback__)
        linked = linked.__cause__ or linked.__context__
    return failure


@contextmanager
def _opened(source: str, pipeline: Pipeline, look: PixelOptions, output: WriteOptions) -> Iterator[RowSource]:
    """The picture by rows: a large TIFF from its file, any other decoded."""
    if source == STREAM or extension_format(source) is not FORMATS["tiff"]:
        yield ArrayRows(_read(source, pipeline, look, output))
        return
    from convfilter.images.tiff_reader import open_rows

    with open_rows(Path(source), printable(source), output.max_pixels) as rows:
        if rows and (output.tile or rows.sparse or rows.shape[0] * rows.shape[1] > LARGE):
            yield rows
        else:
            yield ArrayRows(_read(source, pipeline, look, output))


def _finish(
    result: LazyPicture, targets: Sequence[str], job: Job, output: WriteOptions, watch: Watch
) -> tuple[Picture, ...]:
    """Compute and write a picture: a large TIFF strip by strip. Its pages, where they are to be kept."""
    large = output.tile or result.size[0] * result.size[1] > LARGE
    if job.format is FORMATS["tiff"] and large and targets != [STREAM]:
        _write_strips(result, targets[0], job, output, watch)
        return ()
    with _about(job.source):
        pages = collect(result, output.tile)
    _write(pages, targets, job.format, output)
    return tuple(pages) if output.keep else ()


def _write_strips(result: LazyPicture, target: str, job: Job, output: WriteOptions, watch: Watch) -> None:
    """A TIFF in constant memory."""
    from convfilter.images.tiff_writer import TiffRows

    def work(strip: tuple[int, int]) -> Any:
        return strip, result.rows(*strip)

    make_folder(Path(target).parent)
    with atomic_write(Path(target)) as file, _about(job.source):
        writer = TiffRows(
            file, result.size, result.channels, result.dtype, result.has_alpha, result.metadata, result.pages
        )
        done = 0
        for (top, bottom), pages in in_order(work, strips(result, output.tile), result.threads):
            for number, (pixels, alpha) in enumerate(pages):  # the last strip may begin in the one before
                rest = slice(done - top, None)
                writer.write(done, pixels[rest], None if alpha is None else alpha[rest], number)
            done = bottom
            watch(done, result.size[0])
        writer.close()


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Errors of the body with the file's name before them."""
    try:
        yield
    except BackendError:
        raise
    except ConvfilterError as error:
        raise type(error)(f"{name}: {error}") from error


def _check_bands(result: LazyPicture, form: Format) -> None:
    """PictureError where the format can't hold as many channels."""
    if result.channels not in (1, 3) and not form.bands:
        raise PictureError(f"{result.channels} channels don't go into a {form.name}; write tiff or npy")


def choose_dtype(form: Format, source: RowSource, how: str) -> np.dtype:
    """Floats for the range "raw", else the input's own depth or the next the format holds."""
    if how == "raw":
        if "float32" not in form.dtypes:
            raise FilterError(f'range="raw" needs floats, which {form.name} can\'t hold; write tiff or npy')
        return np.dtype(np.float32)
    wanted = source.dtype.name
    if wanted in form.dtypes:
        return np.dtype(wanted)
    return np.dtype("uint16" if wanted == "float32" and "uint16" in form.dtypes else "uint8")


def _read(source: str, pipeline: Pipeline, look: PixelOptions, output: WriteOptions) -> Picture:
    gray = look.color == "gray" and pipeline.in_channels == 1
    if source == STREAM:
        if sys.stdin is None:
            raise PictureError("stdin: closed; give a file as INPUT")
        return read(sys.stdin.buffer, gray=gray, name="stdin", max_pixels=output.max_pixels)
    return read(Path(source), gray=gray, max_pixels=output.max_pixels)


def _write(pages: Sequence[Picture], targets: Sequence[str], form: Format, output: WriteOptions) -> None:
    if len(targets) == 1:
        _write_one(pages, targets[0], form, output)
        return
    for page, target in zip(pages, targets, strict=True):
        if output.clobber or not os.path.exists(target):
            _write_one([page], target, form, output)


def _write_one(pages: Sequence[Picture], target: str, form: Format, output: WriteOptions) -> None:
    if target == STREAM:
        buffer = BytesIO()  # nothing half-made reaches the next program
        with _about("stdout"):
            write(buffer, pages, form, quality=output.quality)
        _to_stdout(buffer.getvalue())
        return
    make_folder(Path(target).parent)
    with atomic_write(Path(target)) as file, _about(target):
        write(file, pages, form, quality=output.quality)


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
