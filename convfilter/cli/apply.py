"""convfilter apply: what was typed is parsed, settled before any picture is read, done, and shown."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convfilter.choices import COLORS, ENGINES, PLANS, RANGES, Color, Engine, Plan, Range
from convfilter.cli.options import FilterType, ShardType, layer_options, settings
from convfilter.system.values import dataclass

if TYPE_CHECKING:
    from convfilter.filters.pipeline import Pipeline
    from convfilter.filters.settings import FilterSettings
    from convfilter.processing.batch import JobResult
    from convfilter.processing.jobs import Job
    from convfilter.processing.manifest import Manifest
    from convfilter.processing.options import PixelOptions, WriteOptions
    from convfilter.processing.outputs import Watch


@click.command("apply", no_args_is_help=True)
@click.argument("filter", type=FilterType())
@click.argument("paths", nargs=-1, required=True, metavar="INPUT... OUTPUT", type=click.Path(allow_dash=True))
@layer_options
@click.option(
    "--color",
    type=click.Choice(COLORS),
    help="Filter the gray picture, each channel, or the brightness only; default: the kernel's.",
)
@click.option("--range", type=click.Choice(RANGES), help="How results become pixels; default: the kernel's.")
@click.option("--linear", is_flag=True, help="Work in linear light instead of sRGB values.")
@click.option("--format", metavar="NAME", help="png, jpeg, tiff, webp, bmp, pgm, ppm or npy.")
@click.option("--quality", type=click.IntRange(1, 100), help="JPEG or WebP quality. [default: 95 or 90]")
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    help="Refuse pictures of more pixels, unless they are TIFFs never whole in memory. [default: 89478485]",
)
@click.option("--recursive", "-r", is_flag=True, help="Filter the pictures in folders and subfolders.")
@click.option(
    "--resume", is_flag=True, help="Skip what an interrupted run, or one with --resume, has finished."
)
@click.option("--shard", metavar="I/N", type=ShardType(), help="Do part I of N of the pictures.")
@click.option("--no-clobber", is_flag=True, help="Leave files that exist as they are.")
@click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where Keras computes."
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What runs the network: Keras, or Keras' export of it, compiled once and kept.",
)
@click.option(
    "--plan",
    type=click.Choice(PLANS),
    default="auto",
    show_default=True,
    help="Whether the compiled engine may rewrite a convolution into faster ones.",
)
@click.option("--tile", type=click.IntRange(1), metavar="ROWS", help="Compute strips of so many rows.")
@click.option("--jobs", "-j", type=click.IntRange(1), help="Pictures at once. [default: one per core]")
@click.option("--backend", metavar="tensorflow|jax|torch", help="Keras' backend; default: KERAS_BACKEND.")
@click.option("--preview", is_flag=True, help="Show the results in the terminal too.")
@click.option("--json", is_flag=True, help="One line of JSON per picture, on stdout.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@click.option("--verbose", "-v", is_flag=True, help="Name every file written.")
def command(filter: str, paths: tuple[str, ...], then: tuple[str, ...], **options: Any) -> int:
    """Filter pictures: FILTER is a kernel's name, a JSON file, or a formula such as gaussian:sigma=2.

    With several INPUTs or a folder, OUTPUT is a folder. "-" is stdin or stdout.

    \b
    convfilter apply sobel photo.jpg edges.png
    convfilter apply gaussian:sigma=2 photo.jpg soft.jpg
    convfilter apply ./mine.json --then laplacian in.png out.png
    convfilter apply laplacian photos/ edges/ --recursive --format png
    """
    request = _parse((filter, *then), paths, options)
    return _do(_settle(request), request)


@dataclass(frozen=True)
class Request:
    """What was typed, a field per option. layers: how the filters become layers."""

    filters: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    layers: "FilterSettings"
    color: Color | None
    range: Range | None
    linear: bool
    format: str | None
    quality: int | None
    max_pixels: int | None
    recursive: bool
    resume: bool
    shard: tuple[int, int] | None
    no_clobber: bool
    device: str
    engine: Engine
    plan: Plan
    tile: int | None
    jobs: int | None
    backend: str | None
    preview: bool
    json: bool
    quiet: bool
    verbose: bool


@dataclass(frozen=True)
class Work:
    """What is to be done, checked before any picture is read.

    results: does the jobs and yields what became of each; it reports the rows of a large picture to its
    argument. manifest: where finished pictures are noted.
    """

    jobs: list["Job"]
    results: "Callable[[Watch], Iterator[JobResult]]"
    manifest: "Manifest | None"


def _parse(filters: tuple[str, ...], paths: tuple[str, ...], options: dict[str, Any]) -> Request:
    """The request. Raises UsageError for words that exclude each other."""
    if len(paths) < 2:
        raise click.UsageError(f"no OUTPUT; give a file's name, or a folder's, after {paths[0]}")
    layers = settings(options)
    others = {name: value for name, value in options.items() if name not in layers}
    request = Request(filters, paths[:-1], paths[-1], layers, **others)
    if request.resume and request.output == "-":
        raise click.UsageError("--resume needs a file or folder as OUTPUT")
    if request.resume and "-" in request.inputs:
        raise click.UsageError("--resume can't know what came through stdin; give files as INPUT")
    if request.json and request.output == "-":
        raise click.UsageError("--json and a picture can't both go to stdout; give a file as OUTPUT")
    return request


def _settle(request: Request) -> Work:
    """Check the request and plan the work. Raises ConvfilterError for what can't be done."""
    from convfilter.backend import check_device, choose_backend, configured_backend
    from convfilter.filters.load import make_pipeline
    from convfilter.processing.jobs import check_colour, plan

    check_device(request.device)
    choose_backend(request.backend or configured_backend())
    pipeline = make_pipeline(request.filters, **request.layers)
    jobs = plan(
        request.inputs,
        request.output,
        recursive=request.recursive,
        format_name=request.format,
        pages=pipeline.out_channels,
    )
    check_colour(jobs, request.color in ("each", "luma"))
    from convfilter.engines.choose import choose_engine
    from convfilter.images import pillow_plugins  # loads Pillow: only now that all is well so far
    from convfilter.processing.batch import run
    from convfilter.processing.options import PixelOptions

    pillow_plugins.only_needed()
    pixels = PixelOptions(request.color, request.range, request.linear)
    manifest = _manifest(request, jobs, pipeline, pixels)
    part, parts = request.shard or (1, 1)
    jobs = jobs[part - 1 :: parts]
    name = "keras" if request.backend and request.engine == "auto" else request.engine
    engine = choose_engine(name, device=request.device, plan=request.plan, tile=request.tile)
    at_once = max(1, min(request.jobs or engine.threads, len(jobs)))
    options = _write_options(request, manifest)
    return Work(
        jobs, partial(run, jobs, pipeline, pixels, options, engine.sharing(at_once), at_once), manifest
    )


