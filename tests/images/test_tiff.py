"""Pictures read and written band by band, judged by tifffile, Pillow and image.read."""

import io
import os
import subprocess
import sys
import tracemalloc
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from convfilter.errors import PictureError
from convfilter.images import tiff_reader as image_rows
from convfilter.images import tiff_writer as image_rows_write
from convfilter.images.picture import ArrayRows, Metadata, Picture
from convfilter.images.read import read
from convfilter.images.tiff_reader import open_rows
from convfilter.images.tiff_writer import TiffRows
from convfilter.system.atomic import atomic_write

RNG = np.random.default_rng(28)
NOTHING = Metadata()
H, W = 53, 75  # no multiple of any tile or strip below
DTYPES = ("uint8", "uint16", "float32")
KINDS = [(dtype, channels, alpha) for dtype in DTYPES for channels in (1, 3) for alpha in (False, True)]
LAYOUTS = {"tiles": {"tile": (16, 32)}, "strips": {"rowsperstrip": 7}, "one strip": {"rowsperstrip": H}}
PACKINGS = {
    "unpacked": {},
    "deflate": {"compression": "zlib", "predictor": 1},
    "predictor": {"compression": "zlib", "predictor": 2},
}


def noise(dtype, channels=1, alpha=False, shape=(H, W)):
    """Random samples (H, W) or (H, W, C) that use every byte; floats below 0 and above 1."""
    whole = shape if channels + alpha == 1 else (*shape, channels + alpha)
    if dtype == "float32":
        return RNG.normal(size=whole).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, whole, dtype, endpoint=True)


def save(path, samples, channels=1, alpha=False, **options):
    """A TIFF by tifffile."""
    extra = {"planarconfig": "contig"} if samples.ndim == 3 else {}
    if alpha:
        extra["extrasamples"] = ["unassalpha"]
    options = {"photometric": "rgb" if channels == 3 else "minisblack", "metadata": None, **extra, **options}
    tifffile.imwrite(path, samples, **options)
    return path


@contextmanager
def opened(path, max_pixels=10**10):
    """Its rows; the file is called "it"."""
    with open_rows(path, "it", max_pixels) as source:
        yield source


def banded(source, step=10, halo=2):
    """Samples (H, W) or (H, W, C) put together from bands that overlap, alpha as the last channel."""
    height = source.shape[0]
    bands = []
    for top in range(0, height, step):
        first = max(top - halo, 0)
        pixels, alpha = source.rows(first, min(top + step + halo, height))
        assert (alpha is not None) == source.has_alpha
        assert pixels.ndim == (2 if source.channels == 1 else 3)
        whole = pixels if alpha is None else np.dstack([pixels, alpha])
        bands.append(whole[top - first :][:step])
    return np.concatenate(bands)


def same(got, wanted):
    """Equal bits, shape and dtype, in this machine's byte order."""
    assert got.dtype == wanted.dtype
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, wanted)


def tags_changed(path, **values):
    """Overwrite tags of the first page of a file; None hides one."""
    with tifffile.TiffFile(path, mode="r+") as file:
        for name, value in values.items():
            tag = file.pages.first.tags[name]
            if value is None:
                file.filehandle.seek(tag.offset)
                file.filehandle.write(b"\xf0\xff")
            else:
                tag.overwrite(value, dtype="I")
    return path


# Reading


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_sample_of_every_kind_of_tiff(tmp_path, layout, packing, order):
    """Gray and RGB, with alpha or not, in 8, 16 bits and floats, classic and big: what tifffile wrote."""
    for number, kind in enumerate(KINDS):
        if kind[0] == "float32" and packing == "predictor":  # Pillow writes some, below
            continue
        samples = noise(*kind)
        options = {**LAYOUTS[layout], **PACKINGS[packing], "byteorder": order, "bigtiff": number % 2 == 1}
        with opened(save(tmp_path / "a.tif", samples, *kind[1:], **options)) as source:
            assert (source.shape, source.dtype.name) == ((H, W), kind[0])
            assert (source.channels, source.has_alpha) == kind[1:]
            same(banded(source), samples)
            same(banded(source, H, 0), samples)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "F"])
