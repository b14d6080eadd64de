"""Pictures of any number of bands: none is lost, or the file is refused. Judged by tifffile and SciPy."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import tifffile
from PIL import Image

import convfilter
from convfilter.errors import FilterError, PictureError
from convfilter.images.formats import FORMATS
from convfilter.images.picture import Metadata, Picture
from convfilter.images.read import read
from convfilter.images.tiff_reader import open_rows
from convfilter.images.write import write

RNG = np.random.default_rng(6)
H, W = 41, 53
LAYOUTS = {"strips": {"rowsperstrip": 7}, "tiles": {"tile": (16, 32)}}


def noise(dtype, bands, shape=(H, W)):
    """Random samples (H, W, bands)."""
    if dtype == "float32":
        return RNG.normal(size=(*shape, bands)).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, (*shape, bands), dtype, endpoint=True)


def save(path, samples, planar="contig", photometric="minisblack", **options):
    """A TIFF of these bands by tifffile."""
    stored = np.ascontiguousarray(np.moveaxis(samples, -1, 0)) if planar == "separate" else samples
    options = {"metadata": None, "photometric": photometric, "planarconfig": planar, **options}
    tifffile.imwrite(path, stored, **options)
    return path


def same(got, wanted):
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)


def rows_of(path, step=10):
    """The pixels and the alpha of a TIFF read band by band."""
    with open_rows(path, "it") as source:
        parts = [source.rows(top, min(top + step, H)) for top in range(0, H, step)]
        alpha = None if parts[0][1] is None else np.concatenate([part[1] for part in parts])
        return np.concatenate([part[0] for part in parts]), alpha


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_band_is_read(tmp_path, dtype, planar, compression, layout):
    """Seven bands, and red, green and blue with two more, in every layout, at once and by rows."""
    options = {"compression": compression, **LAYOUTS[layout]}
    for bands, photometric in ((7, "minisblack"), (5, "rgb"), (3, "minisblack")):
        samples = noise(dtype, bands)
        path = save(tmp_path / "a.tif", samples, planar, photometric, **options)
        picture = read(path, gray=False)
        same(picture.pixels, samples)
        assert picture.alpha is None
        assert picture.metadata.bands
        same(rows_of(path)[0], samples)
        same(read(io.BytesIO(path.read_bytes()), gray=False).pixels, samples)


@pytest.mark.parametrize("place", [3, 4])
def test_one_alpha_among_bands_is_alpha(tmp_path, place):
    """Wherever it stands; two are bands."""
    samples = noise("uint16", 5)
    extra = ["unspecified"] * 2
    extra[place - 3] = "unassalpha"
    path = save(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=extra)
    for pixels, alpha in (rows_of(path), (read(path, gray=False).pixels, read(path, gray=False).alpha)):
        same(pixels, np.delete(samples, place, axis=2))
        same(alpha, samples[..., place])
    save(path, samples, photometric="rgb", extrasamples=["unassalpha"] * 2)
    same(read(path, gray=False).pixels, samples)


OTHERS = {
    "white is 0": ({"photometric": "miniswhite"}, 1),
    "CMYK": ({"photometric": "separated"}, 4),
    "premultiplied": ({"photometric": "rgb", "extrasamples": ["assocalpha"]}, 4),
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", OTHERS)
def test_what_has_to_be_converted_is_the_same_by_rows(tmp_path, kind, dtype):
    """Ink, white as 0 and colours times alpha: by rows exactly as at once."""
    options, bands = OTHERS[kind]
    samples = noise(dtype, bands)
    if bands == 1:
        tifffile.imwrite(tmp_path / "a.tif", samples[..., 0], metadata=None, rowsperstrip=7, **options)
    else:
        save(tmp_path / "a.tif", samples, rowsperstrip=7, **options)
    whole = read(tmp_path / "a.tif", gray=False)
    pixels, alpha = rows_of(tmp_path / "a.tif")
    same(pixels, whole.pixels)
    assert (alpha is None) == (whole.alpha is None)
    assert pixels.shape[2:] == (() if bands == 1 else (3,))


def test_bands_have_no_gray(convfilter, process, tmp_path):
    """The default is an error that says what to do: from a file, by strips, and from standard input."""
    for bands, photometric in ((7, "minisblack"), (5, "rgb"), (3, "minisblack")):
        path = save(tmp_path / "a.tif", noise("uint8", bands), photometric=photometric)
        with pytest.raises(PictureError, match='bands .* color="each"'):
            read(path)
        for options in ([], ["--tile", 8], ["--color", "luma"], ["--color", "luma", "--tile", 8]):
            done = convfilter("apply", "sobel", path, "out.tif", *options)
            assert (done.code, Path("out.tif").exists()) == (2 if "luma" in options else 1, False)
            assert re.search(f"{bands} (bands|channels)", done.err)
            assert "--color each" in done.err
    done = process("apply", "sobel", "-", "out.tif", stdin=path.read_bytes())
    assert done.returncode == 1
    assert b"--color each" in done.stderr


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("bands", "photometric"), [(7, "minisblack"), (5, "rgb"), (3, "minisblack"), (4, "rgb")]
)
def test_each_band_is_filtered_and_written(convfilter, tmp_path, dtype, bands, photometric):
    """--color each: n bands become n, as SciPy has them; by strips the same; in TIFF and .npy."""
    samples = noise(dtype, bands)
    extra = {"extrasamples": ["unspecified"]} if bands == 4 else {}
    path = save(tmp_path / "a.tif", samples, photometric=photometric, **extra)
    wanted = scipy.ndimage.uniform_filter(samples.astype(float), (3, 3, 1), mode="nearest")
    for name, options in (("one.tif", []), ("strips.tif", ["--tile", 8]), ("a.npy", [])):
        done = convfilter("apply", "box-3", path, name, "--color", "each", "--border", "edge", *options)
        assert done.code == 0, done.err
        got = np.load(name) if name == "a.npy" else tifffile.imread(name)
        assert (got.shape, got.dtype) == (samples.shape, samples.dtype)
        assert np.abs(got - wanted).max() <= 0.51
        if name.endswith("tif"):
            with tifffile.TiffFile(name) as file:
                page = file.pages.first
                assert page.photometric == 1
                assert tuple(page.extrasamples) == (0,) * (bands - 1)
    same(tifffile.imread("one.tif"), tifffile.imread("strips.tif"))
    same(tifffile.imread("one.tif"), np.load("a.npy"))
    done = convfilter("apply", "box-3", "one.tif", "again.tif", "--color", "each")
    assert done.code == 0
    assert tifffile.imread("again.tif").shape == samples.shape


def test_formats_that_hold_no_bands(convfilter, tmp_path):
    """Seven bands don't go into a PNG, from a TIFF or an array; three do, and it is said."""
    save(tmp_path / "seven.tif", noise("uint8", 7))
    np.save(tmp_path / "seven.npy", noise("uint8", 7))
    save(tmp_path / "three.tif", noise("uint8", 3))
    for source in ("seven.tif", "seven.npy"):
        for target in ("a.png", "a.jpg", "a.webp"):
            done = convfilter("apply", "box-3", source, target, "--color", "each")
            assert (done.code, Path(target).exists()) == (1, False)
            assert "7 channels" in done.err
            assert "write tiff or npy" in done.err
    done = convfilter("apply", "box-3", "three.tif", "a.png", "--color", "each", "--json")
    assert done.code == 0
    assert json.loads(done.out)["notes"] == ["its 3 bands are written as red, green and blue"]


