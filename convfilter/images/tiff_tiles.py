"""The tiles or strips of a TIFF's page: any rows and columns of it, as they are stored.

tifffile knows the format; this module reads only the tiles that are touched, each thread at its own place of
the file, and unpacks a tile no further than its size, which tifffile doesn't bound.
"""

import io
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from itertools import product
from typing import BinaryIO

import numpy as np
from PIL import Image

from convfilter.images.orientation import Span
from convfilter.images.picture import full_scale
from convfilter.images.tiff_page import DEFLATED, UNPACKED, Page

_FEW_BYTES = 2**16  # are read as one, with what lies between; of more only the columns that are needed
_SMALL_TILE = 2**20  # bytes of an uncompressed tile that is read whole, at most
_SCAN = 2**22  # samples that are looked at in one go, about
_KEPT = 2  # times as many tiles stay in memory as the last window touched: windows overlap


Part = tuple[slice, slice]  # of rows and of columns


class Tiles:
    """The samples of a page, by windows of rows and columns, in this machine's byte order.

    Of strips and large tiles without compression only the rows and columns that are asked for are read. Other
    tiles are read whole, compressed ones decoded by the threads of a pool, and the last ones stay in memory.
    Several threads may ask at once.
    """

    def __init__(self, file: BinaryIO, page: Page, pool: ThreadPoolExecutor | None) -> None:
        """pool: threads that decode compressed data; None for uncompressed data."""
        self.page, self.shape = page, page.shape
        self.dtype = np.dtype(str(page.tiff.dtype))
        self._tiff, self._bytes = page.tiff, _Bytes(file)
        self._stored = self.dtype.newbyteorder(page.tiff.parent.byteorder)
        self._samples = page.tiff.samplesperpixel // page.planes  # of a tile's pixel
        self._packing = page.tiff.compression
        self.is_packed, self._pool, self._lock = pool is not None, pool, threading.Lock()
        self._tile_bytes = page.row_bytes * page.tile[0]
        self._keeps = pool is not None or (page.tiff.is_tiled and self._tile_bytes <= _SMALL_TILE)
        self._kept: dict[int, Future[np.ndarray]] = {}  # by the tile's number, the last used at the end
        if pool:
            page.tiff.compression = UNPACKED  # this class unpacks, within bounds; tifffile does the rest
            page.tiff.init_decode()  # which threads must not share

    def window(self, rows: Span, columns: Span) -> np.ndarray:
        """Samples (n, m, samples of a pixel)."""
        shape = (rows[1] - rows[0], columns[1] - columns[0], self._tiff.samplesperpixel)
        found = np.empty(shape, self.dtype)
        touched = [*self._touched(rows, columns)]
        tiles = self._tiles([number for number, _, _ in touched]) if self._keeps else None
        for place, (number, inner, outer) in enumerate(touched):
            plane = number // (self.page.grid[0] * self.page.grid[1])
            target = found[outer] if self.page.planes == 1 else found[outer][..., plane : plane + 1]
            if tiles is not None:
                target[:] = tiles[place].result()[inner]
            elif self.page.is_hole(number):
                target[:] = self._tiff.nodata
            else:
                self._copy(number, inner, target)
        return found

    @cached_property
    def is_translucent(self) -> bool:
        """Whether the alpha of some pixel is not full; reads the file up to the first such pixel."""
        names, white = self.page.names, self.dtype.type(full_scale(self.dtype))
        if not self.page.has_alpha_channel:
            return False
        channel = next(place for place, name in enumerate(names) if name in "aA")
        (height, width), (deep, wide) = self.shape, self.page.tile
        across = min(width, wide * max(1, _SCAN // (deep * wide * len(names))) if self._pool else _SCAN)
        down = min(deep, max(1, _SCAN // (across * len(names))))
        lefts, tops = range(0, width, across), range(0, height, down)
        return any(
            (self.window(_span(top, down, height), _span(left, across, width))[..., channel] != white).any()
            for left, top in product(lefts, tops)
        )

    def _touched(self, rows: Span, columns: Span) -> Iterator[tuple[int, Part, Part]]:
        """The number of each tile that the window touches, which part of the tile, and of the window."""
        (deep, wide), (down, across) = self.page.tile, self.page.grid
        in_rows, in_columns = [*_parts(rows, deep)], [*_parts(columns, wide)]
        for plane in range(self.page.planes):
            for row, inner_rows, outer_rows in in_rows:
                for column, inner_columns, outer_columns in in_columns:
                    number = (plane * down + row) * across + column
                    yield number, (inner_rows, inner_columns), (outer_rows, outer_columns)

    def _copy(self, number: int, part: Part, target: np.ndarray) -> None:
        """Fill `target` (n, m, samples) with a part of an uncompressed tile."""
        rows, columns = part
        wide, pixel = self.page.tile[1], self._samples * self.dtype.itemsize
        start = self._tiff.dataoffsets[number] + rows.start * wide * pixel
        count, width = target.shape[:2]
        if width == wide and target.flags.c_contiguous and self._stored.isnative:
            self._bytes.read_into(target, start)
        elif width == wide or count * wide * pixel <= _FEW_BYTES:
            scratch = np.empty((count, wide, self._samples), self._stored)
            self._bytes.read_into(scratch, start)
            target[:] = scratch[:, columns]
        else:
            line = np.empty((width, self._samples), self._stored)
            for row in range(count):
                self._bytes.read_into(line, start + (row * wide + columns.start) * pixel)
                target[row] = line

    def _tiles(self, numbers: Sequence[int]) -> "list[Future[np.ndarray]]":
        """The tiles of these numbers; those that no thread has asked for lately are read."""
        with self._lock:
            missing = [number for number in numbers if number not in self._kept]
            found = {number: self._kept.get(number) or Future() for number in numbers}
            others = {number: kept for number, kept in self._kept.items() if number not in found}
            self._kept = dict([*others.items(), *found.items()][-_KEPT * len(numbers) :])
        if self._pool:
            for number in missing:
                work = [found[number]], partial(self._decoded, number)
                try:
                    self._pool.submit(_settle, *work)
                except RuntimeError:  # no thread can be started; others wait for the tile
                    _settle(*work)
        else:
            for run in self._runs(missing):
                _settle([found[number] for number in run], partial(self._read_run, run))
        return [*found.values()]

    def _runs(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """The numbers in runs of uncompressed tiles that lie in the file one after the other."""
        run: list[int] = []
        for number in numbers:
            if run and self._tiff.dataoffsets[number] != self._tiff.dataoffsets[run[-1]] + self._tile_bytes:
                yield run
                run = []
            run.append(number)
        if run:
            yield run

    def _read_run(self, run: Sequence[int]) -> np.ndarray:
        """Uncompressed tiles that lie one after the other, (tiles, rows, columns, samples); or a hole."""
        tiles = np.empty((len(run), *self.page.tile, self._samples), self._stored)
        if self.page.is_hole(run[0]):
            tiles[:] = self._tiff.nodata
        else:
            self._bytes.read_into(tiles, self._tiff.dataoffsets[run[0]])
        return tiles

    def _decoded(self, number: int) -> list[np.ndarray]:
        """A compressed tile (rows, columns, samples), without what lies beyond the picture's edges, alone in
        a list."""
        deep, wide = self.page.tile
        row, column = divmod(number % (self.page.grid[0] * self.page.grid[1]), self.page.grid[1])
        shape = min(deep, self.shape[0] - row * deep), min(wide, self.shape[1] - column * wide)
        if self.page.is_hole(number):
            return [np.full((*shape, self._samples), self._tiff.nodata, self.dtype)]
        rows = deep if self._tiff.is_tiled else shape[0]
        full = rows * self.page.row_bytes
        packed = self._bytes.read(
            self._tiff.dataoffsets[number], min(self._tiff.databytecounts[number], 2 * full + 1024)
        )
        if self._packing in DEFLATED:
            # One byte more, so that zlib checks its checksum
            data = zlib.decompressobj().decompress(packed, full + 1)[:full]
        else:
            data = _by_libtiff(packed, self._packing, rows, self.page.row_bytes)
        tile = self._tiff.decode(data, number)[0]
        assert tile is not None
        return [np.asarray(tile[0, : shape[0], : shape[1]], self.dtype)]


def _settle(futures: Sequence["Future[np.ndarray]"], read: Callable[[], Iterable[np.ndarray]]) -> None:
    """Give the futures what `read` gives, or the exception that it raises."""
    try:
        for future, tile in zip(futures, read(), strict=True):
            future.set_result(tile)
    except BaseException as error:
        for future in futures:
            if not future.done():
                future.set_exception(error)


def _parts(span: Span, side: int) -> Iterator[tuple[int, slice, slice]]:
    """The tiles that a span touches: which, and the part of it in the tile's and in the span's own count."""
    for tile in range(span[0] // side, -(-span[1] // side)):
        first, last = max(span[0], tile * side), min(span[1], (tile + 1) * side)
        yield tile, slice(first - tile * side, last - tile * side), slice(first - span[0], last - span[0])


def _span(first: int, step: int, end: int) -> Span:
    return first, min(first + step, end)


def _by_libtiff(packed: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """A compressed tile's bytes, unpacked by Pillow's libtiff from a TIFF of that tile alone.

    It is called gray of 8 bits, whatever its samples are: the packings known here are of bytes.
    """
    tags = ((256, row_bytes), (257, rows), (258, 8), (259, compression), (262, 1), (273, 0), (277, 1),
            (278, rows), (279, len(packed)))  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    entries = (struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in tags)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(entries) + bytes(4)
    with Image.open(io.BytesIO(head + packed), formats=("TIFF",)) as image:
        return image.tobytes()


class _Bytes:
    """A file's bytes at any place, for several threads at once where the system allows."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._lock = file, threading.Lock()
        try:
            self._descriptor = file.fileno() if hasattr(os, "preadv") else None
        except OSError:  # in memory
            self._descriptor = None

    def read(self, place: int, count: int) -> bytes:
        """As many bytes, fewer at the end of the file."""
        if self._descriptor is not None:
            return os.pread(self._descriptor, count, place)
        with self._lock:
            self._file.seek(place)
            return self._file.read(count)

    def read_into(self, target: np.ndarray, place: int) -> None:
        """Fill a contiguous array. Raises OSError where the file ends before that."""
        if self._descriptor is not None:
            left = target.reshape(-1).view(np.uint8)
            while len(left) and (count := os.preadv(self._descriptor, [left.data], place)):
                left, place = left[count:], place + count  # a read may be short, on a network disk say
            count = target.nbytes - len(left)
        else:
            with self._lock:
                self._file.seek(place)
                count = self._file.readinto(target.data)  # type: ignore[attr-defined]
        if count != target.nbytes:
            raise OSError("the file has become shorter")
