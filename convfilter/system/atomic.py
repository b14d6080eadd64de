"""Writing a file whole or not at all."""

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from convfilter.errors import PictureError, printable
from convfilter.system import temporary

_FIXES = {
    errno.ENOENT: "its folder does not exist; create it first",
    errno.ENOTDIR: "part of its path is a file; name another folder",
    errno.EISDIR: "it is a folder; name a file in it",
    errno.EACCES: "no permission to write it; change the permissions or write elsewhere",
    errno.EPERM: "no permission to write it; change the permissions or write elsewhere",
    errno.EROFS: "the disk is read-only; write elsewhere",
    errno.ENOSPC: "the disk is full; free some space or write elsewhere",
    errno.EFBIG: "it is larger than a file may be here (see ulimit -f); raise the limit or write elsewhere",
    errno.EDQUOT: "the disk quota is used up; free some space or write elsewhere",
    errno.ENAMETOOLONG: "its name is too long; choose a shorter one",
    errno.ELOOP: "its symbolic links run in a circle; fix the link",
}
_STREAMS = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")  # even where they lead to a regular file


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes `path` when the block ends well; else the old file stays as it was.

    The file has no fileno(), so that every byte goes through Python, which writes all of it or raises.
    A symbolic link is written through; a device, a pipe or a stream is written directly.
    Raises PictureError, naming the file and the fix, for every OSError on the way, the block's too.
    """
    try:
        old = _stat(path)
        if old and stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder")
        direct = os.fspath(path).startswith(_STREAMS) or (old and not stat.S_ISREG(old.st_mode))
        with open(path, "wb") if direct else _replacing(Path(os.path.realpath(path)), old) as file:
            yield cast(BinaryIO, _Checked(file))
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        if isinstance(error, ValueError) and "\0" not in os.fspath(path):
            raise
        fix = _FIXES.get(getattr(error, "errno", 0), f"{error}; check the name and the disk")
        raise PictureError(f"{printable(path)}: can't be written: {fix}") from error


def make_folder(folder: Path) -> None:
    """Make the folder and its parents. Raises PictureError, naming the folder and the fix."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        fixes = {
            **_FIXES,
            errno.EEXIST: _FIXES[errno.ENOTDIR],
            errno.ENOENT: "no folder can be there; name another",
        }
        fix = fixes.get(getattr(error, "errno", 0), f"{error}; name another folder")
        raise PictureError(f"{printable(folder)}: can't be made a folder: {fix}") from error


def _stat(path: Path) -> os.stat_result | None:
    """What is at `path` now, links followed; None where nothing is."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def write_natively(target: BinaryIO, put: Callable[[BinaryIO], None], most: int) -> None:
    """`put(target)` for a library that, given a descriptor, encodes and writes without Python's lock.

    A file of atomic_write gets a fileno() for it, after the disk has set `most` bytes aside: within them no
    write is short (POSIX, posix_fallocate). Where that is not to be had, or more was written, `put` is called
    with the target as it is, from the start.
    """
    if not (isinstance(target, _Checked) and target.put_natively(put, most)):
        put(target)


class _Checked(io.BufferedIOBase):
    """A file open for writing, without fileno().

    Pillow and NumPy write to a descriptor themselves, and don't notice when the system takes only a part, as
    it does shortly before a full disk or a size limit. Python writes the rest, or raises what prevents it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def put_natively(self, put: Callable[[BinaryIO], None], most: int) -> bool:
        """Whether all that `put` wrote to the file itself is there; else nothing is."""
        handle = self._file.fileno()
        try:
            os.posix_fallocate(handle, 0, most)
        except (AttributeError, OSError):  # not on macOS and Windows; a pipe, an almost full disk
            with contextlib.suppress(OSError):  # ext4 lengthens the file before it finds the disk too full
                os.ftruncate(handle, 0)
            return False
        put(self._file)
        self._file.flush()
        written = os.lseek(handle, 0, os.SEEK_CUR)
        if written > most:
            written = self._file.seek(0)
        os.ftruncate(handle, written)
        return written > 0

    def close(self) -> None:
        """Do nothing: atomic_write closes the file, and Python calls this when it frees the object."""


@contextlib.contextmanager
def _replacing(target: Path, old: os.stat_result | None) -> Iterator[BinaryIO]:
    """Yield a hidden file beside `target` that takes its place at the end, with its permissions."""
    if old and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is write-protected")
    temporary.sweep(target.parent)
    with temporary.file_in(target.parent, 0o600 if old else 0o666) as (draft, file):
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if old:
            os.chmod(draft, stat.S_IMODE(old.st_mode))
        os.replace(draft, target)
    if hasattr(os, "O_DIRECTORY"):  # not on Windows; some network disks refuse it, with the file in place
        with contextlib.suppress(OSError):
            _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
