"""What native libraries and Matplotlib write to stderr, captured."""

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

_lock = threading.Lock()
_inside = 0  # threads that want quiet now
_saved = -1  # what stderr was before, as a file descriptor
_held: BinaryIO  # the file that holds what was written meanwhile
_show = False  # whether it is shown in the end


@contextlib.contextmanager
def quiet(replay: bool = True) -> Iterator[None]:
    """Hold back what native libraries write to stderr; with `replay` it is shown if the body raises.

    stderr belongs to the whole process: from the first thread that comes in to the last that goes out
    nothing is written there but by who has a copy of it, as the command has. Where stderr is closed, the
    descriptor 2 may be somebody's file by now, and is left alone. Under --debug nothing is held back: native
    code that aborts says why.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.get("CONVFILTER_DEBUG"):
        yield
        return
    with _lock:
        _enter()
    failed = False
    try:
        yield
    except Exception:
        failed = replay
        raise
    finally:
        with _lock:
            _leave(failed)


def hush_matplotlib() -> None:
    """Before it is imported, which Keras does too: else it says on stderr that it can't write in its own
    folder and uses a temporary one, which costs a second and no result."""
    logging.getLogger("matplotlib").addHandler(logging.NullHandler())


def _enter() -> None:
    global _inside, _saved, _held, _show
    _inside += 1
    if _inside > 1 or not _has_stderr():
        return
    try:
        _held = _scratch()
    except OSError:  # no descriptor or no folder is left for it: what is written is seen
        return
    try:
        _saved = os.dup(2)
    except OSError:
        _held.close()
        return
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
    _show = False
    os.dup2(_held.fileno(), 2)


def _has_stderr() -> bool:
    """Whether the descriptor 2 is stderr. A file that was opened while stderr was closed can get this number,
    but unlike stderr it is not handed on to child processes: Python opens no file that is."""
    try:
        return sys.__stderr__ is not None and os.get_inheritable(2)
    except OSError:  # closed
        return False


def _scratch() -> BinaryIO:
    """A file without a name; in memory where the system can, as there may be no folder to write in."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("convfilter"), "w+b")
    return tempfile.TemporaryFile()


def _leave(failed: bool) -> None:
    global _inside, _saved, _show
    _inside -= 1
    _show = _show or failed
    if _inside or _saved < 0:
        return
    os.dup2(_saved, 2)
    os.close(_saved)
    _saved = -1
    with _held, contextlib.suppress(OSError):  # nobody may read it
        if _show:
            _held.seek(0)
            os.write(2, _held.read())
