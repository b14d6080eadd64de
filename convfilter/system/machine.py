"""What this process may use of the machine: memory, cores, and the user's own folders.

A container or a batch system gives a process less than the machine has. Linux says how much in /proc and in
the files of the control groups (cgroups), versions 1 and 2; a limit of a group holds for the groups inside it
too. `root` is the folder that these trees are looked for in, so that tests can bring their own.
"""

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

SHARE = 0.8  # of the free memory that a picture may take
ROOT = Path("/")
_ARENA_MAX = -8  # glibc's M_ARENA_MAX
_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")  # OpenBLAS' own first
_one_thread = False  # whether one_blas_thread has set that variable
_FOLDERS = {"cache": ("XDG_CACHE_HOME", ".cache"), "config": ("XDG_CONFIG_HOME", ".config")}
# Bytes; with its header, in whole pages, below glibc's DEFAULT_MMAP_THRESHOLD_MAX
_LARGEST_BLOCK = 2**25 - 2**17

# Control groups, by version: the limit, what is in use, and the file cache therein, which can be taken back.
_MEMORY = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}
_UNLIMITED = 2**60  # bytes; version 1 says so by a number near 2^63
# Limits of the process: the line in /proc/self/limits, and that in /proc/self/status which counts against it.
_ADDRESSES, _DATA = ("Max address space", "VmSize"), ("Max data size", "VmData")  # ulimit -v, -d


def available_memory(root: Path = ROOT) -> int | None:
    """Bytes that this process can still take: without swapping, within the limits of its control groups, and
    within its own. None where the system says nothing of it (Linux does)."""
    machine = _table(root / "proc/meminfo").get("MemAvailable")
    said = [
        None if machine is None else machine * 1024,
        *(_group_memory(folder, version) for folder, version in _groups("memory", root)),
        *(_process_memory(limit, root) for limit in (_ADDRESSES, _DATA)),
    ]
    known = [value for value in said if value is not None]
    return max(0, min(known)) if known else None


def address_space(root: Path = ROOT) -> int | None:
    """Bytes of address space that this process may still take; None without a limit (`ulimit -v`)."""
    return _process_memory(_ADDRESSES, root)


def spare_address_space() -> None:
    """Where the address space is limited, let threads reserve less of it. For the command, not the library,
    and before NumPy is imported.

    Each thread would reserve 64 MB to allocate from; where not even its thread-local variables fit, glibc
    ends the process, and its message is lost with the captured stderr.
    """
    if address_space() is None:
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else it has as many threads as there are cores
    import ctypes

    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def one_blas_thread() -> None:
    """Let OpenBLAS, which comes with NumPy, compute in one thread, unless the user says how many. For the
    command, not the library, and before NumPy is imported.

    It would start one per core, each of which waits busily for work that a filter never has for it: 7 ms, and
    100 ms of processor time, of each run.
    """
    global _one_thread
    if not any(name in os.environ for name in _BLAS_THREADS):
        os.environ[_BLAS_THREADS[0]], _one_thread = "1", True


def usual_blas_threads() -> None:
    """Take `one_blas_thread` back, for what is loaded later: PyTorch may bring an OpenBLAS of its own."""
    global _one_thread
    if _one_thread:
        os.environ.pop(_BLAS_THREADS[0], None)
        _one_thread = False


def reuse_memory() -> None:
    """From now on, have the memory of a picture that is finished kept for the next, up to 64 MB at a time.

    glibc gives blocks above a limit back to the system as soon as they are freed, and the system clears every
    page that it gives out again: for a picture of 2.5 megapixels that may take as long as filtering it. The
    limit rises to the size of the largest block freed so far, 32 MB at most; so this is a block of that size,
    of which no page is touched. Elsewhere it does nothing, nor does it where the address space is limited.
    """
    if address_space() is None:
        import numpy as np

        np.empty(_LARGEST_BLOCK, np.uint8)


def cores(root: Path = ROOT) -> int:
    """How many threads are worthwhile: the cores that this process may run on, but no more than the share of
    time, rounded up, that its control groups give it."""
    return max(1, min([schedulable_cores(), *_quotas(root)]))


