"""convfilter describe."""

import json
from typing import Any

import click

from convfilter.cli.console import out, plain
from convfilter.cli.options import FilterType, PairType, layer_options, settings


class SizeType(PairType):
    """HxW: rows and columns of a picture."""

    def __init__(self) -> None:
        super().__init__(1, 1_000_000)
        self.name = "HxW"


@click.command("describe")
@click.argument("filter", type=FilterType())
@layer_options
@click.option("--size", type=SizeType(), help="A picture's rows and columns, such as 9x9.")
@click.option("--json", "as_json", is_flag=True, help="The table as an object.")
def command(
    filter: str, then: tuple[str, ...], size: tuple[int, int] | None, as_json: bool, **options: Any
) -> None:
    """Show the Keras layers a FILTER becomes, and the weights with and without sharing.

    \b
    convfilter describe sobel --size 480x640
    convfilter describe sobel-x --pad valid --strides 3 --size 9x9
    """
    from convfilter.describe import as_json as as_object
    from convfilter.filters import make_pipeline

    pipeline = make_pipeline([filter, *then], **settings(options))
    if as_json:
        click.echo(json.dumps(as_object(pipeline, size), indent=2))
        return
    _print(pipeline, size)


def _print(pipeline: Any, size: tuple[int, int] | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from convfilter.describe import sharing, table

    console = out()
    console.print(plain(pipeline.name), style="bold", markup=False)
    layers = Table("layer", "what", "output shape", "parameters", "receptive field", "stride", box=None)
    for row in table(pipeline, size):
        height, width = (
            "H" if row.shape[0] is None else row.shape[0],
            "W" if row.shape[1] is None else row.shape[1],
        )
        shape = f"{height} × {width} × {row.shape[2]}"
        layers.add_row(
            row.layer, Text(plain(row.what)), shape, f"{row.parameters:,}",
            f"{row.field[0]}×{row.field[1]}", f"{row.stride[0]}×{row.stride[1]}",
        )  # fmt: skip
    console.print(layers)
    if not size:
        console.print("\nWith --size HxW: the sizes, and the weights with and without sharing.", style="dim")
        return
    weights = Table("weights of", "fully connected", "local, not shared", "shared (Conv2D)", box=None)
    for share in sharing(pipeline, size):
        weights.add_row(Text(plain(share.layer)), f"{share.dense:,}", f"{share.local:,}", f"{share.shared:,}")
    console.print()
    console.print(weights)
