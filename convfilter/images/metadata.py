"""A picture's metadata: colour profile, dots per inch and EXIF, and what of it a format can hold."""

import contextlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from convfilter.images.picture import Format, Metadata

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

ORIENTATION, _DESCRIPTION = 274, 270
ORIENTATIONS = range(1, 9)
# What EXIF says about the camera, the time and the author; not how the file was laid out.
_EXIF_TAGS = (_DESCRIPTION, 271, 272, 305, 306, 315, 316, 33432)
_EXIF_PART, _GPS_PART = 0x8769, 0x8825
_STALE = (0xA002, 0xA003, 0xA005)  # the size before filtering, and an offset into the old file
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296  # tags of TIFF 6.0
_XMP, _LAYERS = 700, 37724
_LAB = 8  # photometric interpretation
PREMULTIPLIED = "its colours were stored multiplied with its alpha; they are divided by it"
INKS = "its inks (CMYK) are turned into RGB without their colour profile"


def profile(icc: object) -> bytes | None:
    """A colour profile, or None for anything else."""
    return icc if isinstance(icc, bytes) and icc else None


def dots_per_inch(pair: Any) -> tuple[float, float] | None:
    """Two positive numbers, or None for anything else."""
    try:
        across, down = (float(each) for each in pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def tiff_dots_per_inch(tags: Any) -> tuple[float, float] | None:
    """Dots per inch of a TIFF, whose unit is an inch unless it says centimetre (3) or none (1)."""
    pair = dots_per_inch((tags.get(_X_RESOLUTION), tags.get(_Y_RESOLUTION)))
    scale = {2: 1.0, 3: 2.54}.get(tags.get(_RESOLUTION_UNIT, 2))
    return (pair[0] * scale, pair[1] * scale) if pair and scale else None


def orientation_and_exif(load: Callable[[], Image.Exif]) -> tuple[int, bytes | None, tuple[str, ...]]:
    """The orientation to undo, the upright EXIF to keep, and notes; a broken block is no reason to fail."""
    kept = Image.Exif()
    orientation: int = 1
    with contextlib.suppress(Exception):
        held = load()
        said = held.get(ORIENTATION)
        orientation = int(said) if said and said in ORIENTATIONS else 1
        kept.update({tag: held[tag] for tag in _EXIF_TAGS if tag in held})
        if str(kept.get(_DESCRIPTION, "")).startswith(("{", "<", "ImageJ=")):  # tells another file's layout
            del kept[_DESCRIPTION]
        for part in (_EXIF_PART, _GPS_PART):
            inner = {tag: value for tag, value in held.get_ifd(part).items() if tag not in _STALE}
            if inner:
                kept[part] = inner
    if not len(kept):
        return orientation, None, ()
    kept[ORIENTATION] = 1
    with contextlib.suppress(Exception):
        return orientation, kept.tobytes(), ()
    return orientation, None, ("its EXIF data is damaged, and is left out",)


def tiff_orientation(page: "TiffPage") -> int:
    """As EXIF has it, from the directory or from XMP, where Pillow looks too."""
    said = page.tags.valueof(ORIENTATION)
    if said is None:
        xmp = page.tags.valueof(_XMP)
        found = re.search(rb'tiff:Orientation(?:="|>)([0-9])', xmp if isinstance(xmp, bytes) else b"")
        said = int(found[1]) if found else 1
    return said if said in ORIENTATIONS else 1


def tiff_metadata(file: BinaryIO, tiff: "TiffFile", names: str) -> Metadata:
    """That of the first page; names: of its samples, as image_deep.colour_and_alpha takes them."""
    page, bands = tiff.pages.first, "N" in names

    def load() -> Image.Exif:  # fails for a big-endian BigTIFF, which Pillow has no notion of
        held = Image.Exif()
        held.bigtiff, held.endian = tiff.is_bigtiff, tiff.byteorder
        held.load_from_fp(file, page.offset)
        return held

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


def storable(held: Metadata, format: Format) -> Metadata:
    """The metadata without values that are too large or too small for the format; its notes tell of each.

    What a format has no place for at all is left in: its writer passes over it, and nobody is told.
    """
    notes = []
    if held.dpi and format.dpi and not all(format.dpi[0] <= dots <= format.dpi[1] for dots in held.dpi):
        notes.append(
            f"its resolution of {held.dpi[0]:g} x {held.dpi[1]:g} dots per inch is left out: "
            f"{format.name} holds {format.dpi[0]:g} to {format.dpi[1]:g}"
        )
        held = replace(held, dpi=None)
    if held.icc and format.max_icc and len(held.icc) > format.max_icc:
        notes.append(_too_long("colour profile", held.icc, format.name, format.max_icc))
        held = replace(held, icc=None)
    if held.exif and format.max_exif and len(held.exif) > format.max_exif:
        notes.append(_too_long("EXIF data", held.exif, format.name, format.max_exif))
        held = replace(held, exif=None)
    return replace(held, notes=(*held.notes, *notes))


def _too_long(what: str, data: bytes, name: str, most: int) -> str:
    return f"its {what} of {len(data)} bytes is left out: {name} holds at most {most}"
