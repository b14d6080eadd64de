"""The error tree: every error this package raises on purpose.

    ConvfilterError
    ├── FilterError      a kernel, a pipeline or an option is wrong   exit 2
    ├── BackendError     no such backend, engine or device here       exit 2
    ├── PictureError     a picture can't be read, filtered or written exit 1
    └── DataError        a data set that can't be read                exit 1

A message is one line that names the thing, the reason and the next step that works. It names settings as
Python writes them, range="raw"; the commands show these as their options, --range raw (cli/wording.py).
"""

import os
import re
from collections.abc import Iterable

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")  # one slash where a Path has been made of it


class ConvfilterError(Exception):
    """Base of all errors raised by convfilter; `exit_code` is what the command line exits with."""

    exit_code = 1

    def __str__(self) -> str:
        """One printable line, whatever the names and texts it quotes hold."""
        return "".join(c if c.isprintable() else "?" for c in super().__str__())


class FilterError(ConvfilterError):
    """A kernel, a pipeline or an option that can't be used.

    line, column: where a file's text is wrong, counted from 1, as the message says too; None elsewhere.
    """

    exit_code = 2

    def __init__(self, message: str = "", *, line: int | None = None, column: int | None = None):
        super().__init__(message)
        self.line, self.column = line, column


class BackendError(ConvfilterError):
    """A Keras backend or a device that is not here."""

    exit_code = 2


class PictureError(ConvfilterError):
    """A picture that can't be read, filtered or written."""


class DataError(ConvfilterError):
    """A data set that can't be read."""


def refuse_address(
    name: object, error: type[ConvfilterError], step: str = "download it, and give the file"
) -> None:
    """Raise `error`, with the next `step`, for an address such as https://…, unless a file is called so."""
    text = str(name)
    found = _ADDRESS.match(text)
    if not found or os.path.exists(text):
        return
    if found[1].lower() == "file":
        raise error(f"{text}: an address; give the path alone")
    whole = f"{found[1]}://{text[found.end() :]}"
    raise error(f"{whole}: an address, and convfilter knows files only; {step}")


def printable(name: object) -> str:
    """A name for a one-line message: escaped where it has control characters."""
    text = str(name)
    return text if text.isprintable() else ascii(text)


def reason(error: BaseException) -> str:
    """What a foreign exception says, for a one-line message: its kind and the first line of its text."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300].removesuffix(": ")


def first_line(error: BaseException) -> str:
    """The same without its kind, shortened and printable: the system's words where it is an OSError."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error).strip()
    line = (said.splitlines() or [type(error).__name__])[0]
    return printable(re.sub(r" at 0x[0-9a-f]+", "", line)[:120])  # no addresses of objects


def nearest(word: object, known: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """Up to `count` of the known words that may be meant; cutoff: how alike they must be, from 0 to 1."""
    import difflib  # only for a mistake

    return difflib.get_close_matches(str(word)[:100], known, count, cutoff)


def did_you_mean(
    word: object, known: Iterable[str], otherwise: str = "", quote: str = "", cutoff: float = 0.6
) -> str:
    """'did you mean gaussian?', the name in quotes if asked for; `otherwise` where no known word is near."""
    near = nearest(word, known, cutoff=cutoff)
    return f"did you mean {quote}{near[0]}{quote}?" if near else otherwise
