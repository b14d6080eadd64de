"""Whether a file is still what it was when it was read, without reading it again."""

import os
import stat
import time
from pathlib import Path

Stamp = tuple[int, ...]
_COARSEST = 2 * 10**9  # nanoseconds: two changes within them may bear the same time, on FAT


def stamp_of(path: Path) -> Stamp | None:
    """What no other content of this file will have: its place on the disk, length and times.

    None where it is no regular file, or was changed so lately that a change to come may bear the same time.
    To be asked for before the file is read.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a null character in the name
        return None
    last = max(found.st_mtime_ns, found.st_ctime_ns)
    if not stat.S_ISREG(found.st_mode) or time.time_ns() - last < _COARSEST:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
