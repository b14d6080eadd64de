"""The manifest: which pictures of a batch are finished, so that an interrupted batch can be resumed.

A hidden file in the output folder, with one line of JSON per picture, added once the picture is safe on the
disk: hashes of what was read and of what was done to it. A line cut short by a crash is ignored. A link, a
pipe or whatever else has the manifest's name is neither read nor written.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from convfilter.errors import PictureError, first_line
from convfilter.system.own_files import open_own

NAME = ".convfilter-manifest"
MAX_BYTES = 2**30  # millions of pictures
_MAX_LINE = 2**24  # of a bank of many filters, each a file


class Manifest:
    """The finished pictures of an output folder, for one filter and its settings.

    shard: part and number of parts; each part writes a file of its own, and all are read.
    """

    def __init__(self, folder: Path, settings: Any, shard: tuple[int, int] = (1, 1)):
        self._filter = hashlib.sha256(repr(settings).encode()).hexdigest()
        ending = "" if shard == (1, 1) else f"-{shard[0]}-of-{shard[1]}"
        self.path = folder / f"{NAME}{ending}.jsonl"
        self._known = {line for line in _lines(folder) if self._filter in line}
        self._lock = threading.Lock()

    def key(self, source: str, targets: Sequence[str]) -> str:
        """The line for a finished picture. Raises PictureError where the source can't be read."""
        try:
            with open(source, "rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            raise PictureError(f"{source}: {first_line(error)}; check the name") from error
        names = [os.path.relpath(target, self.path.parent) for target in targets]
        return json.dumps({"input": content, "filter": self._filter, "output": names})

    def has(self, key: str, targets: Sequence[str]) -> bool:
        """Whether that picture is noted as finished and its files still exist."""
        return key in self._known and all(os.path.exists(target) for target in targets)

    def add(self, key: str) -> None:
        """Note a picture as finished. Raises PictureError where the folder can't be written."""
        try:
            with self._lock, open_own(self.path, "ab") as file:
                file.write(f"\n{key}\n".encode())  # apart from a line cut short
        except OSError as error:
            raise PictureError(
                f"{self.path}: {error.strerror}; free some space or use another folder"
            ) from error

    def remove(self) -> None:
        """Delete this part's file, once all its pictures are finished."""
        self.path.unlink(missing_ok=True)


def _lines(folder: Path) -> Iterator[str]:
    for path in folder.glob(f"{NAME}*.jsonl"):
        try:
            with open_own(path, "rb", MAX_BYTES) as file:
                while line := file.readline(_MAX_LINE):
                    yield line.decode(errors="replace").rstrip()
        except OSError as error:
            raise PictureError(f"{path}: {error.strerror}; move it away, or use another folder") from error
