"""convfilter share."""

from pathlib import Path
from typing import Any

import click

from convfilter.choices import COLORS, RANGES
from convfilter.cli.options import FilterType, layer_options, settings


@click.command("share")
@click.argument("filter", type=FilterType())
@click.argument("picture", type=click.Path(path_type=Path))
@click.argument("page", type=click.Path(path_type=Path))
@layer_options
@click.option("--color", type=click.Choice(COLORS), help="As of apply; default: the kernel's.")
@click.option("--range", type=click.Choice(RANGES), help="How results become pixels; default: the kernel's.")
@click.option(
    "--side", type=click.IntRange(1, 4096), default=512, show_default=True,
    help="Make the picture's longer side no longer than so many pixels.",
)  # fmt: skip
def command(filter: str, picture: Path, page: Path, then: tuple[str, ...], side: int, **options: Any) -> None:
    """Write one HTML file that shows a filter at work on a picture, to be opened anywhere, also offline.

    \b
    convfilter share sobel photo.jpg page.html
    convfilter share ./mine.json photo.jpg page.html --border reflect

    The page computes by itself, and compares with the engine's result, which is in it.
    """
    from convfilter.cli.train_progress import say
    from convfilter.errors import FilterError, printable
    from convfilter.images.read import read
    from convfilter.play.share import share
    from convfilter.play.work import text_of

    if page.suffix.lower() not in (".html", ".htm"):
        raise FilterError(f"{printable(page)}: a page; give a name that ends in .html")
    said = {**settings(options), "color": options["color"], "range": options["range"]}
    work = {"filter": [text_of(each) for each in (filter, *then)], **_different(said)}
    notes = share(work, read(picture, gray=False), picture.name, page, side)
    for note in notes:
        say(f"{printable(picture)}: {note}")
    click.echo(f"{page} ({page.stat().st_size:,} bytes)")


def _different(said: dict[str, Any]) -> dict[str, Any]:
    """What differs from the defaults, pairs as lists, as JSON has them."""
    from dataclasses import asdict

    from convfilter.filters.settings import DEFAULTS

    usual = asdict(DEFAULTS)
    different = {name: value for name, value in said.items() if value != usual.get(name)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in different.items()}
