"""TIFFs read by bands of rows, judged by tifffile, Pillow and images.read."""

import os
import tracemalloc
import zlib

import pytest
import tifffile
from PIL import Image, ImageCms
from tiff_files import (
    KINDS,
    LAYOUTS,
    PACKINGS,
    H,
    W,
    banded,
    damaged,
    noise,
    rows_of,
    same,
    save,
    tags_changed,
)

from convfilter.errors import PictureError
from convfilter.images import tiff_reader, tiff_tiles
from convfilter.images.picture import ArrayRows, Metadata
from convfilter.images.read import read


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
        with rows_of(save(tmp_path / "a.tif", samples, *kind[1:], **options)) as source:
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
    with rows_of(tmp_path / "a.tif") as source:
        same(banded(source), samples)
    picture = read(tmp_path / "a.tif", gray=False)
    same(banded(ArrayRows(picture)), samples)


def test_any_band_in_any_order(tmp_path):
    """Bands of one row, of all rows, and back to the top; others are refused."""
    samples = noise("uint16", 3)
    with rows_of(save(tmp_path / "a.tif", samples, 3, tile=(16, 16), compression="zlib")) as source:
        for top, bottom in [(52, 53), (0, 53), (0, 1), (15, 17), (30, 50), (16, 32)]:
            same(source.rows(top, bottom)[0], samples[top:bottom])
        for top, bottom in [(0, 0), (-1, 3), (5, 4), (50, 54)]:
            with pytest.raises(ValueError, match="rows"):
                source.rows(top, bottom)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_tile_is_decoded_twice(tmp_path, monkeypatch, layout):
    """Bands that overlap by a few rows, each of a few rows of tiles or less, decode every tile once."""
    seen = []
    decoded = tiff_tiles.Tiles._decoded
    monkeypatch.setattr(
        tiff_tiles.Tiles, "_decoded", lambda self, number: (seen.append(number), decoded(self, number))[1]
    )
    path = save(tmp_path / "a.tif", noise("uint8"), compression="zlib", **LAYOUTS[layout])
    for step in (3, 16, 40):
        seen.clear()
        with rows_of(path) as source:
            banded(source, step)
            assert len(source.tiles._kept) <= 4 * source.tiles.page.grid[1] * (
                step // source.tiles.page.tile[0] + 2
            )
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
        with rows_of(path) as source:
            got = banded(source)
        same(got, tifffile.imread(path))
        assert not got[:16, 48:64].any()


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
    with rows_of(tmp_path / "a.tif") as source:
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
    with rows_of(tmp_path / "b.tif") as source:
        assert source.metadata == Metadata(dpi=(254, 127))


LEFT = {
    "palette": lambda path: Image.fromarray(noise("uint8")).convert("P").save(path),
    "1 bit": lambda path: Image.fromarray(noise("uint8") > 99).save(path),
    "PackBits": lambda path: Image.fromarray(noise("uint8")).save(path, compression="packbits"),
    "JPEG": lambda path: Image.fromarray(noise("uint8")).save(path, compression="jpeg"),
    "turned, packed strips": lambda path: save(path, noise("uint8"), compression="zlib", rowsperstrip=9, extratags=[(274, 3, 1, 6, True)]),
    "PNG": lambda path: Image.fromarray(noise("uint8")).save(path, "PNG"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEFT)
def test_other_layouts_are_left_to_read(tmp_path, kind):
    """What has to be converted, turned or decoded as a whole is no matter of bands."""
    path = tmp_path / ("a" if kind == "PNG" else "a.tif")
    LEFT[kind](path)
    with rows_of(path) as source:
        assert source is None


def test_packed_strips_too_large_are_left_to_read(tmp_path, monkeypatch):
    """Packed, one strip has to be decoded whole; unpacked, its rows are there for the taking."""
    monkeypatch.setattr(tiff_reader, "_TILE_ROW", H * W - 1)
    samples = noise("uint8")
    with rows_of(save(tmp_path / "a.tif", samples, compression="zlib", rowsperstrip=H)) as source:
        assert source is None
    with rows_of(save(tmp_path / "a.tif", samples, rowsperstrip=H)) as source:
        same(banded(source), samples)


def test_a_file_that_becomes_shorter(tmp_path):
    """Bytes that were there at opening and are gone are told, not made up."""
    for packing in PACKINGS.values():
        path = save(tmp_path / "a.tif", noise("uint8"), tile=(16, 16), **packing)
        with rows_of(path) as source:
            os.truncate(path, 2000)
            with pytest.raises(PictureError, match="it: the TIFF data is damaged or cut short"):
                source.rows(0, H)


def test_a_bomb_in_a_tile(tmp_path):
    """A tile that inflates to 200 MB is inflated to its own size and no further."""
    path = tmp_path / "a.tif"
    bomb, tile = zlib.compress(bytes(2 * 10**8)), zlib.compress(bytes(256 * 256))
    tiles = iter([bomb, tile])
    options = {"photometric": "minisblack", "metadata": None, "compression": "zlib", "predictor": 1}
    tifffile.imwrite(path, tiles, shape=(32, 300), dtype="uint8", tile=(256, 256), **options)
    with rows_of(path) as source:
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
        with rows_of(tmp_path / "a.tif") as source:
            assert source.rows(0, 16)[0].tobytes() == zlib.decompress(good)
