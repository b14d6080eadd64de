"""Keras' backend: chosen before Keras is imported, and kept quiet. Imports no framework itself."""

import importlib.util
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convfilter.errors import BackendError

SHARE = 0.8  # of the free memory that a picture may take
BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}  # name → module


def installed_backends() -> list[str]:
    """The backends whose module is installed (found, not imported)."""
    return [name for name, module in BACKENDS.items() if importlib.util.find_spec(module)]


def choose_backend(name: str) -> None:
    """Make `name` Keras' backend for this process. Raises BackendError if it is unknown, not installed,
    or if Keras is already running on another one."""
    if name not in BACKENDS:
        raise BackendError(f'no backend "{name}"; choose one of {", ".join(BACKENDS)}')
    if name not in installed_backends():
        package = name if name == "tensorflow" else f"'convfilter[{name}]'"
        raise BackendError(f"the backend {name} is not installed; pip install {package}")
    keras = sys.modules.get("keras")
    if keras is not None and keras.config.backend() != name:
        raise BackendError(
            f"Keras already runs on {keras.config.backend()}; set KERAS_BACKEND={name} instead"
        )
    os.environ["KERAS_BACKEND"] = name


def configured_backend() -> str:
    """What Keras would take: KERAS_BACKEND, else the backend in its keras.json, else tensorflow."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    try:
        found = json.loads((keras_home() / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError, RuntimeError):
        return "tensorflow"
    return str(found or "tensorflow")


def keras_home() -> Path:
    """The folder of Keras' settings and of what it has downloaded."""
    return Path(os.environ.get("KERAS_HOME") or Path("~").expanduser() / ".keras")


def check_device(device: str) -> None:
    """Raise BackendError unless `device` is auto, cpu, gpu or gpu:N; says nothing of whether it is here."""
    kind, colon, number = device.partition(":") if isinstance(device, str) else ("", "", "")
    if kind not in ("auto", "cpu", "gpu") or (colon and not (kind == "gpu" and number.isdecimal())):
        raise BackendError(f'no device "{device}"; use auto, cpu, gpu, or gpu:0 and up')


_lock = threading.Lock()
_inside = 0  # threads that want quiet now
_saved = -1  # what stderr was before, as a file descriptor
_held: Any = None  # the file that holds what was written meanwhile
_show = False  # whether it is shown in the end


@contextmanager
def quiet(replay: bool = True) -> Iterator[None]:
    """Hold back what native libraries write to stderr; with `replay` it is shown if the body raises.

    stderr belongs to the whole process: from the first thread that comes in to the last that goes out
    nothing is written there but by who has a copy of it, as the command has. Under --debug nothing is held
    back: native code that aborts says why.
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


def _enter() -> None:
    global _inside, _saved, _held, _show
    _inside += 1
    if _inside > 1:
        return
    try:
        _saved = os.dup(2)
    except OSError:  # no stderr at all
        _saved = -1
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    _held, _show = tempfile.TemporaryFile(), False  # noqa: SIM115  (closed by _leave)
    os.dup2(_held.fileno(), 2)


def _leave(failed: bool) -> None:
    global _inside, _show
    _inside -= 1
    _show = _show or failed
    if _inside or _saved < 0:
        return
    os.dup2(_saved, 2)
    with _held:
        if _show:
            _held.seek(0)
            os.write(2, _held.read())
    os.close(_saved)


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system doesn't say (Linux does)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
