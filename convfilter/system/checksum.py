"""What identifies a file by its content."""

import hashlib
from pathlib import Path

from convfilter.errors import DataError, printable


def file_hash(path: Path | str) -> str:
    """SHA-256 of a file, in hexadecimal. Raises DataError where it can't be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{printable(path)}: {error.strerror or error}; check the file") from error
