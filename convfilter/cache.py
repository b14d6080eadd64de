"""What is worth keeping in the user's cache folder, each thing a file that is checked when it is read.

    compiled/   stages that Keras exported, by their structure
    kernels/    what pydantic said of kernel files, by all but their numbers

A file is a line that names the format, a checksum, the text it belongs to, and the content. What is
damaged, foreign or of another version is as good as absent; a folder that can't be written costs speed, no
result. The checksum is against accidents: who may write in the folder is trusted as the program itself is.
"""

import contextlib
import json
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convfilter import __version__
from convfilter.errors import PictureError
from convfilter.files import atomic_write

FORMAT = b"convfilter cache 1\n"
MAX_BYTES = 64 * 2**20
COMPILED, KERNELS = "compiled", "kernels"


@dataclass(frozen=True)
class Entry:
    """A compiled model, for each of a stage's numbers where its bytes begin in it, and what it is."""

    places: tuple[int, ...]
    model: bytes
    words: str = ""


def folder() -> Path:
    """The platform's cache folder for convfilter."""
    import platformdirs

    return platformdirs.user_cache_path("convfilter")


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


def recall(skeleton: str) -> dict[str, Any] | None:
    """The fields of a kernel file of which this is the skeleton; None where it is not known to be good."""
    content = _read(KERNELS, _about(skeleton, [__version__]))
    fields = None if content is None else _json(content)
    return fields if isinstance(fields, dict) else None


def remember(skeleton: str, fields: dict[str, Any]) -> bool:
    """Keep the fields of a good kernel file; False where that is not possible."""
    return _write(KERNELS, _about(skeleton, [__version__]), json.dumps(fields).encode())


def entries() -> list[Path]:
    """The files kept: by their names, in folders that are no links to others."""
    try:
        folders = [folder() / kind for kind in (COMPILED, KERNELS)]
        found = [path for each in folders if not each.is_symlink() for path in each.glob("*")]
        return sorted(path for path in found if re.fullmatch("[0-9a-f]{16}", path.name) and not path.is_dir())
    except OSError:
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
