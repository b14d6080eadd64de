"""Read TIFF and BigTIFF by rows and columns, and so larger than memory."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from convfilter.images.metadata import icc_fits
from convfilter.images.orientation import UPRIGHT, Span, is_turned, stored_window
from convfilter.images.picture import DEFAULT_MAX_PIXELS, Metadata, full_scale
from convfilter.images.pillow_limits import pillow_limited
from convfilter.images.samples import colour_and_alpha
from convfilter.images.sniff import HEAD, check_extension, detect_codec
from convfilter.images.source import open_source
from convfilter.images.tiff_page import LZW, UNPACKED, Page, first_page, tiff_errors
from convfilter.images.tiff_tiles import Tiles
from convfilter.system.machine import cores
from convfilter.system.stderr import quiet
from convfilter.system.values import dataclass

_TILE_ROW = 2**29  # bytes of a row of compressed tiles that are decoded at once, at most
_BAND = 2**22  # samples that are read at once when a picture is read whole
_THREADS = min(4, cores())


@contextlib.contextmanager
def open_rows(
    path: Path, label: str, max_pixels: int = DEFAULT_MAX_PIXELS, *, streamed: bool = False
) -> Iterator["TiffSource | None"]:
    """Yield the rows of a TIFF's first page, upright, or None if the file has to be read whole, by
    images.read.read.

    Read by rows: gray, RGB, CMYK and any bands of uint8, uint16 and float32, with alpha or without,
    uncompressed, deflated or LZW. None for any other TIFF or picture, for compressed tiles or strips so large
    that a row of them takes about as much memory as the picture, and for strips of a picture turned by 90°.

    label: what messages call the file. streamed: whether nothing larger than a few rows will be held in
    memory, so that max_pixels bounds only what the file makes up, as tiff_page.first_page says. Raises
    PictureError, one line "LABEL: what is wrong; what to do", for whatever is wrong with the file.
    """
    with open_source(path, label, max_pixels) as file, contextlib.ExitStack() as stack:
        source = None
        if detect_codec(file.read(HEAD), label) == "TIFF":
            check_extension(path, "TIFF", label)
            page = stack.enter_context(first_page(file, label, max_pixels, streamed=streamed))
            if page.readable and not _decodes_too_much(page):
                source = stack.enter_context(tiff_rows(file, page, label, page.orientation))
        yield source


def _decodes_too_much(page: Page) -> bool:
    """Whether rows of the upright picture can't be had without most of the others."""
    turned = is_turned(page.orientation)
    if turned and not page.tiff.is_tiled:
        return True  # every row is a column of all strips; 64 bytes at a time take six times as long as all
    if page.tiff.compression == UNPACKED:
        return False
    tiles = page.row_bytes * page.tile[0] * page.grid[0 if turned else 1] * page.planes
    return tiles > _TILE_ROW


@contextlib.contextmanager
def tiff_rows(file: BinaryIO, page: Page, label: str, orientation: int = 1) -> Iterator["TiffSource"]:
    """Yield the rows of a readable page, of which `orientation` is undone."""
    with contextlib.ExitStack() as stack:
        pool = None
        if page.tiff.compression == LZW:  # unpacked by Pillow's libtiff, which prints lines of its own
            stack.enter_context(quiet(replay=False))
            stack.enter_context(pillow_limited(page.row_bytes * page.tile[0]))
        if page.tiff.compression != UNPACKED:
            pool = stack.enter_context(ThreadPoolExecutor(_THREADS))
        metadata = page.metadata
        if not icc_fits(metadata.icc, page.channels):
            metadata = replace(metadata, icc=None)
        if metadata.dpi and is_turned(orientation):
            metadata = replace(metadata, dpi=metadata.dpi[::-1])
        tiles = Tiles(file, page, pool)
        height, width = page.shape[::-1] if is_turned(orientation) else page.shape
        yield TiffSource(tiles, label, orientation, metadata, height, (0, width))


@dataclass(frozen=True)
class TiffSource:
    """Rows of one page of a TIFF, upright, a RowSource. height: of the picture. span: its columns, of the
    upright picture."""

    tiles: Tiles
    label: str
    orientation: int
    metadata: Metadata
    height: int
    span: Span

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.span[1] - self.span[0]

    @property
    def channels(self) -> int:
        return self.tiles.page.channels

    @property
    def dtype(self) -> np.dtype:
        return self.tiles.dtype

    @property
    def has_alpha(self) -> bool:
        """Whether some pixel of the page is translucent; reads the file up to the first that is."""
        with tiff_errors(self.label):
            return self.tiles.is_translucent

    @property
    def by_columns(self) -> bool:
        """As RowSource.by_columns: not where compressed strips run across the picture."""
        page = self.tiles.page
        return page.tiff.is_tiled or not self.tiles.is_packed

    @property
    def sparse(self) -> bool:
        """Whether tiles are missing from the file, which Pillow can't read."""
        return self.tiles.page.sparse

    def columns(self, left: int, right: int) -> "TiffSource":
        """As RowSource.columns."""
        return replace(self, span=(self.span[0] + left, self.span[0] + right))

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        """As RowSource.rows."""
        if not 0 <= top < bottom <= self.height:
            raise ValueError(f"rows {top} to {bottom} of a picture of {self.height}")
        page = self.tiles.page
        with tiff_errors(self.label):
            window = self.tiles.window(
                *stored_window(self.orientation, self.tiles.shape, (top, bottom), self.span)
            )
        if page.white_is_zero:
            window[..., 0] = self.dtype.type(full_scale(self.dtype)) - window[..., 0]
        return colour_and_alpha(UPRIGHT[self.orientation](window), page.names)

    def whole(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All rows at once."""
        (height, width), colours = self.shape, () if self.channels == 1 else (self.channels,)
        page = self.tiles.page
        pixels = np.empty((height, width, *colours), self.dtype)
        alpha = np.empty((height, width), self.dtype) if page.has_alpha_channel else None
        step = max(1, _BAND // (width * page.tiff.samplesperpixel))
        for top in range(0, height, step):
            band = slice(top, min(top + step, height))
            pixels[band], over = self.rows(band.start, band.stop)
            if alpha is not None:
                alpha[band] = over
        return pixels, alpha
