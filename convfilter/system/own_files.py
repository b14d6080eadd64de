"""Files that convfilter keeps for itself under known names: the manifest of a folder, the cache's entries.

Anything may lie under such a name: a link that leads elsewhere, a pipe into which nobody writes, a device
without an end. Only a regular file is opened, never through a link, and opening it never waits.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal

_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFSOCK: "a socket",
}
_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # those that this system has
_SAFELY = sum(getattr(os, name, 0) for name in _FLAGS)


def open_own(path: Path, mode: Literal["rb", "ab"], most: int | None = None) -> BinaryIO:
    """The file, open to be read, or to be added to and then made where it is missing.

    Raises OSError, also for a file of more than `most` bytes; where something else lies under the name, its
    strerror says what.
    """
    check_kind(path)  # before it is opened: some devices act on that
    flags = os.O_RDONLY if mode == "rb" else os.O_WRONLY | os.O_APPEND | os.O_CREAT
    handle = os.open(path, flags | _SAFELY, 0o666)
    try:
        found = os.fstat(handle)
        _check(path, found.st_mode, stat.S_IFREG)  # it may have been exchanged meanwhile
        if most is not None and found.st_size > most:
            raise OSError(errno.EFBIG, f"is larger than {most:,} bytes", str(path))
        return os.fdopen(handle, mode)
    except BaseException:
        os.close(handle)
        raise


def read_own(path: Path, most: int) -> bytes:
    """The content of the file. Raises OSError as open_own."""
    with open_own(path, "rb", most) as file:
        return file.read(os.fstat(file.fileno()).st_size)  # not `most`: a buffer of that size would be made


def check_kind(path: Path, wanted: int = stat.S_IFREG) -> None:
    """Raise OSError where something lies at `path` that is not of the kind wanted, such as stat.S_IFDIR."""
    with contextlib.suppress(FileNotFoundError):
        _check(path, os.lstat(path).st_mode, wanted)


def _check(path: Path, mode: int, wanted: int) -> None:
    kind = stat.S_IFMT(mode)
    if kind != wanted:
        text = f"is {_KINDS.get(kind, 'a device')}, not {_KINDS[wanted]}"
        raise OSError(errno.EINVAL, text, str(path))
