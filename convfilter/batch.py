"""Picture after picture: read, filter, write; what fails is reported and the rest go on."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import BackendError, ConvfilterError, FilterError, PictureError
from convfilter.files import atomic_write
from convfilter.filtering import Engine, Look, filter_picture
from convfilter.image import read
from convfilter.image_write import write
from convfilter.picture import DEFAULT_MAX_PIXELS, Format, Picture
from convfilter.pipeline import Pipeline
from convfilter.plan import STREAM, Job


@dataclass(frozen=True)
class Output:
    """Limits and habits of reading and writing. clobber: whether a file that exists is replaced."""

    quality: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    clobber: bool = True


@dataclass(frozen=True)
class Done:
    """What became of one picture. status: written | skipped | failed."""

    source: str
    targets: tuple[str, ...]
    status: str
    size: tuple[int, int] | None = None
    seconds: float = 0.0
    error: ConvfilterError | None = None
    pages: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> str:
        """One line of JSON."""
        record: dict[str, Any] = {"input": self.source, "output": list(self.targets), "status": self.status}
        if self.size:
            record["size"] = {"height": self.size[0], "width": self.size[1]}
        if self.error:
            record["error"] = str(self.error)
        if self.notes:
            record["notes"] = list(self.notes)
        return json.dumps({**record, "seconds": round(self.seconds, 4)})


def run(
    jobs: Sequence[Job], pipeline: Pipeline, look: Look, output: Output, load_engine: Callable[[], Engine]
) -> Iterator[Done]:
    """Do the jobs in order and yield what became of each; a picture that fails doesn't stop the rest.

    The engine is loaded when the first picture has been read. KeyboardInterrupt passes through; no
    partial file is left behind.
    """
    engine: Engine | None = None
    for job in jobs:
        start = time.perf_counter()
        targets: list[str] = []
        try:
            targets = job.targets(pipeline.out_channels)
            if not output.clobber and all(os.path.exists(target) for target in targets):
                yield Done(job.source, tuple(targets), "skipped")
                continue
            picture = _read(job.source, pipeline, look, output)
            engine = engine or load_engine()
            with _about(job.source):
                dtype = choose_dtype(job.format, picture, look.range or pipeline.range)
                pages = filter_picture(pipeline, picture, look, dtype, engine)
            _write(pages, targets, job.format, output)
        except BackendError:  # no picture will fare better
            raise
        except ConvfilterError as error:
            yield Done(job.source, tuple(targets), "failed", None, time.perf_counter() - start, error)
        else:
            rows, columns = pages[0].pixels.shape[:2]
            seconds = time.perf_counter() - start
            notes = picture.metadata.notes
            if pages[0].alpha is not None and not job.format.alpha:
                notes += (f"its transparency is lost: {job.format.name} holds none",)
            yield Done(
                job.source, tuple(targets), "written", (rows, columns), seconds, None, tuple(pages), notes
            )


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Errors of the body with the file's name before them."""
    try:
        yield
    except BackendError:
        raise
    except ConvfilterError as error:
        raise type(error)(f"{name}: {error}") from error
    except MemoryError as error:
        raise PictureError(f"{name}: not enough memory; make the picture smaller") from error


def choose_dtype(form: Format, picture: Picture, how: str) -> np.dtype:
    """Floats for the range "raw", else the input's own depth or the next the format holds."""
    if how == "raw":
        if "float32" not in form.dtypes:
            raise FilterError(f"--range raw needs floats, which {form.name} can't hold; write tiff or npy")
        return np.dtype(np.float32)
    wanted = picture.pixels.dtype.name
    if wanted in form.dtypes:
        return np.dtype(wanted)
    return np.dtype("uint16" if wanted == "float32" and "uint16" in form.dtypes else "uint8")


def _read(source: str, pipeline: Pipeline, look: Look, output: Output) -> Picture:
    gray = look.color == "gray" and pipeline.in_channels == 1
    if source == STREAM:
        if sys.stdin is None:
            raise PictureError("stdin: closed; give a file as INPUT")
        return read(sys.stdin.buffer, gray=gray, name="stdin", max_pixels=output.max_pixels)
    return read(Path(source), gray=gray, max_pixels=output.max_pixels)


def _write(pages: Sequence[Picture], targets: Sequence[str], form: Format, output: Output) -> None:
    if len(targets) == 1:
        _write_one(pages, targets[0], form, output)
        return
    for page, target in zip(pages, targets, strict=True):
        if output.clobber or not os.path.exists(target):
            _write_one([page], target, form, output)


def _write_one(pages: Sequence[Picture], target: str, form: Format, output: Output) -> None:
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


def make_folder(folder: Path) -> None:
    """The folder and its parents. Raises PictureError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{folder}: {error.strerror}; choose a folder that can be written") from error
