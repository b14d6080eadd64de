"""The user's cache folder: what is kept for a faster next run, in files that are checked when they are read.

    compiled/   stages that Keras exported, by their structure

A file holds a line that names the format, a checksum, the text it belongs to, and the content. What is
damaged, foreign or of another version counts as absent; a folder that can't be written costs speed, no
result. The checksum is against accidents: whoever may write to the folder is trusted as much as the program.
The cache folder itself may be a link, as to a larger disk; a link in it is neither followed nor replaced.
"""

import contextlib
import json
import os
import re
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convfilter.errors import PictureError
from convfilter.system.atomic import atomic_write
from convfilter.system.machine import user_folder
from convfilter.system.own_files import check_kind, read_own
from convfilter.system.values import dataclass

FORMAT = b"convfilter cache 1\n"
MAX_BYTES = 64 * 2**20
COMPILED = "compiled"
OLD = "kernels"  # version 0.1.0 kept what it knew of kernel files there
_FIX = "set XDG_CACHE_HOME to a folder that can be written"

_trouble = ""  # why the last thing could not be kept


@dataclass(frozen=True)
class Entry:
    """A compiled model.

    places: for each array of a stage's weights, where its bytes begin in the model. words: what the model
    computes, for the list of what is kept.
    """

    places: tuple[int, ...]
    model: bytes
    words: str = ""


def folder() -> Path:
    """The platform's cache folder for convfilter. Raises PictureError where the user has none."""
    found = user_folder("cache")
    if found is None:
        raise PictureError(f"there is no cache folder, as the user has no home folder; {_FIX}")
    return found


def take_trouble() -> str:
    """Why something could not be kept since this was last asked, and what to do; "" where all could."""
    global _trouble
    taken, _trouble = _trouble, ""
    return taken and f"nothing can be kept for a faster next run: {taken}"


def load(structure: str, versions: Sequence[str]) -> Entry | None:
    """The compiled structure, made and run by these versions; None where none is kept whole."""
    content = _read(COMPILED, _about(structure, versions))
    if content is None:
        return None
    head, _, model = content.partition(b"\n")
    places, words = _head(head)
    good = isinstance(places, list) and all(type(at) is int and 0 <= at < len(model) for at in places)
    if not good:
        return None
    with contextlib.suppress(OSError):  # a folder that is only read
        os.utime(_path(COMPILED, _about(structure, versions)))  # when it was last used
    return Entry(tuple(places), model, words)


def save(structure: str, versions: Sequence[str], entry: Entry) -> bool:
    """Keep an entry; False where that is not possible."""
    head = json.dumps({"places": entry.places, "words": entry.words})
    content = head.encode() + b"\n" + entry.model
    return _write(COMPILED, _about(structure, versions), content)


def entries() -> list[Path]:
    """The files kept: by their names, in folders that are no links to others."""
    try:
        folders = [folder() / kind for kind in (COMPILED, OLD)]
        found = [path for each in folders if not each.is_symlink() for path in each.glob("*")]
        named = [path for path in found if re.fullmatch("[0-9a-f]{16}", path.name)]
        return sorted(path for path in named if not stat.S_ISDIR(path.lstat().st_mode))
    except (OSError, PictureError):
        return []


def described(path: Path) -> str:
    """What a file of the cache holds, in words; "damaged" where it is not whole."""
    try:
        content = _whole(path).partition(b"\n")[2]
    except OSError:
        content = b""
    if content and path.parent.name != COMPILED:
        return "the outline of a kernel file"
    return _head(content.partition(b"\n")[0])[1] or ("of another version" if content else "damaged")


def _head(line: bytes) -> tuple[Any, str]:
    """The places and the words that stand before a model."""
    found = _json(line)
    found = found if isinstance(found, dict) else {}
    return found.get("places"), str(found.get("words", ""))


def clear() -> int:
    """Delete what is kept; how many files there were. Raises PictureError where one can't be deleted."""
    found = entries()
    for path in found:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise PictureError(f"{path}: {error.strerror}; change the folder's permissions") from error
    return len(found)


def _about(text: str, versions: Sequence[str]) -> bytes:
    return json.dumps([text, *versions]).encode()


def _path(kind: str, about: bytes) -> Path:
    """Two texts with one name would only take turns: the text is in the file."""
    return folder() / kind / f"{zlib.crc32(about):08x}{zlib.crc32(about[::-1]):08x}"


def _read(kind: str, about: bytes) -> bytes | None:
    try:
        rest = _whole(_path(kind, about))
    except (OSError, PictureError):
        return None
    return rest[len(about) + 1 :] if rest.startswith(about + b"\n") else None


def _whole(path: Path) -> bytes:
    """What follows a file's checksum; b"" where it is not this program's or damaged. Raises OSError."""
    check_kind(path.parent, stat.S_IFDIR)
    data = read_own(path, MAX_BYTES)
    checksum, _, rest = data.removeprefix(FORMAT).partition(b"\n")
    good = data.startswith(FORMAT) and checksum == _checksum(rest)
    return rest if good else b""


def _json(data: bytes) -> Any:
    """The value; None for what is no JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _write(kind: str, about: bytes, content: bytes) -> bool:
    global _trouble
    rest = about + b"\n" + content
    try:
        path = _path(kind, about)
    except PictureError as error:
        _trouble = str(error)
        return False
    try:
        check_kind(path.parent, stat.S_IFDIR)
        check_kind(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(FORMAT + _checksum(rest) + b"\n" + rest)
    except OSError as error:
        _trouble = f"{error.filename}: {error.strerror}; change that, or {_FIX}"
    except PictureError as error:
        reason = getattr(error.__cause__, "strerror", None) or error.__cause__
        _trouble = f"{path.parent}: {reason}; change that, or {_FIX}"
    else:
        return True
    return False


def _checksum(data: bytes) -> bytes:
    return b"%08x" % zlib.crc32(data)
