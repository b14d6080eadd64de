"""Interrupts that no library can swallow, and that leave no half-made file.

Keras and TensorFlow catch whatever is raised inside them, interrupts too. So while they run a signal is
only noted, and acts when they are done; a second one ends the process at once.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU")  # those that this system has
_counting = threading.Lock()
_holding = 0  # bodies, in whatever threads
_noted: int | None = None


def install() -> None:
    """Let the signals that end a process act through this module. For the command, not the library.

    Those that whoever started it made it ignore stay ignored: nohup does so for SIGHUP, and a shell script
    for SIGINT of what it runs in the background.
    """
    for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """The body is not broken off: a signal during it acts at its end, a second one at once."""
    global _holding
    with _counting:
        _holding += 1
    try:
        yield
    finally:
        with _counting:
            _holding -= 1
            last = not _holding
        if last and _noted is not None:
            _act(_noted)


def _handle(number: int, frame: Any) -> None:
    global _noted
    if not _holding:
        _act(number)
    if _noted is not None:  # no file is being written while signals are held
        os._exit(128 + number)
    _noted = number


def _act(number: int) -> None:
    global _noted
    _noted = None
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
