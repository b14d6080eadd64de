"""What is worth keeping in the user's cache folder, each thing a file that is checked when it is read.

    compiled/   stages that Keras exported, by their structure

A file is a line that names the format, a checksum, the text it belongs to, and the content. What is
damaged, foreign or of another version is as good as absent; a folder that can't be written costs speed, no
result. The checksum is against accidents: who may write in the folder is trusted as the program itself is.
"""

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convfilter.errors import PictureError
from convfilter.files import atomic_write

FORMAT = b"convfilter cache 1\n"
MAX_BYTES = 64 * 2**20
COMPILED = "compiled"
OLD = "kernels"  # version 0.1.0 kept what it knew of kernel files there


@dataclass(frozen=True)
class Entry:
    """A compiled model, and for each of a stage's numbers where its bytes begin in it."""

    places: tuple[int, ...]
    model: bytes


def folder() -> Path:
    """The platform's cache folder for convfilter."""
    import platformdirs

    return platformdirs.user_cache_path("convfilter")


def load(structure: str, versions: Sequence[str]) -> Entry | None:
    """The compiled structure, made and run by these versions; None where none is kept whole."""
    content = _read(COMPILED, _about(structure, versions))
    if content is None:
        return None
    places, _, model = content.partition(b"\n")
    found = _json(places)
    good = isinstance(found, list) and all(type(at) is int and 0 <= at < len(model) for at in found)
    return Entry(tuple(found), model) if good else None


def save(structure: str, versions: Sequence[str], entry: Entry) -> bool:
    """Keep an entry; False where that is not possible."""
    content = json.dumps(entry.places).encode() + b"\n" + entry.model
    return _write(COMPILED, _about(structure, versions), content)


def entries() -> list[Path]:
    """The files kept: by their names, in folders that are no links to others."""
    try:
        folders = [folder() / kind for kind in (COMPILED, OLD)]
        found = [path for each in folders if not each.is_symlink() for path in each.glob("*")]
        return sorted(path for path in found if re.fullmatch("[0-9a-f]{16}", path.name) and not path.is_dir())
    except OSError:
        return []


def described(path: Path) -> str:
    """What a file of the cache is for; "damaged" where it is not whole."""
    try:
        about = _json(_whole(path).partition(b"\n")[0])
    except OSError:
        about = None
    return str(about[0]) if isinstance(about, list) and about else "damaged"


def clear() -> int:
    """Delete what is kept; how many files there were. Raises PictureError where one can't be deleted."""
    found = entries()
    for path in found:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise PictureError(f"{path}: {error.strerror}; mend the folder's permissions") from error
    return len(found)


def _about(text: str, versions: Sequence[str]) -> bytes:
    return json.dumps([text, *versions]).encode()


def _path(kind: str, about: bytes) -> Path:
    """Two texts with one name would only take turns: the text is in the file."""
    return folder() / kind / f"{zlib.crc32(about):08x}{zlib.crc32(about[::-1]):08x}"


def _read(kind: str, about: bytes) -> bytes | None:
    try:
        rest = _whole(_path(kind, about))
    except OSError:
        return None
    return rest[len(about) + 1 :] if rest.startswith(about + b"\n") else None


def _whole(path: Path) -> bytes:
    """What follows a file's checksum; b"" where it is not this program's, too large or damaged."""
    if not path.is_file():  # a pipe would wait
        return b""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    checksum, _, rest = data.removeprefix(FORMAT).partition(b"\n")
    good = data.startswith(FORMAT) and len(data) <= MAX_BYTES and checksum == _checksum(rest)
    return rest if good else b""


def _json(data: bytes) -> Any:
    """The value; None for what is no JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _write(kind: str, about: bytes, content: bytes) -> bool:
    path, rest = _path(kind, about), about + b"\n" + content
    try:
        if path.exists() and not path.is_file():  # a pipe would wait
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(FORMAT + _checksum(rest) + b"\n" + rest)
    except (OSError, PictureError):
        return False
    return True


def _checksum(data: bytes) -> bytes:
    return b"%08x" % zlib.crc32(data)
