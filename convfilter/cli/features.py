"""convfilter features."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convfilter.cli.options import FilterType

if TYPE_CHECKING:
    from convfilter.features import Output


@click.command("features")
@click.argument("model_or_filter", type=FilterType(), metavar="MODEL|FILTER")
@click.argument("picture", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--columns", type=click.IntRange(1, 32), default=8, show_default=True, help="Channels side by side."
)
@click.option(
    "--as-is", is_flag=True, help="Give the network the picture as it is, without finding a digit in it."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print how the picture was prepared, and the layers, as JSON."
)
def command(model_or_filter: str, picture: Path, out: Path, columns: int, as_is: bool, as_json: bool) -> None:
    """Draw a contact sheet: the picture, then what every layer of a model or a filter makes of it.

    \b
    convfilter features sobel photo.jpg sheet.png
    convfilter features runs/mnist-…/best.npz digit.png sheet.png

    A model is a .keras file, the .npz of a run, an .onnx file, or a name of keras.applications, such as
    vgg16, whose weights Keras fetches. One that takes MNIST's digits gets the first digit of the picture,
    found and cut out as `predict` does; the sheet says what was done.
    """
    from convfilter.cli.networks import is_network
    from convfilter.images.contact_sheet import contact_sheet

    prepared: tuple[str, ...] = ()
    note = None
    if is_network(model_or_filter):
        from convfilter.cli.train_progress import say
        from convfilter.errors import printable

        outputs, prepared = _of_network(model_or_filter, picture, as_is)
        note = f"The picture: {', '.join(prepared) or 'as it is'}."
        if prepared:
            say(f"{printable(picture)}: {', '.join(prepared)}")
    else:
        outputs = _of_filter(model_or_filter, picture)
    contact_sheet(outputs, out, columns=columns, note=note)
    if as_json:
        layers = [{"name": name, "shape": maps.shape} for name, maps in outputs]
        click.echo(
            json.dumps({"picture": str(picture), "sheet": str(out), "prepared": prepared, "layers": layers})
        )


def _of_filter(text: str, picture: Path) -> "list[Output]":
    from convfilter.features import layer_outputs
    from convfilter.filters.load import make_pipeline
    from convfilter.images.read import read

    pipeline = make_pipeline(text)
    return layer_outputs(pipeline, read(picture, gray=pipeline.in_channels == 1).pixels)


def _of_network(text: str, picture: Path, as_is: bool) -> "tuple[list[Output], tuple[str, ...]]":
    """The outputs of a network's layers, and what was done to the picture before."""
    from convfilter.cli.networks import is_onnx, open_application, open_model
    from convfilter.digits.photo import network_input, shrunk
    from convfilter.errors import FilterError
    from convfilter.features import layer_outputs
    from convfilter.images.read import read
    from convfilter.networks.applications import APPLICATIONS

    if is_onnx(text):
        return _of_onnx(Path(text), picture)
    if text.lower() in APPLICATIONS:
        model = open_application(text)
        pixels, prepared = shrunk(
            read(picture, gray=False), None if as_is else APPLICATIONS[text.lower()].side
        )
        return layer_outputs(model, pixels), prepared
    model = open_model(text)
    if len(model.input_shape) != 4:
        raise FilterError(f"{text}: takes inputs of {model.input_shape[1:]}, not pictures")
    pixels, prepared = network_input(model, read(picture, gray=model.input_shape[-1] == 1), as_is)
    return layer_outputs(model, pixels), prepared


def _of_onnx(path: Path, picture: Path) -> "tuple[list[Output], tuple[str, ...]]":
    from convfilter.digits.photo import as_it_is
    from convfilter.features import fitting
    from convfilter.images.read import read
    from convfilter.networks.onnx_file import input_size, node_outputs

    rows, columns, channels = input_size(path)
    pixels, prepared = as_it_is(read(picture, gray=channels == 1), (rows, columns))
    planes = fitting(pixels, channels, path.name, 1.0)
    return [("input", planes), *node_outputs(path, planes)], prepared
