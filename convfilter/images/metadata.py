"""A picture's metadata: colour profile, dots per inch and EXIF, and what of it a format can hold."""

import contextlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from convfilter.images.formats import Format
from convfilter.images.picture import Metadata

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

ORIENTATION, _DESCRIPTION = 274, 270
ORIENTATIONS = range(1, 9)
# EXIF tags that are kept: the camera, the time, the author; not those on how the file was laid out.
_EXIF_TAGS = (_DESCRIPTION, 271, 272, 305, 306, 315, 316, 33432)
_EXIF_PART, _GPS_PART = 0x8769, 0x8825
_STALE = (0xA002, 0xA003, 0xA005)  # the size before filtering, and an offset into the old file
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296  # tags of TIFF 6.0
_XMP, _LAYERS = 700, 37724
_LAB = 8  # photometric interpretation
PREMULTIPLIED = "its colours were stored multiplied with its alpha; they are divided by it"  # the notes
INKS = "its inks (CMYK) are turned into RGB without their colour profile"


def profile(icc: object) -> bytes | None:
    """A colour profile, or None for anything else."""
    return icc if isinstance(icc, bytes) and icc else None


def icc_fits(icc: bytes | None, channels: int) -> bool:
    """Whether a profile describes pixels of so many channels: its colour space is named at byte 16."""
    return icc is not None and icc[16:20] == {1: b"GRAY", 3: b"RGB "}.get(channels)


def dots_per_inch(pair: Any) -> tuple[float, float] | None:
    """Two positive finite numbers, or None for anything else."""
    try:
        across, down = (float(each) for each in pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def tiff_dots_per_inch(tags: Any) -> tuple[float, float] | None:
    """Dots per inch by a TIFF's tags, whose unit is the inch unless they say centimetre (3) or none (1)."""
    pair = dots_per_inch((tags.get(_X_RESOLUTION), tags.get(_Y_RESOLUTION)))
    scale = {2: 1.0, 3: 2.54}.get(tags.get(_RESOLUTION_UNIT, 2))
    return (pair[0] * scale, pair[1] * scale) if pair and scale else None


def orientation_and_exif(load: Callable[[], Image.Exif]) -> tuple[int, bytes | None, tuple[str, ...]]:
    """The orientation to undo, the EXIF block to keep, for an upright picture, and notes.

    load: reads the block; if that fails, the picture is read without it.
    """
    kept = Image.Exif()
    orientation: int = 1
    with contextlib.suppress(Exception):
        exif = load()
        value = exif.get(ORIENTATION)
        orientation = int(value) if value and value in ORIENTATIONS else 1
        kept.update({tag: exif[tag] for tag in _EXIF_TAGS if tag in exif})
        if str(kept.get(_DESCRIPTION, "")).startswith(("{", "<", "ImageJ=")):  # describes the file's layout
            del kept[_DESCRIPTION]
        for part in (_EXIF_PART, _GPS_PART):
            inner = {tag: value for tag, value in exif.get_ifd(part).items() if tag not in _STALE}
            if inner:
                kept[part] = inner
    if not len(kept):
        return orientation, None, ()
    kept[ORIENTATION] = 1
    with contextlib.suppress(Exception):
        return orientation, kept.tobytes(), ()
    return orientation, None, ("its EXIF data is damaged, and is left out",)


def tiff_orientation(page: "TiffPage") -> int:
    """The EXIF orientation of a page, by its directory or by XMP, as Pillow does it."""
    value = page.tags.valueof(ORIENTATION)
    if value is None:
        xmp = page.tags.valueof(_XMP)
        found = re.search(rb'tiff:Orientation(?:="|>)([0-9])', xmp if isinstance(xmp, bytes) else b"")
        value = int(found[1]) if found else 1
    return value if value in ORIENTATIONS else 1


def tiff_metadata(file: BinaryIO, tiff: "TiffFile", names: str) -> Metadata:
    """The metadata of the first page; names: of its samples, as samples.colour_and_alpha takes them."""
    page, bands = tiff.pages.first, "N" in names

    def load() -> Image.Exif:  # fails for a big-endian BigTIFF, which Pillow can't read
        block = Image.Exif()
        block.bigtiff, block.endian = tiff.is_bigtiff, tiff.byteorder
        block.load_from_fp(file, page.offset)
        return block

    _, exif, damaged = orientation_and_exif(load)
    icc = None if bands else profile(page.iccprofile)
    ratios = {tag: _ratio(page.tags.valueof(tag)) for tag in (_X_RESOLUTION, _Y_RESOLUTION)}
    dpi = tiff_dots_per_inch({**ratios, _RESOLUTION_UNIT: page.tags.valueof(_RESOLUTION_UNIT, 2)})
    notes = {
        "it has more pages; the first is filtered": tiff.pages.is_multipage,
        "its layers are left out; the picture they make up is filtered": _LAYERS in page.tags,
        PREMULTIPLIED: "a" in names,
        INKS: names.startswith("CMYK"),
        "its Lab colours are turned into sRGB": page.photometric == _LAB,
    }
    return Metadata(icc, dpi, exif, (*damaged, *(note for note, holds in notes.items() if holds)), bands)


def _ratio(value: object) -> float | None:
    """A rational tag's value; None for anything else."""
    match value:
        case (int(over), int(under)) if under:
            return over / under
    return None


def storable(metadata: Metadata, format: Format) -> Metadata:
    """The metadata without values too large or too small for the format, and a note on each of them.

    What the format has no place for at all is left in, without a note: its writer ignores it.
    """
    icc, dpi, exif, notes = metadata.icc, metadata.dpi, metadata.exif, []
    if dpi and format.dpi and not all(format.dpi[0] <= dots <= format.dpi[1] for dots in dpi):
        notes.append(
            f"its resolution of {dpi[0]:g} x {dpi[1]:g} dots per inch is left out: "
            f"{format.name} holds {format.dpi[0]:g} to {format.dpi[1]:g}"
        )
        dpi = None
    if icc and format.max_icc and len(icc) > format.max_icc:
        notes.append(_too_long("colour profile", icc, format.name, format.max_icc))
        icc = None
    if exif and format.max_exif and len(exif) > format.max_exif:
        notes.append(_too_long("EXIF data", exif, format.name, format.max_exif))
        exif = None
    return replace(metadata, icc=icc, dpi=dpi, exif=exif, notes=(*metadata.notes, *notes))


def _too_long(what: str, data: bytes, name: str, most: int) -> str:
    return f"its {what} of {len(data)} bytes is left out: {name} holds at most {most}"
