"""Zip archives that come from elsewhere: any fault of one is a DataError, and none can fill the memory."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convfilter.errors import ConvfilterError, DataError, first_line, printable

MAX_EXPANSION = 100  # bytes unpacked per byte packed, of model files: nobody compresses weights
MAX_TOTAL = 4 * 2**30  # bytes unpacked, of model files; VGG 16 with two moments of an optimiser is 1.7 GB
DEFLATE_MAX = 1032  # the most that deflate can unpack from one byte, so a claim beyond it is false
SMALL = 2**20  # bytes; what unpacks to less is harmless, however well it is packed


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`. Whatever goes wrong while the block reads it is a DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except ConvfilterError:
        raise
    except OSError as error:
        raise DataError(f"{printable(path)}: {first_line(error)}; check the file") from error
    except MemoryError as error:
        raise too_large(path) from error
    except Exception as error:  # zipfile and NumPy raise anything on hostile bytes
        raise DataError(
            f"{printable(path)}: damaged or cut short ({first_line(error)}); get a sound copy"
        ) from error


def check_size(path: Path, info: zipfile.ZipInfo, limit: float, expansion: int = MAX_EXPANSION) -> None:
    """Raise DataError for a zip bomb: a member of more than `limit` bytes, or of more than SMALL ones and
    `expansion` times its packed size. Python unpacks no more of a member than it declares, so a check of
    what is declared is enough."""
    expands = info.file_size > max(SMALL, expansion * info.compress_size)
    if info.file_size > limit or expands:
        raise DataError(
            f'{printable(path)}: "{printable(info.filename)}" would unpack to {info.file_size:,} bytes '
            f"from {info.compress_size:,}; don't use the file"
        )


def too_large(path: Path) -> DataError:
    """The error for a file whose content doesn't fit into the memory."""
    return DataError(f"{printable(path)}: too large for the memory here; use a smaller one")
