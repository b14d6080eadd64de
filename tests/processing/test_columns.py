"""Wide pictures, computed by bands of columns: the same to the last bit, in memory that no width changes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

import convfilter.processing.apply as apply_module
from convfilter import apply as filtered
from convfilter.filters.columns import bands

RNG = np.random.default_rng(10)
H, W = 61, 203  # no multiple of a band, a tile or a block of columns


@pytest.fixture
def narrow_bands(monkeypatch):
    """Call it, and pictures of more than 64 columns are computed by bands of about 40; gives their numbers."""
    counts = []

    def cut(pipeline, size):
        found = bands(pipeline, size, band=40, wide=64)
        counts.append(len(found))
        return found

    return lambda: (monkeypatch.setattr(apply_module, "bands", cut), counts)[1]


def noise(kind):
    dtype = {"deep": "uint16", "float": "float32"}.get(kind, "uint8")
    shape = {"colour": (H, W, 3), "alpha": (H, W, 4)}.get(kind, (H, W))
    if kind == "float":
        return RNG.normal(size=shape).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


FILTERS = [
    ("sobel", {}),
    ("gaussian:sigma=2", {"color": "each"}),
    ("laplacian", {"range": "rescale", "strides": 2}),
    ("sharpen", {"color": "luma"}),
    ("laws", {"pool": 2}),
    ("box-5", {"strides": 3, "pad": "cover"}),
    (["gaussian:sigma=1", "sobel-x"], {"range": "signed"}),
]


@pytest.mark.slow
@pytest.mark.parametrize("border", ["zero", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("kind", ["gray", "colour", "deep", "float"])
def test_bands_change_no_bit(narrow_bands, border, kind):
    """Float kernels too, with strides, pools, cover, a chain and a range that all of the picture decides."""
    picture = noise(kind)
    wanted = [filtered(name, picture, border=border, **options) for name, options in FILTERS]
    counts = narrow_bands()
    for (name, options), expected in zip(FILTERS, wanted, strict=True):
        counts.clear()
        found = filtered(name, picture, border=border, **options)
        assert border == "wrap" or max(counts) > 1, name
        np.testing.assert_array_equal(found, expected, err_msg=str(name))


STORED = {
    "tiles": {"tile": (16, 32)},
    "deflated tiles": {"tile": (32, 16), "compression": "zlib", "predictor": 2},
    "strips": {"rowsperstrip": 7},
    "deflated strips": {"rowsperstrip": 5, "compression": "zlib"},
    "planes": {"tile": (16, 16), "planarconfig": "separate"},
    "big-endian": {"tile": (16, 16), "byteorder": ">"},
}


@pytest.mark.slow
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("kind", ["gray", "alpha", "deep", "float"])
def test_a_wide_tiff_is_the_same(convfilter, narrow_bands, stored, kind):
    """Read by columns, written in tiles; alpha, a bank's pages, and luma's colours beside it."""
    pixels = noise(kind)
    options = {"photometric": "minisblack", **STORED[stored]}
    if kind == "alpha":
        options |= {"photometric": "rgb", "extrasamples": ["unassalpha"]}
        if stored == "planes":
            pixels = np.moveaxis(pixels, 2, 0)
    elif stored == "planes":
        pytest.skip("one plane")
    if kind == "float":
        options.pop("predictor", None)
    tifffile.imwrite("in.tif", pixels, metadata=None, **options)
    arguments = [
        ["sobel"],
        ["gaussian:sigma=2", "--color", "each", "--border", "edge"],
        ["laplacian", "--range", "rescale"],
        ["prewitt", "--combine", "none", "--range", "clip"],
        *([["sharpen", "--color", "luma"]] if kind == "alpha" else []),
    ]
    for number, words in enumerate(arguments):
        assert convfilter("apply", *words, "in.tif", f"{number}.tif").code == 0
    narrow_bands()
    for number, words in enumerate(arguments):
        done = convfilter("apply", *words, "in.tif", "out.tif", "--tile", 13)
        assert done.code == 0, done.err
        with tifffile.TiffFile("out.tif") as file:
            assert file.pages.first.is_tiled
            assert len(file.pages) == (2 if "prewitt" in words[0] else 1)
            with tifffile.TiffFile(f"{number}.tif") as wanted:
                for page, expected in zip(file.pages, wanted.pages, strict=True):
                    np.testing.assert_array_equal(page.asarray(), expected.asarray(), err_msg=words[0])


# Pictures larger than --max-pixels


@pytest.fixture
def small_limits(monkeypatch):
    """What counts as a large picture is small."""
    from convfilter.processing import inputs, outputs

    monkeypatch.setattr(inputs, "LARGE", 1000)
    monkeypatch.setattr(outputs, "LARGE", 1000)


def test_what_is_never_whole_in_memory_needs_no_limit(convfilter, small_limits):
    """A TIFF to a TIFF; to a PNG, of another packing, or from a pipe it does."""
    pixels = noise("gray")
    tifffile.imwrite("in.tif", pixels, tile=(16, 16))
    tifffile.imwrite("packed.tif", pixels, tile=(16, 16), compression="zlib")
    for name in ("in.tif", "packed.tif"):
        assert convfilter("apply", "identity", name, "out.tif", "--max-pixels", 1000).code == 0
        np.testing.assert_array_equal(tifffile.imread("out.tif"), pixels)
    for source, target in (("in.tif", "out.png"), ("in.tif", "out.npy")):
        done = convfilter("apply", "identity", source, target, "--max-pixels", 1000)
        assert done.code == 1
        assert f"--max-pixels {H * W}" in done.err
        assert not os.path.exists(target)


@pytest.mark.parametrize("how", ["holes", "deflated", "overlapping"])
def test_what_a_file_makes_up_is_limited(convfilter, small_limits, how):
    """A small file that claims many pixels: left out, packed beyond measure, or one tile shown everywhere."""
    side = 8192
    if how == "deflated":
        tifffile.imwrite("in.tif", np.zeros((side, side), np.uint8), tile=(256, 256), compression="zlib")
    else:
        tifffile.imwrite("in.tif", noise("gray")[:16, :16], tile=(16, 16))
        with tifffile.TiffFile("in.tif", mode="r+") as file:
            tags, tiles = file.pages.first.tags, (512 // 16) ** 2
            place, length = tags["TileOffsets"].value[0], tags["TileByteCounts"].value[0]
            for name in ("ImageWidth", "ImageLength"):
                tags[name].overwrite(512)
            kept = (place, length) if how == "overlapping" else (0, 0)
            tags["TileOffsets"].overwrite((kept[0],) * tiles)
            tags["TileByteCounts"].overwrite((kept[1],) * tiles)
    done = convfilter("apply", "identity", "in.tif", "out.tif", "--max-pixels", 1000)
    assert (done.code, os.path.exists("out.tif")) == (1, False)
    assert "more than the limit of 1000; allow it with --max-pixels" in done.err
    if how != "deflated":
        assert convfilter("apply", "identity", "in.tif", "out.tif", "--max-pixels", 512**2).code == 0


# Memory, and a run that is killed

PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def wide(path, shape, **options):
    """A TIFF of so many rows and columns, in tiles of 256×256."""
    tile = RNG.integers(0, 256, (256, 256), np.uint8)
    count = -(-shape[0] // 256) * -(-shape[1] // 256)
    options = {"shape": shape, "dtype": np.uint8, "tile": (256, 256), "photometric": "minisblack", **options}
    tifffile.imwrite(path, iter([tile] * count), **options)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss in KiB")
@pytest.mark.parametrize(("words", "options"), [((), {}), (("--range", "rescale"), {"compression": "zlib"})])
def test_memory_does_not_grow_with_the_width(tmp_path, words, options):
    """80,000 columns take what 10,000 do."""
    peaks = []
    for width in (10_000, 80_000):
        wide(tmp_path / "in.tif", (34_000_000 // width + 300, width), **options)
        command = [sys.executable, "-m", "convfilter", "apply", "sobel", *words]
        command += [str(tmp_path / "in.tif"), str(tmp_path / "out.tif")]
        for _ in range(2):  # the first may compile
            done = subprocess.run([sys.executable, "-c", PEAK, *command], capture_output=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < peaks[0] + 15, peaks  # MiB


@pytest.mark.slow
def test_a_killed_run_leaves_no_picture(tmp_path):
    """Killed while it writes, and the next run clears what it left."""
    wide(tmp_path / "in.tif", (4_000, 20_000))
    command = [sys.executable, "-m", "convfilter", "apply", "sobel", "in.tif", "out.tif"]
    with subprocess.Popen(command, cwd=tmp_path) as run:
        while run.poll() is None and not any(path.stat().st_size for path in tmp_path.glob(".convfilter*")):
            time.sleep(0.001)
        assert run.poll() is None
        run.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.tif").exists()
    assert subprocess.run(command, cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "out.tif"]
