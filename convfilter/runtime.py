"""Keras' backend: chosen before Keras is imported, and kept quiet. Imports no framework itself."""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from convfilter.errors import BackendError

BACKENDS = {
    "tensorflow": "tensorflow",
    "jax": "jax",
    "torch": "torch",
}  # name → module; also the extra's name


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


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what native libraries write to stderr; it is shown if the body raises."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