def schedulable_cores() -> int:
    """Cores that this process may run on. TensorFlow starts so many threads, whatever its share of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def user_folder(kind: Literal["cache", "config"]) -> Path | None:
    """The platform's folder for what convfilter keeps of this kind; None where no variable names it and the
    user has no home, as in a container whose user the system doesn't know."""
    variable, usual = _FOLDERS[kind]
    base = os.environ.get(variable) or os.path.join(os.environ.get("HOME", ""), usual)
    if sys.platform == "linux" and os.path.isabs(base):  # as platformdirs has it, whose import takes 3 ms
        return Path(base, "convfilter")
    import platformdirs

    find = {"cache": platformdirs.user_cache_path, "config": platformdirs.user_config_path}[kind]
    try:
        folder = find("convfilter")
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # older versions of platformdirs give "~/.cache"


@lru_cache(maxsize=8)
def _groups(controller: str, root: Path) -> tuple[tuple[Path, int], ...]:
    """The folders of the control groups that this process is in, each before those around it, and the
    version of their files."""
    paths = {}  # controller → path of the group; "" stands for version 2, which has all controllers in one
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    found: list[tuple[Path, int]] = []
    for mount, top, version, options in _mounts(root):
        name = "" if version == 2 else controller
        if name not in paths or (version == 1 and controller not in options):
            continue
        group = PurePosixPath(paths[name])
        visible = group.is_relative_to(top) and ".." not in group.parts  # to this container
        innermost = mount / group.relative_to(top) if visible else mount
        around = [folder for folder in innermost.parents if folder.is_relative_to(mount)]
        found += [(folder, version) for folder in (innermost, *around)]
    return tuple(found)


def _mounts(root: Path) -> Iterator[tuple[Path, str, int, list[str]]]:
    """Where control groups are mounted, which group is, the version, and the options: see proc(5)."""
    for line in _lines(root / "proc/self/mountinfo"):
        place, _, source = line.partition(" - ")
        kind, _, options = [*source.split(" ", 2), "", ""][:3]
        if kind in ("cgroup", "cgroup2"):
            top, mount = place.split()[3:5]
            yield root / mount.lstrip("/"), top, 2 if kind == "cgroup2" else 1, options.split(",")


def _group_memory(folder: Path, version: int) -> int | None:
    limit, usage, reclaimable = _MEMORY[version]
    most = _number(folder / limit)
    if most is None or most > _UNLIMITED:
        return None
    used = _number(folder / usage)
    if used is None:
        return None
    return most - used + _table(folder / "memory.stat").get(reclaimable, 0)


def _process_memory(limit: tuple[str, str], root: Path) -> int | None:
    line, counted = limit
    used = _table(root / "proc/self/status").get(counted)
    for words in (text.removeprefix(line).split() for text in _lines(root / "proc/self/limits", line)):
        if used is not None and words[0].isdecimal():  # else "unlimited"
            return int(words[0]) - used * 1024
    return None


@lru_cache(maxsize=8)
def _quotas(root: Path) -> tuple[int, ...]:
    """The cores of each control group that has a limit, rounded up, as they are when first asked for."""
    quotas = [_quota(folder, version) for folder, version in _groups("cpu", root)]
    return tuple(math.ceil(quota) for quota in quotas if quota is not None)


def _quota(folder: Path, version: int) -> float | None:
    """The cores' time that a group may take, in cores; None without a limit."""
    if version == 2:
        words = next(_lines(folder / "cpu.max"), "").split()
        most, period = (int(word) if word.isdecimal() else None for word in [*words, "", ""][:2])
    else:
        most, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return most / period if most and period else None


def _lines(path: Path, start: str = "") -> Iterator[str]:
    """The lines of a file that begin so; none where it can't be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    yield from (line for line in text.splitlines() if line.startswith(start))


def _number(path: Path) -> int | None:
    """The only word of a file; None where it is no number from 0 up ("max", "-1") or can't be read."""
    word = next(_lines(path), "").strip()
    return int(word) if word.isdecimal() else None


def _table(path: Path) -> dict[str, int]:
    """The numbers of a file whose lines are a name and a number, with or without a colon and a unit."""
    rows = (line.replace(":", " ").split() for line in _lines(path))
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}
