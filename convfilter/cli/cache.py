"""convfilter cache."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from convfilter.cli.console import err, out, plain


@click.group("cache")
def command() -> None:
    """List, clear and fill the folder of compiled filters."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(as_json: bool) -> None:
    """List the compiled filters.

    Bytes, last use, and what was compiled: filters of the same structure share an entry, so there are no
    names.
    """
    from convfilter.system.cache import entries, folder

    rows: list[dict[str, Any]] = [_row(path) for path in entries()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        line = f"{row['bytes']:>11,} bytes  used {row['used'][:10]}  {row['what']}"
        out().print(plain(line), markup=False, no_wrap=True, overflow="ellipsis")
    click.echo(f"{len(rows)} files, {sum(row['bytes'] for row in rows):,} bytes in {folder()}")


def _row(path: Path) -> dict[str, Any]:
    from convfilter.system.cache import described

    about = path.lstat()
    return {
        "file": str(path),
        "kind": path.parent.name,
        "bytes": about.st_size,
        "used": datetime.fromtimestamp(about.st_mtime).isoformat(timespec="seconds"),
        "what": described(path),
    }


@command.command()
def clear() -> None:
    """Delete the compiled filters.

    They are compiled again when they are used.
    """
    from convfilter.system import cache

    click.echo(f"{cache.clear()} files deleted from {cache.folder()}")


@command.command()
def warm() -> int:
    """Compile what the kernels that have a name need.

    They come compiled with convfilter, unless a checkout is without its forms.bin.
    """
    from rich.progress import Progress

    from convfilter.cli.wording import message
    from convfilter.errors import ConvfilterError, PictureError
    from convfilter.filters.catalogue import files
    from convfilter.system.cache import folder, take_trouble

    folder()  # raises where there is none
    take_trouble()
    failed = []
    with Progress(console=err(), transient=True, disable=not err().is_terminal) as bar:
        for name in bar.track(files(), description="compiling"):
            try:
                _compile(name)
            except ConvfilterError as error:
                failed.append(f"{name}: {message(error)}")
            if trouble := take_trouble():  # the rest would be for nothing
                raise PictureError(trouble)
    for line in failed:
        click.echo(f"Left out: {line}", err=True)
    click.echo(f"{len(files()) - len(failed)} filters ready")
    return 1 if failed else 0


def _compile(name: str) -> None:
    import numpy as np

    from convfilter.engines.base import of_array
    from convfilter.engines.compiled import open_compiled
    from convfilter.filters.load import make_pipeline

    pipeline = make_pipeline(name)
    noise = np.random.default_rng(0).integers(0, 256, (pipeline.in_channels, 128, 128), np.uint8)
    open_compiled(pipeline, of_array(noise), 1.0 if pipeline.values == "unit" else 255.0)
