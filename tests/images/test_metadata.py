"""Metadata at and beyond the limits of each format, by the formats' own specifications."""

import io
import itertools
import math
import os
import struct

import cv2
import numpy as np
import pytest
import tifffile
from picture_files import chunk, noise, pillow, png, same, save, smooth, written
from PIL import Image, ImageCms

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


def turned(upright, orientation):
    """How a camera stores an upright picture under this EXIF orientation, by NumPy's flips."""
    flips = {2: [np.fliplr], 3: [np.rot90] * 2, 4: [np.flipud], 5: [np.rot90, np.flipud], 6: [np.rot90]}
    flips |= {7: [np.rot90, np.fliplr], 8: [np.rot90] * 3}
    for flip in flips.get(orientation, []):
        upright = flip(upright)
    return np.ascontiguousarray(upright)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(tmp_path, orientation):
    """Pixels and alpha stand upright and the carried tag says 1: PNG 8, 16 gray and colour, TIFF to floats."""
    exif = Image.Exif()
    exif[274], exif[271] = orientation, "maker"
    held = Metadata(exif=exif.tobytes(), dpi=(100, 200))
    for dtype, colour, alpha in itertools.product(("uint8", "uint16", "float32"), ((), (3,)), (False, True)):
        pixels, cover = noise(dtype, *colour), noise(dtype) if alpha else None
        stored = Picture(turned(pixels, orientation), turned(cover, orientation) if alpha else None, held)
        for name in ("tiff",) if dtype == "float32" else ("tiff", "png"):
            back = read(save(tmp_path, written(stored, name), f"a.{name}"), gray=False)
            same(back.pixels, pixels)
            if alpha:
                same(back.alpha, cover)
            carried = Image.Exif()
            carried.load(back.metadata.exif)
            assert (carried[274], carried[271]) == (1, "maker")
            wanted = (200, 100) if orientation > 4 else (100, 200)
            np.testing.assert_allclose(back.metadata.dpi, wanted, rtol=1e-3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_agrees_with_opencv(tmp_path, orientation):
    """OpenCV, which minds EXIF too, sees the same upright JPEG."""
    exif = Image.Exif()
    exif[274] = orientation
    data = pillow(Image.fromarray(smooth(3)), "JPEG", exif=exif.tobytes(), quality=95)
    wanted = cv2.imread(os.fspath(save(tmp_path, data, "a.jpg")), cv2.IMREAD_COLOR_RGB)
    got = read(tmp_path / "a.jpg", gray=False).pixels
    assert got.shape == wanted.shape
    assert np.abs(got - wanted.astype(int)).max() <= 3


@pytest.mark.parametrize(("unit", "scale"), [("INCH", 1), ("CENTIMETER", 2.54), ("NONE", None)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("colour", [(), (3,)])
def test_the_resolution_of_a_tiff_in_its_units(tmp_path, unit, scale, dtype, colour):
    """Inches and centimetres become dots per inch; without a unit there is no DPI."""
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise(dtype, *colour),
        resolution=(100, 50),
        resolutionunit=unit,
        photometric="rgb" if colour else None,
    )
    dpi = read(tmp_path / "a.tif").metadata.dpi
    assert dpi == (pytest.approx((100 * scale, 50 * scale)) if scale else None)


def profile(space):
    """A profile of this colour space: real for colour, a header alone for gray and ink."""
    if space == b"RGB ":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return struct.pack(">I", 128) + bytes(12) + space + b"XYZ " + bytes(12) + b"acsp" + bytes(88)


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "webp"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_metadata_survives_a_round_trip(name, dtype):
    """ICC, DPI and EXIF with its camera part are in the file, as Pillow reads it, and come back."""
    if dtype not in FORMATS[name].dtypes:
        pytest.skip("8 bits only")
    exif = Image.Exif()
    exif.update({271: "maker", 306: "2020:01:02 03:04:05", 33432: "me", 0x8769: {33434: 0.5, 34855: 200}})
    held = Metadata(profile(b"RGB "), (96.0, 72.0), exif.tobytes())
    data = written(Picture(noise(dtype, 3), None, held), name)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.info["icc_profile"] == held.icc
        assert image.getexif()[271] == "maker"
        assert image.getexif().get_ifd(0x8769)[34855] == 200
        if name != "webp":
            np.testing.assert_allclose([float(each) for each in image.info["dpi"]], held.dpi, rtol=1e-3)
    back = read(io.BytesIO(data), gray=False).metadata
    assert back.icc == held.icc
    carried = Image.Exif()
    carried.load(back.exif)
    assert dict(carried)[33432] == "me"
    assert carried.get_ifd(0x8769)[33434] == 0.5
    assert carried[274] == 1
    if name != "webp":  # WebP has no place for it
        np.testing.assert_allclose(back.dpi, held.dpi, rtol=1e-3)


@pytest.mark.parametrize("space", [b"RGB ", b"GRAY", b"CMYK"])
def test_a_profile_is_dropped_where_the_colours_are_others(space):
    """A profile stays only with pixels of its own colour space, reading and writing."""
    icc = profile(space)
    colour, gray = (Image.fromarray(array) for array in (smooth(3), smooth()))
    for image, as_gray in itertools.product((colour, gray), (False, True)):
        got = read(io.BytesIO(pillow(image, "PNG", icc_profile=icc)), gray=as_gray).metadata.icc
        is_gray = as_gray or image is gray
        assert got == (icc if space == (b"GRAY" if is_gray else b"RGB ") else None)
    ink = pillow(colour.convert("CMYK"), "JPEG", icc_profile=icc)
    assert read(io.BytesIO(ink), gray=False).metadata.icc == (icc if space == b"RGB " else None)
    for name in ("png", "jpeg", "tiff", "webp"):
        data = written(Picture(smooth(), None, Metadata(icc)), name)
        wanted = icc if space == (b"RGB " if name == "webp" else b"GRAY") else None
        with Image.open(io.BytesIO(data)) as image:
            assert image.info.get("icc_profile") == wanted


def test_a_tiffs_own_layout_is_not_carried_as_exif(tmp_path):
    """From TIFF to JPEG goes the maker's name, not where the strips were."""
    exif = Image.Exif()
    exif[271] = "maker"
    data = written(Picture(smooth(), None, Metadata(exif=exif.tobytes())), "tiff")
    carried = Image.Exif()
    carried.load(read(io.BytesIO(data)).metadata.exif)
    assert dict(carried) == {271: "maker", 274: 1}
    plain = read(io.BytesIO(written(Picture(smooth()), "tiff"))).metadata
    assert plain == Metadata()


@pytest.mark.parametrize(
    "block",
    [b"", b"garbage", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + bytes(range(200))],
)
def test_a_broken_exif_block_is_no_reason_to_fail(block, recwarn):
    """The picture is read as if it had none, and nothing is printed or warned of."""
    colour = noise("uint8", 3)
    back = read(io.BytesIO(png(colour, 2, depth=8, extra=chunk(b"eXIf", block))), gray=False)
    same(back.pixels, colour)
    jpeg = pillow(Image.fromarray(smooth(3)), "JPEG", exif=b"Exif\0\0" + block)
    assert read(io.BytesIO(jpeg)).pixels.shape == (32, 48)
    assert not recwarn.list


def test_a_huge_exif_does_not_stop_a_jpeg():
    """EXIF over one JPEG segment is left out rather than failing the picture."""
    exif = Image.Exif()
    exif[270] = "x" * 70_000
    data = written(Picture(smooth(), None, Metadata(exif=exif.tobytes())), "jpeg")
    assert read(io.BytesIO(data)).metadata.exif is None
