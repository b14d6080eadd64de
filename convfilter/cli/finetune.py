"""convfilter finetune."""

import json
from pathlib import Path

import click


@click.command("finetune")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", required=True, metavar="PATH", help="Pictures to train and test on, as for train.")
@click.option(
    "--freeze", metavar="LAYERS", default="", help="Layers that stay as they are, joined by commas."
)
@click.option("--rate-new", type=float, default=1e-3, show_default=True, help="Learning rate of new layers.")
@click.option(
    "--rate-reused",
    type=float,
    default=1e-3,
    show_default=True,
    help="Learning rate of layers that keep their weights.",
)
@click.option("--each", type=click.IntRange(1), metavar="N", help="Use only N pictures of each class.")
@click.option("--classes", type=click.IntRange(2), help="How many classes; default: what the data says.")
@click.option("--keep-head", is_flag=True, help="Keep the last layer's weights too.")
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True, help="Passes over the data.")
@click.option(
    "--batch-size", type=click.IntRange(1), default=32, show_default=True, help="Pictures per step."
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed gives the same bits."
)
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder. [default: runs/finetune-…]")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors and the result.")
def command(
    model: Path, data: str, freeze: str, rate_new: float, rate_reused: float, each: int | None,
    classes: int | None, keep_head: bool, epochs: int, batch_size: int, seed: int, out: Path | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Train a network further on other data, and from scratch beside it, and compare the two.

    MODEL is a .keras file, or the .npz of a run.
    """
    from convfilter.cli.train_progress import Watch, open_model
    from convfilter.system.checksum import file_hash
    from convfilter.train.data.load import load
    from convfilter.train.evaluation import check_fit
    from convfilter.train.finetune import Tuning, finetune
    from convfilter.train.plan import Plan
    from convfilter.train.run_folder import new_folder, write_json

    network = open_model(model)
    folder = out or new_folder("finetune")
    plan = Plan("finetune", model.stem, epochs, batch_size, seed, validation=0.0, classes=classes)
    frozen = tuple(name.strip() for name in freeze.split(",") if name.strip())
    tuning = Tuning(rate_new, rate_reused, frozen, each, keep_head)
    with Watch(quiet) as watch:
        found = load(data, classes=classes, progress=watch.load)
        for part in filter(None, (found.train, found.test)):
            check_fit(network, part, model)
        report = finetune(network, found, plan, tuning, folder, watch, file_hash(model))
    write_json(folder / "report.json", report)
    click.echo(json.dumps(report, indent=2))
