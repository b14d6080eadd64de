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
@click.option("--json", "as_json", is_flag=True, help="One object a picture, with every probability.")
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write a line a digit to this file.")
def command(model: Path, pictures: tuple[Path, ...], as_json: bool, table: Path | None) -> int:
    """Read the digits in photos: each is found, cut out as MNIST's were, and named from left to right.

    MODEL is a .keras file, or the .npz of a run.
    """
    from convfilter.cli.training import open_model, say
    from convfilter.cli.wording import message
    from convfilter.errors import PictureError
    from convfilter.train.photos import read_photo

    network = open_model(model)
    rows: list[dict[str, Any]] = []
    failed = 0
    for path in pictures:
        try:
            found = read_photo(network, path)
        except PictureError as error:
            failed += 1
            say(f"Error: {message(error)}")
            continue
        rows += [{"picture": str(path), "place": n, **digit} for n, digit in enumerate(found, 1)]
        if as_json:
            click.echo(json.dumps({"picture": str(path), "digits": found}))
        else:
            digits = "".join(str(digit["digit"]) for digit in found)
            click.echo(f"{path}: {digits}  (least sure: {min(digit['probability'] for digit in found):.1%})")
    if table:
        _write(rows, table)
    return 1 if failed else 0


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    from convfilter.files import atomic_write

    text = StringIO()
    fields = ("picture", "place", "digit", "probability", "top", "left", "bottom", "right")
    writer = csv.DictWriter(text, fields, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
