"""The two consoles: stdout for what was asked for, stderr for what happened on the way."""

import sys
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200  # columns where stdout is no terminal


@cache
def out() -> "Console":
    from rich.console import Console

    if sys.stdout is None:  # closed by whoever started the command
        return Console(file=StringIO())
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def plain(text: str) -> str:
    """A text from a file, its control characters replaced: they would be commands to the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


@cache
def err() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False)
