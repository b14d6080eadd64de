"""convfilter evaluate."""

import json
import math
from pathlib import Path

import click

from convfilter.cli.console import out


@click.command("evaluate")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    default="mnist",
    show_default=True,
    metavar="PATH",
    help="A data set: a name or a path, as for train.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(model: Path, data: str, as_json: bool) -> None:
    """Judge a trained model on a data set's test pictures (or on all its labelled ones).

    MODEL is a .keras file, or the .npz of a run.
    """
    from convfilter.cli.train_progress import Watch, open_model
    from convfilter.errors import DataError
    from convfilter.train.data.load import load
    from convfilter.train.evaluation import assess, check_fit, classes_of

    network = open_model(model)
    classes = classes_of(network, model)
    with Watch(quiet=as_json) as watch:
        found = load(data, classes=classes, progress=watch.load)
    part = next((p for p in (found.test, found.train) if p is not None and p.labels is not None), None)
    if part is None:
        raise DataError(f"{data}: no labelled pictures to judge by; give a set with labels")
    check_fit(network, part, model)
    if classes != len(found.classes):
        raise DataError(
            f"{model}: knows {classes} classes, {data} has {len(found.classes)}; "
            "give the data it was made for"
        )
    report, confusion = assess(network, part, len(found.classes))
    if not math.isfinite(report["loss"]):
        raise DataError(
            f"{model}: its answers are no numbers, so its training diverged; use an earlier model"
        )
    if as_json:
        click.echo(json.dumps({**report, "classes": list(found.classes), "confusion": confusion}, indent=2))
        return
    out().print(f"accuracy {report['accuracy']:.4%}, loss {report['loss']:.5f}, {report['images']} pictures")
    for name, row in zip(found.classes, confusion, strict=True):
        out().print(f"{name:>12} " + " ".join(f"{count:6d}" for count in row), markup=False)
