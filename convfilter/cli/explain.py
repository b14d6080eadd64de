"""convfilter explain."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convfilter.choices import COLORS, ENGINES, RANGES
from convfilter.cli.console import out, plain
from convfilter.cli.options import FilterType, NamedType, layer_options, settings

if TYPE_CHECKING:
    from convfilter.filters.pipeline import Pipeline
    from convfilter.play.explanation import Explanation, Step, Window

_WIDEST = 15  # columns of a window that is printed


class PlaceType(NamedType):
    """Column and row of a pixel: X,Y."""

    name = "X,Y"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        column, comma, row = str(value).partition(",")
        if not (comma and column.strip().isdecimal() and row.strip().isdecimal()):
            self.fail(f'"{value}": give column and row, counted from 0, such as 12,40', param, ctx)
        return int(column), int(row)


@click.command("explain")
@click.argument("filter", type=FilterType())
@click.argument("picture", type=click.Path(path_type=Path))
@click.argument("place", type=PlaceType(), metavar="X,Y")
@layer_options
@click.option("--color", type=click.Choice(COLORS), help="As of apply; default: the kernel's.")
@click.option("--range", type=click.Choice(RANGES), help="How results become pixels; default: the kernel's.")
@click.option("--linear", is_flag=True, help="Work in linear light instead of sRGB values.")
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="As of apply.")
@click.option("--layer", type=click.IntRange(0), help="A layer's number, from 0; default: the last.")
@click.option("--channel", type=click.IntRange(0), default=0, help="Which of the layer's filters, from 0.")
@click.option("--plane", type=click.IntRange(0), default=0, help="Which colour, for --color each or luma.")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as JSON.")
def command(
    filter: str, picture: Path, place: tuple[int, int], then: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Show the arithmetic behind one pixel: X is its column, Y its row, in the result.

    \b
    convfilter explain sobel photo.jpg 120,80
    convfilter explain gaussian photo.jpg 0,0 --border reflect
    convfilter explain samples/article.json photo.jpg 12,40 --layer 1

    The window on the picture, the weights, products and their sum, bias, activation, combination, range and
    rounding; the pixel is the one that `apply` writes into a PNG.
    """
    from convfilter.filters.load import make_pipeline

    pipeline = make_pipeline([filter, *then], **settings(options))
    found = _explained(pipeline, picture, place, options)
    if as_json:
        click.echo(json.dumps(found.as_json()))
    else:
        _print(found)


def _explained(
    pipeline: "Pipeline", path: Path, place: tuple[int, int], options: dict[str, Any]
) -> "Explanation":
    from convfilter.engines.choose import choose_engine
    from convfilter.filters.pipeline import color_for
    from convfilter.images.formats import FORMATS
    from convfilter.images.read import read
    from convfilter.play.explain import explain
    from convfilter.processing.options import PixelOptions
    from convfilter.processing.outputs import choose_dtype

    color = color_for(pipeline, options["color"])
    picture = read(path, gray=color == "gray" and pipeline.in_channels == 1)
    how = options["range"] or pipeline.range
    dtype = choose_dtype(FORMATS["tiff" if how == "raw" else "png"], picture.pixels.dtype, how)
    engine = choose_engine(options["engine"])
    chosen = options["layer"], options["channel"], options["plane"]
    return explain(
        pipeline,
        picture,
        PixelOptions(color, options["range"], options["linear"]),
        dtype,
        engine,
        *place,
        *chosen,
    )


def _print(found: "Explanation") -> None:
    write = out().print

    def line(text: str = "", style: str | None = None) -> None:
        write(plain(text), style=style, markup=False, soft_wrap=True, highlight=False)

    last = found.layer == len(found.layers) - 1
    which = "the result" if last else f"layer {found.layer}, {found.layers[found.layer]}"
    line(
        f"{found.filter}: column {found.x}, row {found.y} of {which}, {found.size[1]}×{found.size[0]}", "bold"
    )
    if found.source:
        own = ", ".join(f"{value:g}" for value in found.source.channels)
        line(f"the picture there: {own}" + (f"; enters as {found.source.value:.9g}" if "," in own else ""))
    windows = [step for step in found.steps if step.windows]
    for step in [*windows, *(step for step in reversed(found.steps) if not step.windows)]:
        line()
        for text in _step(step):
            line(text)
    if found.pixel:
        line()
        changes = "".join(f", {change.what}: {change.value:.9g}" for change in found.pixel.steps)
        line(f"range {found.pixel.range}{changes}; written: {found.pixel.written:.9g}", "bold")
    lowest = min((step.layer for step in found.steps), default=0)
    if any(name for name in found.layers[:lowest] if not name.startswith("pad")):
        line()
        line(f"What it is made of: --layer {lowest - 1} (layers 0 to {len(found.layers) - 1}).")


def _step(step: "Step") -> list[str]:
    """What a step says, line by line."""
    name = f"{step.label}, filter {step.channel}" if step.kind == "conv" else step.label
    shown = [text for window in step.windows or [] for text in _window(window)]
    value = f"{step.value:.9g}"
    if step.kind == "conv":
        bias = f", bias {step.bias:.9g}: {step.before:.9g}" if step.bias else ""
        function = f", {step.activation}: {value}" if step.activation != "linear" else ""
        rounding = f"; in float32 {value}" if step.rounding and not function else ""
        return [name, *shown, f"  sum {step.sum:.9g}{bias}{function}{rounding}"]
    if step.kind == "pool":
        return [name, *shown, f"  {step.mode}: {value}"]
    inputs = ", ".join(f"{number:.9g}" for number in (step.inputs or [])[:16])
    return [f"{step.how or step.activation or name} of {inputs}: {value}" if inputs else f"{name}: {value}"]


def _window(window: "Window") -> list[str]:
    """Values, weights and products side by side; rows and columns are those before padding, · for zeros."""
    if len(window.columns) > _WIDEST:
        return [f"  a window of {len(window.rows)}×{len(window.columns)}; --json has its numbers"]
    parts = [part for part in (window.values, window.weights, window.products) if part is not None]
    blocks = [_aligned(part) for part in parts]
    heads = [f"  channel {window.channel}, columns {_places(window.columns)}"]
    for number, row in enumerate(window.rows):
        sign = ("×", "=") if number == len(window.rows) // 2 else (" ", " ")
        texts = [block[number] for block in blocks]
        joined = texts[0] + "".join(f"  {mark}  {text}" for mark, text in zip(sign, texts[1:], strict=False))
        heads.append(f"  row {'·' if row is None else row:>5}  {joined}")
    return heads


def _places(places: list[int | None]) -> str:
    return " ".join("·" if place is None else str(place) for place in places)


def _aligned(numbers: list[list[float]]) -> list[str]:
    texts = [[f"{number:.5g}" for number in row] for row in numbers]
    width = max(len(text) for row in texts for text in row)
    return [" ".join(f"{text:>{width}}" for text in row) for row in texts]
