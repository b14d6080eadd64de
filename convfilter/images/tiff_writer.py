"""Pictures larger than memory, written in bands of rows: TIFF and BigTIFF in tiles, uncompressed."""

import contextlib
import io
import math
from typing import BinaryIO

import numpy as np
from PIL import Image

from convfilter.images.metadata import storable
from convfilter.images.picture import FORMATS, Metadata
from convfilter.images.write import icc_fits

_SIDE = 256  # pixels of a tile
_CLASSIC_LIMIT = 2**32 - 2**25  # bytes; offsets are 32-bit, and the directories need room too
_ALIGNMENT = 16  # bytes
_TEXTS = (270, 271, 272, 305, 306, 315, 316, 33432)  # EXIF in the page itself: camera, time, author ...


class TiffRows:
    """A TIFF whose pages grow in bands from top to bottom, in any order among the pages.

    The directories stand at its start, so every tile's place is known; a row of tiles is put together in
    memory and written when it is full. Bands may have any height; those that fill whole rows of tiles (of
    256 rows) leave nothing to be kept between them. OSErrors of the file pass through.
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
        """Write the directories of `pages` pages of this shape (rows, columns).

        file: open to be written, seekable, empty. channels: one is gray and three are colours, unless
        the metadata calls them bands; any other number is bands. dtype: uint8, uint16 or float32.
        ValueError for anything else.
        """
        if channels < 1 or dtype.name not in ("uint8", "uint16", "float32"):
            raise ValueError(f"{channels} channels of {dtype} in a TIFF")
        if min(*shape, pages) < 1:
            raise ValueError(f"{pages} pages of shape {shape} in a TIFF")
        self._file, self._shape, self._channels, self._alpha = file, shape, channels, alpha
        # tifffile takes a page that is one whole tile for plain data, which it wants to write itself
        self._side = _SIDE // 2 if shape == (_SIDE, _SIDE) else _SIDE
        down, self._across = (-(-side // self._side) for side in shape)
        self._empty = (self._across, self._side, self._side, channels + alpha), dtype.newbyteorder("<")
        self._row_bytes = math.prod(self._empty[0]) * dtype.itemsize
        self._page_bytes = down * self._row_bytes
        self._start = self._write_directories(metadata, pages)
        self._next = [0] * pages  # the row that each page goes on with
        self._partial: dict[int, np.ndarray] = {}  # page -> the row of tiles it is in the middle of
        self._spare: list[np.ndarray] = []

    def write(self, top: int, pixels: np.ndarray, alpha: np.ndarray | None = None, page: int = 0) -> None:
        """Append the band whose first row is `top`: pixels (n, W) or (n, W, channels), and alpha (n, W).

        ValueError where it doesn't follow the page's last one, or isn't what the file was made for.
        """
        layers = self._layers(top, pixels, alpha, page)
        done = 0
        while done < len(pixels):
            row, skip = divmod(top + done, self._side)
            count = min(self._side - skip, len(pixels) - done)
            tiles = self._partial.pop(page, None)
            if tiles is None:
                tiles = self._spare.pop() if self._spare else np.zeros(*self._empty)
            for layer, places in layers:
                _put(layer[done : done + count], tiles[:, skip : skip + count, :, places])
            done += count
            if skip + count == self._side or top + done == self._shape[0]:
                tiles[:, skip + count :] = 0
                self._file.seek(self._start + page * self._page_bytes + row * self._row_bytes)
                self._file.write(tiles.data)
                self._spare.append(tiles)
            else:
                self._partial[page] = tiles
        self._next[page] = top + done

    def close(self) -> None:
        """ValueError unless every page has all its rows. The file stays open."""
        if any(row != self._shape[0] for row in self._next):
            raise ValueError(f"pages of {self._shape[0]} rows end at {self._next}")
        self._partial, self._spare = {}, []
        self._file.flush()

    def _layers(
        self, top: int, pixels: np.ndarray, alpha: np.ndarray | None, page: int
    ) -> list[tuple[np.ndarray, slice]]:
        """The band's parts (n, W, C), with their places among the samples of a pixel."""
        count, columns = len(pixels), self._shape[1]
        colours = () if self._channels == 1 else (self._channels,)
        if top != self._next[page] or not 0 < count <= self._shape[0] - top:
            raise ValueError(
                f"{count} rows at {top}, where row {self._next[page]} of {self._shape[0]} is due"
            )
        if pixels.shape[1:] != (columns, *colours) or pixels.dtype != self._empty[1].newbyteorder("="):
            raise ValueError(f"a band of {pixels.dtype} {pixels.shape} in a TIFF of {self._shape}")
        if (alpha is not None) != self._alpha:
            raise ValueError("alpha in some bands only")
        wide = pixels.reshape(count, columns, self._channels)
        if alpha is None:
            return [(wide, slice(None))]
        if (alpha.shape, alpha.dtype) != ((count, columns), pixels.dtype):
            raise ValueError(f"alpha {alpha.dtype} {alpha.shape} over {pixels.dtype} {pixels.shape}")
        planes = [*np.moveaxis(wide, 2, 0), alpha]  # one by one is twice as fast as three and one
        return [(plane[..., np.newaxis], slice(place, place + 1)) for place, plane in enumerate(planes)]

    def _write_directories(self, metadata: Metadata, pages: int) -> int:
        """Write all that comes before the pixels, and tell where they start."""
        from tifffile import TiffFile, TiffWriter

        held = io.BytesIO()  # without a pixel: tifffile is told the tiles' sizes, then their places
        count = self._page_bytes // self._row_bytes * self._across
        tile = self._row_bytes // self._across
        big = pages * self._page_bytes > _CLASSIC_LIMIT
        with TiffWriter(held, bigtiff=big, byteorder="<", shaped=False) as writer:
            for _ in range(pages):
                writer.write(((b"", tile) for _ in range(count)), **self._tags(metadata))
        start = -(-held.seek(0, io.SEEK_END) // _ALIGNMENT) * _ALIGNMENT
        held.seek(0)
        with TiffFile(held) as tiff:
            for number, page in enumerate(tiff.pages):
                first = start + number * self._page_bytes
                page.aspage().tags["TileOffsets"].overwrite(range(first, first + self._page_bytes, tile))
        self._file.write(held.getbuffer())
        return start

    def _tags(self, metadata: Metadata) -> dict:
        """What TiffWriter.write is told of a page."""
        samples = self._channels + self._alpha
        rgb = self._channels == 3 and not metadata.bands
        extra = ["unspecified"] * (self._channels - (3 if rgb else 1)) + ["unassalpha"] * self._alpha
        dpi = storable(metadata, FORMATS["tiff"]).dpi
        return {
            "shape": self._shape if samples == 1 else (*self._shape, samples),
            "dtype": self._empty[1],
            "tile": (self._side, self._side),
            "photometric": "rgb" if rgb else "minisblack",
            "planarconfig": None if samples == 1 else "contig",
            "extrasamples": extra or None,
            "iccprofile": metadata.icc if icc_fits(metadata.icc, self._channels) else None,
            "resolution": dpi,
            "resolutionunit": "inch" if dpi else None,
            "metadata": None,
            "software": False,
            "extratags": _texts(metadata.exif),
        }


def _texts(exif: bytes | None) -> list[tuple[int, int, int, bytes, bool]]:
    """The texts of an EXIF block as tifffile's extra tags; its exposure and place have no room here."""
    held = Image.Exif()
    with contextlib.suppress(Exception):  # a broken block is no reason to fail
        held.load(exif or b"")
    texts = {tag: held[tag] for tag in _TEXTS if isinstance(held.get(tag), str)}
    return [(tag, 2, 0, text.encode("utf-8", "replace"), False) for tag, text in texts.items() if text]


def _put(rows: np.ndarray, tiles: np.ndarray) -> None:
    """Copy rows (n, W, C) into a row of tiles (tiles, n, side, C); the last one may be wider than is left."""
    side = tiles.shape[2]
    count, width, channels = rows.shape
    whole = width // side
    tiles[:whole] = rows[:, : whole * side].reshape(count, whole, side, channels).swapaxes(0, 1)
    if width % side:
        tiles[whole, :, : width % side] = rows[:, whole * side :]
