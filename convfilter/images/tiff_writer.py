"""Write TIFF and BigTIFF, uncompressed, whole or by bands of rows and so larger than memory.

Pillow lays out the directories, since tifffile writes no EXIF directories (exposure, GPS); in uncompressed
strips the place of every row is known beforehand.
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
_PLANAR, _RESOLUTION_UNIT, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _ICC_PROFILE = 284, 296, 338, 339, 34675
_UNCOMPRESSED, _CONTIGUOUS, _INCH, _MIN_IS_BLACK, _RGB = 1, 1, 2, 1, 2
_ANY_BAND, _STRAIGHT_ALPHA = 0, 2  # kinds of extra samples
_SAMPLE_FORMATS = {"u": 1, "f": 3}  # kind of dtype → tag value

_CLASSIC_LIMIT = 2**32 - 2**25  # bytes of pixels; offsets are 32-bit, and the directories need room too
_STRIP = 2**18  # bytes, about
_BLOCK = 2**22  # bytes that are put together at once


class TiffRows:
    """A TIFF whose pages, all of one shape, are written by bands of rows, each page from top to bottom.

    Bands of several pages may alternate. Written page after page, no byte is out of order, so that the file
    may be a pipe. OSErrors of the file pass through.
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
    ) -> None:
        """Write the header.

        file: open for writing, empty. shape: rows and columns. channels: without alpha; one is gray and three
        are colours, unless the metadata calls them bands; any other number is bands. dtype: uint8, uint16 or
        float32. Raises ValueError for anything else.
        """
        if channels < 1 or dtype.name not in ("uint8", "uint16", "float32"):
            raise ValueError(f"{channels} channels of {dtype} in a TIFF")
        if min(*shape, pages) < 1:
            raise ValueError(f"{pages} pages of shape {shape} in a TIFF")
        self._file, self._shape, self._channels, self._alpha = file, shape, channels, alpha
        self._stored = dtype.newbyteorder("<")
        self._row_bytes = shape[1] * (channels + alpha) * dtype.itemsize
        self._page_bytes = shape[0] * self._row_bytes
        self._big = pages * self._page_bytes > _CLASSIC_LIMIT
        self._tags = self._make_tags(metadata)
        self._rows_done = [0] * pages
        self._place = 0  # in the file
        self._directory_bytes = len(self._tags.tobytes(0))
        self._put(0, self._header())

    def write(self, top: int, pixels: np.ndarray, alpha: np.ndarray | None = None, page: int = 0) -> None:
        """Append the band whose first row is `top`: pixels (n, W) or (n, W, channels), and alpha (n, W).

        Raises ValueError for a band that doesn't follow the page's last one, or is of another kind.
        """
        self._check_band(top, pixels, alpha, page)
        if top == 0:
            self._put_directory(page)
        start = self._page_start(page) + self._directory_bytes
        step = max(1, _BLOCK // self._row_bytes)
        for first in range(0, len(pixels), step):
            rows = slice(first, first + step)
            samples = self._samples(pixels[rows], None if alpha is None else alpha[rows])
            self._put(start + (top + first) * self._row_bytes, samples.data)
        self._rows_done[page] = top + len(pixels)

    def close(self) -> None:
        """Raise ValueError unless every page has all its rows. The file stays open."""
        if any(rows != self._shape[0] for rows in self._rows_done):
            raise ValueError(f"pages of {self._shape[0]} rows end at {self._rows_done}")
        self._file.flush()

    def _check_band(self, top: int, pixels: np.ndarray, alpha: np.ndarray | None, page: int) -> None:
        count, (height, width) = len(pixels), self._shape
        colours = () if self._channels == 1 else (self._channels,)
        if pixels.shape != (count, width, *colours) or pixels.dtype != self._stored.newbyteorder("="):
            raise ValueError(f"{pixels.dtype} {pixels.shape} in a TIFF of {self._stored} {self._shape}")
        if top != self._rows_done[page] or not 0 < count <= height - top:
            raise ValueError(f"rows {top} to {top + count}, where row {self._rows_done[page]} is due")
        if (alpha is not None) != self._alpha:
            raise ValueError("alpha in some bands only")
        if alpha is not None and (alpha.shape, alpha.dtype) != ((count, width), pixels.dtype):
            raise ValueError(f"alpha {alpha.dtype} {alpha.shape} over {pixels.dtype} {pixels.shape}")

    def _samples(self, pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        """Pixels and alpha together, in the file's byte order."""
        if alpha is None:
            return np.ascontiguousarray(pixels, self._stored)
        samples = np.empty((*alpha.shape, self._channels + 1), self._stored)
        for channel in range(self._channels):  # one by one, which is faster than all at once
            samples[..., channel] = pixels[..., channel] if pixels.ndim == 3 else pixels
        samples[..., -1] = alpha
        return samples

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
        directory = bytearray(self._tags.tobytes(start))
        if page + 1 < len(self._rows_done):  # the next directory's place follows the entries
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
        tags.tagtype[_STRIP_OFFSETS] = TiffTags.LONG8 if self._big else TiffTags.LONG
        for tag, value in _exif_tags(metadata.exif).items():
            tags[tag] = value
        rgb = self._channels == 3 and not metadata.bands
        strip_rows = min(height, max(1, _STRIP // self._row_bytes))
        strips = range(0, height, strip_rows)
        tags[_WIDTH], tags[_HEIGHT], tags[_SAMPLES] = width, height, samples
        tags[_BITS] = (self._stored.itemsize * 8,) * samples
        tags[_SAMPLE_FORMAT] = (_SAMPLE_FORMATS[self._stored.kind],) * samples
        tags[_COMPRESSION], tags[_PLANAR] = _UNCOMPRESSED, _CONTIGUOUS
        tags[_PHOTOMETRIC] = _RGB if rgb else _MIN_IS_BLACK
        tags[_STRIP_ROWS] = strip_rows
        tags[_STRIP_OFFSETS] = tuple(top * self._row_bytes for top in strips)
        tags[_STRIP_SIZES] = tuple(min(strip_rows, height - top) * self._row_bytes for top in strips)
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
