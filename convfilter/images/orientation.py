"""Pictures stored turned or mirrored, as EXIF's orientation (1 to 8) says: how to undo it."""

from collections.abc import Callable

import numpy as np

UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # orientation → what undoes it
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
_FROM_BELOW, _FROM_RIGHT = (3, 4, 6, 7), (2, 3, 7, 8)  # where stored rows, and columns, are counted from

Span = tuple[int, int]  # from the first to before the last


def is_turned(orientation: int) -> bool:
    """Whether stored rows are columns of the upright picture."""
    return orientation > 4


def stored_window(orientation: int, stored: tuple[int, int], rows: Span, columns: Span) -> tuple[Span, Span]:
    """The stored rows and columns that hold these rows and columns of the upright picture.

    stored: rows and columns of the picture as it is stored.
    """
    if is_turned(orientation):
        rows, columns = columns, rows
    if orientation in _FROM_BELOW:
        rows = stored[0] - rows[1], stored[0] - rows[0]
    if orientation in _FROM_RIGHT:
        columns = stored[1] - columns[1], stored[1] - columns[0]
    return rows, columns
