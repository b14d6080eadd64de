"""Write TIFF and BigTIFF, uncompressed, whole or by parts and so larger than memory.

Pillow lays out the directories, since tifffile writes no EXIF directories (exposure, GPS). The place of every
row is known beforehand, as nothing is compressed: a picture in strips is one raster, and one in tiles has a
raster for each column of tiles, one after the other, since a TIFF's tiles may lie in any order.
"""

import contextlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags

from convfilter.images.formats import FORMATS
from convfilter.images.metadata import icc_fits, storable
from convfilter.images.picture import Metadata, Picture

# Tags of TIFF 6.0
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS = 256, 257, 258, 259, 262, 273
_SAMPLES, _STRIP_ROWS, _STRIP_SIZES, _X_RESOLUTION, _Y_RESOLUTION = 277, 278, 279, 282, 283
_TILE_WIDTH, _TILE_ROWS, _TILE_OFFSETS, _TILE_SIZES = 322, 323, 324, 325
_PLANAR, _RESOLUTION_UNIT, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _ICC_PROFILE = 284, 296, 338, 339, 34675
_UNCOMPRESSED, _CONTIGUOUS, _INCH, _MIN_IS_BLACK, _RGB = 1, 1, 2, 1, 2
_ANY_BAND, _STRAIGHT_ALPHA = 0, 2  # kinds of extra samples
_SAMPLE_FORMATS = {"u": 1, "f": 3}  # kind of dtype → tag value

_CLASSIC_LIMIT = 2**32 - 2**25  # bytes of pixels; offsets are 32-bit, and the directories need room too
_STRIP = 2**18  # bytes of a strip or tile, about
_MULTIPLE = 16  # of which a tile's sides are multiples
_BLOCK = 2**22  # bytes that are put together at once


