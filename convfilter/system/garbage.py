"""Garbage collections, put off while modules are imported: they make many objects and no garbage (7 ms)."""

import gc

_MANY = 50_000  # new objects between two collections
_before: tuple[int, int, int] | None = None  # the thresholds that imports put aside


def put_off() -> None:
    """Collect rarely from now on, until `as_usual`."""
    global _before
    _before = gc.get_threshold()
    gc.set_threshold(_MANY, 10, 10)


def as_usual() -> None:
    """The imports are over: collect as Python does, but without looking through what they made. Does nothing
    where collections were not put off."""
    global _before
    if _before is not None:
        gc.freeze()
        gc.set_threshold(*_before)
        _before = None
