"""Interrupts that no library can swallow, and that leave no half-written file.

Keras and TensorFlow catch whatever is raised inside them, KeyboardInterrupt too. So while they run a signal
is only recorded, and raised when they are done; a second one ends the process at once.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU")  # those that this system has
_counting = threading.Lock()
_holding = 0  # bodies of interrupts_held that are running, in all threads
_noted: int | None = None  # the signal that came meanwhile


def install() -> None:
    """Handle the signals that end a process in this module. For the command, not the library.

    Signals that are ignored stay ignored: nohup ignores SIGHUP, and a shell script SIGINT for what it runs in
    the background.
    """
    for number in map(_number, _NAMES):
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _handle)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold signals back during the body: the first one is raised at its end, a second one ends the
    process."""
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


@contextmanager
def raised_at_once() -> Iterator[None]:
    """Raise signals at once during the body, whatever other threads hold them back for: in a main thread that
    calls no library, of a process that ends then."""
    before = {number: signal.getsignal(number) for number in map(_number, _NAMES) if number}
    handled = [number for number, handler in before.items() if handler is _handle]
    try:
        for number in handled:
            signal.signal(number, lambda number, frame: _act(number))
        yield
    finally:
        for number in handled:
            signal.signal(number, _handle)


def _number(name: str) -> "signal.Signals | None":
    """A signal's number; None where this system has none."""
    return getattr(signal, name, None)


def _handle(number: int, frame: Any) -> None:
    global _noted
    if not _holding:
        _act(number)
    if _noted is not None:  # safe: no file is written while signals are held back
        os._exit(128 + number)
    _noted = number


def _act(number: int) -> None:
    global _noted
    _noted = None
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
