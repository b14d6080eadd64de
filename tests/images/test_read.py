"""Reading and writing pictures, judged by OpenCV, tifffile and bytes laid out by hand."""

import io
import itertools
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import convfilter
from convfilter.errors import FilterError, PictureError
from convfilter.images.formats import FORMATS, format_named, format_of
from convfilter.images.picture import Metadata, Picture
from convfilter.images.read import read
from convfilter.images.write import write
from convfilter.system.atomic import atomic_write

RNG = np.random.default_rng(20)
H, W = 7, 11
LUMA = np.array([0.299, 0.587, 0.114])


def noise(dtype, *channels):
    """Random samples (H, W, *channels); 16-bit ones use both bytes."""
    if dtype == "float32":
        return RNG.normal(size=(H, W, *channels)).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, (H, W, *channels), dtype, endpoint=True)


def smooth(*channels):
    """A gentle 8-bit ramp (32, 48, *channels), which lossy formats keep within a few levels."""
    rows, columns = np.mgrid[:32, :48]
    planes = [rows * 4 + 40, columns * 3 + 30, rows + columns + 60]
    return np.dstack(planes[: channels[0]]).astype(np.uint8) if channels else planes[0].astype(np.uint8)


def written(picture, name, **options):
    """The bytes of one picture, or of a list of pages."""
    file = io.BytesIO()
    write(file, picture if isinstance(picture, list) else [picture], FORMATS[name], **options)
    return file.getvalue()


def save(folder, data, name):
    """A file of these bytes."""
    path = folder / name
    path.write_bytes(data)
    return path


