"""convfilter describe."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convfilter.cli.console import out, plain
from convfilter.cli.options import FilterType, SizeType, layer_options, settings
from convfilter.system.values import dataclass

if TYPE_CHECKING:
    from convfilter.engines.planner import Option
    from convfilter.filters.pipeline import Pipeline


@click.command("describe")
@click.argument("filter", type=FilterType())
@layer_options
@click.option("--size", type=SizeType(), help="A picture's rows and columns, such as 9x9.")
@click.option(
    "--plan",
    is_flag=True,
    help="Show how the compiled engine computes each convolution, and what else it weighed.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the layers too, to an .svg or a .png; this takes networks as well.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(
    filter: str,
    then: tuple[str, ...],
    size: tuple[int, int] | None,
    plan: bool,
    save: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the Keras layers that a FILTER becomes, and their weights with and without sharing.

    \b
    convfilter describe sobel --size 480x640
    convfilter describe sobel-x --pad valid --strides 3 --size 9x9
    convfilter describe sobel --size 480x640 --save layers.svg
    convfilter describe runs/mnist-… --save network.png

    With --save a FILTER may be a network too: a .keras file, the .npz of a run, or the folder of a run. Its
    layers are drawn and not listed.
    """
    from convfilter.filters.layer_table import as_json as as_object
    from convfilter.filters.load import make_pipeline

    if save:
        from convfilter.cli.structure import network_file, save_network, save_pipeline

        if network := network_file(filter):
            if then or size or plan or as_json:
                raise click.UsageError(f"{filter} is a network, which takes no option but --save")
            save_network(network, save)
            return
    pipeline = make_pipeline([filter, *then], **settings(options))
    if save:
        save_pipeline(pipeline, size, save)
    if as_json:
        plans = {"plans": [asdict(row) for row in _plans(pipeline)]} if plan else {}
        click.echo(json.dumps({**as_object(pipeline, size), **plans}, indent=2))
        return
    _print(pipeline, size)
    if plan:
        _print_plans(pipeline)


@dataclass(frozen=True)
class Plan:
    """What was weighed for one convolution, the cheapest first."""

    layer: str
    options: list["Option"]


def _plans(pipeline: "Pipeline") -> list[Plan]:
    from convfilter.engines.planner import allowed_errors, weighed
    from convfilter.engines.stages import phases_fit

    pairs = zip(pipeline.convs, allowed_errors(pipeline), strict=True)
    return [Plan(conv.name, weighed(conv, phases_fit(conv), error)) for conv, error in pairs]


def _print_plans(pipeline: "Pipeline") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("convolution", "plan", "ns a pixel", "beside direct", "error at most", box=None)
    for plan in _plans(pipeline):
        plain_cost = next(option.cost for option in plan.options if option.name == "direct")
        for option in plan.options:
            table.add_row(
                Text(plain(plan.layer)), Text(f"{'→' if option.chosen else ' '} {option.name}"),
                f"{option.cost:.2f}", f"× {option.cost / plain_cost:.2f}",
                f"{option.error:.1e} of full scale" if option.error else "none",
            )  # fmt: skip
    out().print()
    out().print(table)
    out().print("\nEstimates for one core; → is what the compiled engine runs.", style="dim")


def _print(pipeline: Any, size: tuple[int, int] | None) -> None:
    from rich.table import Table
    from rich.text import Text

    from convfilter.filters.layer_table import sharing, table

    console = out()
    console.print(plain(pipeline.name), style="bold", markup=False)
    console.print(f"color {pipeline.color}, range {pipeline.range}; options override both", style="dim")
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