def _write_options(request: Request, manifest: "Manifest | None") -> "WriteOptions":
    from convfilter.images.picture import DEFAULT_MAX_PIXELS
    from convfilter.processing.options import WriteOptions

    return WriteOptions(
        request.quality,
        request.max_pixels or DEFAULT_MAX_PIXELS,
        clobber=not request.no_clobber,
        tile=request.tile,
        keep=request.preview,
        manifest=manifest,
        resume=request.resume,
    )


def _manifest(
    request: Request, jobs: list["Job"], pipeline: "Pipeline", pixels: "PixelOptions"
) -> "Manifest | None":
    """Where finished pictures are noted; None for stdout, or a single one that nobody will resume."""
    if request.output == "-" or (len(jobs) == 1 and not request.resume):
        return None
    from convfilter.processing.manifest import Manifest

    output = Path(request.output)
    folder = output if Path(jobs[0].target) != output else output.parent
    what = (pipeline.digest, pixels, request.quality, request.format)
    return Manifest(folder, what, request.shard or (1, 1))


def _do(work: Work, request: Request) -> int:
    """Do the work and show what becomes of it; the exit code."""
    from convfilter.cli.apply_progress import Report
    from convfilter.system import cache, garbage

    debug = click.get_current_context().find_root().params["debug"]
    report = Report(
        len(work.jobs),
        json=request.json,
        quiet=request.quiet,
        verbose=request.verbose,
        preview=request.preview,
        debug=debug,
    )
    garbage.as_usual()
    cache.take_trouble()  # what others met before
    try:
        with report:
            for result in work.results(report.rows):
                report.add(result)
    except KeyboardInterrupt:
        if work.manifest:
            click.echo("give the same command with --resume to go on", err=True)
        raise
    if (trouble := cache.take_trouble()) and not request.quiet:
        click.echo(f"Note: {trouble}", err=True)
    code = report.finish()
    if work.manifest and code == 0 and not request.resume:
        work.manifest.remove()
    return code
