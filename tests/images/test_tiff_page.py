"""TIFF directories that make no sense are refused before a pixel is decoded."""

import numpy as np
import pytest
import tifffile
from tiff_files import LAYOUTS, PACKINGS, H, W, banded, damaged, noise, rows_of, same, save, tags_changed

from convfilter.errors import PictureError


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_cut_short(tmp_path, layout, packing):
    """Pixels behind the end of the file, or the directory itself."""
    path = save(tmp_path / "a.tif", noise("uint8"), **LAYOUTS[layout], **PACKINGS[packing])
    data = path.read_bytes()
    for size in (len(data) - 1, len(data) // 2, 60, 20, 9, 5):
        path.write_bytes(data[:size])
        damaged(path, "cut short|damaged")


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
    with rows_of(path, H * W) as source:
        assert source.shape == (H, W)


def test_directories_in_a_circle(tmp_path):
    """Only the first page is looked at, so a circle of them does no harm."""
    samples = noise("uint8")
    path = save(tmp_path / "a.tif", samples)
    with tifffile.TiffFile(path) as file:
        first, link = file.pages.first.offset, file.pages.next_page_offset
    data = bytearray(path.read_bytes())
    data[link : link + 4] = first.to_bytes(4, "little")
    path.write_bytes(data)
    with rows_of(path) as source:
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
            with rows_of(path, 10**6) as source:
                if source:
                    banded(source)
        except PictureError as error:
            told += 1
            assert "\n" not in str(error)
    assert told > 20
