"""convfilter features."""

import json
from pathlib import Path

import click

from convfilter.cli.options import FilterType


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

    A model is a .keras file, or the .npz of a run. One that takes MNIST's digits gets the first digit of the
    picture, found and cut out as `predict` does; the sheet says what was done.
    """
    from convfilter.features import layer_outputs
    from convfilter.images.contact_sheet import contact_sheet
    from convfilter.images.read import read
    from convfilter.networks.load import SUFFIXES

    prepared: tuple[str, ...] = ()
    note = None
    if Path(model_or_filter).suffix.lower() in SUFFIXES:
        from convfilter.cli.train_progress import open_model, say
        from convfilter.digits.photo import network_input
        from convfilter.errors import FilterError, printable

        model = open_model(model_or_filter)
        if len(model.input_shape) != 4:
            raise FilterError(f"{model_or_filter}: takes inputs of {model.input_shape[1:]}, not pictures")
        pixels, prepared = network_input(model, read(picture, gray=model.input_shape[-1] == 1), as_is)
        note = f"The picture: {', '.join(prepared) or 'as it is'}."
        if prepared:
            say(f"{printable(picture)}: {', '.join(prepared)}")
    else:
        from convfilter.filters.load import make_pipeline

        model = make_pipeline(model_or_filter)
        pixels = read(picture, gray=model.in_channels == 1).pixels
    outputs = layer_outputs(model, pixels)
    contact_sheet(outputs, out, columns=columns, note=note)
    if as_json:
        layers = [{"name": name, "shape": maps.shape} for name, maps in outputs]
        click.echo(
            json.dumps({"picture": str(picture), "sheet": str(out), "prepared": prepared, "layers": layers})
        )
