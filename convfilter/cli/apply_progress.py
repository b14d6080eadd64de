"""What the user sees of a batch: a progress bar, failures as they happen, a summary at the end."""

import logging
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from convfilter.cli.console import err, plain
from convfilter.cli.wording import message
from convfilter.errors import ConvfilterError

if TYPE_CHECKING:
    from convfilter.processing.batch import JobResult


_LOG = logging.getLogger("convfilter")


class _Notes(logging.Handler):
    """Shows what the library has to say while it works."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"Note: {record.getMessage()}")


class Report:
    """Shows each JobResult as it comes. Use as a context manager around the work.

    total: how many pictures there are. json: print a line of JSON for each on stdout. quiet: nothing but
    errors. verbose: name every file written. preview: draw the results. debug: show tracebacks.
    """

    def __init__(self, total: int, *, json: bool, quiet: bool, verbose: bool, preview: bool, debug: bool):
        self.total = total
        self.json, self.quiet, self.verbose = json, quiet, verbose
        self.preview, self.debug = preview, debug
        self.count: Counter[str] = Counter()
        self.first_error: ConvfilterError | None = None
        self.bar: Any = None
        self._notes = _Notes(self._say)

    def __enter__(self) -> "Report":
        if not (self.quiet or self.json):
            _LOG.addHandler(self._notes)
            _LOG.setLevel(logging.INFO)
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
        """Rows done of a single large picture, of so many in all."""
        if self.total > 1:
            return
        if not self.bar:
            self._start(rows)
        if self.bar:
            self.bar.update(self.task, completed=done)

    def __exit__(self, *exc: object) -> None:
        _LOG.removeHandler(self._notes)
        if self.bar:
            self.bar.stop()
        if self.total > 1 and not self.quiet:
            counts = [f"{self.count[status]} {status}" for status in ("written", "skipped", "failed")]
            self._say(
                (", ".join(text for text in counts if not text.startswith("0 ")) or "none written")
                + f" of {self.total}"
            )

    def add(self, result: "JobResult") -> None:
        self.count[result.status] += 1
        self._say_what_became(result)
        if self.json:
            click.echo(result.as_json(message))
        if self.preview and result.pages:
            self._draw(result)
        if self.bar and self.total > 1:
            speed = self.bar.tasks[0].speed
            self.bar.update(self.task, advance=1, rate=f"{speed:.1f}/s" if speed else "")

    def _say_what_became(self, result: "JobResult") -> None:
        """The error, where it is not the only picture's; the files written, if asked for; the notes."""
        if result.error:
            self.first_error = self.first_error or result.error
            if self.total > 1:
                if self.debug:
                    traceback.print_exception(result.error)
                self._say(f"Error: {message(result.error)}")
        elif self.verbose and not self.quiet:
            more = f" … {result.targets[-1]}" if len(result.targets) > 1 else ""
            self._say(f"{result.status} {result.targets[0]}{more}")
        if not (self.quiet or self.json):
            for note in result.notes:
                self._say(f"Note: {result.source}: {note}")

    def _draw(self, result: "JobResult") -> None:
        """The result's pages in the terminal, on stderr where stdout is taken."""
        from convfilter.cli.preview import show

        for page in result.pages:
            show(page, err() if "-" in result.targets or self.json else None)

    def _say(self, text: str) -> None:
        """A line on stderr, above the bar, never wrapped or read as markup."""
        err().print(plain(text), markup=False, soft_wrap=True, emoji=False)

    def finish(self) -> int:
        """0 if all went well, 1 if some picture failed; a single picture's error is raised."""
        if self.first_error and self.total == 1:
            raise self.first_error
        return 1 if self.first_error else 0
