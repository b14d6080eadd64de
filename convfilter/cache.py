"""What is worth keeping in the user's cache folder, each thing a file that is checked when it is read.

    compiled/   stages that Keras exported, by their structure
    kernels/    what pydantic said of kernel files, by all but their numbers

A file is a line that names the format, a checksum, the text it belongs to, and the content. What is
damaged, foreign or of another version is as good as absent; a folder that can't be written costs speed, no
result.
"""

import json
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
    return Entry(tuple(json.loads(places)), model)


def save(structure: str, versions: Sequence[str], entry: Entry) -> bool:
    """Keep an entry; False where that is not possible."""
    content = json.dumps(entry.places).encode() + b"\n" + entry.model
    return _write(COMPILED, _about(structure, versions), content)


def recall(skeleton: str) -> dict[str, Any] | None:
    """The fields of a kernel file of which this is the skeleton; None where it is not known to be good."""
    content = _read(KERNELS, _about(skeleton, [__version__]))
    fields: dict[str, Any] | None = None if content is None else json.loads(content)
    return fields


def remember(skeleton: str, fields: dict[str, Any]) -> bool:
    """Keep the fields of a good kernel file; False where that is not possible."""
    return _write(KERNELS, _about(skeleton, [__version__]), json.dumps(fields).encode())


def entries() -> list[Path]:
    """The files kept."""
    try:
        return sorted(
            path for kind in (COMPILED, KERNELS) for path in (folder() / kind).glob("????????????????")
        )
    except OSError:
        return []


def described(path: Path) -> str:
    """What a file of the cache is for; "damaged" where it is not whole."""
    try:
        checksum, _, rest = path.read_bytes().removeprefix(FORMAT).partition(b"\n")
        about = json.loads(rest.partition(b"\n")[0]) if checksum == _checksum(rest) else None
    except (OSError, ValueError):
        about = None
    return "damaged" if about is None else str(about[0])


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
        with _path(kind, about).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    checksum, _, rest = data.removeprefix(FORMAT).partition(b"\n")
    whole = data.startswith(FORMAT) and checksum == _checksum(rest)
    return rest[len(about) + 1 :] if whole and rest.startswith(about + b"\n") else None


def _write(kind: str, about: bytes, content: bytes) -> bool:
    path, rest = _path(kind, about), about + b"\n" + content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(FORMAT + _checksum(rest) + b"\n" + rest)
    except (OSError, PictureError):
        return False
    return True


def _checksum(data: bytes) -> bytes:
    return b"%08x" % zlib.crc32(data)
