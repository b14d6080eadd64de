"""convfilter apply."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convfilter.choices import COLORS, ENGINES, PLANS, RANGES
from convfilter.cli.options import FilterType, ShardType, layer_options, settings

if TYPE_CHECKING:
    from convfilter.filters.pipeline import Pipeline
    from convfilter.processing.jobs import Job
    from convfilter.processing.manifest import Manifest
    from convfilter.processing.options import PixelOptions


@click.command("apply", no_args_is_help=True)
@click.argument("filter", type=FilterType())
@click.argument("paths", nargs=-1, required=True, metavar="INPUT... OUTPUT", type=click.Path(allow_dash=True))
@layer_options
@click.option(
    "--color",
    type=click.Choice(COLORS),
    help="Filter the gray picture, each channel, or the brightness only; default: the kernel's.",
)
@click.option(
    "--range", "range_", type=click.Choice(RANGES), help="How results become pixels; default: the kernel's."
)
@click.option("--linear", is_flag=True, help="Work in linear light instead of sRGB values.")
@click.option("--format", "format_", metavar="NAME", help="png, jpeg, tiff, webp, bmp, pgm, ppm or npy.")
@click.option("--quality", type=click.IntRange(1, 100), help="JPEG or WebP quality. [default: 95 or 90]")
@click.option("--max-pixels", type=click.IntRange(1), help="Refuse larger pictures. [default: 89478485]")
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
@click.option("--tile", type=click.IntRange(1), metavar="ROWS", help="Work by strips of so many rows.")
@click.option("--jobs", "-j", type=click.IntRange(1), help="Pictures at once. [default: one a core]")
@click.option("--backend", metavar="tensorflow|jax|torch", help="Keras' backend; default: KERAS_BACKEND.")
@click.option("--preview", is_flag=True, help="Show the results in the terminal too.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a picture on stdout.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@click.option("--verbose", "-v", is_flag=True, help="Name every file written.")
def command(filter: str, paths: tuple[str, ...], then: tuple[str, ...], **options: Any) -> int:  # fmt: skip
    """Filter pictures: FILTER is a kernel's name, a JSON file, or a formula such as gaussian:sigma=2.

    With several INPUTs or a folder, OUTPUT is a folder. "-" is stdin or stdout.

    \b
    convfilter apply sobel photo.jpg edges.png
    convfilter apply gaussian:sigma=2 photo.jpg soft.jpg
    convfilter apply ./mine.json --then laplacian in.png out.png
    convfilter apply laplacian photos/ edges/ --recursive --format png
    """
    from convfilter.backend import check_device, choose_backend, configured_backend
    from convfilter.cli.apply_progress import Report
    from convfilter.filters.load import make_pipeline
    from convfilter.images.picture import DEFAULT_MAX_PIXELS
    from convfilter.processing.jobs import check_colour, plan
    from convfilter.processing.options import PixelOptions
    from convfilter.system import garbage

    if len(paths) < 2:
        raise click.UsageError(f"no OUTPUT; give a file's name, or a folder's, after {paths[0]}")
    *inputs, target = paths
    if options["resume"] and target == "-":
        raise click.UsageError("--resume needs a file or folder as OUTPUT")
    if options["resume"] and "-" in inputs:
        raise click.UsageError("--resume can't know what came through stdin; give files as INPUT")
    if options["as_json"] and target == "-":
        raise click.UsageError("--json and a picture can't both go to stdout; give a file as OUTPUT")
    check_device(options["device"])
    choose_backend(options["backend"] or configured_backend())
    pipeline = make_pipeline([filter, *then], **settings(options))
    jobs = plan(
        inputs,
        target,
        recursive=options["recursive"],
        format_name=options["format_"],
        pages=pipeline.out_channels,
    )
    check_colour(jobs, options["color"] in ("each", "luma"))
    from convfilter.engines.choose import choose_engine
    from convfilter.processing.batch import (  # knows Pillow: only now that all is well so far
        WriteOptions,
        run,
    )
    from convfilter.system import cache

    look = PixelOptions(options["color"], options["range_"], options["linear"])
    manifest = _manifest(options, jobs, target, pipeline, look) if target != "-" else None
    if options["shard"]:
        part, parts = options["shard"]
        jobs = jobs[part - 1 :: parts]
    habits = WriteOptions(
        options["quality"],
        options["max_pixels"] or DEFAULT_MAX_PIXELS,
        clobber=not options["no_clobber"],
        tile=options["tile"],
        keep=options["preview"],
        manifest=manifest,
        resume=options["resume"],
    )
    asked = "keras" if options["backend"] and options["engine"] == "auto" else options["engine"]
    engine = choose_engine(asked, device=options["device"], plan=options["plan"], tile=options["tile"])
    at_once = max(1, min(options["jobs"] or engine.threads, len(jobs)))
    report = Report(len(jobs), options)
    garbage.as_usual()
    cache.take_trouble()  # what others met before
    try:
        with report:
            for done in run(jobs, pipeline, look, habits, engine.sharing(at_once), at_once, report.rows):
                report.add(done)
    except KeyboardInterrupt:
        if manifest:
            click.echo("give the same command with --resume to go on", err=True)
        raise
    if (trouble := cache.take_trouble()) and not options["quiet"]:
        click.echo(f"Note: {trouble}", err=True)
    code = report.finish()
    if manifest and code == 0 and not options["resume"]:
        manifest.remove()
    return code


def _manifest(
    options: dict[str, Any], jobs: list["Job"], target: str, pipeline: "Pipeline", look: "PixelOptions"
) -> "Manifest | None":
    """Where finished pictures are noted; None for a single one that nobody will resume."""
    if len(jobs) == 1 and not options["resume"]:
        return None
    from convfilter.processing.manifest import Manifest

    folder = Path(target) if Path(jobs[0].target) != Path(target) else Path(target).parent
    what = (pipeline.digest, look, options["quality"], options["format_"])
    return Manifest(folder, what, options["shard"] or (1, 1))
