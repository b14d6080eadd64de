"""Jobs: which picture is read from where and written to where, checked before any work."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from convfilter.errors import FilterError, PictureError, printable, refuse_address
from convfilter.images.formats import Format, extension_format, format_named, format_of
from convfilter.images.picture import DEFAULT_MAX_PIXELS
from convfilter.images.sniff import HEAD, detect_codec
from convfilter.images.source import open_source
from convfilter.system.values import dataclass

STREAM = "-"


def check_colour(jobs: Sequence["Job"], colour: bool) -> None:
    """FilterError where colour would go into a format that holds none."""
    for job in jobs:
        if colour and not job.format.colour:
            raise FilterError(
                f'{job.target}: {job.format.name} holds gray only; use color="gray", or write ppm'
            )


@dataclass(frozen=True)
class Job:
    """One picture: where it is read from, and where and in which format its result is written; "-" is stdin
    or stdout."""

    source: str
    target: str
    format: Format

    def targets(self, pages: int) -> list[str]:
        """The files written: one, or `name-01.png`, … where the format holds one filter's result each."""
        if pages == 1 or self.format.pages:
            return [self.target]
        if self.target == STREAM:
            raise FilterError(
                f"{pages} filters give {pages} pictures, stdout takes one; "
                'use combine="magnitude", or format="tiff" or format="npy"'
            )
        path = Path(self.target)
        digits = max(2, len(str(pages)))
        return [str(path.with_stem(f"{path.stem}-{page:0{digits}d}")) for page in range(1, pages + 1)]


def plan(
    inputs: Sequence[str], output: str, *, recursive: bool, format_name: str | None, pages: int
) -> list[Job]:
    """The jobs for the inputs, sorted as given; folders give their pictures, subfolders kept.

    Raises FilterError for an output whose extension says no format, a folder without `recursive`, two
    results of one name, or a result that would overwrite another's input. PictureError for an input folder
    that can't be read, or an input that neither its name nor its first bytes show to be a picture.
    """
    if "" in (*inputs, output):
        raise FilterError("an empty file name among INPUT and OUTPUT; is a variable unset?")
    for name in inputs:
        refuse_address(name, FilterError)
    refuse_address(output, FilterError, "write a file, and upload that")
    if not os.path.isabs(output):
        _check_here()
    chosen = format_named(format_name) if format_name else None
    into_folder = output != STREAM and (
        len(inputs) > 1 or os.path.isdir(inputs[0]) or os.path.isdir(output) or output.endswith(("/", os.sep))
    )
    if output == STREAM and (len(inputs) > 1 or os.path.isdir(inputs[0])):
        raise FilterError("stdout takes one picture; give a folder as OUTPUT")
    if not into_folder:
        form = chosen or (format_named("png") if output == STREAM else _format_by(output))
        named = extension_format(output) if output != STREAM else None
        if chosen and named and named.codec != chosen.codec:  # no reader would take the file
            raise FilterError(
                f'{output}: the extension says {named.name}; leave out format="{chosen.name}", or rename it'
            )
        jobs = [Job(inputs[0], output, _writable(form, output))]
    else:
        if os.path.exists(output) and not os.path.isdir(output):
            raise FilterError(f"{output}: several pictures need a folder as OUTPUT, this is a file")
        if not os.path.isdir(output) and not output.endswith(("/", os.sep)) and extension_format(output):
            raise FilterError(
                f"{output}: several pictures need a folder as OUTPUT; write {output}/ if it is one"
            )
        jobs = [
            _job_into(source, relative, Path(output), chosen)
            for source, relative in _sources(inputs, Path(output), recursive)
        ]
        if not jobs:
            raise FilterError(f"{inputs[0]}: no pictures in this folder; see the README for the formats")
    _check_collisions(jobs, pages)
    return jobs


def _format_by(output: str) -> Format:
    """The format that the output's extension names."""
    if not Path(output).suffix:
        raise FilterError(
            f"{output}: no extension, which says the format; write {output}.png, or {output}/ for a folder"
        )
    return format_of(output)


def _check_here() -> None:
    """PictureError where the folder that relative names start from has been removed."""
    try:
        Path.cwd()
    except OSError as error:
        raise PictureError("the current folder is gone; change to another") from error


def _writable(form: Format, target: str) -> Format:
    if not form.writable:
        raise FilterError(
            f"{target}: {form.name} is only read; write png, tiff, jpeg, webp, bmp, pgm, ppm or npy"
        )
    return form


def _sources(inputs: Sequence[str], output: Path, recursive: bool) -> Iterator[tuple[str, Path]]:
    """Each picture and its path relative to what was given; a folder's own output folder is left out."""
    for given in inputs:
        path = Path(given)
        if not os.path.isdir(path):
            yield given, Path(path.name if given != STREAM else "stdin.png")
            continue
        if not recursive:
            raise FilterError(f"{given} is a folder; add recursive=True")
        for picture in _walk(path, output):
            yield str(picture), picture.relative_to(path)


def _walk(folder: Path, output: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise PictureError(f"{error.filename}: {error.strerror}; change the folder's permissions") from error

    inside = output.resolve() if output.resolve() != folder.resolve() else None
    for root, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if Path(root, name).resolve() != inside)
        for name in sorted(names):
            if extension_format(name) and not name.startswith("."):
                yield Path(root, name)


def _job_into(source: str, relative: Path, output: Path, chosen: Format | None) -> Job:
    if chosen is None:
        own = extension_format(relative)
        if own is None:
            _check_content(source)
        if own is None or not own.writable:
            why = f"{own.name} is only read" if own else "its name doesn't say what to write"
            raise FilterError(f'{source}: {why}; use format="png", or another')
        return Job(source, str(output / relative), own)
    keeps = relative.suffix.lower() in chosen.extensions
    target = str(output / (relative if keeps else relative.with_suffix(chosen.extensions[0])))
    return Job(source, target, _writable(chosen, target))


def _check_content(source: str) -> None:
    """PictureError unless the file's first bytes are a picture's."""
    with open_source(Path(source), printable(source), DEFAULT_MAX_PIXELS) as file:
        detect_codec(file.read(HEAD), printable(source))


def _place(path: str) -> str:
    """One spelling for each file, links resolved; on Windows names that differ only in case are one."""
    return os.path.normcase(os.path.realpath(path))


def _check_collisions(jobs: Sequence[Job], pages: int) -> None:
    owners: dict[str, str] = {}
    sources = {_place(job.source): job.source for job in jobs if job.source != STREAM}
    for job in jobs:
        for target in job.targets(pages):
            if target == STREAM:
                continue
            place = _place(target)
            if place in owners and _place(owners[place]) == _place(job.source):
                raise FilterError(f"{job.source} is given twice; give it once")
            if place in owners:
                raise FilterError(
                    f"{owners[place]} and {job.source} would both become {target}; "
                    "give them one by one, each with an OUTPUT of its own, or rename one"
                )
            owners[place] = job.source
            other = sources.get(place, job.source)
            if other != job.source:
                raise FilterError(f"{target}, made from {job.source}, would overwrite the input {other}")
