"""The first page of a TIFF: what its directory says, checked before a pixel is decoded."""

import contextlib
import logging
import math
import os
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

from convfilter.errors import PictureError, first_line
from convfilter.images.metadata import tiff_metadata, tiff_orientation
from convfilter.images.picture import Metadata, check_size
from convfilter.images.pillow_limits import pillow_limited
from convfilter.system.values import dataclass

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

UNPACKED, LZW, DEFLATED = 1, 5, (8, 32946)
_PACKINGS = (UNPACKED, LZW, *DEFLATED)
_WHITE_IS_ZERO, _YCBCR, _OLD_JPEG = 0, 6, 6  # two photometric interpretations, and a compression
_COLOURS = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}  # photometric interpretation -> names of its samples
_OTHER_COLOURS = {3: 1, 4: 1, 6: 3, 8: 3, 9: 3, 10: 3}  # palette, mask, YCbCr, kinds of Lab -> samples
_ALPHA = {1: "a", 2: "A", 999: "A"}  # extra sample -> name; a: colours are multiplied with it; 999: Corel's
_UNSIGNED, _FLOAT = 1, 3
_KINDS = {1: "unsigned integers", 2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex"}
_BYTE_COUNTS = (279, 325)  # of strips and of tiles
_TILE_SIDE = 4096  # pixels; a tile is no longer, unless the picture is
_WASTE, _SMALL = 16, 2**26  # how many times a picture's pixels its tiles may hold, and pixels that are few
_PACKED = 16  # how many times its own bytes a file may unpack to without a word of the user's
_LEAST_TILES = 2**20  # pixels that all tiles may hold, however few pixels are allowed

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its errors go to the terminal


@dataclass(frozen=True)
class Page:
    """A page and what its samples are.

    names: a letter for each sample, as samples.colour_and_alpha takes them; empty for a palette and other
    colours that Pillow converts. readable: whether TiffSource can read the samples as they are stored.
    orientation: by EXIF, 1 to 8. metadata: as images.read.read gives it, with the colour profile of the file.
    """

    tiff: "TiffPage"
    names: str
    readable: bool
    orientation: int
    metadata: Metadata

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.tiff.imagelength, self.tiff.imagewidth

    @cached_property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of a tile; a strip is a tile as wide as the picture."""
        page = self.tiff
        return (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)

    @cached_property
    def planes(self) -> int:
        """How many times the picture is covered by tiles: once, or once for each sample."""
        return self.tiff.samplesperpixel if self.tiff.planarconfig == 2 else 1

    @property
    def channels(self) -> int:
        """Samples of a pixel without alpha, as colour_and_alpha gives them."""
        inks = self.names.startswith("CMYK")
        return len(self.names) - self.has_alpha_channel - inks

    @property
    def has_alpha_channel(self) -> bool:
        return "A" in self.names or "a" in self.names

    @property
    def white_is_zero(self) -> bool:
        return self.tiff.photometric == _WHITE_IS_ZERO and self.names.startswith("L")

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of pixels in one tile."""
        bits = self.tiff.bitspersample
        samples = self.tiff.samplesperpixel // self.planes
        return -(-self.tile[1] * (sum(bits) if isinstance(bits, tuple) else bits * samples) // 8)

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows of tiles, and tiles in a row."""
        (height, width), (deep, wide) = self.shape, self.tile
        return -(-height // deep), -(-width // wide)

    def is_hole(self, index: int) -> bool:
        """Whether a tile is missing from the file: all its pixels are GDAL's "no data" value, or 0."""
        return self.tiff.dataoffsets[index] == self.tiff.databytecounts[index] == 0

    @property
    def sparse(self) -> bool:
        """Whether tiles are missing from the file, which Pillow can't read."""
        return any(map(self.is_hole, range(self.planes * math.prod(self.grid))))


@contextlib.contextmanager
def first_page(file: BinaryIO, label: str, max_pixels: int, *, streamed: bool = False) -> Iterator[Page]:
    """Yield the first page of a TIFF or BigTIFF, with every size and offset checked.

    label: what messages call the file. streamed: whether the picture will not be held in memory, so that more
    than max_pixels are welcome if the file is large enough to store them: no smaller than a 16th of them.
    Raises PictureError for whatever is wrong with the directory, for too many pixels, for numbers without a
    white (such as signed ones), and for bands that would be lost.
    """
    from tifffile import TiffFile

    file.seek(0)
    with contextlib.ExitStack() as stack:
        with tiff_errors(label):
            # no guesses from the file's name, no pages but the first
            tiff = stack.enter_context(TiffFile(file, is_ndpi=False, is_lsm=False, is_scanimage=False))
            page = _checked_page(file, tiff, max_pixels, label, streamed)
        yield page


@contextlib.contextmanager
def tiff_errors(label: str) -> Iterator[None]:
    """Turn any exception of the body into a PictureError about the file; hostile bytes raise anything."""
    try:
        yield
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(f"{label}: too large for the memory here; make it smaller") from error
    except Exception as error:
        raise PictureError(
            f"{label}: the TIFF data is damaged or cut short ({first_line(error)}); get a sound copy"
        ) from error


def _checked_page(file: BinaryIO, tiff: "TiffFile", max_pixels: int, label: str, streamed: bool) -> Page:
    """The first page; PictureError for what can't be read."""
    try:
        page = tiff.pages.first
    except IndexError as error:
        raise ValueError("there is no page in it") from error
    width, height, samples = map(_whole, (page.imagewidth, page.imagelength, page.samplesperpixel))
    size = file.seek(0, os.SEEK_END)
    if not (streamed and _stores(page, size, width * height * samples)):
        check_size(width, height, max_pixels, label, samples)
    _check_numbers(page, label)
    if page.imagedepth != 1 or page.tiledepth != 1:
        raise PictureError(f"{label}: a volume of {page.imagedepth} slices; save one of them as a picture")
    names = _names(page, label)
    with pillow_limited(max_pixels):
        metadata = tiff_metadata(file, tiff, names)
    found = Page(page, names, _is_readable(page, names), tiff_orientation(page), metadata)
    _check_tiles(found, max_pixels, label)
    _check_places(found, size, label)
    if not found.readable:
        _check_others(found, label)
    return found


def _stores(page: "TiffPage", size: int, samples: int) -> bool:
    """Whether the tiles in a file of `size` bytes are large enough to store so many samples, packed or not:
    what is left out of it, packed beyond measure, or pointed at many times is made up."""
    stored = sum(dict(zip(page.dataoffsets, page.databytecounts, strict=False)).values())
    return 0 < samples * max(_bits(page)) <= 8 * _PACKED * min(stored, size)


def _whole(value: object) -> int:
    """A tag's value if it is one whole number of at least 0; ValueError for anything else."""
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"a size of {value!r}")
    return value


def _bits(page: "TiffPage") -> set[int]:
    bits = page.bitspersample
    return set(bits) if isinstance(bits, tuple) else {bits}


def _check_numbers(page: "TiffPage", label: str) -> None:
    """Raise PictureError for numbers without a white: all but unsigned integers to 16 bits, 32-bit floats."""
    bits, kind = _bits(page), page.sampleformat
    if kind == _FLOAT and bits == {32}:
        return
    if kind in _KINDS and (kind != _UNSIGNED or max(bits) > 16):
        words = f"{'/'.join(map(str, sorted(bits)))}-bit {_KINDS[kind]}"
        raise PictureError(
            f"{label}: its pixels are {words}; convert it to 8 or 16-bit unsigned integers or 32-bit floats"
        )


def _names(page: "TiffPage", label: str) -> str:
    """The names of the page's samples; empty for a palette and other colours that Pillow converts.

    If there are more samples than the colours and one alpha, all are bands.
    """
    base = _COLOURS.get(page.photometric, "")
    colours = len(base) or _OTHER_COLOURS.get(page.photometric, page.samplesperpixel)
    more = page.samplesperpixel - colours
    if more < 0:
        raise ValueError(f"{page.samplesperpixel} samples a pixel, where its colours need {colours}")
    extra = tuple(page.extrasamples) or ((2,) if more == 1 else ())
    found = "".join(_ALPHA.get(kind, "N") for kind in (*extra, *(0,) * more)[:more])
    if found in ("", "A", "a"):
        return base and base + found
    if not base:
        raise PictureError(
            f"{label}: {more} more samples beside its colours can't be read; save it as RGB or as plain bands"
        )
    alphas = sum(name in "Aa" for name in found)
    return "N" * colours + (found if alphas == 1 else "N" * more)


def _is_readable(page: "TiffPage", names: str) -> bool:
    """Whether TiffSource can read the samples, without Pillow."""
    return (
        names != ""
        and page.dtype is not None
        and page.dtype.name in ("uint8", "uint16", "float32")
        and page.bitspersample == 8 * page.dtype.itemsize
        and page.planarconfig in (1, 2)
        and page.fillorder == 1
        and page.compression in _PACKINGS
        and page.predictor in (1, 2)
        and (page.predictor == 1 or page.compression != UNPACKED)
    )


def _check_tiles(page: Page, max_pixels: int, label: str) -> None:
    """Raise PictureError for tiles without pixels, or far larger than the picture."""
    (height, width), tile = page.shape, page.tile
    for side, whole in zip(tile, (height, width), strict=True):
        if not 1 <= _whole(side) <= max(_TILE_SIDE, whole + 15):  # sides are multiples of 16
            raise PictureError(
                f"{label}: tiles of {tile[1]} x {tile[0]} in a picture of {width} x {height} make no sense; "
                "get a sound copy"
            )
    total = math.prod(page.grid) * math.prod(tile)
    few = min(_SMALL, max(max_pixels, _LEAST_TILES)) // page.tiff.samplesperpixel
    if total > max(_WASTE * height * width, few):
        raise PictureError(
            f"{label}: its tiles hold {total // (height * width)} times as many pixels as the picture; "
            "get a sound copy"
        )


def _check_places(page: Page, size: int, label: str) -> None:
    """Raise PictureError unless each tile lies inside the file of `size` bytes, and has enough bytes."""
    tiff = page.tiff
    if tiff.compression == _OLD_JPEG:  # one stream, located by other tags
        return
    down, across = page.grid
    count = page.planes * down * across
    kind = "tile" if tiff.is_tiled else "strip"
    have = min(len(tiff.dataoffsets), len(tiff.databytecounts))
    if have < count:
        raise PictureError(f"{label}: places of {have} {kind}s, where {count} are needed; get a sound copy")
    exact = tiff.compression == UNPACKED and tiff.photometric != _YCBCR
    known = exact or any(tag in tiff.tags for tag in _BYTE_COUNTS)
    (deep, _), height, row = page.tile, page.shape[0], page.row_bytes
    for index, (offset, length) in enumerate(zip(tiff.dataoffsets, tiff.databytecounts, strict=False)):
        length = length if known else 1
        rows = min(deep, height - index // across % down * deep)
        if (offset, length) != (0, 0) and (length < (row * rows if exact else 1) or offset + length > size):
            raise PictureError(
                f"{label}: {kind} {index} is cut short or lies outside the file; get a sound copy"
            )


def _check_others(page: Page, label: str) -> None:
    """Raise PictureError for what Pillow, which has to read this page, would lose or misread."""
    if "N" in page.names:
        raise PictureError(
            f"{label}: its {len(page.names)} bands are packed or laid out in a way that can't be read; "
            "save it without compression, or with deflate or LZW"
        )
    if page.sparse:
        raise PictureError(f"{label}: parts of the picture are left out of the file; save all of it")
    if page.planes > 1 and (max(_bits(page.tiff)) > 8 or page.planes == 2):
        raise unreadable(page, label)


def unreadable(page: Page, label: str) -> PictureError:
    """The error for a page that Pillow can't read without loss either."""
    return PictureError(
        f"{label}: this layout of a {max(_bits(page.tiff))}-bit TIFF can't be read without loss; "
        f"save it as PNG, or as TIFF without compression"
    )
