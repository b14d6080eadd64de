"""Read TIFF and BigTIFF, in tiles or strips, by bands of rows and so larger than memory.

tifffile knows the format; this module reads only the tiles that a band touches, and inflates a tile no
further than its size, which tifffile doesn't bound.
"""

import contextlib
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from convfilter.images.metadata import icc_fits
from convfilter.images.picture import DEFAULT_MAX_PIXELS, full_scale
from convfilter.images.samples import colour_and_alpha
from convfilter.images.sniff import HEAD, check_extension, detect_codec
from convfilter.images.source import open_source
from convfilter.images.tiff_page import UNPACKED, Page, first_page, tiff_errors
from convfilter.system.machine import cores

_TILE_ROW = 2**29  # bytes of a row of compressed tiles that are decoded at once, at most
_BAND = 2**22  # samples that are read at once when a picture is read whole
_THREADS = min(4, cores())


@contextlib.contextmanager
def open_rows(path: Path, label: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Iterator["TiffSource | None"]:
    """Yield the rows of a TIFF's first page, or None if the file has to be read whole, by images.read.read.

    Read by rows: gray, RGB, CMYK and any bands of uint8, uint16 and float32, with alpha or without,
    uncompressed or deflated, upright. None for any other TIFF or picture, and for compressed tiles or strips
    so large that a row of them takes about as much memory as the picture. label: what messages call the file.
    Raises PictureError, one line "LABEL: what is wrong; what to do", for whatever is wrong with the file.
    """
    with open_source(path, label, max_pixels) as file, contextlib.ExitStack() as stack:
        source = None
        if detect_codec(file.read(HEAD), label) == "TIFF":
            check_extension(path, "TIFF", label)
            page = stack.enter_context(first_page(file, label, max_pixels))
            if page.readable and page.orientation == 1 and not _decodes_too_much(page):
                source = stack.enter_context(tiff_rows(file, page, label))
        yield source


def _decodes_too_much(page: Page) -> bool:
    """Whether one row of compressed tiles takes more memory than allowed."""
    row_of_tiles = page.row_bytes * page.tile[0] * page.grid[1] * page.planes
    return page.tiff.compression != UNPACKED and row_of_tiles > _TILE_ROW


@contextlib.contextmanager
def tiff_rows(file: BinaryIO, page: Page, label: str) -> Iterator["TiffSource"]:
    """Yield the rows of a readable page as they are stored, not yet turned upright."""
    with contextlib.ExitStack() as stack:
        packed = page.tiff.compression != UNPACKED
        pool = stack.enter_context(ThreadPoolExecutor(_THREADS)) if packed else None
        yield TiffSource(file, page, label, pool)


def _check_band(top: int, bottom: int, shape: tuple[int, int]) -> None:
    if not 0 <= top < bottom <= shape[0]:
        raise ValueError(f"rows {top} to {bottom} of a picture of {shape[0]}")


class TiffSource:
    """The rows of one page of a TIFF, a RowSource.

    Uncompressed strips are read row by row; of tiles and compressed data the last two rows of tiles stay in
    memory, for bands that overlap. Threads take turns.
    """

    def __init__(self, file: BinaryIO, page: Page, label: str, pool: ThreadPoolExecutor | None) -> None:
        """pool: threads that decode compressed data; None for uncompressed data."""
        self.shape, self.channels = page.shape, page.channels
        self.dtype = np.dtype(str(page.tiff.dtype))
        icc = page.metadata.icc
        self.metadata = replace(page.metadata, icc=icc if icc_fits(icc, self.channels) else None)
        self._file, self._page, self._tiff, self._label = file, page, page.tiff, label
        self._tile, self._across = page.tile, page.grid[1]
        self._stored = self.dtype.newbyteorder(page.tiff.parent.byteorder)
        self._kept: dict[int, np.ndarray] = {}  # row of tiles -> its pixels, without the tiles' padding
        self._turn, self._lock = threading.Lock(), threading.Lock()  # of bands; of the file's position
        self._pool = pool
        row_of_tiles = page.row_bytes * page.tile[0] * self._across * page.planes
        small = page.tiff.is_tiled and row_of_tiles <= _TILE_ROW
        self._keeps = pool is not None or small  # whole rows of tiles
        if pool:
            page.tiff.compression = UNPACKED  # this class inflates, within bounds; tifffile does the rest
            page.tiff.init_decode()  # which threads must not share

    @cached_property
    def has_alpha(self) -> bool:
        """Whether some pixel is translucent; reads the file up to the first that is."""
        if not self._page.has_alpha_channel:
            return False
        white, (height, deep) = full_scale(self.dtype), (self.shape[0], self._tile[0])
        bands = (self.rows(top, min(top + deep, height))[1] for top in range(0, height, deep))
        return any(alpha is not None and (alpha != white).any() for alpha in bands)

    @property
    def sparse(self) -> bool:
        """Whether tiles are missing from the file, which Pillow can't read."""
        return self._page.sparse

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        """As RowSource.rows."""
        _check_band(top, bottom, self.shape)
        deep = self._tile[0]
        with self._turn, tiff_errors(self._label):
            band = np.empty((bottom - top, self.shape[1], self._tiff.samplesperpixel), self.dtype)
            for row in range(top // deep, -(-bottom // deep)):
                first, last = max(top, row * deep), min(bottom, (row + 1) * deep)
                part = band[first - top : last - top]
                if self._keeps:
                    part[:] = self._whole_row(row)[first - row * deep : last - row * deep]
                else:
                    self._copy(row, first - row * deep, part)
        if self._page.white_is_zero:
            band[..., 0] = self.dtype.type(full_scale(self.dtype)) - band[..., 0]
        return colour_and_alpha(band, self._page.names)

    def whole(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All rows at once."""
        (height, width), colours = self.shape, () if self.channels == 1 else (self.channels,)
        pixels = np.empty((height, width, *colours), self.dtype)
        alpha = np.empty((height, width), self.dtype) if self._page.has_alpha_channel else None
        step = max(1, _BAND // (width * self._tiff.samplesperpixel))
        for top in range(0, height, step):
            band = slice(top, min(top + step, height))
            pixels[band], over = self.rows(band.start, band.stop)
            if alpha is not None:
                alpha[band] = over
        return pixels, alpha

    def _copy(self, row: int, skip: int, part: np.ndarray) -> None:
        """Fill `part` (n, W, samples) from a row of uncompressed tiles, past its first `skip` pixel rows."""
        if self._page.planes == 1:
            self._copy_plane(row * self._across, skip, part)
            return
        tiles = self._page.grid[0] * self._across
        for plane in range(self._page.planes):
            samples = np.empty((*part.shape[:2], 1), self.dtype)
            self._copy_plane(plane * tiles + row * self._across, skip, samples)
            part[..., plane] = samples[..., 0]

    def _copy_plane(self, first: int, skip: int, part: np.ndarray) -> None:
        """The same for one plane, from the row of tiles that begins with the tile numbered `first`."""
        count, width, samples = part.shape
        wide = self._tile[1]
        scratch = part if wide == width else np.empty((count, wide, samples), self._stored)
        for column in range(self._across):
            index = first + column
            target = part[:, column * wide : (column + 1) * wide]
            if self._page.is_hole(index):
                target[:] = self._tiff.nodata
                continue
            self._file.seek(self._tiff.dataoffsets[index] + skip * (scratch.nbytes // count))
            if self._file.readinto(scratch) != scratch.nbytes:  # type: ignore[attr-defined]
                raise OSError("the file has become shorter")
            if scratch is not part:
                target[:] = scratch[:, : target.shape[1]]
            elif not self._stored.isnative:
                part.byteswap(inplace=True)

    def _whole_row(self, row: int) -> np.ndarray:
        """The pixels (n, W, samples) of a row of tiles."""
        if row not in self._kept:
            self._kept = {key: kept for key, kept in self._kept.items() if key == row - 1}
            count = min(self._tile[0], self.shape[0] - row * self._tile[0])
            pixels = np.empty((count, self.shape[1], self._tiff.samplesperpixel), self.dtype)
            first = row * self._across
            if self._pool:
                tiles = self._page.grid[0] * self._across
                places = (
                    (plane, plane * tiles + index)
                    for plane in range(self._page.planes)
                    for index in range(first, first + self._across)
                )
                list(self._pool.map(partial(self._decode, pixels), places))
            else:
                self._copy(row, 0, pixels)
            self._kept[row] = pixels
        return self._kept[row]

    def _decode(self, pixels: np.ndarray, place: tuple[int, int]) -> None:
        """Decode one compressed tile, given as plane and number, into its place in the pixels of its row."""
        plane, index = place
        if self._page.planes > 1:
            pixels = pixels[..., plane : plane + 1]
        left = index % self._across * self._tile[1]
        if self._page.is_hole(index):
            pixels[:, left : left + self._tile[1]] = self._tiff.nodata
            return
        full = self._tile[0] * self._page.row_bytes
        with self._lock:
            self._file.seek(self._tiff.dataoffsets[index])
            packed = self._file.read(min(self._tiff.databytecounts[index], 2 * full + 1024))
        data = zlib.decompressobj().decompress(packed, full + 1)  # one more, so that zlib checks its checksum
        tile = self._tiff.decode(data[:full], index)[0]
        assert tile is not None
        target = pixels[:, left : left + tile.shape[2]]
        target[:] = tile[0, : target.shape[0], : target.shape[1]]
