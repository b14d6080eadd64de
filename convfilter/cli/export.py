"""convfilter export."""

import json
from typing import TYPE_CHECKING, Any

import click

from convfilter.cli.options import FilterType, SizeType, layer_options, settings

if TYPE_CHECKING:
    from convfilter.export.export import Exported


@click.command("export", no_args_is_help=True)
@click.argument("filter", type=FilterType())
@click.argument("target", metavar="OUT", type=click.Path())
@layer_options
@click.option(
    "--full-scale",
    type=click.Choice(["255", "65535", "1"]),
    help="White in the pixels that will enter: biases are fractions of it. [default: 255; 1 for unit values]",
)
@click.option(
    "--size",
    type=SizeType(),
    help="The one size of picture that the file takes, rows and columns, for runtimes that want fixed "
    "shapes, such as LiteRT in a browser. [default: any]",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def command(
    filter: str,
    target: str,
    then: tuple[str, ...],
    full_scale: str | None,
    size: tuple[int, int] | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a FILTER as a model file: .keras, .onnx, .tflite (LiteRT) or .xml (OpenVINO, with its .bin).

    The file takes float32 pictures of any size, or of the one that --size says, and gives the results as
    apply's --range raw does. It is loaded and compared with Keras before it takes its place.

    \b
    convfilter export sobel sobel.onnx
    convfilter export gaussian:sigma=2 --then laplacian --border reflect marr.tflite
    convfilter export emboss --full-scale 65535 emboss.xml
    convfilter export sobel --size 480x640 fixed.tflite
    """
    from pathlib import Path

    from convfilter.export.export import export
    from convfilter.filters.load import make_pipeline

    pipeline = make_pipeline([filter, *then], **settings(options))
    done = export(pipeline, Path(target), None if full_scale is None else float(full_scale), size)
    click.echo(json.dumps(_object(done), indent=2) if as_json else _line(done))


def _line(done: "Exported") -> str:
    from convfilter.errors import printable

    files = ", ".join(f"{printable(path)} ({size:,} bytes)" for path, size in done.files.items())
    ports = " → ".join(f"{port.name} {port.shape}" for port in (done.input, done.output))
    same = f"differs from Keras by {done.difference:.2g} at most" if done.difference else "equal to Keras"
    return f"{files}: {done.format}, {same}; {ports}"


def _object(done: "Exported") -> dict[str, Any]:
    """The object of --json; null in a shape is any length."""
    return {
        "format": done.format,
        "files": [{"path": str(path), "bytes": size} for path, size in done.files.items()],
        "full_scale": done.full_scale,
        "difference": done.difference,
        "input": {"name": done.input.name, "shape": done.input.shape},
        "output": {"name": done.output.name, "shape": done.output.shape},
    }
