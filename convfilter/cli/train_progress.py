"""Terminal output of the training commands, TensorBoard logs, the warning before a model file is loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from convfilter.cli.console import err
from convfilter.errors import BackendError


def say(text: str) -> None:
    """A line on stderr, never read as markup."""
    err().print(text, markup=False, soft_wrap=True)


def open_model(path: Path | str) -> Any:
    """Load the network in a model file, after a warning where such a file can hold code."""
    from convfilter.networks.load import check_kind, is_code, load_model, warn_text

    check_kind(Path(path))
    if is_code(path):
        say(warn_text(path))
    return load_model(path)


class Watch:
    """Shows a training as train.run goes on: a bar with step, loss and time left; a line per epoch.

    A context manager. quiet: show nothing. logs: the folder for TensorBoard's logs, if any; it is made when
    the first epoch is done.
    """

    def __init__(self, quiet: bool = False, logs: Path | None = None):
        self.quiet = quiet
        self.bar: Any = None
        self.task: Any = None
        self.writer: Any = None
        self.open_writer = _tensorboard(logs) if logs else None

    def __enter__(self) -> "Watch":
        if not self.quiet and err().is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                       TextColumn("{task.fields[logs]}"), TimeRemainingColumn())  # fmt: skip
            self.bar = Progress(*columns, console=err(), transient=True)
            self.bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.bar:
            self.bar.stop()
        if self.writer:
            self.writer.close()

    def load(self, done: int, total: int) -> None:
        if self.bar:
            if self.task is None:
                self.task = self.bar.add_task("data", total=total, logs="")
            self.bar.update(self.task, completed=done, total=total)

    def step(self, epoch: int, step: int, steps: int, logs: dict[str, float]) -> None:
        if not self.bar:
            return
        if self.task is None or step == 1:
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task(f"epoch {epoch + 1}", total=steps, logs="")
        self.bar.update(self.task, completed=step, logs=_numbers(logs))

    def epoch(self, row: dict[str, float]) -> None:
        if not self.quiet:
            values = {name: value for name, value in row.items() if name != "epoch"}
            say(f"epoch {row['epoch']:g}: {_numbers(values)}")
        if self.open_writer:
            self.writer = self.writer or self.open_writer()
            for name, value in row.items():
                if name != "epoch":
                    self.writer.add_scalar(name, value, int(row["epoch"]))


def _numbers(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.5g}" for name, value in values.items())


def _tensorboard(folder: Path) -> Callable[[], Any]:
    """A function that opens TensorBoard's writer. Raises BackendError where it is not installed."""
    try:
        from tensorboard.summary import Writer
    except ImportError as error:
        raise BackendError(
            "--tensorboard: tensorboard is not installed; pip install 'convfilter[tensorboard]'"
        ) from error
    return lambda: Writer(str(folder / "tensorboard"))
