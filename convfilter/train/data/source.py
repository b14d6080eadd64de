"""The bytes of a data file, plain or gzip, and the pictures and labels found in it."""

import contextlib
import gzip
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from convfilter.errors import DataError, first_line, printable, refuse_address
from convfilter.system.archive import DEFLATE_MAX
from convfilter.system.values import dataclass

MAX_BYTES = 4 << 30  # of pixels in one file or folder; training holds them all in memory
MAX_LABEL = 999
WANTED = (
    "a Kaggle CSV (train.csv, test.csv), IDX files (train-images-idx3-ubyte …), an .npz (x_train, y_train …) "
    "or a folder with one subfolder of pictures per class"
)
_GZIP = b"\x1f\x8b"
_BLOCK = 4 << 20  # bytes

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Part:
    """Pictures (n, H, W, C) uint8, their integer labels (n,) or None, and where each came from."""

    images: np.ndarray
    labels: np.ndarray | None
    where: Callable[[int], str]  # of picture i, for messages: "train.csv, line 17"


class Source:
    """An open file, unpacked while it is read."""

    def __init__(self, raw: BinaryIO, label: str, size: int) -> None:
        self._raw, self.label, self.size = raw, label, size
        self.packed = raw.read(2) == _GZIP
        raw.seek(0)
        self._file: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if self.packed else raw
        self.position = 0  # bytes handed out
        self.most = size * DEFLATE_MAX if self.packed else size  # bytes that can come at all

    def read(self, count: int) -> bytearray:
        """The next `count` bytes, fewer only at the end of the file."""
        data = bytearray()
        try:
            while len(data) < count and (block := self._file.read(min(_BLOCK, count - len(data)))):
                data += block
        except (OSError, EOFError, zlib.error) as error:
            at = self.position + len(data)
            kind = "gzip data is damaged or cut short" if self.packed else "file can't be read"
            raise DataError(
                f"{self.label}: the {kind} after {at} bytes ({first_line(error)}); get a sound copy"
            ) from error
        self.position += len(data)
        return data

    def report(self, progress: Progress | None) -> None:
        """Call progress(bytes read, bytes of the file), packed ones where it is packed."""
        if progress:
            progress(min(self._raw.tell(), self.size), self.size)


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a regular file that isn't empty; DataError for anything else."""
    label = printable(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise DataError(f"{label}: not a regular file; name a data file or a folder")
        file = path.open("rb")
    except FileNotFoundError as error:
        refuse_address(path, DataError)
        raise DataError(f"{label}: no such file or folder; check the name") from error
    except PermissionError as error:
        raise DataError(f"{label}: no permission to read it; change its permissions") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise DataError(f"{label}: can't be opened ({first_line(error)}); check the name") from error
    with file:
        size = path.stat().st_size
        if not size:
            raise DataError(f"{label}: the file is empty; get a sound copy")
        yield Source(file, label, size)


def check_bytes(count: int, label: str) -> None:
    """DataError for more bytes of pixels than training can hold."""
    if count > MAX_BYTES:
        raise DataError(
            f"{label}: {count} bytes of pixels, more than the limit of {MAX_BYTES}; "
            f"split the data or make the pictures smaller"
        )
