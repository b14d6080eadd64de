"""What the user sees of a batch: a progress bar, failures as they happen, a summary at the end."""

import sys
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from convfilter.cli.console import err, plain
from convfilter.cli.wording import message
from convfilter.errors import ConvfilterError

if TYPE_CHECKING:
    from convfilter.processing.batch import JobResult


class Report:
    """Takes each Done as it comes. Use as a context manager around the work."""

    def __init__(self, total: int, options: dict[str, Any]):
        self.total = total
        self.json, self.quiet = options["as_json"], options["quiet"]
        self.verbose, self.preview = options["verbose"], options["preview"]
        self.count: Counter[str] = Counter()
        self.first_error: ConvfilterError | None = None
        self.bar: Any = None

    def __enter__(self) -> "Report":
        if self.total > 1:
            self._start(self.total)
        return self

    def _start(self, total: int) -> None:
        if self.quiet or not sys.stderr or not sys.stderr.isatty():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=err(), transient=True)
        self.task = self.bar.add_task("", total=total, rate="")
        self.bar.start()

    def rows(self, done: int, rows: int) -> None:
        """How far a single picture is that is written by strips."""
        if self.total > 1:
            return
        if not self.bar:
            self._start(rows)
        if self.bar:
            self.bar.update(self.task, completed=done)

    def __exit__(self, *exc: object) -> None:
        if self.bar:
            self.bar.stop()
        if self.total > 1 and not self.quiet:
            counts = [f"{self.count[status]} {status}" for status in ("written", "skipped", "failed")]
            self._say(
                (", ".join(text for text in counts if not text.startswith("0 ")) or "none written")
                + f" of {self.total}"
            )

    def add(self, done: "JobResult") -> None:
        self.count[done.status] += 1
        if done.error:
            self.first_error = self.first_error or done.error
            if self.total > 1:
                if click.get_current_context().find_root().params["debug"]:
                    traceback.print_exception(done.error)
                self._say(f"Error: {message(done.error)}")
        elif self.verbose and not self.quiet:
            more = f" … {done.targets[-1]}" if len(done.targets) > 1 else ""
            self._say(f"{done.status} {done.targets[0]}{more}")
        for note in () if self.quiet or self.json else done.notes:
            self._say(f"Note: {done.source}: {note}")
        if self.json:
            click.echo(done.as_json(message))
        if self.preview and done.pages:
            from convfilter.cli.preview import show

            for page in done.pages:
                show(page, err() if "-" in done.targets or self.json else None)
        if self.bar and self.total > 1:
            finished = self.bar.tasks[0]
            rate = f"{finished.speed:.1f}/s" if finished.speed else ""
            self.bar.update(self.task, advance=1, rate=rate)

    def _say(self, text: str) -> None:
        """A line on stderr, above the bar, never wrapped or read as markup."""
        err().print(plain(text), markup=False, soft_wrap=True, emoji=False)

    def finish(self) -> int:
        """0 if all went well, 1 if some picture failed; a single picture's error is raised."""
        if self.first_error and self.total == 1:
            raise self.first_error
        return 1 if self.first_error else 0
