"""What native libraries and Matplotlib write to stderr, captured."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import BinaryIO

_lock = threading.Lock()
_inside = 0  # threads that are inside quiet()
_saved = -1  # a duplicate of stderr's descriptor from before; -1 while nothing is captured
_captured: BinaryIO  # the file that descriptor 2 leads to
_show = False  # whether what was captured is shown when the last thread leaves


@contextlib.contextmanager
def quiet(replay: bool = True) -> Iterator[None]:
    """Capture what native libraries write to stderr during the body; with `replay` it is shown if the body
    raises.

    stderr is process-wide: while a thread is inside, writes to descriptor 2 are captured; only earlier
    duplicates of it, such as the command's own, reach the terminal. If stderr is closed, descriptor 2 may be
    any file, and is left alone. With CONVFILTER_DEBUG set nothing is captured, since native code that aborts
    says why there.
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
    """Silence Matplotlib's warning that it can't write its own folder and uses a temporary one, which changes
    no result. Must be called before Matplotlib is imported, which Keras does too."""
    logging.getLogger("matplotlib").addHandler(logging.NullHandler())


def _enter() -> None:
    global _inside, _saved, _captured, _show
    _inside += 1
    if _inside > 1 or not _has_stderr():
        return
    try:
        _captured = _scratch()
    except OSError:  # no descriptor or no folder for it: nothing is captured
        return
    try:
        _saved = os.dup(2)
    except OSError:
        _captured.close()
        return
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
    _show = False
    os.dup2(_captured.fileno(), 2)


def _has_stderr() -> bool:
    """Whether descriptor 2 is stderr. A file that was opened while stderr was closed can get this number;
    unlike stderr it is not inheritable, as no file is that Python opens."""
    try:
        return sys.__stderr__ is not None and os.get_inheritable(2)
    except OSError:  # closed
        return False


def _scratch() -> BinaryIO:
    """A file without a name, in memory if possible, as there may be no folder to write to."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("convfilter"), "w+b")
    import tempfile  # 4 ms

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
    with _captured, contextlib.suppress(OSError):  # stderr may be a pipe that nobody reads
        if _show:
            _captured.seek(0)
            os.write(2, _captured.read())
