"""convfilter cache."""

import json
from typing import Any

import click

from convfilter.cli.console import err, out, plain


@click.group("cache")
def command() -> None:
    """List, clear and fill the folder of compiled filters."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="An array of objects.")
def list_(as_json: bool) -> None:
    """List what is kept: compiled stages by their layers."""
    from convfilter.cache import described, entries, folder

    rows: list[dict[str, Any]] = [
        {"file": str(path), "kind": path.parent.name, "bytes": path.lstat().st_size, "what": described(path)}
        for path in entries()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        line = f"{row['kind']:<9} {row['bytes']:>9,}  {row['what']}"
        out().print(plain(line), markup=False, no_wrap=True, overflow="ellipsis")
    click.echo(f"{len(rows)} files, {sum(row['bytes'] for row in rows):,} bytes in {folder()}")


@command.command()
def clear() -> None:
    """Delete what is kept; filters are compiled again when they are used."""
    from convfilter import cache

    click.echo(f"{cache.clear()} files deleted from {cache.folder()}")


@command.command()
def warm() -> int:
    """Compile every filter of the catalogue, so that each first use is as fast as the next."""
    from rich.progress import Progress

    from convfilter.cache import folder, take_trouble
    from convfilter.catalogue import files
    from convfilter.errors import ConvfilterError, PictureError

    folder()  # raises where there is none
    take_trouble()
    failed = []
    with Progress(console=err(), transient=True, disable=not err().is_terminal) as bar:
        for name in bar.track(files(), description="compiling"):
            try:
                _compile(name)
            except ConvfilterError as error:
                failed.append(f"{name}: {error}")
            if trouble := take_trouble():  # the rest would be for nothing
                raise PictureError(trouble)
    for line in failed:
        click.echo(f"Left out: {line}", err=True)
    click.echo(f"{len(files()) - len(failed)} filters compiled")
    return 1 if failed else 0


def _compile(name: str) -> None:
    import numpy as np

    from convfilter.engines.compiled import open_raster
    from convfilter.filters import make_pipeline
    from convfilter.raster import of_array

    pipeline = make_pipeline(name)
    noise = np.random.default_rng(0).integers(0, 256, (pipeline.in_channels, 128, 128), np.uint8)
    open_raster(pipeline, of_array(noise), 1.0 if pipeline.values == "unit" else 255.0)
