"""convfilter kernels gallery."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convfilter.cli.named_kernels import named_kernels

if TYPE_CHECKING:
    from convfilter.filters.kernel import Kernel
    from convfilter.images.gallery import Tile
    from convfilter.images.picture import Picture

CELL = 162  # pixels of a tile, its frame of two among them


@click.command("gallery")
@click.argument("picture", type=click.Path(path_type=Path))
@click.argument("sheet", type=click.Path(path_type=Path))
@click.option("--tag", help="Only kernels with this tag.")
@click.option(
    "--columns", type=click.IntRange(1, 32), default=8, show_default=True, help="Pictures side by side."
)
def command(picture: Path, sheet: Path, tag: str | None, columns: int) -> None:
    """Draw what each kernel that has a name makes of PICTURE, on one SHEET.

    The picture is made small first, so that what a kernel does to single pixels can be seen; each result is
    what `apply` makes of that. Of several results of one kernel the first is drawn.

    \b
    convfilter kernels gallery photo.jpg sheet.png
    convfilter kernels gallery photo.jpg blurs.png --tag blur
    """
    from convfilter.errors import printable
    from convfilter.images.drawing import sheet_format
    from convfilter.images.gallery import gallery
    from convfilter.images.read import read
    from convfilter.images.resize import shrunk_picture

    sheet_format(sheet)  # refuses before any work
    small = shrunk_picture(read(picture, gray=False), CELL - 2)
    size = "×".join(map(str, small.pixels.shape[1::-1]))
    note = f"Made {size} first, then filtered as `convfilter apply NAME` does."
    tiles = _tiles(small, tag)
    gallery(tiles, sheet, title=printable(picture.name), note=note, columns=columns, cell=CELL)


def _tiles(small: "Picture", tag: str | None) -> "Iterator[Tile]":
    """The picture itself, then what each kernel makes of it, computed when it is asked for."""
    from convfilter.errors import FilterError
    from convfilter.images.gallery import Tile

    yield Tile("the picture", "", small)
    for name, kernel in named_kernels(tag):
        try:
            pages = _filtered(kernel, small)
        except FilterError as error:  # three channels of a gray picture, say
            click.echo(f"Left out: {error}", err=True)
            continue
        size = "×".join(map(str, kernel.size))
        yield Tile(name, size if len(pages) == 1 else f"{size}, 1 of {len(pages)}", pages[0])


def _filtered(kernel: "Kernel", small: "Picture") -> "list[Picture]":
    from convfilter.engines.choose import choose_engine
    from convfilter.filters.load import make_pipeline
    from convfilter.processing.apply import filter_picture
    from convfilter.processing.options import PixelOptions

    pipeline = make_pipeline(kernel)
    range = "rescale" if pipeline.range == "raw" else None  # raw results are no pixels
    return filter_picture(pipeline, small, PixelOptions(None, range), small.pixels.dtype, choose_engine())
