"""Pictures and labels in IDX files, as MNIST is distributed."""

import math
import re
from pathlib import Path

import numpy as np

from convfilter.errors import DataError, printable
from convfilter.train.data.source import Part, Progress, check_bytes, open_source

_IDX_UBYTE = 8  # the third byte of an IDX file: its values are unsigned bytes
_IDX_KINDS = {1: "labels", 3: "pictures"}  # by the fourth byte, the number of axes


def read_idx(images: Path, progress: Progress | None = None) -> Part:
    """The pictures of an IDX file and the labels of the one beside it."""
    labels_path = _labels_beside(images)
    pixels = _idx_array(images, 3, progress)
    labels = _idx_array(labels_path, 1, None)
    if len(pixels) != len(labels):
        raise DataError(
            f"{printable(images)}: {len(pixels)} pictures, but {len(labels)} labels in "
            f"{printable(labels_path)}; get two files that belong together"
        )
    name = printable(labels_path)
    return Part(pixels[..., None], labels, lambda i: f"{name}, byte {8 + i}")


def is_idx_images(name: str) -> bool:
    """Whether a file of this name holds pictures in IDX."""
    return re.search(r"images?[-.]idx3-ubyte(\.gz)?$", name.lower()) is not None


def _labels_beside(images: Path) -> Path:
    """The file of labels that belongs to this file of pictures."""
    if not is_idx_images(images.name):
        raise DataError(
            f"{printable(images)}: an IDX file of pictures must be called …-images-idx3-ubyte, with its "
            f"labels beside it in …-labels-idx1-ubyte; rename them"
        )
    stem = re.sub(r"(?i)images?[-.]idx3-ubyte(\.gz)?$", "", images.name)
    for dot in ("-", "."):
        for ending in ("", ".gz"):
            path = images.with_name(f"{stem}labels{dot}idx1-ubyte{ending}")
            if path.exists():
                return path
    raise DataError(f"{printable(images)}: its labels are missing; put {stem}labels-idx1-ubyte beside it")


def _idx_array(path: Path, axes: int, progress: Progress | None) -> np.ndarray:
    """The bytes of one IDX file; its header is judged before any of its data is read."""
    with open_source(path) as source:
        label, start = source.label, 4 + 4 * axes
        head = source.read(4)
        if len(head) == 4:
            _check_magic(bytes(head), axes, label)
        head += source.read(start - len(head))
        if len(head) < start:
            raise DataError(f"{label}: cut short, {start - len(head)} bytes of its header are missing")
        shape = tuple(int(n) for n in np.frombuffer(head, ">u4", offset=4))
        count = math.prod(shape)
        claim = f"its header (bytes 4–{start - 1}) claims {' × '.join(map(str, shape))} = {count} bytes"
        if not count:
            raise DataError(f"{label}: {claim}; get a sound copy")
        if not source.packed and source.size - start < count:
            raise _cut_short(label, claim, source.size - start, count)
        if source.most < count:
            raise DataError(
                f"{label}: {claim}, more than {source.size} bytes can unpack to; get a sound copy"
            )
        check_bytes(count, label)
        data = source.read(count)
        source.report(progress)
        if len(data) < count:
            raise _cut_short(label, claim, len(data), count)
        if source.read(1):
            raise DataError(f"{label}: {claim}, but more follow from byte {start + count}; get a sound copy")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _cut_short(label: str, claim: str, there: int, count: int) -> DataError:
    return DataError(f"{label}: {claim}, of which {count - there} are missing at the end; get a sound copy")


def _check_magic(head: bytes, axes: int, label: str) -> None:
    """DataError unless the first four bytes say unsigned bytes with this many axes."""
    wanted = bytes((0, 0, _IDX_UBYTE, axes))
    if head == wanted:
        return
    other = _IDX_KINDS.get(head[3]) if head[:3] == wanted[:3] else None
    what = f"holds {other}" if other else "is no IDX file of unsigned bytes"
    raise DataError(
        f"{label}: {what} (bytes 0–3 are 0x{head.hex()}, those of {_IDX_KINDS[axes]} 0x{wanted.hex()}); "
        f"get the right file"
    )
