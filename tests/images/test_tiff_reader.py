"""TIFFs read by bands of rows, judged by tifffile, Pillow and images.read."""

import io
import os
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from tiff_files import (
    KINDS,
    LAYOUTS,
    PACKINGS,
    RNG,
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
    "turned strips": lambda path: save(path, noise("uint8"), rowsperstrip=9, extratags=[(274, 3, 1, 6, True)]),
    "PNG": lambda path: Image.fromarray(noise("uint8")).save(path, "PNG"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEFT)
def test_other_layouts_are_left_to_read(tmp_path, kind):
    """What has to be converted, turned or decoded as a whole is no matter of bands."""
    path = tmp_path / ("a" if kind == "PNG" else "a.tif")
    LEFT[kind](path)
    with rows_of(path) as source:
        assert source is None


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "F"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_lzw_by_rows(tmp_path, mode, predictor):
    """What libtiff packed by LZW, in strips, with and without differences."""
    dtype = {"I;16": "uint16", "F": "float32"}.get(mode, "uint8")
    samples = noise(dtype, len(mode) if mode.startswith("RGB") else 1)
    tags = {317: 1 if mode == "F" else predictor, 278: 7}
    Image.fromarray(samples).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo=tags)
    with rows_of(tmp_path / "a.tif") as source:
        assert source.tiles.page.tiff.rowsperstrip == 7
        same(banded(source), samples)
        same(source.columns(5, 70).rows(6, 30)[0], np.array(Image.open(tmp_path / "a.tif"))[6:30, 5:70, ..., :3]
             if mode == "RGBA" else samples[6:30, 5:70])  # fmt: skip


@pytest.mark.parametrize("layout", ["tiles", "planes"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_lzw_in_tiles_and_planes(tmp_path, layout, order):
    """Tiles that Pillow can't write: each packed here by Pillow, and put in place by tifffile."""
    samples = noise("uint16", 3)

    def packed(plane):
        for top in range(0, H, 16):
            for left in range(0, W, 32):
                tile = np.zeros((16, 32, *plane.shape[2:]), order + "u2")
                part = plane[top : top + 16, left : left + 32]
                tile[: part.shape[0], : part.shape[1]] = part
                yield lzw(tile.tobytes())

    planes = [samples] if layout == "tiles" else list(np.moveaxis(samples, 2, 0))
    tifffile.imwrite(
        tmp_path / "a.tif", (data for plane in planes for data in packed(plane)), dtype=order + "u2",
        shape=samples.shape if layout == "tiles" else (3, H, W), tile=(16, 32), photometric="rgb", metadata=None,
        compression="zlib", predictor=1, planarconfig="contig" if layout == "tiles" else "separate", byteorder=order,
    )  # fmt: skip
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(5)
    with rows_of(tmp_path / "a.tif") as source:
        same(banded(source), samples)
    same(read(tmp_path / "a.tif", gray=False).pixels, samples)


def lzw(data):
    """The bytes packed by libtiff's LZW."""
    file = io.BytesIO()
    Image.frombytes("L", (len(data) // 16, 16), data).save(file, "TIFF", compression="tiff_lzw")
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        assert len(page.dataoffsets) == 1
        return file.getvalue()[page.dataoffsets[0] :][: page.databytecounts[0]]


TURNS = {  # EXIF orientation → the upright picture
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 3),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("layout", ["tiles", "strips", "deflated tiles", "deflated strips"])
def test_turned_pictures_by_rows_and_columns(tmp_path, orientation, layout):
    """Upright, as images.read gives them, in any bands of rows and of columns."""
    samples = noise("uint8", 3, True)
    options = {"tile": (16, 32)} if "tiles" in layout else {"rowsperstrip": 7}
    if "deflated" in layout:
        options["compression"] = "zlib"
    tag = [(274, "H", 1, orientation, True)]
    path = save(tmp_path / "a.tif", samples, 3, True, extratags=tag, resolution=(300, 150), **options)
    upright, whole = TURNS[orientation](samples), read(path, gray=False)
    same(np.dstack([whole.pixels, whole.alpha]), upright)
    with rows_of(path) as source:
        if "strips" in layout and orientation > 4:
            assert source is None
            return
        assert source.shape == upright.shape[:2]
        assert source.metadata == whole.metadata
        assert source.by_columns == (layout != "deflated strips")
        same(banded(source), upright)
        for left, right in ((0, 1), (13, 40), (31, source.shape[1])):
            part = source.columns(left, right)
            assert (part.shape, part.has_alpha) == ((source.shape[0], right - left), True)
            same(banded(part), upright[:, left:right])
            same(part.columns(0, 1).rows(3, 9)[0], upright[3:9, left : left + 1, :3])


def test_alpha_is_that_of_the_whole(tmp_path):
    """One translucent pixel makes all columns translucent, those without it too."""
    samples = np.full((H, W, 4), 255, np.uint8)
    samples[H - 1, W - 1, 3] = 0
    for options in ({"tile": (16, 16)}, {"tile": (16, 16), "compression": "zlib"}, {"rowsperstrip": 9}):
        with rows_of(save(tmp_path / "a.tif", samples, 3, True, **options)) as source:
            assert source.columns(0, 8).has_alpha


def test_threads_read_at_once(tmp_path):
    """Eight of them, windows in any order, of the file's bytes as they are and packed."""
    samples = noise("uint16", 3, shape=(200, 300))
    spans = [tuple(sorted(RNG.choice(200, 2, replace=False))) for _ in range(300)]
    for options in ({"tile": (16, 32)}, {"rowsperstrip": 3}, {"tile": (16, 32), "compression": "zlib"}):
        path = save(tmp_path / "a.tif", samples, 3, **options)
        with rows_of(path) as source, ThreadPoolExecutor(8) as pool:
            for (top, bottom), (pixels, _) in zip(
                spans, pool.map(lambda span: source.rows(*span), spans), strict=True
            ):
                same(pixels, samples[top:bottom])


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
