"""Which backend and device Keras runs on, chosen before Keras is imported. Imports no framework itself."""

import importlib.util
import json
import os
import sys
from functools import lru_cache
from pathlib import Path

from convfilter.errors import BackendError
from convfilter.system.machine import user_folder
from convfilter.system.stamp import Stamp, stamp_of

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
    settings = keras_home() / "keras.json"
    stamp = stamp_of(settings)
    return _unchanged_backend(settings, stamp) if stamp else _backend_in(settings)


def _backend_in(settings: Path) -> str:
    """The backend that a keras.json names; tensorflow where it doesn't, or can't be read."""
    try:
        found = json.loads(settings.read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
    return str(found or "tensorflow")


@lru_cache(maxsize=1)
def _unchanged_backend(settings: Path, stamp: Stamp) -> str:
    return _backend_in(settings)


def keras_home() -> Path:
    """The folder of Keras' settings and of what it has downloaded."""
    return Path(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"))  # "~" where none is known


def check_device(device: str) -> None:
    """Raise BackendError unless `device` is auto, cpu, gpu or gpu:N; says nothing of whether it is here."""
    kind, colon, number = device.partition(":") if isinstance(device, str) else ("", "", "")
    if kind not in ("auto", "cpu", "gpu") or (colon and not (kind == "gpu" and number.isdecimal())):
        raise BackendError(f'no device "{device}"; use auto, cpu, gpu, or gpu:0 and up')


def house_keras() -> None:
    """Before Keras is imported: where the user has no home folder, a place for its settings and data. Else
    TensorFlow makes a folder called "~" in the current one."""
    if os.path.expanduser("~") == "~":
        import tempfile  # 4 ms

        cache = user_folder("cache")
        temporary = Path(tempfile.gettempdir()) / f".keras-{os.getuid()}"
        os.environ.setdefault("KERAS_HOME", str(cache / "keras" if cache else temporary))