def png(samples, colour, depth=16, extra=b"", interlaced=False):
    """A PNG laid out by hand: filter 0 on every row, optionally Adam7."""
    rows = []
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    for top, left, down, across in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across]
        if part.size:
            rows += [b"\0" + row.astype(f">u{max(depth // 8, 1)}").tobytes() for row in part]
    head = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, colour, 0, 0, interlaced)
    body = [chunk(b"IHDR", head), extra, chunk(b"IDAT", zlib.compress(b"".join(rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def chunk(kind, data):
    """One PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pillow(image, codec, **options):
    """The bytes of an image that Pillow encodes."""
    file = io.BytesIO()
    image.save(file, codec, **options)
    return file.getvalue()


def same(got, wanted):
    """Equal values, shape and dtype."""
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)


def luma(colour, dtype=None):
    """Rec. 601 in float64, rounded once."""
    return np.rint(colour.astype(np.float64) @ LUMA).astype(dtype or colour.dtype)


# Writing, judged by other readers


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", ["png", "tiff"])
def test_opencv_and_tifffile_read_what_is_written(tmp_path, name, dtype, colour, alpha):
    """PNG and TIFF hold every sample of gray and colour, with and without alpha, in 8 and 16 bits."""
    picture = Picture(noise(dtype, *colour), noise(dtype) if alpha else None)
    path = save(tmp_path, written(picture, name), f"a.{name}")
    whole = np.dstack([picture.pixels, picture.alpha]) if alpha else picture.pixels
    if name == "tiff":
        got = tifffile.imread(path)
    else:
        got = cv2.imread(os.fspath(path), cv2.IMREAD_UNCHANGED)
        if alpha and not colour:  # OpenCV has no gray with alpha: it repeats the gray
            got = got[..., 2:]
        elif colour:
            got = cv2.cvtColor(got, cv2.COLOR_BGRA2RGBA if alpha else cv2.COLOR_BGR2RGB)
    same(got, whole)
    back = read(path, gray=False)
    same(back.pixels, picture.pixels)
    assert (back.alpha is None) == (not alpha)
    if alpha:
        same(back.alpha, picture.alpha)


@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_float_tiff_keeps_every_bit(tmp_path, colour, alpha):
    """Floats below 0 and above 1 come back exactly, in tifffile and here, gray and colour, with alpha too."""
    picture = Picture(noise("float32", *colour), noise("float32") if alpha else None)
    path = save(tmp_path, written(picture, "tiff"), "a.tif")
    same(tifffile.imread(path), np.dstack([picture.pixels, picture.alpha]) if alpha else picture.pixels)
    back = read(path, gray=False)
    same(back.pixels, picture.pixels)
    assert (back.alpha is None) == (not alpha)
    if alpha:
        same(back.alpha, picture.alpha)


@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_tiff_of_several_pages(tmp_path, dtype, colour):
    """Each page is a page to tifffile and to OpenCV's or Pillow's reader; reading takes the first."""
    pages = [Picture(noise(dtype, *colour)) for _ in range(3)]
    path = save(tmp_path, written(pages, "tiff"), "a.tif")
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 3
        for page, picture in zip(file.pages, pages, strict=True):
            assert page.offset % 2 == 0  # TIFF 6.0: directories begin on a word
            same(page.asarray(), picture.pixels)
    same(read(path, gray=False).pixels, pages[0].pixels)


@pytest.mark.parametrize(
    ("name", "dtype", "colour"),
    [
        ("pgm", "uint8", ()),
        ("pgm", "uint16", ()),
        ("ppm", "uint8", (3,)),
        ("ppm", "uint16", (3,)),
        ("bmp", "uint8", ()),
        ("bmp", "uint8", (3,)),
    ],
)
def test_opencv_reads_the_plain_formats(tmp_path, name, dtype, colour):
    """PGM, PPM and BMP hold every sample; alpha has no room and is dropped."""
    picture = Picture(noise(dtype, *colour), noise(dtype))
    path = save(tmp_path, written(picture, name), f"a.{name}")
    got = cv2.imread(os.fspath(path), cv2.IMREAD_UNCHANGED)
    if colour:
        got = got[..., ::-1]
    elif got.ndim == 3:  # OpenCV gives the gray palette of a BMP as colours
        got = got[..., 0]
    same(got, picture.pixels)
    back = read(path, gray=False)
    same(back.pixels, picture.pixels)
    assert back.alpha is None


def test_a_gray_ppm_is_a_ppm(tmp_path):
    """A .ppm has the three channels its name promises, all equal."""
    picture = Picture(noise("uint8"))
    data = written(picture, "ppm")
    assert data.startswith(b"P6")
    same(read(io.BytesIO(data), gray=False).pixels, np.dstack([picture.pixels] * 3))


@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_lossy_formats_stay_close(tmp_path, name, colour):
    """OpenCV sees a smooth picture within a few levels, and a lower quality makes a smaller file."""
    picture = Picture(smooth(*colour))
    path = save(tmp_path, written(picture, name), f"a.{name}")
    got = cv2.imread(os.fspath(path), cv2.IMREAD_UNCHANGED)
    got = cv2.cvtColor(got, cv2.COLOR_BGR2RGB) if got.ndim == 3 else got
    if name == "webp" and not colour:  # WebP has no gray
        same(got[..., 0], got[..., 2])
        got = got[..., 0]
    assert got.shape == picture.pixels.shape
    assert np.abs(got.astype(int) - picture.pixels).max() <= 8
    assert len(written(picture, name, quality=20)) < len(written(picture, name))
    assert np.abs(read(path).pixels.astype(int) - (luma(smooth(*colour)) if colour else smooth())).max() <= 8


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_the_default_quality_is_the_documented_one(name):
    """No quality means 95 for JPEG and 90 for WebP, to the byte."""
    picture = Picture(smooth(3))
    assert written(picture, name) == written(picture, name, quality={"jpeg": 95, "webp": 90}[name])
    assert written(picture, name) != written(picture, name, quality=91)


def test_a_webp_keeps_alpha():
    """WebP's alpha is lossless; OpenCV reads the same."""
    picture = Picture(smooth(3), smooth(2)[..., 1])
    data = written(picture, "webp")
    got = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    same(got[..., 3], picture.alpha)
    same(read(io.BytesIO(data)).alpha, picture.alpha)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_npy(dtype):
    """One page is the array itself; several are planes on the last axis."""
    pages = [Picture(noise(dtype)) for _ in range(4)]
    same(np.load(io.BytesIO(written(pages[0], "npy"))), pages[0].pixels)
    planes = np.load(io.BytesIO(written(pages, "npy")))
    same(planes, np.stack([page.pixels for page in pages], axis=-1))
    same(read(io.BytesIO(written(pages, "npy")), gray=False).pixels, planes)


@pytest.mark.parametrize(
    ("picture", "name"),
    [
        (Picture(noise("uint16")), "jpeg"),
        (Picture(noise("float32")), "png"),
        (Picture(noise("uint16")), "bmp"),
        (Picture(noise("uint16", 3)), "webp"),
        (Picture(noise("uint8", 3)), "pgm"),
        (Picture(noise("uint8", 2)), "png"),
        (Picture(noise("uint8", 5)), "jpeg"),
        (Picture(noise("uint8"), noise("uint16")), "png"),
        (Picture(noise("uint8"), noise("uint8")[1:]), "png"),
        ([Picture(noise("uint8"))] * 2, "png"),
        ([], "tiff"),
        (Picture(noise("float32").astype("float64")), "npy"),
    ],
)
def test_what_a_format_cannot_hold_is_the_callers_error(picture, name):
    """Wrong dtypes, channels, alphas and page counts are ValueErrors and write nothing."""
    file = io.BytesIO()
    with pytest.raises(ValueError, match=r"file|alpha"):
        write(file, picture if isinstance(picture, list) else [picture], FORMATS[name])
    assert file.getvalue() == b""


def test_quality_outside_its_range_is_a_filter_error():
    """0 and 101 are refused for any format; 50 is ignored by a format without quality."""
    picture = Picture(smooth())
    for quality in (0, 101, -1):
        with pytest.raises(FilterError, match=f"quality {quality} "):
            written(picture, "jpeg", quality=quality)
    assert written(picture, "png", quality=50) == written(picture, "png")


def test_read_only_formats_and_too_large_pictures_are_refused():
    """GIF and PBM can't be written; a WebP side has a limit that the message names."""
    for name in ("gif", "pbm"):
        with pytest.raises(FilterError, match="only be read"):
            written(Picture(smooth()), name)
    with pytest.raises(PictureError, match="16383"):
        written(Picture(np.zeros((1, 16_384), np.uint8)), "webp")
    with pytest.raises(PictureError, match="65500"):
        written(Picture(np.zeros((65_501, 1), np.uint8)), "jpeg")


def test_formats_are_found_by_extension_and_name():
    """Every extension and name leads to its format; others are refused with the known ones."""
    for name, each in FORMATS.items():
        assert each.name == name
        assert format_named(name) is each
        for extension in each.extensions:
            assert format_of(f"some.dir/x{extension.upper()}") is each
    assert format_named("JPG") is FORMATS["jpeg"]
    assert format_named("tif") is FORMATS["tiff"]
    for bad in ("x.xyz", "x", ".png"):
        with pytest.raises(FilterError, match=r"\.png .*\.npy"):
            format_of(bad)
    with pytest.raises(FilterError, match="xyz"):
        format_named("xyz")


# Reading, 16 bits


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "channels"), [(0, ()), (2, (3,)), (4, (2,)), (6, (4,))])
def test_16_bit_png_of_every_colour_type(colour, channels, interlaced):
    """No low byte is lost, interlaced or not."""
    samples = noise("uint16", *channels)
    back = read(io.BytesIO(png(samples, colour, interlaced=interlaced)), gray=False)
    count = 3 if colour & 2 else 1
    same(back.pixels, samples[..., :3] if count == 3 else samples.reshape(H, W, -1)[..., 0])
    if colour & 4:
        same(back.alpha, samples[..., -1])
    else:
        assert back.alpha is None


def test_16_bit_colour_becomes_gray_with_one_rounding():
    """16-bit gray is Rec. 601 in float64, rounded once; white stays white."""
    samples = noise("uint16", 3)
    samples[0, 0] = 65535
    got = read(io.BytesIO(png(samples, 2))).pixels
    same(got, luma(samples))
    assert got[0, 0] == 65535


def test_a_16_bit_colour_key_is_compared_in_16_bits():
    """A tRNS colour makes clear only the pixels that equal it in both bytes."""
    samples = noise("uint16", 3)
    samples[0, 0] = samples[0, 1] = (1000, 2000, 3000)
    samples[0, 1, 2] += 1  # the same high bytes
    back = read(io.BytesIO(png(samples, 2, extra=chunk(b"tRNS", struct.pack(">HHH", 1000, 2000, 3000)))))
    wanted = np.full((H, W), 65535, np.uint16)
    wanted[0, 0] = 0
    same(back.alpha, wanted)


TIFFS = [
    ("gray", (), {"photometric": "minisblack"}),
    ("gray", (2,), {"photometric": "minisblack", "extrasamples": ["unassalpha"], "planarconfig": "contig"}),
    ("rgb", (3,), {"photometric": "rgb"}),
    ("rgb", (4,), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    ("rgb", (4,), {"photometric": "rgb", "extrasamples": ["unspecified"]}),
]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", range(len(TIFFS)))
def test_tiffs_of_every_layout(tmp_path, dtype, order, compression, planar, kind):
    """Each byte order, compression and plane order gives every sample back, from 8 bits to floats."""
    base, channels, options = TIFFS[kind]
    if not channels and planar == "separate":
        pytest.skip("one band has no separate planes")
    samples = noise(dtype, *channels)
    stored = np.ascontiguousarray(np.moveaxis(samples, -1, 0)) if planar == "separate" else samples
    options = options | ({"planarconfig": planar} if channels else {})
    tifffile.imwrite(
        tmp_path / "a.tif", stored, byteorder=order, compression=compression, rowsperstrip=3, **options
    )
    back = read(tmp_path / "a.tif", gray=False)
    if options.get("extrasamples") == ["unspecified"]:  # a band like the others
        same(back.pixels, samples)
    else:
        same(back.pixels, samples[..., :3] if base == "rgb" else samples.reshape(H, W, -1)[..., 0])
    if "unassalpha" in options.get("extrasamples", []):
        same(back.alpha, samples[..., -1])
    else:
        assert back.alpha is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiles_and_big_tiffs(tmp_path, dtype, big, compression, channels):
    """Tiled TIFFs and BigTIFFs keep all bits too, edges narrower than a tile included."""
    samples = np.tile(noise(dtype, channels), (6, 4, 1))
    options = {"photometric": "rgb", "compression": compression, "bigtiff": big}
    tifffile.imwrite(tmp_path / "a.tif", samples, tile=(32, 16), **options)
    same(read(tmp_path / "a.tif", gray=False).pixels, samples[..., :3])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_float_colour_bigtiff(tmp_path, compression):
    """What Pillow has no mode for is read from a BigTIFF as well."""
    samples = noise("float32", 3)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", bigtiff=True, compression=compression)
    same(read(tmp_path / "a.tif", gray=False).pixels, samples)
    np.testing.assert_allclose(read(tmp_path / "a.tif").pixels, samples @ LUMA, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("predictor", [False, True])
def test_16_bit_colour_tiffs_with_lzw_by_another_encoder(tmp_path, predictor):
    """OpenCV's LZW files, with and without predictor, keep their low bytes."""
    samples = noise("uint16", 3)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 2 if predictor else 1]
    assert cv2.imwrite(os.fspath(tmp_path / "a.tif"), samples[..., ::-1], options)
    same(read(tmp_path / "a.tif", gray=False).pixels, samples)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_premultiplied_alpha_is_divided_out(tmp_path, dtype):
    """Colour stored times alpha comes back straight, in 16 bits and floats; clear pixels stay as stored."""
    full = 65535 if dtype == "uint16" else 1.0
    samples = np.array([[[0.25, 0.5, 0.125, 0.5], [0.3, 0.2, 0.1, 1], [0, 0, 0, 0]]])
    stored = np.rint(samples * full).astype(dtype) if dtype == "uint16" else samples.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    back = read(tmp_path / "a.tif", gray=False)
    straight = np.array([[[0.5, 1, 0.25], [0.3, 0.2, 0.1], [0, 0, 0]]]) * full
    np.testing.assert_allclose(back.pixels, straight, atol=1 if dtype == "uint16" else 1e-7)
    same(back.alpha, stored[..., 3])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_cmyk_tiff_becomes_light(tmp_path, dtype, compression):
    """Each ink and the black filter the white, to within one level, without losing bits."""
    inks, full = noise(dtype, 4), np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", compression=compression)
    got = read(tmp_path / "a.tif", gray=False).pixels
    light = (1 - inks[..., :3] / full) * (1 - inks[..., 3:] / full) * full
    assert got.dtype == dtype
    assert np.abs(got - light).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_where_zero_is_white(tmp_path, dtype, order, compression):
    """WhiteIsZero is turned round in 16 bits as in 8."""
    samples = noise(dtype)
    options = {"photometric": "miniswhite", "byteorder": order, "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", samples, **options)
    same(read(tmp_path / "a.tif").pixels, np.iinfo(dtype).max - samples)


def test_a_12_bit_tiff_spans_the_16_bits(tmp_path):
    """4095 becomes white, each value one of its own."""
    data = bytes([0xFF, 0xF0, 0x00, 0x80, 0x00, 0x01])  # 4095, 0, 2048, 1
    entries = [(256, 4), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 6)]
    body = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    directory = struct.pack("<H", len(entries)) + body + bytes(4)
    path = save(tmp_path, b"II*\0" + struct.pack("<I", 14) + data + directory, "a.tif")
    assert read(path).pixels.tolist() == [[65535, 0, 32776, 16]]


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("int16", "16-bit signed"),
        ("int8", "8-bit signed"),
        ("uint32", "32-bit unsigned"),
        ("int32", "32-bit signed"),
        ("float64", "64-bit floats"),
        ("float16", "16-bit floats"),
        ("complex64", "64-bit complex"),
    ],
)
@pytest.mark.parametrize("colour", [(), (3,)])
def test_tiffs_of_other_numbers_are_refused_by_name(tmp_path, dtype, words, colour):
    """Samples without a white are refused, and the message says what they are."""
    photometric = "rgb" if colour else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((H, W, *colour), dtype), photometric=photometric)
    with pytest.raises(PictureError, match=words):
        read(tmp_path / "a.tif")


