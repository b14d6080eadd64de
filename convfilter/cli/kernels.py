"""convfilter kernels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convfilter.cli import gallery
from convfilter.cli.console import out, plain
from convfilter.cli.named_kernels import named_kernels
from convfilter.cli.options import FilterType

if TYPE_CHECKING:
    from rich.text import Text

    from convfilter.filters.kernel import Kernel
    from convfilter.filters.pipeline import Pipeline


@click.group("kernels")
def command() -> None:
    """List, show and check kernels."""


command.add_command(gallery.command)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--tag", help="Only kernels with this tag.")
def list_(as_json: bool, tag: str | None) -> None:
    """List the kernels that have names.

    They are those in your configuration folder, in the folders of CONVFILTER_KERNELS, and those shipped.
    """
    from convfilter.filters.kernel_info import summary

    rows = [{**summary(kernel), "name": name} for name, kernel in named_kernels(tag)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    _print_list(rows)


def _print_list(rows: list[dict[str, Any]]) -> None:
    from convfilter.filters.formula_text import signature
    from convfilter.filters.formulas import FORMULAS

    console = out()
    console.print(f"{'name':<22}{'size':<7}{'filters':>7}  description", style="bold")
    for row in rows:
        size = "×".join(map(str, row["size"]))
        line = f"{row['name']:<22}{size:<7}{row['filters']:>7}  {row['description']}"
        console.print(
            plain(line), markup=False, no_wrap=True, overflow="ellipsis", soft_wrap=not console.is_terminal
        )
    console.print("\nBy formula, parameters after a colon (gaussian:sigma=2,size=13):", style="bold")
    for name in FORMULAS:
        parts = [key if value is None else f"{key}={value:g}" for key, value in signature(name).items()]
        console.print(f" {name}: {', '.join(parts)}", markup=False, soft_wrap=True)


@command.command("show")
@click.argument("name", type=FilterType(), metavar="NAME")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the kernel as applied, and its properties, as JSON."
)
@click.option(
    "--file", "as_file", is_flag=True, help="Print a kernel or pipeline file, to be edited and used."
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="PICTURE",
    help="Draw the weights as a picture too, blue below 0 and red above.",
)
def show(name: str, as_json: bool, as_file: bool, save: Path | None) -> None:
    """Show a kernel as it is applied.

    After divisor and flip, with its gain, rank and symmetry.

    \b
    convfilter kernels show sobel
    convfilter kernels show gabor --save gabor.png
    convfilter kernels show gaussian:sigma=2 --file > mine.json
    """
    from convfilter.filters.kernel import Kernel
    from convfilter.filters.kernel_info import effective
    from convfilter.filters.load import load

    if as_json and as_file:
        raise click.UsageError("--json and --file are two forms; give one of them")
    kernel = load(name)
    if save:
        _draw(kernel, save)
    if as_file:
        from convfilter.filters.kernel_writer import file_text

        click.echo(file_text(kernel).encode(), nl=False)  # UTF-8 wherever stdout leads
        return
    if not isinstance(kernel, Kernel):
        raise click.UsageError(
            f"{name} is a pipeline; see `convfilter describe {name}`, or show it with --file"
        )
    facts = effective(kernel)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    _print_kernel(kernel, facts)


def _draw(kernel: "Kernel | Pipeline", path: Path) -> None:
    from convfilter.filters.kernel import Kernel
    from convfilter.images.weights import draw_weights

    if not isinstance(kernel, Kernel):
        raise click.UsageError(
            f"{kernel.name} is a pipeline; draw it with `convfilter describe FILTER --save {path}`"
        )
    size = "×".join(map(str, kernel.size))
    note = f"{size}, from {kernel.weights.min():.4g} to {kernel.weights.max():.4g}"
    draw_weights(kernel.weights, path, title=kernel.name, note=note)


def _print_kernel(kernel: "Kernel", facts: dict[str, Any]) -> None:
    console = out()
    console.print(plain(kernel.name), style="bold", markup=False, end="  ")
    console.print(plain(kernel.description), markup=False, soft_wrap=True)
    for number in range(min(kernel.filters, 16)):
        console.print()
        if kernel.filters > 1:
            console.print(f"filter {number + 1} of {kernel.filters}", style="dim")
        for channel in range(min(kernel.channels, 4)):
            console.print(_matrix(kernel.weights[:, :, channel, number]))
    console.print()
    found = facts["gain"]
    sure = "" if found is None or found["exact"] else "  (bounds, not reached)"
    lines = {
        "gain": f"{found['min']:.6g} … {found['max']:.6g} for inputs 0 … 1{sure}" if found else "unknown",
        "sum": _each(facts["sums"]),
        "rank": _each(facts["rank"]),
        "symmetry": "; ".join(dict.fromkeys(facts["symmetry"])),
        "anchor": f"row {kernel.anchor[0]}, column {kernel.anchor[1]}, counted from 0",
        "bias": _each([facts["bias"]] if not isinstance(facts["bias"], list) else facts["bias"]),
        "activation": kernel.activation,
        "combine": kernel.combine,
        "range": kernel.range,
        "color": kernel.color,
        "border": kernel.border,
        "tags": ", ".join(kernel.tags),
        "source": kernel.source,
        "note": "; ".join(kernel.notes),
    }
    for name, text in lines.items():
        if text:
            console.print(f"[bold]{name:>10}[/]  ", end="")
            console.print(plain(text), markup=False, soft_wrap=True)


def _each(numbers: list[float]) -> str:
    """The numbers in a row; one of them where all are equal."""
    words = [f"{number:.6g}" for number in numbers]
    return words[0] if len(set(words)) == 1 else " ".join(words)


def _matrix(weights: Any) -> "Text":
    """A matrix in colour: red below zero, green above, brighter for larger."""
    from rich.text import Text

    largest = float(abs(weights).max()) or 1.0
    width = max(len(f"{value:.4g}") for row in weights for value in row) + 1
    text = Text(no_wrap=True, overflow="ellipsis")
    for row in weights:
        for value in row:
            light = round(90 + 165 * abs(float(value)) / largest)
            colour = f"rgb({light},70,70)" if value < 0 else f"rgb(70,{light},90)" if value > 0 else "dim"
            text.append(f"{value + 0:{width}.4g}", style=colour)
        text.append("\n")
    text.right_crop(1)
    return text


@command.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path())
def check(files: tuple[str, ...]) -> int:
    """Check kernel and pipeline files.

    Each mistake is one line: the place, the field, and what to change.
    """
    from convfilter.errors import FilterError
    from convfilter.filters.load import load_file

    wrong = 0
    for name in files:
        try:
            found = load_file(Path(name))
        except FilterError as error:
            wrong += 1
            click.echo(str(error), err=True)
        else:
            notes = "".join(f"; {note}" for note in getattr(found, "notes", ()))
            click.echo(plain(f"{name}: ok{notes}"))
    return 2 if wrong else 0


@command.command("schema")
@click.option("--pipeline", is_flag=True, help="Print the schema of pipeline files instead.")
def schema(pipeline: bool) -> None:
    """Print the JSON Schema of kernel files."""
    from convfilter.filters.kernel_schema import KernelFile
    from convfilter.filters.pipeline_file import pipeline_model

    model = pipeline_model() if pipeline else KernelFile
    click.echo(json.dumps(model.model_json_schema(), indent=2))


@command.command("extract")
@click.argument("model", type=click.Path())
@click.option("--layer", required=True, metavar="NAME", help="A convolution layer of the model.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder to write to."
)
@click.option("--each", is_flag=True, help="Write each filter to a file of its own too.")
def extract(model: str, layer: str, out: Path, each: bool) -> None:
    """Write the kernels that a network has learned as files.

    They are kernel files, which `apply` runs on any picture.

    MODEL is a .keras file, the .npz of a run, an .onnx file, or a name of keras.applications, such as vgg16,
    whose weights Keras fetches.
    """
    from convfilter.cli.networks import open_for_kernels
    from convfilter.networks.extract import extract as bank_of
    from convfilter.networks.extract import extract_each, write

    network, source = open_for_kernels(model)
    files = [bank_of(network, layer, source), *(extract_each(network, layer, source) if each else [])]
    for path in write(out, files):
        click.echo(str(path))
