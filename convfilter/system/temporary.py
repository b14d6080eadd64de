"""Temporary files and folders: what a killed process leaves, the next run removes.

The process that makes a temporary file or folder holds a lock (flock) on it. The system takes the lock away
when the process ends, however it ends, so whatever can be locked belongs to nobody any more. A process
number in the name would not do: numbers are used again, and other containers count their own.

A lock is only known to those who reach the file through the same running system and the same mounted disk:
some network disks keep locks to each computer. So the name holds what tells these two apart, Linux's
boot_id (containers have that of their host) and the disk's device number, and files with another name are
not touched. That leaves some behind: those of other computers, those from before a restart, and all where
there are no such locks or no boot_id (Windows, macOS, some network disks); there names hold neither.
"""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

_TRIES = 5  # to lock a new file before another process, which took it for an abandoned one, removes it
_swept: set[str] = set()
_moving = threading.Lock()
_ending: ExitStack | None = None  # closed at the end of `contained`, while it still has no folder


@contextmanager
def file_in(folder: Path, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
    """A new hidden file, open for writing, which the body closes; what is still there at the end is removed.

    mode: its permissions, narrowed by the umask. OSErrors pass through.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    path, handle, locked = _make(folder, lambda path: os.open(path, flags, mode))
    try:  # the lock is kept until the file has its final name, for which Windows wants it closed
        yield path, os.fdopen(handle, "wb", closefd=not locked)
    finally:
        with suppress(OSError):
            os.unlink(path)
        if locked:
            os.close(handle)


@contextmanager
def folder_in(parent: Path | None = None) -> Iterator[Path]:
    """A new folder that is removed at the end, with all that is in it. parent: None is the system's place
    for temporary files. OSErrors of making it pass through."""
    parent = parent or _temporary_folder()
    sweep(parent)
    path, handle, _ = _make(parent, _make_folder)
    try:
        yield path
    finally:
        _remove_tree(path)
        if handle >= 0:
            os.close(handle)


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders of ended processes from `folder`: once in a process, since it
    reads the whole folder. What can't be removed stays."""
    name = os.path.abspath(folder)
    if name in _swept or not _boot():
        return
    _swept.add(name)
    with suppress(OSError):
        ours = re.compile(rf"{re.escape(_prefix(folder))}[0-9a-f]{{16}}\.tmp")
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if ours.fullmatch(entry.name)]
        for entry in found:
            _remove_abandoned(entry)


def sweep_temporary_folder() -> None:
    """The same for the system's place for temporary files, if there is one: the first that `tempfile`, whose
    import takes 4 ms, would find."""
    named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    for folder in (*named, "/tmp"):
        if folder and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            sweep(Path(folder))
            return


@contextmanager
def contained() -> Iterator[None]:
    """From the body's first `folder_in` on, what libraries put into the system's place for temporary files
    goes into a folder there that ends with the body. TensorFlow leaves Python files, which it would remove
    only when a process ends in the slow, orderly way.

    The whole process is affected, so this is for the command, not for the library.
    """
    global _ending
    with ExitStack() as stack:
        _ending = stack
        try:
            yield
        finally:
            _ending = None


def _temporary_folder() -> Path:
    """The system's place for temporary files; inside `contained` a folder of our own there."""
    global _ending
    import tempfile  # with what it imports 5 ms, which --help should not take

    with _moving:
        if _ending is not None:
            stack, _ending = _ending, None
            ours = stack.enter_context(folder_in(Path(tempfile.gettempdir())))
            stack.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
            tempfile.tempdir = str(ours)
    return Path(tempfile.gettempdir())


@lru_cache(maxsize=1)
def _boot() -> str:
    """What tells the running system from all others, also from itself after a restart; "" if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:16]
    except OSError:
        return ""


def _prefix(folder: Path) -> str:
    """How the names of those temporaries in `folder` begin that this process can judge."""
    return f".convfilter-{_boot()}-{os.stat(folder).st_dev:x}-"


def _make(folder: Path, create: Callable[[Path], int]) -> tuple[Path, int, bool]:
    """A temporary's path, its descriptor from `create`, and whether it's locked, as its name then says."""
    for _ in range(_TRIES if _boot() else 0):
        path = folder / f"{_prefix(folder)}{os.urandom(8).hex()}.tmp"
        handle = create(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.lexists(path):
                return path, handle, True
            os.close(handle)  # removed by another process, before it was locked
        except BlockingIOError:  # about to be removed
            os.close(handle)
        except OSError:  # this disk has no locks
            _discard(path, handle)
            break
    path = folder / f".convfilter-{os.urandom(8).hex()}.tmp"
    return path, create(path), False


def _make_folder(path: Path) -> int:
    """Make the folder; a descriptor of it, or -1 where folders can't be opened."""
    os.mkdir(path, 0o700)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY) if hasattr(os, "O_DIRECTORY") else -1


def _discard(path: Path, handle: int) -> None:
    """Remove a temporary just made."""
    os.close(handle)
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()


def _remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that goes."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(entry: "os.DirEntry[str]") -> None:
    """Remove the temporary unless a process holds its lock."""
    folder = entry.is_dir(follow_symlinks=False)
    if not folder and not entry.is_file(follow_symlinks=False):
        return
    try:
        handle = os.open(entry.path, os.O_NOFOLLOW | (os.O_RDONLY if folder else os.O_RDWR))
    except OSError:  # another user's, or gone by now
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder:
            _remove_tree(Path(entry.path))
        else:
            os.unlink(entry.path)
    except OSError:
        pass
    finally:
        os.close(handle)
