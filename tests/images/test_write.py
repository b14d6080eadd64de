"""Written pictures, judged by OpenCV, tifffile and Pillow."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from picture_files import luma, noise, same, save, smooth, written
from PIL import Image

from convfilter.errors import FilterError, PictureError
from convfilter.images.formats import FORMATS, format_named
from convfilter.images.picture import Picture, padded, padded_colours
from convfilter.images.read import read
from convfilter.images.write import write
from convfilter.system.atomic import atomic_write


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("colour", [(), (3,)])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_png_of_any_compression_is_the_same_picture(level, colour, alpha):
    """Pillow reads the same samples from one that is stored as it is, and from one that is pressed hard."""
    pixels = padded_colours(*noise("uint8").shape) if colour else noise("uint8")
    pixels[...] = noise("uint8", *colour)
    picture = Picture(pixels, noise("uint8") if alpha else None)
    file = io.BytesIO()
    write(file, [picture], FORMATS["png"], level=level)
    whole = np.dstack([picture.pixels, picture.alpha]) if alpha else picture.pixels
    np.testing.assert_array_equal(np.asarray(Image.open(file)), whole)
    assert level or len(file.getvalue()) > whole.size


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "bmp", "tiff"])
def test_a_full_disk_is_reported_as_such(name):
    """Whoever encodes, Pillow or this package, the system's own reason comes out."""
    message = pytest.raises(PictureError, match="/dev/full: can't be written: the disk is full")
    with message, atomic_write(Path("/dev/full")) as file:
        write(file, [Picture(np.tile(noise("uint8"), (4, 4)))], format_named(name))


@pytest.mark.parametrize("shape", [(40, 30), (700, 1000), (300, 300, 3)])
def test_a_jpeg_is_pillows_own(shape):
    """Byte for byte, up to a megapixel of noise."""
    pixels = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    ours, pillows = io.BytesIO(), io.BytesIO()
    write(ours, [Picture(pixels)], format_named("jpeg"), quality=95)
    Image.fromarray(pixels).save(pillows, "JPEG", quality=95)
    assert ours.getvalue() == pillows.getvalue()


@pytest.mark.parametrize("name", ["jpeg", "webp", "png", "bmp"])
def test_padded_colours_are_written_as_any_others(name):
    """Four bytes a pixel, the last of which means nothing: the file is that of three, to the byte."""
    colours = noise("uint8", 3)
    room = padded_colours(*colours.shape[:2])
    room[...] = colours
    assert padded(room) is room.base
    for last in (0, 77, 255):
        room.base[..., 3] = last
        assert written(Picture(room), name) == written(Picture(colours), name)


def test_only_whole_pictures_count_as_padded():
    """A part of a padded picture, its last three bytes, turned colours and other numbers are copied."""
    room = padded_colours(6, 6)
    room[...] = noise("uint8", 3)[:6, :6]
    for other in (room[1:], room[:, 1:], room[::-1], room.swapaxes(0, 1), room[..., ::-1], room.base[..., 1:],
                  room.copy(), room.astype(np.uint16), np.zeros((6, 6, 4), np.int8)[..., :3]):  # fmt: skip
        assert padded(other) is None
    assert (
        cv2.imdecode(np.frombuffer(written(Picture(room[::-1]), "bmp"), np.uint8), 1)[0, 0, 2]
        == room[5, 0, 0]
    )


def test_a_jpeg_is_encoded_without_pythons_lock(tmp_path, monkeypatch):
    """Pillow holds it unless it is given a descriptor."""
    given, wanted = [], written(Picture(smooth()), "jpeg")
    real = Image.Image.save

    def watched(image, file, *arguments, **options):
        given.append(file.fileno())
        real(image, file, *arguments, **options)

    monkeypatch.setattr(Image.Image, "save", watched)
    with atomic_write(tmp_path / "a.jpg") as file:
        write(file, [Picture(smooth())], FORMATS["jpeg"])
    assert len(given) == 1
    assert (tmp_path / "a.jpg").read_bytes() == wanted
