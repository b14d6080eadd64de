"""Pictures larger than memory, read in bands of rows: TIFF and BigTIFF, in tiles or strips.

tifffile knows the format; this module reads only the tiles that a band touches, and no more than is there.
"""

import contextlib
import logging
import os
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from convfilter.errors import PictureError
from convfilter.image import _exif, _pillow_unbound, _profile, _tiff_dpi
from convfilter.image_deep import RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION
from convfilter.image_source import HEAD, check_extension, opened, reason, sniffed
from convfilter.image_write import icc_fits
from convfilter.machine import cores
from convfilter.picture import DEFAULT_MAX_PIXELS, Metadata, check_size, full_scale

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_CHANNELS = {1: 1, 2: 3}  # photometric interpretation: black is zero, RGB
_UNPACKED = 1
_PACKINGS = ((_UNPACKED, 1), (8, 1), (8, 2), (32946, 1), (32946, 2))  # deflate, predictor
_STRAIGHT = 2  # extra sample: alpha that colours aren't multiplied with
_ORIENTATION, _XMP = 274, 700
_TILE_SIDE = 4096  # pixels; a tile is no longer, unless the picture is
_WASTE, _SMALL = 16, 2**26  # how many times a picture's pixels its tiles may hold, and pixels that are few
_TILE_ROW = 2**29  # bytes of packed tiles side by side that are decoded at once
_THREADS = min(4, cores())

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its errors go to the terminal


@contextlib.contextmanager
def open_rows(path: Path, label: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> Iterator["TiffSource | None"]:
    """The first page of a TIFF or BigTIFF, open to be read in bands; None for what image.read should read.

    Read in bands: gray and RGB of uint8, uint16 and float32, with straight alpha or none, unpacked or
    deflated, upright. None: any other kind of TIFF or picture, and packed tiles or strips so large that a
    band of them would not be much smaller than the picture. label: what messages call the file.
    Raises PictureError, one line "LABEL: what is wrong; what to do", for whatever is wrong with the file.
    """
    with opened(path, label, max_pixels) as file, contextlib.ExitStack() as stack:
        source = None
        if sniffed(file.read(HEAD), label) == "TIFF":
            check_extension(path, "TIFF", label)
            with _told(label):
                source = _open_tiff(file, label, max_pixels, stack)
        yield source


def _check_band(top: int, bottom: int, shape: tuple[int, int]) -> None:
    if not 0 <= top < bottom <= shape[0]:
        raise ValueError(f"rows {top} to {bottom} of a picture of {shape[0]}")


@contextlib.contextmanager
def _told(label: str) -> Iterator[None]:
    """Whatever goes wrong in the body, as PictureError about the file; hostile bytes raise anything."""
    try:
        yield
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(f"{label}: too large for the memory here; make it smaller") from error
    except Exception as error:
        raise PictureError(
            f"{label}: the TIFF data is damaged or cut short ({reason(error)}); get a sound copy"
        ) from error


def _open_tiff(
    file: BinaryIO, label: str, max_pixels: int, stack: contextlib.ExitStack
) -> "TiffSource | None":
    """The rows of the file's first page; what it needs to be closed is put on the stack."""
    from tifffile import TiffFile

    file.seek(0)
    # no guesses from the file's name, no pages but the first
    tiff = stack.enter_context(TiffFile(file, is_ndpi=False, is_lsm=False, is_scanimage=False))
    page = tiff.pages.first
    check_size(_whole(page.imagewidth), _whole(page.imagelength), max_pixels, label)
    if not _is_plain(page):
        return None
    tile = _tile_shape(page, label)
    packed = page.compression != _UNPACKED
    if packed and _row_bytes(page, tile) * tile[0] > _TILE_ROW:
        return None
    _check_places(page, tile, file.seek(0, os.SEEK_END), label)
    with _pillow_unbound():
        metadata = _metadata(file, tiff, page)
    pool = stack.enter_context(ThreadPoolExecutor(_THREADS)) if packed else None
    return TiffSource(file, page, tile, metadata, label, pool)


def _whole(value: object) -> int:
    """A tag's value that has to be one whole number."""
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"a size of {value!r}")
    return value


def _is_plain(page: "TiffPage") -> bool:
    """Whether the samples are ones this module reads without touching their values."""
    extra = tuple(page.extrasamples)
    tags = page.tags
    xmp = tags.valueof(_XMP) if _ORIENTATION not in tags else None  # Pillow looks there too
    return (
        page.samplesperpixel == _CHANNELS.get(page.photometric, 0) + len(extra)
        and extra in ((), (_STRAIGHT,))
        and (page.planarconfig == 1 or page.samplesperpixel == 1)
        and page.dtype is not None
        and page.dtype.name in ("uint8", "uint16", "float32")
        and page.imagedepth == page.tiledepth == page.fillorder == 1
        and (page.compression, page.predictor) in _PACKINGS
        and tags.valueof(_ORIENTATION, 1) not in range(2, 9)
        and b"tiff:Orientation" not in (xmp if isinstance(xmp, bytes) else b"")
    )


