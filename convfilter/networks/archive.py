"""Zip archives from elsewhere: whatever is wrong with one is a DataError, and none fills the memory."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convfilter.errors import ConvfilterError, DataError, printable

MAX_TOTAL = 4 * 2**30  # bytes unpacked; VGG 16 with two moments of an optimiser is 1.7 GB
MAX_EXPANSION = 100  # unpacked : packed, from SMALL on; neither Keras nor numpy.savez even compresses
SMALL = 2**20  # bytes


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`. Whatever goes wrong while it is read is a DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except ConvfilterError:
        raise
    except OSError as error:
        raise DataError(f"{printable(path)}: {error.strerror or error}; check the file") from error
    except MemoryError as error:
        raise too_large(path) from error
    except Exception as error:  # zipfile and NumPy raise anything on hostile bytes
        raise DataError(
            f"{printable(path)}: damaged or cut short ({first_line(error)}); get a sound copy"
        ) from error


def check_size(path: Path, info: zipfile.ZipInfo, limit: int) -> None:
    """DataError for a zip bomb. Python unpacks no more of a member than it declares."""
    expands = info.file_size > max(SMALL, MAX_EXPANSION * info.compress_size)
    if info.file_size > limit or expands:
        raise DataError(
            f'{printable(path)}: "{printable(info.filename)}" would unpack to {info.file_size:,} bytes '
            f"from {info.compress_size:,}; don't use the file"
        )


def too_large(path: Path) -> DataError:
    """The error to raise where the memory doesn't do."""
    return DataError(f"{printable(path)}: too large for the memory here; use a smaller network")


def first_line(error: BaseException) -> str:
    """The first line of a message, shortened."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 120 else f"{line[:119]}…"
