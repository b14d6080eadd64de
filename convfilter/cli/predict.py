"""convfilter predict."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import click


@click.command("predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("pictures", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per picture, with every probability."
)
@click.option(
    "--csv", "table", type=click.Path(path_type=Path), help="Write one line per digit to this file."
)
@click.option("--as-is", is_flag=True, help="Take each picture for one digit, made like MNIST's already.")
def command(model: Path, pictures: tuple[Path, ...], as_json: bool, table: Path | None, as_is: bool) -> int:
    """Read the digits in photos: each is found and cut out as MNIST's were; one line per row of digits.

    MODEL is a .keras file, or the .npz of a run. A picture that is no page of digits is refused.
    """
    from convfilter.cli.train_progress import open_model, say
    from convfilter.cli.wording import message
    from convfilter.digits.photo import doubt, read_photo
    from convfilter.errors import PictureError, printable

    network = open_model(model)
    rows: list[dict[str, Any]] = []
    failed = 0
    for path in pictures:
        try:
            found = read_photo(network, path, as_is)
        except PictureError as error:
            failed += 1
            say(f"Error: {message(error)}")
            continue
        rows += [{"picture": str(path), "place": n, **digit} for n, digit in enumerate(found, 1)]
        warning = doubt(found)
        if warning:
            say(f"Warning: {printable(path)}: {warning}")
        if as_json:
            click.echo(json.dumps({"picture": str(path), "digits": found, "warning": warning}))
        else:
            click.echo(_text(path, found))
    if table:
        _write(rows, table)
    return 1 if failed else 0


def _text(path: Path, found: list[dict[str, Any]]) -> str:
    """The digits after the picture's name; several rows of them below it, each on its line."""
    rows: dict[int, str] = {}
    for digit in found:
        rows[digit["row"]] = rows.get(digit["row"], "") + str(digit["digit"])
    sure = f"(least sure: {min(digit['probability'] for digit in found):.1%})"
    if len(rows) == 1:
        return f"{path}: {rows[1]}  {sure}"
    return "\n".join([f"{path}: {len(rows)} rows  {sure}", *(f"  {row}" for row in rows.values())])


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    from convfilter.system.atomic import atomic_write

    text = StringIO()
    fields = ("picture", "place", "row", "column", "digit", "probability", "top", "left", "bottom", "right")
    writer = csv.DictWriter(text, fields, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
