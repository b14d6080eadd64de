"""convfilter train."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource


@click.command("train")
@click.argument("dataset", metavar="mnist|fashion-mnist|NAME")
@click.option(
    "--data", metavar="PATH", help="Kaggle CSV, IDX, .npz, or a folder with a subfolder for each class."
)
@click.option(
    "--recipe", metavar="article|fast|best", default="article", show_default=True, help="How it is trained."
)
@click.option("--arch", "architecture", metavar="NAME", help="The network: lenet5, alexnet, zfnet, vgg11, …")
@click.option("--epochs", type=click.IntRange(1), help="Default: the recipe's.")
@click.option("--batch-size", type=click.IntRange(1), help="Default: the recipe's.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed gives the same bits."
)
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder. [default: runs/NAME-…]")
@click.option(
    "--resume", type=click.Path(path_type=Path), metavar="DIR", help="Continue the run in this folder."
)
@click.option("--limit", type=click.IntRange(10), help="Use only so many training and test pictures.")
@click.option("--classes", type=click.IntRange(2), help="How many classes; default: what the data says.")
@click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard into the run's folder.")
@click.option("--backend", metavar="tensorflow|jax|torch", help="Keras' backend; default: KERAS_BACKEND.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
def command(
    dataset: str, data: str | None, recipe: str, seed: int, out: Path | None, resume: Path | None,
    tensorboard: bool, backend: str | None, quiet: bool, **given: Any,
) -> int:  # fmt: skip
    """Train a network on MNIST, or on pictures like it, and judge it on the test set.

    \b
    convfilter train mnist
    convfilter train mnist --recipe fast
    convfilter train mnist --data kaggle/ --arch lenet5 --epochs 5
    convfilter train mnist --resume runs/mnist-20260101-120000
    """
    from convfilter.backend import choose_backend
    from convfilter.cli.train_progress import Watch, say

    if resume is not None:
        _refuse_beside_resume()
    if backend:
        choose_backend(backend)
    from convfilter.train import run
    from convfilter.train.plan import new_plan
    from convfilter.train.run_folder import new_folder

    if resume is None:
        plan = new_plan(recipe, seed, **given)
        folder = out or new_folder(dataset)
    else:
        plan, folder = None, resume
    try:
        with Watch(quiet, folder if tensorboard else None) as watch:
            if plan:
                result = run.start(data or dataset, plan, folder, watch)
            else:
                result = run.resume(folder, watch, data)
    except KeyboardInterrupt:
        if (folder / "checkpoint.npz").exists():
            say(f"interrupted; go on with: convfilter train {dataset} --resume {folder}")
        raise
    if not quiet:
        test = result.report.get("test")
        said = f"test accuracy {test['accuracy']:.4%} on {test['images']} pictures; " if test else ""
        say(f"{said}{folder}/README.md has the rest")
    return 0


def _refuse_beside_resume() -> None:
    """Raise UsageError for an option that a run to be continued can't take."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in ("dataset", "data", "resume", "tensorboard", "backend", "quiet"):
            raise click.UsageError(f"{parameter.opts[-1]}: the run to resume has its own; leave it out")