class TiffRows:
    """A TIFF whose pages, all of one shape, are written by bands of rows, each page from top to bottom.

    With tiles a page is written by bands of columns as well, each from top to bottom. Bands of several pages,
    and of several columns, may alternate. Written page after page and column after column, no byte is out of
    order, so that the file may be a pipe. OSErrors of the file pass through.
    """

    def __init__(
        self,
        file: BinaryIO,
        shape: tuple[int, int],
        channels: int,
        dtype: np.dtype,
        alpha: bool,
        metadata: Metadata,
        pages: int = 1,
        tile: int | None = None,
    ) -> None:
        """Write the header.

        file: open for writing, empty. shape: rows and columns. channels: without alpha; one is gray and three
        are colours, unless the metadata calls them bands; any other number is bands. dtype: uint8, uint16 or
        float32. tile: columns of a tile, a multiple of 16; None for strips. Raises ValueError for anything
        else.
        """
        if channels < 1 or dtype.name not in ("uint8", "uint16", "float32"):
            raise ValueError(f"{channels} channels of {dtype} in a TIFF")
        if min(*shape, pages) < 1 or (tile is not None and (tile < 1 or tile % _MULTIPLE)):
            raise ValueError(f"{pages} pages of shape {shape} in a TIFF with tiles of {tile} columns")
        self._file, self._shape, self._channels, self._alpha = file, shape, channels, alpha
        self._stored = dtype.newbyteorder("<")
        self._tile, self._wide = tile, tile or shape[1]  # columns of a band
        self._across = -(-shape[1] // self._wide)
        self._row_bytes = self._wide * (channels + alpha) * dtype.itemsize
        self._deep = self._rows_of_a_part()
        self._rows = -(-shape[0] // self._deep) * self._deep if tile else shape[0]  # the tiles' padding too
        self._page_bytes = self._across * self._rows * self._row_bytes
        self._big = pages * self._page_bytes > _CLASSIC_LIMIT
        self._tags = self._make_tags(metadata)
        self._pages, self._rows_done = pages, [0] * (pages * self._across)
        self._place = 0  # in the file
        self._directory_bytes = len(self._tags.tobytes(0))
        self._put(0, self._header())

    def write(
        self, top: int, pixels: np.ndarray, alpha: np.ndarray | None = None, page: int = 0, column: int = 0
    ) -> None:
        """Append the band whose first row is `top`: pixels (n, w) or (n, w, channels), and alpha (n, w).

        column: of tiles, from 0; w is the columns of a tile, fewer in the last one, or those of the picture.
        Raises ValueError for a band that doesn't follow the last one there, or is of another kind.
        """
        part = page * self._across + column
        self._check_band(top, pixels, alpha, part)
        if top == 0 and column == 0:
            self._put_directory(page)
        start = self._page_start(page) + self._directory_bytes + column * self._rows * self._row_bytes
        step = max(1, _BLOCK // self._row_bytes)
        for first in range(0, len(pixels), step):
            rows = slice(first, first + step)
            samples = self._samples(pixels[rows], None if alpha is None else alpha[rows])
            self._put(start + (top + first) * self._row_bytes, samples.data)
        self._rows_done[part] = top + len(pixels)
        if self._rows_done[part] == self._shape[0] < self._rows:
            missing = (self._rows - self._shape[0]) * self._row_bytes
            self._put(start + self._shape[0] * self._row_bytes, bytes(missing))

    def close(self) -> None:
        """Raise ValueError unless every page has all its rows. The file stays open."""
        if any(rows != self._shape[0] for rows in self._rows_done):
            raise ValueError(f"pages of {self._shape[0]} rows end at {self._rows_done}")
        self._file.flush()

    def _rows_of_a_part(self) -> int:
        """Rows of a strip or tile."""
        rows = min(self._shape[0], max(1, _STRIP // self._row_bytes))
        return -(-rows // _MULTIPLE) * _MULTIPLE if self._tile else rows

    def _check_band(self, top: int, pixels: np.ndarray, alpha: np.ndarray | None, part: int) -> None:
        count, height, first = len(pixels), self._shape[0], part % self._across * self._wide
        width = min(self._wide, self._shape[1] - first)
        colours = () if self._channels == 1 else (self._channels,)
        if pixels.shape != (count, width, *colours) or pixels.dtype != self._stored.newbyteorder("="):
            raise ValueError(f"{pixels.dtype} {pixels.shape} in a TIFF of {self._stored} {self._shape}")
        if top != self._rows_done[part] or not 0 < count <= height - top:
            raise ValueError(f"rows {top} to {top + count}, where row {self._rows_done[part]} is due")
        if (alpha is not None) != self._alpha:
            raise ValueError("alpha in some bands only")
        if alpha is not None and (alpha.shape, alpha.dtype) != ((count, width), pixels.dtype):
            raise ValueError(f"alpha {alpha.dtype} {alpha.shape} over {pixels.dtype} {pixels.shape}")

    def _samples(self, pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        """Pixels and alpha together, in the file's byte order, as wide as a tile."""
        count, width = pixels.shape[:2]
        if alpha is None and width == self._wide:
            return np.ascontiguousarray(pixels, self._stored)
        whole = np.zeros((count, self._wide, self._channels + self._alpha), self._stored)
        samples = whole[:, :width]
        for channel in range(self._channels):  # one by one, which is faster than all at once
            samples[..., channel] = pixels[..., channel] if pixels.ndim == 3 else pixels
        if alpha is not None:
            samples[..., -1] = alpha
        return whole

    def _places(self, start: int) -> tuple[int, ...]:
        """Where each strip or tile lies, row by row, if the first is at `start`."""
        return tuple(
            start + (column * self._rows + top) * self._row_bytes
            for top in range(0, self._rows, self._deep)
            for column in range(self._across)
        )

    def _header(self) -> bytes:
        """What the file begins with, and what makes Pillow lay out directories of its kind."""
        if self._big:
            return b"II+\0\x08\0\0\0" + (16).to_bytes(8, "little")
        return b"II*\0" + (8).to_bytes(4, "little")

    def _page_start(self, page: int) -> int:
        """Where a page is, its directory and then its pixels: at an even place, as TIFF demands."""
        length = self._directory_bytes + self._page_bytes
        return len(self._header()) + page * (length + length % 2)

    def _put_directory(self, page: int) -> None:
        start = self._page_start(page)
        if self._tile:  # Pillow moves the places of strips alone
            self._tags[_TILE_OFFSETS] = self._places(start + self._directory_bytes)
        directory = bytearray(self._tags.tobytes(start))
        if page + 1 < self._pages:  # the next directory's place follows the entries
            head, entry, size = (8, 20, 8) if self._big else (2, 12, 4)
            link = head + entry * len(self._tags)
            directory[link : link + size] = self._page_start(page + 1).to_bytes(size, "little")
        padding = (self._directory_bytes + self._page_bytes) % 2 if page else 0
        self._put(start - padding, bytes(padding) + directory)

    def _put(self, place: int, data: Any) -> None:
        """Write bytes at a place of the file."""
        if place != self._place:
            self._file.seek(place)
        self._file.write(data)
        self._place = place + memoryview(data).nbytes

    def _make_tags(self, metadata: Metadata) -> Any:
        """The directory of each page, as Pillow's mapping. Strips are placed as from the directory's end."""
        (height, width), samples = self._shape, self._channels + self._alpha
        tags = TiffImagePlugin.ImageFileDirectory_v2(self._header())
        for tag in (_STRIP_OFFSETS, _TILE_OFFSETS):
            tags.tagtype[tag] = TiffTags.LONG8 if self._big else TiffTags.LONG
        for tag, value in _exif_tags(metadata.exif).items():
            tags[tag] = value
        rgb = self._channels == 3 and not metadata.bands
        tags[_WIDTH], tags[_HEIGHT], tags[_SAMPLES] = width, height, samples
        tags[_BITS] = (self._stored.itemsize * 8,) * samples
        tags[_SAMPLE_FORMAT] = (_SAMPLE_FORMATS[self._stored.kind],) * samples
        tags[_COMPRESSION], tags[_PLANAR] = _UNCOMPRESSED, _CONTIGUOUS
        tags[_PHOTOMETRIC] = _RGB if rgb else _MIN_IS_BLACK
        if self._tile:
            tags[_TILE_WIDTH], tags[_TILE_ROWS] = self._tile, self._deep
            tags[_TILE_OFFSETS] = self._places(0)
            tags[_TILE_SIZES] = (self._deep * self._row_bytes,) * len(tags[_TILE_OFFSETS])
        else:
            tags[_STRIP_ROWS], tags[_STRIP_OFFSETS] = self._deep, self._places(0)
            tags[_STRIP_SIZES] = tuple(
                min(self._deep, height - top) * self._row_bytes for top in range(0, height, self._deep)
            )
        extra = (_ANY_BAND,) * (self._channels - (3 if rgb else 1)) + (_STRAIGHT_ALPHA,) * self._alpha
        if extra:
            tags[_EXTRA_SAMPLES] = extra
        dpi = storable(metadata, FORMATS["tiff"]).dpi
        if dpi:
            tags[_X_RESOLUTION], tags[_Y_RESOLUTION] = dpi
            tags[_RESOLUTION_UNIT] = _INCH
        if icc_fits(metadata.icc, self._channels):
            tags[_ICC_PROFILE] = metadata.icc
        return tags


def write_tiff(file: BinaryIO, pages: Sequence[Picture]) -> None:
    """Write pictures alike in shape, dtype and alpha as pages of a TIFF, with the first one's metadata."""
    first = pages[0]
    channels = 1 if first.pixels.ndim == 2 else first.pixels.shape[2]
    shape, alpha = first.pixels.shape[:2], first.alpha is not None
    writer = TiffRows(file, shape, channels, first.pixels.dtype, alpha, first.metadata, len(pages))
    for number, page in enumerate(pages):
        writer.write(0, page.pixels, page.alpha, number)
    writer.close()


def _exif_tags(exif: bytes | None) -> dict[int, Any]:
    """The tags of an EXIF block, its directories (exposure, GPS) as dictionaries; none of a broken block."""
    block = Image.Exif()
    with contextlib.suppress(Exception):
        block.load(exif or b"")
        return {tag: block.get_ifd(tag) or block[tag] for tag in block}
    return {}