def test_an_array_of_bands_has_no_gray():
    """Nor has one that the library is given."""
    array = noise("uint8", 7)
    assert convfilter.apply("box-3", array, color="each", channels=7).shape == array.shape
    for color in ("gray", "luma"):
        with pytest.raises(FilterError, match='7 channels .* color="each"'):
            convfilter.apply("box-3", array, color=color, channels=7)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [2, 3, 7])
def test_bands_are_written_as_such(channels, alpha):
    """tifffile finds every sample, and that they are bands of any kind, with alpha or without."""
    samples, metadata = noise("uint16", channels + alpha), Metadata(bands=True)
    file = io.BytesIO()
    write(
        file,
        [Picture(samples[..., :channels], samples[..., -1] if alpha else None, metadata)],
        FORMATS["tiff"],
    )
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        same(page.asarray(), samples)
        assert page.photometric == 1
        assert tuple(page.extrasamples) == (0,) * (channels - 1) + (2,) * alpha


def test_bands_that_can_not_be_read_are_reported(tmp_path):
    """Seven bands packed in another way, and more samples beside a palette."""
    path = save(tmp_path / "a.tif", noise("uint8", 7))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(32773)
    with pytest.raises(PictureError, match="7 bands .* save it without compression, or with deflate or LZW"):
        read(path, gray=False)
    save(path, noise("uint8", 2))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["PhotometricInterpretation"].overwrite(3)
    with pytest.raises(PictureError, match="1 more samples beside its colours"):
        read(path, gray=False)


