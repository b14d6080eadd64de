"""Keras, imported once and quietly, on the configured backend; take `keras`, `layers` and `ops` from here.

Raises BackendError where Keras can't start.
"""

import tempfile

from convfilter.backend import choose_backend, configured_backend, house_keras
from convfilter.errors import BackendError, reason
from convfilter.system.interrupts import interrupts_held
from convfilter.system.machine import address_space, schedulable_cores, usual_blas_threads
from convfilter.system.stderr import hush_matplotlib, quiet

_NEEDED, _NEEDED_PER_CORE = 2.8e9, 8e7  # bytes of address space, measured; with less TensorFlow crashes


def check_room() -> None:
    """Raise BackendError where Keras would crash, or fail without saying what can be done."""
    needed, have = _NEEDED + _NEEDED_PER_CORE * schedulable_cores(), address_space()
    if have is not None and have < needed:
        raise BackendError(
            f"Keras needs {needed / 1e9:.1f} GB of address space, {have / 1e9:.1f} GB are left; "
            "raise the limit (ulimit -v)"
        )
    try:
        tempfile.gettempdir()
    except OSError as error:
        raise BackendError(
            "Keras needs a folder for temporary files, none can be written; set TMPDIR to one that can"
        ) from error


__all__ = ["keras", "layers", "ops"]

choose_backend(configured_backend())
check_room()
house_keras()
hush_matplotlib()
usual_blas_threads()
try:
    with interrupts_held(), quiet(replay=False):
        import keras
        from keras import layers, ops
except Exception as error:  # a broken installation, or settings of Keras that it refuses
    fix = "correct the installation or its keras.json"
    raise BackendError(f"Keras can't start ({reason(error)}); {fix}") from error