@pytest.mark.parametrize(
    ("compression", "predictor"),
    [(None, 1), ("tiff_adobe_deflate", 1), ("tiff_adobe_deflate", 2), ("tiff_deflate", 2)],
)
def test_what_libtiff_wrote(tmp_path, mode, compression, predictor):
    """The strips of Pillow's libtiff, bands equal to image.read's picture."""
    dtype = {"I;16": "uint16", "F": "float32"}.get(mode, "uint8")
    samples = noise(dtype, len(mode) if mode.startswith("RGB") else 1)
    tags = {317: predictor} if compression else {}
    Image.fromarray(samples).save(tmp_path / "a.tif", compression=compression, tiffinfo=tags)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].predictor == predictor
    with opened(tmp_path / "a.tif") as source:
        same(banded(source), samples)
    picture = read(tmp_path / "a.tif", gray=False)
    same(banded(ArrayRows(picture)), samples)


def test_any_band_in_any_order(tmp_path):
    """Bands of one row, of all rows, and back to the top; others are refused."""
    samples = noise("uint16", 3)
    with opened(save(tmp_path / "a.tif", samples, 3, tile=(16, 16), compression="zlib")) as source:
        for top, bottom in [(52, 53), (0, 53), (0, 1), (15, 17), (30, 50), (16, 32)]:
            same(source.rows(top, bottom)[0], samples[top:bottom])
        for top, bottom in [(0, 0), (-1, 3), (5, 4), (50, 54)]:
            with pytest.raises(ValueError, match="rows"):
                source.rows(top, bottom)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_tile_is_decoded_twice(tmp_path, monkeypatch, layout):
    """Bands that overlap by a few rows, each of a few rows of tiles or less, decode every tile once."""
    seen = []
    decode = image_rows.TiffSource._decode
    monkeypatch.setattr(
        image_rows.TiffSource,
        "_decode",
        lambda self, *args: (seen.append(args[-1][1]), decode(self, *args))[1],
    )
    path = save(tmp_path / "a.tif", noise("uint8"), compression="zlib", **LAYOUTS[layout])
    for step in (3, 16, 40):
        seen.clear()
        with opened(path) as source:
            banded(source, step)
            assert len(source._kept) <= 2
        with tifffile.TiffFile(path) as file:
            assert sorted(seen) == list(range(len(file.pages[0].dataoffsets)))


def test_tiles_left_out_of_the_file(tmp_path):
    """A sparse file's missing tiles are 0, as tifffile has it."""
    samples = noise("uint8")
    for compression in (None, "zlib"):
        path = save(tmp_path / "a.tif", samples, tile=(16, 16), compression=compression)
        with tifffile.TiffFile(path) as file:
            places = {
                name: list(file.pages[0].tags[name].value) for name in ("TileOffsets", "TileByteCounts")
            }
        for values in places.values():
            values[3] = values[-1] = 0
        tags_changed(path, **places)
        with opened(path) as source:
            got = banded(source)
        same(got, tifffile.imread(path))
        assert not got[:16, 48:64].any()


def test_rows_of_an_array_are_views():
    """A picture in memory is not copied."""
    picture = Picture(noise("uint8", 3), noise("uint8"), Metadata(dpi=(1, 2)))
    source = ArrayRows(picture)
    pixels, alpha = source.rows(5, 9)
    assert np.shares_memory(pixels, picture.pixels)
    assert np.shares_memory(alpha, picture.alpha)
    same(pixels, picture.pixels[5:9])
    same(alpha, picture.alpha[5:9])
    assert (source.shape, source.channels, source.has_alpha) == ((H, W), 3, True)
    assert (source.dtype, source.metadata) == (np.uint8, picture.metadata)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("big", [False, True])
