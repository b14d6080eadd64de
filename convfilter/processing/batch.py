"""Picture after picture: read, filter, write; failures are reported and the rest go on."""

import json
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from convfilter.engines.base import Engine
from convfilter.errors import BackendError, ConvfilterError, PictureError, reason
from convfilter.filters.pipeline import Pipeline, color_for
from convfilter.images.picture import Picture
from convfilter.processing.apply import filter_rows
from convfilter.processing.inputs import open_picture
from convfilter.processing.jobs import STREAM, Job
from convfilter.processing.options import PixelOptions, WriteOptions
from convfilter.processing.outputs import (
    Watch,
    check_bands,
    choose_dtype,
    errors_about,
    notes_on,
    takes_strips,
    write_result,
)
from convfilter.processing.strips import in_order
from convfilter.system.machine import reuse_memory
from convfilter.system.temporary import sweep, sweep_temporary_folder
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class JobResult:
    """What became of one picture.

    status: written | skipped | failed. size: rows and columns of what was written. pages: what was written,
    where WriteOptions.keep asks for it. notes: what the format could not hold.
    """

    source: str
    targets: tuple[str, ...]
    status: str
    size: tuple[int, int] | None = None
    seconds: float = 0.0
    error: ConvfilterError | None = None
    pages: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self, message: Callable[[Exception], str] = str) -> str:
        """One line of JSON. message: gives the text of an error."""
        record: dict[str, Any] = {"input": self.source, "output": list(self.targets), "status": self.status}
        if self.size:
            record["size"] = {"height": self.size[0], "width": self.size[1]}
        if self.error:
            record["error"] = message(self.error)
        if self.notes:
            record["notes"] = list(self.notes)
        return json.dumps({**record, "seconds": round(self.seconds, 4)})


def run(
    jobs: Sequence[Job],
    pipeline: Pipeline,
    options: PixelOptions,
    output: WriteOptions,
    engine: Engine,
    at_once: int = 1,
    watch: Watch = lambda done, rows: None,
) -> Iterator[JobResult]:
    """Do the jobs, `at_once` of them in parallel, and yield what became of each, in order.

    A picture that fails doesn't stop the rest; what no picture would survive (BackendError, BrokenPipeError,
    KeyboardInterrupt) passes through. No partial file is left behind. watch: called as Watch says.
    """
    sweep_temporary_folder()
    for folder in {os.path.dirname(job.target) for job in jobs if job.target != STREAM}:
        sweep(Path(folder))  # also where every picture is there already and nothing will be written
    if len(jobs) > 1:
        reuse_memory()
    work = partial(_do, pipeline=pipeline, options=options, output=output, engine=engine, watch=watch)
    yield from in_order(work, iter(jobs), at_once)


def _do(
    job: Job,
    pipeline: Pipeline,
    options: PixelOptions,
    output: WriteOptions,
    engine: Engine,
    watch: Watch,
) -> JobResult:
    """Do one job. Whatever goes wrong is this picture's failure, unless no picture would fare better."""
    start = time.perf_counter()
    targets: tuple[str, ...] = ()
    try:
        targets = tuple(job.targets(pipeline.out_channels))
        result = _filter_file(job, targets, pipeline, options, output, engine, watch)
    except (BackendError, BrokenPipeError):
        raise
    except Exception as error:
        # Not kept in a variable: its traceback holds this frame, and the two would be a reference cycle.
        return JobResult(
            job.source, targets, "failed", None, time.perf_counter() - start, _failure(job, error)
        )
    return replace(result, seconds=time.perf_counter() - start)


def _filter_file(
    job: Job,
    targets: tuple[str, ...],
    pipeline: Pipeline,
    options: PixelOptions,
    output: WriteOptions,
    engine: Engine,
    watch: Watch,
) -> JobResult:
    """The life of one picture: skipped if it is there already, else read, filtered, written and noted."""
    if not output.clobber and all(os.path.exists(target) for target in targets):
        return JobResult(job.source, targets, "skipped")
    manifest = output.manifest if job.source != STREAM else None
    key = manifest.key(job.source, targets) if manifest else ""
    if manifest and output.resume and manifest.has(key, targets):
        return JobResult(job.source, targets, "skipped")
    color = color_for(pipeline, options.color, format_holds_color=job.format.colour)
    options = replace(options, color=color)
    gray, streamed = color == "gray" and pipeline.in_channels == 1, takes_strips(job, pipeline.out_channels)
    with open_picture(job.source, gray, output, streamed=streamed) as source:
        with errors_about(job.source):
            dtype = choose_dtype(job.format, source.dtype, options.range or pipeline.range)
            result = filter_rows(pipeline, source, options, dtype, engine)
            check_bands(result, job.format)
        pages = write_result(result, job, targets, output, watch)
    if manifest:
        manifest.add(key)
    notes = notes_on(result, job.format)
    return JobResult(job.source, targets, "written", result.size, pages=pages, notes=notes)


def _failure(job: Job, error: Exception) -> ConvfilterError:
    """The error to report, with its traceback, but without the pictures in the traceback's frames."""
    if isinstance(error, ConvfilterError):
        failure = error
    else:
        if isinstance(error, MemoryError):
            failure = PictureError(f"{job.source}: not enough memory; make the picture smaller")
        else:
            failure = PictureError(f"{job.source}: internal error: {reason(error)}; please report it")
        failure.__cause__ = error
    linked: BaseException | None = failure
    while linked is not None:
        traceback.clear_frames(linked.__traceback__)
        linked = linked.__cause__ or linked.__context__
    return failure