def test_a_16_bit_layout_that_would_lose_bits_is_refused(tmp_path):
    """Planes apart packed by LZW are beyond this reader: an error, never 8 bits in disguise."""
    stored = noise("uint16", 16)[:3, :, :16]
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb",
        planarconfig="separate",
        tile=(16, 16),
        compression="zlib",
    )
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(5)
    with pytest.raises(PictureError, match="without loss"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("maxval", [1, 200, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("bands", [1, 3])
def test_netpbm_of_any_maxval(plain, maxval, bands):
    """PGM and PPM, binary and plain, are scaled from maxval to the full 8 or 16 bits, one rounding."""
    samples = RNG.integers(0, maxval, (H, W, bands), endpoint=True)
    full = 65535 if maxval > 255 else 255
    if plain:
        data = b"# comment\n" + b" ".join(b"%d" % value for value in samples.ravel()) + b"\n"
    else:
        data = samples.astype(">u2" if maxval > 255 else "u1").tobytes()
    magic = {(False, 1): b"P5", (False, 3): b"P6", (True, 1): b"P2", (True, 3): b"P3"}[plain, bands]
    back = read(io.BytesIO(magic + b"\n%d %d\n%d\n" % (W, H, maxval) + data), gray=False)
    wanted = np.rint(samples * full / maxval).astype(np.uint16 if full > 255 else np.uint8)
    same(back.pixels, wanted if bands == 3 else wanted[..., 0])


# Reading, the other kinds


def test_bilevel_pictures_are_black_and_white(tmp_path):
    """1-bit PNG, TIFF, BMP and PBM are 0 and 255."""
    bits = RNG.integers(0, 2, (H, W)).astype(bool)
    wanted = bits.astype(np.uint8) * 255
    image = Image.fromarray(wanted).convert("1")
    for codec in ("PNG", "TIFF", "BMP", "PPM"):
        same(read(io.BytesIO(pillow(image, codec))).pixels, wanted)
    same(read(io.BytesIO(pillow(image, "TIFF", compression="group4"))).pixels, wanted)
    rows = b"".join(b" ".join(b"%d" % (not bit) for bit in row) + b"\n" for row in bits)  # PBM: 1 is black
    same(read(save(tmp_path, b"P1\n%d %d\n" % (W, H) + rows, "a.pbm")).pixels, wanted)


@pytest.mark.parametrize("alpha", [None, b"\x40", b"\xff\x00\x80", bytes(range(0, 250, 50))])
def test_a_palette_with_transparency(alpha):
    """Indices become colours; tRNS becomes alpha, opaque beyond its end."""
    index = RNG.integers(0, 6, (H, W), dtype=np.uint8)
    index[0, :6] = range(6)
    palette = RNG.integers(0, 256, (6, 3), dtype=np.uint8)
    extra = chunk(b"PLTE", palette.tobytes()) + (chunk(b"tRNS", alpha) if alpha else b"")
    back = read(io.BytesIO(png(index, 3, depth=8, extra=extra)), gray=False)
    same(back.pixels, palette[index])
    if alpha:
        same(back.alpha, np.frombuffer(alpha.ljust(6, b"\xff"), np.uint8)[index])
    else:
        assert back.alpha is None
    close = read(io.BytesIO(png(index, 3, depth=8, extra=extra))).pixels
    assert np.abs(close - luma(palette)[index].astype(int)).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_gray_key_colour_at_every_depth(depth):
    """The tRNS value of a gray PNG is in the file's own bits; the pixels that have it are clear."""
    top, width = 2**depth - 1, 8
    values = np.arange(2 * width).reshape(2, width) % (top + 1)
    if depth < 8:  # packed, high bits first
        packed = [sum(v << (8 - depth - depth * i) for i, v in enumerate(row)) for row in
                  values.reshape(-1, 8 // depth)]  # fmt: skip
        rows = np.array(packed).reshape(2, -1)
    else:
        rows = values
    data = png(rows, 0, depth=depth, extra=chunk(b"tRNS", struct.pack(">H", 1)))
    data = data[:16] + struct.pack(">I", width) + data[20:29]
    data += struct.pack(">I", zlib.crc32(data[12:29])) + png(rows, 0, depth=depth, extra=chunk(
        b"tRNS", struct.pack(">H", 1)))[33:]  # fmt: skip
    back = read(io.BytesIO(data))
    full = 65535 if depth == 16 else 255
    same(back.pixels, (values * (full // top)).astype(back.pixels.dtype))
    same(back.alpha, np.where(values == 1, 0, full).astype(back.pixels.dtype))


def test_an_opaque_alpha_is_none():
    """An alpha channel that is full everywhere is no alpha, in 8 and in 16 bits."""
    for dtype in ("uint8", "uint16"):
        samples = noise(dtype, 4)
        samples[..., 3] = np.iinfo(dtype).max
        assert read(io.BytesIO(png(samples, 6, depth=samples.itemsize * 8))).alpha is None
        samples[0, 0, 3] -= 1
        assert read(io.BytesIO(png(samples, 6, depth=samples.itemsize * 8))).alpha is not None


def test_8_bit_colour_becomes_gray_as_pillow_does():
    """Rec. 601 within one level, and the very values of Pillow's L."""
    colour = noise("uint8", 3)
    got = read(io.BytesIO(png(colour, 2, depth=8))).pixels
    same(got, np.array(Image.fromarray(colour).convert("L")))
    assert np.abs(got - luma(colour).astype(int)).max() <= 1


def test_a_jpeg_going_to_gray_keeps_its_size():
    """The luma plane of a JPEG is decoded as it is, at full size, and agrees with OpenCV's."""
    data = pillow(Image.fromarray(np.kron(smooth(3), np.ones((4, 4, 1), np.uint8))), "JPEG", quality=95)
    got = read(io.BytesIO(data)).pixels
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert got.shape == wanted.shape == (128, 192)
    assert np.abs(got - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize("gray", [False, True])
def test_a_cmyk_jpeg_is_not_a_negative(gray):
    """Adobe's inverted inks come out as the light OpenCV sees."""
    inks = Image.fromarray(smooth(3)).convert("CMYK")
    data = pillow(inks, "JPEG", quality=95)
    assert b"Adobe" in data
    flag = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR_RGB
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    assert np.abs(read(io.BytesIO(data), gray=gray).pixels - wanted.astype(int)).max() <= 3
    truth = luma(smooth(3)) if gray else smooth(3)
    assert np.abs(wanted - truth.astype(int)).max() <= 12


def test_a_ycck_jpeg_reads_like_its_cmyk():
    """The Adobe marker's transform 2 (YCCK) is undone: OpenCV's light within a few levels."""
    data = pillow(Image.fromarray(smooth(3)).convert("CMYK"), "JPEG", quality=95)
    at = data.index(b"Adobe") + 11
    ycck = data[:at] + b"\2" + data[at + 1 :]  # the same samples, now meant as YCCK
    wanted = cv2.imdecode(np.frombuffer(ycck, np.uint8), cv2.IMREAD_COLOR_RGB)
    got = read(io.BytesIO(ycck), gray=False).pixels
    assert np.abs(got - wanted.astype(int)).max() <= 3
    assert np.abs(got - read(io.BytesIO(data), gray=False).pixels.astype(int)).max() > 20


def test_the_first_frame_of_a_gif_and_of_an_mpo():
    """A GIF's first frame has its colours and its clear index; a two-picture JPEG is its first."""
    first, second = noise("uint8", 3), noise("uint8", 3)
    first = first // 64 * 64
    frames = [Image.fromarray(each).quantize(256, dither=0) for each in (first, second)]
    data = pillow(frames[0], "GIF", save_all=True, append_images=frames[1:])
    same(read(io.BytesIO(data), gray=False).pixels, np.array(frames[0].convert("RGB")))
    clear = pillow(frames[0], "GIF", transparency=int(np.array(frames[0])[0, 0]))
    assert read(io.BytesIO(clear)).alpha[0, 0] == 0
    pages = [Image.fromarray(smooth(3)), Image.fromarray(smooth(3)[::-1].copy())]
    data = pillow(pages[0], "MPO", save_all=True, append_images=pages[1:])
    assert np.abs(read(io.BytesIO(data)).pixels - luma(smooth(3)).astype(int)).max() <= 6


@pytest.mark.parametrize(
    ("array", "gray", "wanted"),
    [
        (np.eye(3, dtype=bool), True, np.eye(3, dtype=np.uint8) * 255),
        (np.eye(3) * 0.3, True, np.float32(np.eye(3) * 0.3)),
        (np.eye(3, dtype=">u2"), True, np.eye(3, dtype=np.uint16)),
        (np.arange(6.0).reshape(2, 3, order="F").astype("f4"), True, np.float32([[0, 2, 4], [1, 3, 5]])),
        (np.full((2, 3, 1), 7, np.uint8), True, np.full((2, 3), 7, np.uint8)),
        (np.full((2, 3, 3), 7, np.uint8), True, np.full((2, 3), 7, np.uint8)),
        (np.full((2, 3, 3), 0.5, np.float32), True, np.full((2, 3), 0.5, np.float32)),
        (np.full((2, 3, 5), 7, np.uint8), False, np.full((2, 3, 5), 7, np.uint8)),
    ],
)
def test_npy_arrays(array, gray, wanted):
    """Bool, float64, big-endian and Fortran-ordered arrays become native, C-ordered pixels."""
    file = io.BytesIO()
    np.save(file, array)
    got = read(io.BytesIO(file.getvalue()), gray=gray).pixels
    same(got, wanted)
    assert got.flags.c_contiguous
    assert got.flags.writeable


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(3), "shape"),
        (np.zeros((1, 2, 3, 4)), "shape"),
        (np.zeros((2, 2), "int32"), "int32"),
        (np.zeros((2, 2), "float16"), "float16"),
        (np.zeros((2, 2), "complex64"), "complex64"),
        (np.zeros((2, 2), [("a", "u1")]), "array of"),
        (np.array([[None]]), "object"),
        (np.zeros((0, 5), "uint8"), "no pixels"),
        (np.zeros((5, 5, 0), "uint8"), "data"),
        (np.zeros((4, 5, 2), "uint8"), '2 bands .* color="each"'),
    ],
)
def test_npy_arrays_that_are_no_picture(array, said):
    """Other shapes and dtypes, objects above all, are refused by name."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    with pytest.raises(PictureError, match=said):
        read(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize(
    "shape", ["(10**9, 10**9)", "(1000000, 1000000)", "(5, 5)", "(1, 1, 10000000000000)"]
)
def test_an_npy_header_that_lies_allocates_nothing(shape):
    """Terabytes claimed by a header are refused before any memory is asked for."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(100)
    with pytest.raises(PictureError, match=r"limit|data"):
        read(io.BytesIO(data))


# Orientation and metadata


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


# Bad files


def whole_files():
    """One sound file of every kind and layout, by name."""
    samples = noise("uint16", 3)
    deflated = io.BytesIO()
    tifffile.imwrite(deflated, samples, photometric="rgb", compression="zlib")
    gif = pillow(Image.fromarray(noise("uint8")), "GIF")
    coloured = {
        f"{name}-{dtype}.{name}": written(Picture(noise(dtype, 3)), name)
        for name, each in FORMATS.items()
        for dtype in each.dtypes
        if each.writable and each.colour
    }
    return coloured | {
        "a.pgm": written(Picture(noise("uint16")), "pgm"),
        "b.ppm": b"P6\n%d %d\n1023\n" % (W, H) + (noise("uint16", 3) % 1024).astype(">u2").tobytes(),
        "plain.ppm": b"P3\n%d %d\n999\n" % (W, H) + b"7 " * (H * W * 3),
        "a.gif": gif,
        "deflated.tif": deflated.getvalue(),
    }


WHOLE = whole_files()


@pytest.mark.parametrize("part", [0, 1, 3, 12, 20, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_short_is_one_line(tmp_path, name, part, capfd):
    """Cut anywhere, a file is an error of one line that begins with its name; nothing else is printed."""
    data = WHOLE[name]
    assert read(save(tmp_path, data, name)).pixels.shape in [(H, W), (32, 48)]
    cut = data[: part if isinstance(part, int) else int(len(data) * part)]
    path = save(tmp_path, cut, f"cut-{name}")
    with pytest.raises(PictureError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert "; " in message
    assert "object at 0x" not in message
    with pytest.raises(PictureError, match="^standard input: "):
        read(io.BytesIO(cut))
    printed = capfd.readouterr()
    assert printed.out == ""
    if name != "deflated.tif":  # libtiff, in C, prints what it finds wrong
        assert printed.err == ""


def test_bytes_changed_at_random_never_raise_anything_else(tmp_path, capfd):
    """Whatever is done to a file, it is read or refused with a PictureError, silently."""
    rng = np.random.default_rng(7)
    outcomes = []
    for name, data in WHOLE.items():
        for _ in range(60):
            broken = bytearray(data)
            for at in rng.integers(0, min(len(broken), 300), rng.integers(1, 5)):
                broken[at] = rng.integers(256)
            try:
                read(io.BytesIO(bytes(broken)), gray=False, max_pixels=100_000)
                outcomes.append(True)
            except PictureError as error:
                assert str(error).isprintable(), name
                assert " at 0x" not in str(error)
                outcomes.append(False)
    assert 0.1 < np.mean(outcomes) < 0.9
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Warning" not in printed.err  # libtiff, in C, prints what it finds wrong
    assert "Error" not in printed.err.replace("ZIPDecode: Decoding error", "")


def test_places_that_are_no_picture(tmp_path, monkeypatch):
    """A missing file, a folder, a pipe, a text, an empty file and one without permission say so."""
    os.mkfifo(tmp_path / "pipe.png")
    cases = {
        tmp_path / "none.png": "no such file",
        tmp_path: "folder",
        tmp_path / "pipe.png": "not a regular file",
        save(tmp_path, b"hello there", "text.png"): "not a picture",
        save(tmp_path, b"", "empty.png"): "empty",
        save(tmp_path, b"%!PS-Adobe-3.0 EPSF-3.0\n", "a.eps"): "not a picture",
        tmp_path / "nul\0.png": "can't be opened",
        tmp_path / ("x" * 300): "can't be opened",
    }
    for path, said in cases.items():
        with pytest.raises(PictureError, match=said) as caught:
            read(path)
        assert str(caught.value).isprintable()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    path = save(tmp_path, WHOLE["a.gif"], "a.gif")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match="no permission"):
        read(path)


def test_a_mislabelled_picture_is_refused(tmp_path):
    """A PNG named .jpg is an error with the name to give it; kin and unknown extensions are not."""
    data = written(Picture(smooth()), "png")
    with pytest.raises(PictureError, match=r"a PNG, not a JPEG; rename it to holiday\.png"):
        read(save(tmp_path, data, "holiday.jpg"))
    with pytest.raises(PictureError, match="a NPY, not a PNG"):
        read(save(tmp_path, written(Picture(smooth()), "npy"), "a.png"))
    for name in ("a.PNG", "a", "a.dat"):
        same(read(save(tmp_path, data, name)).pixels, smooth())
    gray = written(Picture(smooth()), "pgm")
    for name in ("a.pgm", "a.ppm", "a.pnm", "a.pbm"):
        same(read(save(tmp_path, gray, name)).pixels, smooth())
    same(read(save(tmp_path, written(Picture(smooth()), "tiff"), "a.tiff")).pixels, smooth())


def test_a_stream_has_the_name_it_is_given():
    """Messages call a stream 'standard input' or what the caller says, control characters escaped."""
    with pytest.raises(PictureError, match="^standard input: "):
        read(io.BytesIO(b""))
    with pytest.raises(PictureError, match=r"^'a\\nb': "):
        read(io.BytesIO(b""), name="a\nb")


class Endless(io.RawIOBase):
    """A stream that never ends, counting what was taken."""

    def __init__(self, start):
        self.start, self.taken = start, 0

    def read(self, size=-1):
        block = (self.start + bytes(size))[:size] if self.taken == 0 else bytes(size)
        self.taken += size
        return block


def test_an_endless_stream_is_given_up():
    """Noise is refused at its first block, a picture that never ends at what its pixels could take."""
    noise_stream, png_stream = Endless(b"hello"), Endless(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(PictureError, match="not a picture"):
        read(noise_stream)
    assert noise_stream.taken <= 1 << 20
    with pytest.raises(PictureError, match="more bytes"):
        read(png_stream, max_pixels=1000)
    assert png_stream.taken < 70 << 20


@pytest.mark.parametrize("name", WHOLE)
def test_the_limit_of_pixels(name):
    """A picture of exactly max_pixels is read; one pixel less of a limit refuses it and names the option."""
    data = WHOLE[name]
    pixels = read(io.BytesIO(data), max_pixels=H * W).pixels
    assert pixels.shape == (H, W)
    with pytest.raises(PictureError, match=rf"{W} x {H} .*limit of {H * W - 1}; .*max_pixels={H * W} "):
        read(io.BytesIO(data), max_pixels=H * W - 1)


def test_the_callers_limit_stands_above_pillows(monkeypatch):
    """Pillow's own limit neither warns nor stops a picture that max_pixels allows, and is put back."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name in ("png-uint8.png", "tiff-uint16.tiff", "webp-uint8.webp", "a.gif", "jpeg-uint8.jpeg"):
        read(io.BytesIO(WHOLE[name]), max_pixels=10_000)
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(PictureError, match="limit of 50"):
        read(io.BytesIO(WHOLE["a.gif"]), max_pixels=50)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_threads_read_at_once(monkeypatch):
    """Many threads above Pillow's limit all succeed, and its limit and the filters are as before."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    filters = list(warnings.filters)
    failed = []

    def work():
        try:
            for name, data in WHOLE.items():
                assert read(io.BytesIO(data)).pixels.shape == (H, W), name
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert Image.MAX_IMAGE_PIXELS == 10
    assert list(warnings.filters) == filters


def test_a_png_of_claimed_size_is_refused_before_decoding():
    """A header of 2^31 pixels a side is refused by its size alone."""
    head = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    with pytest.raises(PictureError, match=f"allow it with max_pixels={(2**31 - 1) ** 2} "):
        read(io.BytesIO(data))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_text_bomb_is_refused(kind):
    """A PNG chunk that inflates to 80 MB is an error."""
    packed = zlib.compress(bytes(80_000_000))
    body = {b"zTXt": b"k\0\0", b"iCCP": b"k\0\0", b"iTXt": b"k\0\1\0\0\0"}[kind] + packed
    with pytest.raises(PictureError, match="too large"):
        read(io.BytesIO(png(noise("uint8"), 0, depth=8, extra=chunk(kind, body))))


def test_a_tiff_of_absurd_samples_is_silent(tmp_path):
    """What Pillow logs as an error stays off the terminal of a program that set up no logging."""
    data = bytearray(written(Picture(smooth()), "tiff"))
    at = data.index(struct.pack("<HHI", 277, 3, 1))
    data[at + 8 : at + 10] = b"\xff\x7f"
    path = save(tmp_path, bytes(data), "a.tif")
    script = (
        "import sys, pathlib\n"
        "from convfilter.errors import PictureError\n"
        "from convfilter.images.read import read\n"
        "try:\n    read(pathlib.Path(sys.argv[1]))\n"
        "except PictureError:\n    print('refused')\n"
    )
    root = Path(convfilter.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, cwd=root, check=True
    )
    assert (done.stdout, done.stderr) == ("refused\n", "")


@pytest.mark.parametrize("sample", [-1, 1000])
def test_a_netpbm_sample_outside_its_maxval_is_refused(sample):
    """Neither a negative sample nor one above maxval is wrapped or clipped."""
    with pytest.raises(PictureError, match="damaged"):
        read(io.BytesIO(b"P3\n1 1\n999\n0 0 %d\n" % sample))
    with pytest.raises(PictureError, match="outside 0 to 300"):
        read(io.BytesIO(b"P5\n1 1\n300\n" + struct.pack(">H", 301)))


def test_full_scale():
    """White is 255, 65535 or 1."""
    scales = [Picture(noise(dtype)).full_scale for dtype in ("uint8", "uint16", "float32")]
    assert scales == [255.0, 65535.0, 1.0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "bmp", "tiff"])
def test_a_full_disk_is_told_as_such(name):
    """Whoever encodes, Pillow or this package, the system's own reason comes out."""
    told = pytest.raises(PictureError, match="/dev/full: can't be written: the disk is full")
    with told, atomic_write(Path("/dev/full")) as file:
        write(file, [Picture(np.tile(noise("uint8"), (4, 4)))], format_named(name))


@pytest.mark.parametrize("aside", [True, False])
@pytest.mark.parametrize("shape", [(40, 30), (700, 1000), (300, 300, 3)])
def test_a_jpeg_is_pillows_own_wherever_it_is_encoded(monkeypatch, aside, shape):
    """In memory with a descriptor, without such memory, or with too little of it: a megapixel of noise."""
    if not aside:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    pixels = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    ours, pillows = io.BytesIO(), io.BytesIO()
    write(ours, [Picture(pixels)], format_named("jpeg"), quality=95)
    Image.fromarray(pixels).save(pillows, "JPEG", quality=95)
    assert ours.getvalue() == pillows.getvalue()