def test_metadata_is_that_of_read(tmp_path, mode, big):
    """Profile, dots per inch, EXIF with its parts, and the note on further pages, in BigTIFF too."""
    exif = Image.Exif()
    exif[271], exif[315] = "Maker", "Author"
    exif.get_ifd(0x8769)[0x829A] = 0.5
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(noise("uint8", len(mode)))
    options = {"dpi": (300, 150), "icc_profile": icc, "exif": exif, "big_tiff": big}
    image.save(tmp_path / "a.tif", append_images=[image], save_all=True, **options)
    with opened(tmp_path / "a.tif") as source:
        assert source.metadata == read(tmp_path / "a.tif", gray=False).metadata
        assert source.metadata.dpi == (300, 150)
        assert (source.metadata.icc == icc) == (mode == "RGB")
        assert b"Maker" in source.metadata.exif
        assert source.metadata.notes
    save(
        tmp_path / "b.tif",
        noise("uint8"),
        resolution=(100, 50),
        resolutionunit="centimeter",
        bigtiff=big,
        software=False,
    )
    with opened(tmp_path / "b.tif") as source:
        assert source.metadata == Metadata(dpi=(254, 127))


LEFT = {
    "palette": lambda path: Image.fromarray(noise("uint8")).convert("P").save(path),
    "1 bit": lambda path: Image.fromarray(noise("uint8") > 99).save(path),
    "LZW": lambda path: Image.fromarray(noise("uint8")).save(path, compression="tiff_lzw"),
    "PackBits": lambda path: Image.fromarray(noise("uint8")).save(path, compression="packbits"),
    "JPEG": lambda path: Image.fromarray(noise("uint8")).save(path, compression="jpeg"),
    "orientation": lambda path: Image.fromarray(noise("uint8")).save(path, exif=b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    "XMP orientation": lambda path: save(path, noise("uint8"), extratags=[(700, 1, 22, b'tiff:Orientation="6" x', True)]),
    "PNG": lambda path: Image.fromarray(noise("uint8")).save(path, "PNG"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEFT)
def test_other_layouts_are_left_to_read(tmp_path, kind):
    """What has to be converted, turned or decoded as a whole is no matter of bands."""
    path = tmp_path / ("a" if kind == "PNG" else "a.tif")
    LEFT[kind](path)
    with opened(path) as source:
        assert source is None


def test_packed_strips_too_large_are_left_to_read(tmp_path, monkeypatch):
    """Packed, one strip has to be decoded whole; unpacked, its rows are there for the taking."""
    monkeypatch.setattr(image_rows, "_TILE_ROW", H * W - 1)
    samples = noise("uint8")
    with opened(save(tmp_path / "a.tif", samples, compression="zlib", rowsperstrip=H)) as source:
        assert source is None
    with opened(save(tmp_path / "a.tif", samples, rowsperstrip=H)) as source:
        same(banded(source), samples)


# Damage


def damaged(path, match, rows=None, **limits):
    """The one line that says what is wrong, at opening or in a band."""
    with pytest.raises(PictureError, match=match) as caught, opened(path, **limits) as source:
        assert rows, "opened"
        source.rows(*rows)
    assert str(caught.value).startswith("it: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_cut_short(tmp_path, layout, packing):
    """Pixels behind the end of the file, or the directory itself."""
    path = save(tmp_path / "a.tif", noise("uint8"), **LAYOUTS[layout], **PACKINGS[packing])
    data = path.read_bytes()
    for size in (len(data) - 1, len(data) // 2, 60, 20, 9, 5):
        path.write_bytes(data[:size])
        damaged(path, "cut short|damaged")


def test_a_file_that_becomes_shorter(tmp_path):
    """Bytes that were there at opening and are gone are told, not made up."""
    for packing in PACKINGS.values():
        path = save(tmp_path / "a.tif", noise("uint8"), tile=(16, 16), **packing)
        with opened(path) as source:
            os.truncate(path, 2000)
            with pytest.raises(PictureError, match="it: the TIFF data is damaged or cut short"):
                source.rows(0, H)


TILED = {
    "tile places": ({"TileOffsets": [8] * 3}, "places of 3 tiles, where 12 are needed"),
    "no sizes": ({"TileByteCounts": None}, "places of 1 tiles, where 12 are needed"),
    "few sizes": ({"TileByteCounts": [512] * 11}, "places of 11 tiles, where 12 are needed"),
    "no places": ({"TileOffsets": None}, "places of 0 tiles, where 12 are needed"),
    "outside": ({"TileOffsets": [8] * 11 + [2**32 - 9]}, "tile 11 .* outside"),
    "size outside": ({"TileByteCounts": [2**32 - 9] * 12}, "tile 0 .* outside"),
    "small size": ({"TileByteCounts": [511] * 12}, "tile 0 is cut short"),
    "no size": ({"TileByteCounts": [0] * 12}, "tile 0 is cut short"),
    "2^31 pixels": ({"TileWidth": 2**16, "TileLength": 2**15}, "tiles of 65536 x 32768 .* make no sense"),
    "thin": ({"TileWidth": 2**31}, "make no sense"),
    "0 wide": ({"TileWidth": 0}, "make no sense"),
    "0 high": ({"TileLength": 0}, "make no sense"),
    "no columns": ({"ImageWidth": 0}, "no pixels"),
    "no rows": ({"ImageLength": 0}, "no pixels"),
    "no size at all": ({"ImageWidth": None}, "no pixels"),
    "huge": ({"ImageWidth": 2**31}, "more than the limit"),
}


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("case", TILED)
def test_nonsense_in_a_tiled_file(tmp_path, case, compression):
    """Sizes and places that can't be are refused at opening, whether or not the tiles are packed."""
    path = save(tmp_path / "a.tif", noise("uint8"), tile=(16, 32), compression=compression, predictor=1)
    changes, match = TILED[case]
    if compression and case == "small size":  # which packed data may have; it shows in the tile
        match = "cut short"
    damaged(tags_changed(path, **changes), match, rows=(0, 1), max_pixels=10**9)


def test_nonsense_in_strips(tmp_path):
    """Strips without rows, without places, and sizes that are no numbers."""
    path = save(tmp_path / "a.tif", noise("uint8"), rowsperstrip=7)
    data = path.read_bytes()
    for changes, match in [
        ({"RowsPerStrip": 0}, "make no sense"),
        ({"StripOffsets": [8] * 7}, "places of 7 strips, where 8 are needed"),
        ({"StripOffsets": [2**30] * 8}, "strip 0 .* outside"),
        ({"StripByteCounts": None}, "places of 1 strips, where 8 are needed"),
        ({"ImageWidth": (W, W)}, "damaged"),
    ]:
        path.write_bytes(data)
        damaged(tags_changed(path, **changes), match)


def test_limits_of_size(tmp_path):
    """--max-pixels holds here too."""
    path = save(tmp_path / "a.tif", noise("uint8"), tile=(16, 16))
    damaged(path, f"allow it with max_pixels={H * W} ", max_pixels=H * W - 1)
    with opened(path, H * W) as source:
        assert source.shape == (H, W)


def test_a_bomb_in_a_tile(tmp_path):
    """A tile that inflates to 200 MB is inflated to its own size and no further."""
    path = tmp_path / "a.tif"
    bomb, tile = zlib.compress(bytes(2 * 10**8)), zlib.compress(bytes(256 * 256))
    tiles = iter([bomb, tile])
    options = {"photometric": "minisblack", "metadata": None, "compression": "zlib", "predictor": 1}
    tifffile.imwrite(path, tiles, shape=(32, 300), dtype="uint8", tile=(256, 256), **options)
    with opened(path) as source:
        tracemalloc.start()
        try:
            pixels, _ = source.rows(0, 32)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert not pixels.any()
    assert peak < 10**6


def test_damage_in_packed_tiles(tmp_path):
    """No deflate at all, too little of it, and a wrong checksum."""
    good = zlib.compress(noise("uint8", shape=(16, 16)).tobytes())
    options = {"photometric": "minisblack", "metadata": None, "compression": "zlib", "predictor": 1}
    for bad in (b"xxxxxxxx", zlib.compress(bytes(255)), good[:-20], good[:-1] + bytes([good[-1] ^ 1])):
        tiles = iter([good, bad])
        tifffile.imwrite(tmp_path / "a.tif", tiles, shape=(32, 16), dtype="uint8", tile=(16, 16), **options)
        damaged(tmp_path / "a.tif", "it: the TIFF data is damaged", rows=(0, 17))
        with opened(tmp_path / "a.tif") as source:
            assert source.rows(0, 16)[0].tobytes() == zlib.decompress(good)


def test_directories_in_a_circle(tmp_path):
    """Only the first page is looked at, so a circle of them does no harm."""
    samples = noise("uint8")
    path = save(tmp_path / "a.tif", samples)
    with tifffile.TiffFile(path) as file:
        first, link = file.pages.first.offset, file.pages.next_page_offset
    data = bytearray(path.read_bytes())
    data[link : link + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    with opened(path) as source:
        same(banded(source), samples)
        assert source.metadata.notes


def test_files_that_are_none(tmp_path):
    """What is wrong with the file itself is told as image.read tells it."""
    damaged(tmp_path / "none.tif", "no such file")
    damaged(tmp_path, "folder")
    (tmp_path / "a.tif").write_bytes(b"")
    damaged(tmp_path / "a.tif", "empty")
    save(tmp_path / "a.png", noise("uint8"))
    damaged(tmp_path / "a.png", "rename it")


@pytest.mark.parametrize("packing", PACKINGS)
def test_random_damage(tmp_path, packing):
    """Whatever bytes are changed: a picture of rows, or one line about the file, or left to image.read."""
    path = tmp_path / "a.tif"
    rng = np.random.default_rng(5)
    data = save(
        path, noise("uint16", 3, True, (40, 40)), 3, True, tile=(16, 16), **PACKINGS[packing]
    ).read_bytes()
    told = 0
    for _ in range(150):
        spoilt = np.frombuffer(data, np.uint8).copy()
        places = rng.integers(0, 600, rng.integers(1, 4))  # the directory
        spoilt[places] = rng.integers(0, 256, places.size)
        path.write_bytes(spoilt.tobytes())
        try:
            with opened(path, 10**6) as source:
                if source:
                    banded(source)
        except PictureError as error:
            told += 1
            assert "\n" not in str(error)
    assert told > 20


# Writing


def write(file, samples, channels, alpha, heights, metadata=NOTHING, pages=1):
    """Write (pages, H, W, ...) samples in bands of these heights, over and over, pages taking turns."""
    height, width = samples.shape[1:3]
    writer = TiffRows(file, (height, width), channels, samples.dtype, alpha, metadata, pages)
    top, turn = 0, 0
    while top < height:
        bottom = min(top + heights[turn % len(heights)], height)
        for page in range(pages):
            band = samples[page, top:bottom]
            pixels = band[..., : channels if channels > 1 else 0] if alpha and channels > 1 else band
            if alpha and channels == 1:
                pixels = band[..., 0]
            writer.write(top, pixels, band[..., -1] if alpha else None, page)
        top, turn = bottom, turn + 1
    writer.close()


@pytest.mark.parametrize(("dtype", "channels", "alpha"), KINDS)
@pytest.mark.parametrize("heights", [(256,), (512,), (100, 1, 300), (7,)])
def test_tifffile_and_pillow_read_what_is_written(tmp_path, dtype, channels, alpha, heights):
    """Every sample of every page, in bands of any height, for tifffile, Pillow, image.read and open_rows."""
    pages = np.stack([noise(dtype, channels, alpha, (300, 531)) for _ in range(2)])
    with open(tmp_path / "a.tif", "wb") as file:
        write(file, pages, channels, alpha, heights, pages=2)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 2
        assert not file.is_bigtiff
        for page, samples in zip(file.pages, pages, strict=True):
            assert page.offset % 2 == 0
            assert (page.is_tiled, page.compression) == (False, 1)
            same(page.asarray(), samples)
    with opened(tmp_path / "a.tif") as source:
        same(banded(source, 256, 1), pages[0])
        assert source.metadata == Metadata(notes=source.metadata.notes)
    if dtype == "uint8" or (channels == 1 and not alpha):
        with Image.open(tmp_path / "a.tif") as image:
            for number, samples in enumerate(pages):
                image.seek(number)
                same(np.array(image), samples)


@pytest.mark.parametrize("shape", [(1, 1), (256, 256), (256, 512), (257, 255), (3, 700), (700, 3)])
def test_written_sizes(tmp_path, shape):
    """A pixel, a row, a column, and an odd number of bytes."""
    for channels in (1, 3):
        samples = noise("uint16", channels, shape=shape)[np.newaxis]
        with open(tmp_path / "a.tif", "wb") as file:
            write(file, samples, channels, False, (256,))
        same(tifffile.imread(tmp_path / "a.tif"), samples[0])
        with opened(tmp_path / "a.tif") as source:
            same(banded(source), samples[0])


def test_metadata_is_written(tmp_path):
    """Profile, dots per inch and the texts of EXIF come back; a profile of other colours does not."""
    exif = Image.Exif()
    exif[271], exif[305], exif[33432] = "Maker", "Software", "© 2024"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    held = Metadata(icc, (300.5, 72), exif.tobytes(), ("a note",))
    for channels in (1, 3):
        with open(tmp_path / "a.tif", "wb") as file:
            write(file, noise("uint8", channels)[np.newaxis], channels, False, (H,), held)
        got = read(tmp_path / "a.tif", gray=False).metadata
        assert got.icc == (icc if channels == 3 else None)
        assert got.dpi == (300.5, 72)
        assert got.notes == ()
        back = Image.Exif()
        back.load(got.exif)
        assert (back[271], back[305]) == ("Maker", "Software")
        assert "2024" in back[33432]
    with open(tmp_path / "a.tif", "wb") as file:
        write(file, noise("uint8")[np.newaxis], 1, False, (H,), Metadata(None, None, b"Exif\0\0nonsense"))
    assert read(tmp_path / "a.tif").metadata == Metadata()
    for dpi in [(1e-12, 2.0**32 - 1), (2.0**32, 1)]:
        with open(tmp_path / "a.tif", "wb") as file:
            write(file, noise("uint8")[np.newaxis], 1, False, (H,), Metadata(dpi=dpi))
        assert read(tmp_path / "a.tif").metadata.dpi is None  # neither 0 nor beyond 32 bits


def test_more_than_4_gigabytes_are_a_bigtiff(tmp_path):
    """Its last tiles lie beyond 32 bits, and reading finds them there."""
    path, shape = tmp_path / "a.tif", (66_000, 66_000)
    band = noise("uint8", shape=(66_000 - 65_792, 66_000))
    with open(path, "wb") as file:
        writer = TiffRows(file, shape, 1, band.dtype, False, Metadata())
        writer.write(0, band[:1])
        writer._rows_done[0] = 65_792  # what is between stays a hole in the file
        writer.write(65_792, band)
        writer.close()
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        assert file.pages[0].dataoffsets[-1] > 2**32
    with opened(path) as source:
        pixels, _ = source.rows(65_791, 66_000)
        same(pixels[1:], band)
        assert not pixels[0].any()


def test_bands_that_do_not_fit_are_refused():
    """A band out of turn, of another kind, or one too few is a mistake of the caller's."""
    make = {
        "shape": (300, 20),
        "channels": 3,
        "dtype": np.dtype("uint8"),
        "alpha": True,
        "metadata": Metadata(),
    }
    writer = TiffRows(io.BytesIO(), **make)
    pixels, alpha = noise("uint8", 3, shape=(10, 20)), noise("uint8", shape=(10, 20))
    writer.write(0, pixels, alpha)
    for args in [
        (0, pixels, alpha),
        (20, pixels, alpha),
        (10, pixels[:, 1:], alpha),
        (10, pixels[..., 0], alpha),
        (10, pixels.astype("uint16"), alpha),
        (10, pixels[:0], alpha[:0]),
        (10, np.zeros((291, 20, 3), "uint8"), np.zeros((291, 20), "uint8")),
        (10, pixels, None),
        (10, pixels, alpha[1:]),
    ]:
        with pytest.raises(ValueError, match="in a TIFF|is due|alpha"):
            writer.write(*args)
    with pytest.raises(ValueError, match="end at"):
        writer.close()
    for bad in ({"shape": (0, 1)}, {"channels": 0}, {"dtype": np.dtype("int8")}, {"pages": 0}):
        with pytest.raises(ValueError, match="in a TIFF"):
            TiffRows(io.BytesIO(), **{**make, **bad})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line():
    """Whether the directories or a row of tiles meet it."""
    said = pytest.raises(PictureError, match="/dev/full: can't be written: the disk is full")
    with said, atomic_write(Path("/dev/full")) as file:
        write(file, noise("uint8", shape=(300, 300))[np.newaxis], 1, False, (256,))


def test_a_write_that_fails_leaves_no_file(tmp_path):
    """The old file stays as it was, and nothing lies beside it."""
    path = tmp_path / "a.tif"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="end at"), atomic_write(path) as file:
        TiffRows(file, (300, 300), 1, np.dtype("uint8"), False, Metadata()).close()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# The process around it


def python(code, *args):
    """Run it in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=60
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_does_not_grow_with_the_picture(tmp_path):
    """200 megapixels written, read with a halo and written as two pages: a few rows of tiles in memory."""
    done = python(
        """
import sys
from pathlib import Path
import numpy as np, tifffile
from convfilter.images.tiff_reader import open_rows
from convfilter.images.tiff_writer import TiffRows
from convfilter.images.picture import Metadata
def resident(which):  # MiB; ru_maxrss would count what the parent process had
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(which))
first, second, shape = Path(sys.argv[1], "a.tif"), Path(sys.argv[1], "b.tif"), (10_000, 20_000)
band = np.resize(np.arange(251, dtype=np.uint8), (256, 20_000))
before = resident("VmRSS:")
with open(first, "wb") as file:
    writer = TiffRows(file, shape, 1, band.dtype, False, Metadata())
    for top in range(0, shape[0], 256):
        writer.write(top, band[: shape[0] - top])
    writer.close()
with open_rows(first, "it", 10**9) as source, open(second, "wb") as file:
    writer = TiffRows(file, shape, 1, band.dtype, False, Metadata(), 2)
    for top in range(0, shape[0], 256):
        start, bottom = max(top - 1, 0), min(top + 256, shape[0])
        pixels, _ = source.rows(start, min(bottom + 1, shape[0]))
        inner = pixels[top - start :][: bottom - top]
        assert (inner == band[: bottom - top]).all()
        writer.write(top, inner, page=0)
        writer.write(top, inner, page=1)
    writer.close()
print(resident("VmHWM:") - before)
""",
        tmp_path,
    )
    assert done.stderr == ""
    assert int(done.stdout) < 50  # MiB


def test_nothing_is_imported_early_nor_said(tmp_path):
    """tifffile waits until a TIFF is opened, and its log of oddities doesn't reach the terminal."""
    path = save(tmp_path / "a.tif", noise("uint8"), rowsperstrip=7, datetime="2024:01:01 00:00:00")
    tags_changed(path, ImageWidth=W, StripOffsets=[8] * 9, DateTime=None, ResolutionUnit=77)
    done = python(
        """
import sys
from pathlib import Path
from convfilter.errors import PictureError
from convfilter.images.tiff_reader import open_rows
import convfilter.images.tiff_writer
assert "tifffile" not in sys.modules
with open_rows(Path(sys.argv[1]), "it", 10**6) as source:
    assert source.rows(0, 9)[0].shape == (9, 75)
assert "tifffile" in sys.modules
open(sys.argv[1], "r+b").truncate(100)
try:
    with open_rows(Path(sys.argv[1]), "it", 10**6):
        pass
except PictureError as error:
    print(error)
""",
        path,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("it: ")


def test_the_limit_of_classic_tiff(tmp_path, monkeypatch):
    """Just below the limit it is a classic TIFF, above it a big one; both read back."""
    samples = noise("uint8", shape=(300, 300))[np.newaxis]
    for limit, big in [(300 * 300, False), (300 * 300 - 1, True)]:
        monkeypatch.setattr(image_rows_write, "_CLASSIC_LIMIT", limit)
        with open(tmp_path / "a.tif", "wb") as file:
            write(file, samples, 1, False, (256,))
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert file.is_bigtiff == big
            same(file.asarray(), samples[0])
        same(read(tmp_path / "a.tif").pixels, samples[0])