def _tile_shape(page: "TiffPage", label: str) -> tuple[int, int]:
    """Rows and columns of a tile; a strip is a tile as wide as the picture.

    PictureError for tiles without pixels, or far larger than the picture.
    """
    tile = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    for side, whole in zip(tile, (page.imagelength, page.imagewidth), strict=True):
        if not 1 <= _whole(side) <= max(_TILE_SIDE, whole + 15):  # sides are multiples of 16
            raise PictureError(
                f"{label}: tiles of {tile[1]} x {tile[0]} in a picture of {page.imagewidth} x "
                f"{page.imagelength} make no sense; get a sound copy"
            )
    held = -(-page.imagelength // tile[0]) * tile[0] * -(-page.imagewidth // tile[1]) * tile[1]
    if held > max(_WASTE * page.imagelength * page.imagewidth, _SMALL):
        raise PictureError(
            f"{label}: its tiles hold {held // (page.imagelength * page.imagewidth)} times as many pixels as "
            "the picture; get a sound copy"
        )
    return tile


def _row_bytes(page: "TiffPage", tile: tuple[int, int]) -> int:
    """Bytes of one row of pixels, over the tiles' full width."""
    across = -(-page.imagewidth // tile[1])
    return across * tile[1] * page.samplesperpixel * page.bitspersample // 8


def _check_places(page: "TiffPage", tile: tuple[int, int], size: int, label: str) -> None:
    """PictureError unless each tile has a place inside the file of `size` bytes, and enough of it."""
    across = -(-page.imagewidth // tile[1])
    count = across * -(-page.imagelength // tile[0])
    kind = "tile" if page.is_tiled else "strip"
    have = min(len(page.dataoffsets), len(page.databytecounts))
    if have < count:
        raise PictureError(f"{label}: places of {have} {kind}s, where {count} are needed; get a sound copy")
    row = _row_bytes(page, tile) // across
    for index, (offset, length) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=False)):
        needed = 1
        if page.compression == _UNPACKED:
            needed = row * min(tile[0], page.imagelength - index // across * tile[0])
        if (offset, length) != (0, 0) and (length < needed or offset + length > size):
            raise PictureError(
                f"{label}: {kind} {index} is cut short or lies outside the file; get a sound copy"
            )


def _metadata(file: BinaryIO, tiff: "TiffFile", page: "TiffPage") -> Metadata:
    """What image.read would tell of the page."""

    def load() -> Image.Exif:  # fails for a big-endian BigTIFF, which Pillow has no notion of
        held = Image.Exif()
        held.bigtiff, held.endian = tiff.is_bigtiff, tiff.byteorder
        held.load_from_fp(file, page.offset)
        return held

    _, exif, notes = _exif(load)
    icc = _profile(page.iccprofile)
    ratios = {tag: _ratio(page.tags.valueof(tag)) for tag in (X_RESOLUTION, Y_RESOLUTION)}
    dpi = _tiff_dpi({**ratios, RESOLUTION_UNIT: page.tags.valueof(RESOLUTION_UNIT, 2)})
    if tiff.pages.is_multipage:
        notes += ("it has more pages; the first is filtered",)
    return Metadata(icc if icc_fits(icc, _CHANNELS[page.photometric] == 1) else None, dpi, exif, notes)


def _ratio(value: object) -> float | None:
    """A rational tag's value; None for anything else."""
    match value:
        case (int(over), int(under)) if under:
            return over / under
    return None


class TiffSource:
    """The rows of one page of a TIFF. Unpacked strips are read row by row; of packed data and of tiles the
    last two rows of tiles stay in memory, for bands that overlap. Threads take turns."""

    def __init__(
        self,
        file: BinaryIO,
        page: "TiffPage",
        tile: tuple[int, int],
        metadata: Metadata,
        label: str,
        pool: ThreadPoolExecutor | None,
    ) -> None:
        """pool: what decodes packed data; None for unpacked data."""
        self.shape = page.imagelength, page.imagewidth
        self.channels = _CHANNELS[page.photometric]
        self.dtype = np.dtype(str(page.dtype))
        self.metadata = metadata
        self._file, self._page, self._tile, self._label = file, page, tile, label
        self._across = -(-self.shape[1] // tile[1])
        self._stored = self.dtype.newbyteorder(page.parent.byteorder)
        self._kept: dict[int, np.ndarray] = {}  # row of tiles -> its pixels, without the tiles' padding
        self._turn, self._lock = threading.Lock(), threading.Lock()  # of bands; of the file's position
        self._pool = pool
        small = page.is_tiled and _row_bytes(page, tile) * tile[0] <= _TILE_ROW
        self._keeps = pool is not None or small  # whole rows of tiles
        if pool:
            page.compression = _UNPACKED  # inflated here, where a bomb is bounded; tifffile does the rest
            page.decode  # noqa: B018  (made on first sight, which threads must not share)

    @cached_property
    def has_alpha(self) -> bool:
        """Whether some pixel is translucent, for which the file is read up to the first."""
        if self._page.samplesperpixel == self.channels:
            return False
        white, (height, deep) = full_scale(self.dtype), (self.shape[0], self._tile[0])
        bands = (self.rows(top, min(top + deep, height))[1] for top in range(0, height, deep))
        return any(alpha is not None and (alpha != white).any() for alpha in bands)

    @property
    def sparse(self) -> bool:
        """Whether tiles are left out of the file, which other readers don't know of."""
        return any(map(self._is_hole, range(self._across * -(-self.shape[0] // self._tile[0]))))

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        """A band, as RowSource has it."""
        _check_band(top, bottom, self.shape)
        deep = self._tile[0]
        with self._turn, _told(self._label):
            band = np.empty((bottom - top, self.shape[1], self._page.samplesperpixel), self.dtype)
            for row in range(top // deep, -(-bottom // deep)):
                first, last = max(top, row * deep), min(bottom, (row + 1) * deep)
                part = band[first - top : last - top]
                if self._keeps:
                    part[:] = self._whole_row(row)[first - row * deep : last - row * deep]
                else:
                    self._copy(row, first - row * deep, part)
        pixels = band[..., 0] if self.channels == 1 else band[..., : self.channels]
        return pixels, band[..., -1] if band.shape[2] > self.channels else None

    def _copy(self, row: int, skip: int, part: np.ndarray) -> None:
        """Fill `part` (n, W, samples) with rows of a row of unpacked tiles, past its first `skip` rows."""
        count, width, samples = part.shape
        wide = self._tile[1]
        scratch = part if wide == width else np.empty((count, wide, samples), self._stored)
        for column in range(self._across):
            index = row * self._across + column
            target = part[:, column * wide : (column + 1) * wide]
            if self._is_hole(index):
                target[:] = self._page.nodata
                continue
            self._file.seek(self._page.dataoffsets[index] + skip * (scratch.nbytes // count))
            if self._file.readinto(scratch) != scratch.nbytes:  # type: ignore[attr-defined]
                raise OSError("the file has become shorter")
            if scratch is not part:
                target[:] = scratch[:, : target.shape[1]]
            elif not self._stored.isnative:
                part.byteswap(inplace=True)

    def _is_hole(self, index: int) -> bool:
        """Whether a tile is left out of the file, all its pixels being GDAL's "no data", or 0."""
        return self._page.dataoffsets[index] == self._page.databytecounts[index] == 0

    def _whole_row(self, row: int) -> np.ndarray:
        """The pixels (n, W, samples) of a row of tiles."""
        if row not in self._kept:
            self._kept = {key: kept for key, kept in self._kept.items() if key == row - 1}
            count = min(self._tile[0], self.shape[0] - row * self._tile[0])
            pixels = np.empty((count, self.shape[1], self._page.samplesperpixel), self.dtype)
            first = row * self._across
            if self._pool:
                list(self._pool.map(partial(self._decode, pixels), range(first, first + self._across)))
            else:
                self._copy(row, 0, pixels)
            self._kept[row] = pixels
        return self._kept[row]

    def _decode(self, pixels: np.ndarray, index: int) -> None:
        """Put one packed tile in its place among its row's pixels."""
        left = index % self._across * self._tile[1]
        if self._is_hole(index):
            pixels[:, left : left + self._tile[1]] = self._page.nodata
            return
        full = self._tile[0] * _row_bytes(self._page, self._tile) // self._across
        with self._lock:
            self._file.seek(self._page.dataoffsets[index])
            packed = self._file.read(min(self._page.databytecounts[index], 2 * full + 1024))
        data = zlib.decompressobj().decompress(packed, full + 1)  # the last one has the checksum looked at
        tile = self._page.decode(data[:full], index)[0]
        assert tile is not None
        target = pixels[:, left : left + tile.shape[2]]
        target[:] = tile[0, : target.shape[0], : target.shape[1]]
