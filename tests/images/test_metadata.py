"""Metadata at and beyond the limits of each format, by the formats' own specifications."""

import io
import math
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from convfilter.images.formats import FORMATS
from convfilter.images.metadata import storable
from convfilter.images.picture import Metadata, Picture
from convfilter.images.read import read
from convfilter.images.tiff_reader import open_rows
from convfilter.images.write import write

HOLDS = {  # least and most dots per inch that its fields can say
    "png": (0.0254, (2**31 - 1) * 0.0254),  # 31-bit whole dots a metre
    "bmp": (0.0254, (2**31 - 1) * 0.0254),
    "jpeg": (1, 2**16 - 1),  # 16-bit whole dots an inch
    "tiff": (1 / (2**32 - 1), 2**32 - 1),  # a ratio of 32-bit numbers
}
VALUES = (
    5e9,
    1e300,
    math.inf,
    math.nan,
    -300.0,
    0.0,
    5e-324,
    1e-12,
    0.9,
    0.02,
    300.0,
    65_535.0,
    65_536.0,
    5e7,
)


def found(data, name):
    """Dots per inch by the bytes of the file; None where it says nothing."""
    if name == "png":
        at = data.find(b"pHYs")
        across, down, unit = struct.unpack(">IIB", data[at + 4 : at + 13]) if at > 0 else (0, 0, 0)
        return (across * 0.0254, down * 0.0254) if unit == 1 else None
    if name == "bmp":
        return tuple(dots * 0.0254 for dots in struct.unpack("<ii", data[38:46]))
    if name == "jpeg":
        unit, across, down = struct.unpack(">BHH", data[13:18])
        return (across, down) if unit == 1 else None
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages.first.tags
        if 282 not in tags:
            return None
        return tuple(over / under for over, under in (tags[282].value, tags[283].value))


def encoded(form, metadata, dtype=np.uint8, shape=(4, 5)):
    target = io.BytesIO()
    write(target, [Picture(np.full(shape, 7, dtype), None, metadata)], form)
    return target.getvalue()


@pytest.mark.parametrize("dots", VALUES)
@pytest.mark.parametrize("name", [*HOLDS, "png16", "webp", "ppm", "npy"])
def test_any_resolution(name, dots):
    """Written right where the format can hold it, else left out and noted; nothing is said of formats that
    hold none."""
    dtype = np.uint16 if name == "png16" else np.uint8
    name = name.removesuffix("16")
    for pair in ((dots, 300.0), (300.0, dots)):
        notes = storable(Metadata(dpi=pair), FORMATS[name]).notes
        data = encoded(FORMATS[name], Metadata(dpi=pair), dtype)
        if name not in HOLDS:
            assert notes == ()
            continue
        low, high = HOLDS[name]
        if low <= dots <= high:
            assert notes == ()
            assert found(data, name) == pytest.approx(pair, rel=1e-6, abs=0.02)
        else:
            (note,) = notes
            assert f"its resolution of {pair[0]:g} x {pair[1]:g} dots per inch is left out: {name}" in note
            assert found(data, name) in (None, pytest.approx((96, 96), abs=0.02))  # what Pillow gives a BMP


@pytest.mark.parametrize("name", HOLDS)
def test_resolutions_at_the_limits(name):
    """The limits in our table lie within the format's, and are written right."""
    least, most = FORMATS[name].dpi
    assert HOLDS[name][0] <= least < most <= HOLDS[name][1]
    assert most > 0.9999 * HOLDS[name][1]
    for dots in (least, most):
        assert found(encoded(FORMATS[name], Metadata(dpi=(dots, dots))), name) == pytest.approx((dots, dots))


@pytest.mark.parametrize("dots", VALUES)
def test_any_resolution_by_strips(dots):
    """TiffRows leaves out what any TIFF does."""
    from convfilter.images.tiff_writer import TiffRows

    target = io.BytesIO()
    writer = TiffRows(target, (4, 5), 1, np.dtype(np.uint8), False, Metadata(dpi=(dots, 300.0)))
    writer.write(0, np.zeros((4, 5), np.uint8))
    writer.close()
    low, high = HOLDS["tiff"]
    wanted = pytest.approx((dots, 300.0)) if low <= dots <= high else None
    said = found(target.getvalue(), "tiff")
    assert said == wanted or (wanted is None and said == (1, 1))  # tifffile's "no resolution"


def test_profiles_and_exif_too_long_for_a_jpeg():
    """At its limits a JPEG holds them whole; a byte more, and they are left out and noted."""
    head = bytes(16) + b"RGB "
    for size, fits in ((255 * 65_519, True), (255 * 65_519 + 1, False)):
        held = Metadata(icc=head + bytes(size - len(head)))
        data = encoded(FORMATS["jpeg"], held, shape=(4, 5, 3))
        with Image.open(io.BytesIO(data)) as image:
            assert image.info.get("icc_profile") == (held.icc if fits else None)
        notes = storable(held, FORMATS["jpeg"]).notes
        assert notes == (
            ()
            if fits
            else (f"its colour profile of {size} bytes is left out: jpeg holds at most {size - 1}",)
        )
    tag = struct.pack("<HHHII", 1, 270, 2, 65_533 - 32, 26) + bytes(4)  # the picture's description
    for more, fits in ((0, True), (1, False)):
        exif = (b"Exif\0\0II*\0\x08\0\0\0" + tag).ljust(65_533 + more, b"a")
        data = encoded(FORMATS["jpeg"], Metadata(exif=exif))
        with Image.open(io.BytesIO(data)) as image:
            assert image.info.get("exif") == (exif if fits else None)
        notes = storable(Metadata(exif=exif), FORMATS["jpeg"]).notes
        assert notes == (
            () if fits else ("its EXIF data of 65534 bytes is left out: jpeg holds at most 65533",)
        )


def test_damaged_exif_is_noted(tmp_path):
    """EXIF that can't be written again, a text that is a float, is left out with a note."""
    note = "its EXIF data is damaged, and is left out"
    nan = struct.pack("<f", math.nan)
    entry = struct.pack("<HHI", 270, 11, 1) + nan
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + bytes(4)
    Image.new("L", (5, 4)).save(tmp_path / "in.jpg", exif=exif)
    held = read(tmp_path / "in.jpg").metadata
    assert (held.exif, held.notes) == (None, (note,))
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, np.zeros((4, 5), np.uint8), extratags=[(315, 11, 1, nan, True)])
    assert read(path).metadata.notes == (note,)
    with open_rows(path, "in.tif") as rows:
        assert rows.metadata.notes == (note,)
