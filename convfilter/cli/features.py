"""convfilter features."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convfilter.cli.options import FilterType

if TYPE_CHECKING:
    import numpy as np


@click.command("features")
@click.argument("model_or_filter", type=FilterType(), metavar="MODEL|FILTER")
@click.argument("picture", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--columns", type=click.IntRange(1, 32), default=8, show_default=True, help="Channels side by side."
)
def command(model_or_filter: str, picture: Path, out: Path, columns: int) -> None:
    """Draw a contact sheet: the picture, then what every layer of a model or a filter makes of it.

    \b
    convfilter features sobel photo.jpg sheet.png
    convfilter features runs/mnist-…/best.npz digit.png sheet.png

    A model is a .keras file, or the .npz of a run.
    """
    from convfilter.features import contact_sheet, layer_outputs
    from convfilter.image import read
    from convfilter.train.models import SUFFIXES

    if Path(model_or_filter).suffix.lower() in SUFFIXES:
        from convfilter.cli.training import open_model
        from convfilter.errors import FilterError

        model = open_model(model_or_filter)
        if len(model.input_shape) != 4:
            raise FilterError(f"{model_or_filter}: takes inputs of {model.input_shape[1:]}, not pictures")
        pixels = _fitted(read(picture, gray=model.input_shape[-1] == 1).pixels, model.input_shape[1:3])
    else:
        from convfilter.filters import make_pipeline

        model = make_pipeline(model_or_filter)
        pixels = read(picture, gray=model.in_channels == 1).pixels
    contact_sheet(layer_outputs(model, pixels), out, columns=columns)


def _fitted(pixels: "np.ndarray", size: tuple[int | None, int | None]) -> "np.ndarray":
    """The picture at the size the model takes; as it is where the model takes any."""
    from convfilter.image_resize import fitted

    if size[0] is None or size[1] is None:
        return pixels
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    return fitted(planes, (size[0], size[1]))