def moving(codec, **options):
    """Three frames of different pictures."""
    frames = [Image.fromarray(noise("uint8", 3)) for _ in range(3)]
    file = io.BytesIO()
    frames[0].save(file, codec, save_all=True, append_images=frames[1:], **options)
    return file.getvalue()


def still(image, codec, **options):
    file = io.BytesIO()
    image.save(file, codec, **options)
    return file.getvalue()


INKS = Image.fromarray(noise("uint8", 4), "CMYK")
LOST = {
    "a GIF's frames": (lambda: moving("GIF"), "it has more frames; the first is filtered"),
    "a PNG's frames": (lambda: moving("PNG"), "it has 2 more frames; the first is filtered"),
    "a WebP's frames": (lambda: moving("WEBP"), "it has 2 more frames; the first is filtered"),
    "an MPO's pictures": (lambda: moving("MPO"), "it has 2 more frames; the first is filtered"),
    "a TIFF's pages": (lambda: moving("TIFF"), "it has more pages; the first is filtered"),
    "a JPEG's inks": (lambda: still(INKS, "JPEG"), "inks"),
    "a TIFF's inks": (lambda: still(INKS, "TIFF"), "inks"),
    "packed inks": (lambda: still(INKS, "TIFF", compression="tiff_lzw"), "inks"),
    "Lab": (lambda: still(Image.new("LAB", (8, 8)), "TIFF"), "Lab"),
    "layers": (lambda: still(INKS, "TIFF", tiffinfo={37724: b"layers"}), "layers"),
    "colour times alpha": (
        lambda: save(io.BytesIO(), noise("uint8", 4), photometric="rgb", extrasamples=[1]).getvalue(),
        "alpha",
    ),
}


@pytest.mark.parametrize("kind", LOST)
def test_what_reading_leaves_behind_is_noted(kind):
    """In one line each; and the frame that is filtered is the first, as Pillow has it."""
    data, said = LOST[kind][0](), LOST[kind][1]
    for gray in (True, False):
        assert said in " ".join(read(io.BytesIO(data), gray=gray).metadata.notes)


def test_a_plain_picture_has_no_notes():
    for mode, codec in (
        ("L", "GIF"),
        ("RGB", "PNG"),
        ("RGB", "WEBP"),
        ("RGB", "JPEG"),
        ("RGBA", "TIFF"),
        ("RGB", "BMP"),
    ):
        data = still(Image.fromarray(noise("uint8", 4)).convert(mode), codec)
        assert read(io.BytesIO(data)).metadata.notes == ()


def test_notes_reach_the_user(convfilter, tmp_path):
    (tmp_path / "a.gif").write_bytes(moving("GIF"))
    done = convfilter("apply", "box-3", "a.gif", "a.png")
    assert done.code == 0
    assert "it has more frames; the first is filtered" in done.err
