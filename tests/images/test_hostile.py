"""Files made to take memory and time: --max-pixels bounds both, and what a header claims has to be there."""

import io
import os
import re
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convfilter.errors import DataError, PictureError
from convfilter.images.luma import to_gray
from convfilter.images.read import read
from convfilter.images.tiff_reader import open_rows
from convfilter.train.data.npz import read_npz

TESTS = Path(__file__).parent
RNG = np.random.default_rng(12)
COLOUR = RNG.integers(1, 256, (40, 32, 3), np.uint8)


def refused(data, match, **options):
    """The message of the error that a stream of these bytes is."""
    with pytest.raises(PictureError, match=match) as caught:
        read(io.BytesIO(bytes(data)), **options)
    return str(caught.value)


def encoded(codec, mode="RGB", **options):
    file = io.BytesIO()
    Image.fromarray(COLOUR).convert(mode).save(file, codec, **options)
    return bytearray(file.getvalue())


def mutants(*arguments):
    """Run mutants.py, and give the lines it prints."""
    done = subprocess.run(
        [sys.executable, TESTS / "mutants.py", *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_changed_at_random_in_little_memory():
    """Of 400 files each is read in one way or refused in a line; two million pixels take no 200 MB."""
    *_, last = mutants(400, 0, 2_000_000)
    assert last.startswith("0 wrong")
    assert int(last.split()[-2]) < 200


@pytest.mark.slow
def test_many_changed_at_random():
    """The same of 4,000 more, with the usual limit: within 5 s and 2 GB each."""
    assert mutants(4000, 1)[-1].startswith("0 wrong")


# Frames, tiles and scans that only the decoder sees


@pytest.mark.parametrize("size", [(45_000, 45_000), (65_535, 10_751)])
def test_a_gif_whose_frame_leaves_its_canvas(size):
    """A frame that is to be cleared away is no reason to take its 2 GB before it is refused."""
    data = bytearray(
        bytes.fromhex("47494638396120002000f00000000000ffffff21f9040900000000002c00000000")
        + struct.pack("<HH", *size)
        + bytes.fromhex("00024c01003b")
    )
    script = (
        "import io, resource, sys\n"
        "from convfilter.images.read import read\n"
        "from convfilter.errors import PictureError\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))\n"
        "try:\n    read(io.BytesIO(bytes.fromhex(sys.argv[1])))\n"
        "except PictureError as error:\n    print(error)\n"
    )
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, data.hex()],
        capture_output=True,
        text=True,
        cwd=TESTS.parents[1],
        env=env,
    )
    assert "; allow it with max_pixels=" in done.stdout, done.stderr


def test_pillows_guard_is_put_back_with_other_limits_in_other_threads(monkeypatch):
    """While two read, the larger limit holds; the one that is left has its own; then Pillow's is back."""
    from convfilter.images.pillow_limits import pillow_limited

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 123)
    one, two = pillow_limited(50), pillow_limited(70)
    one.__enter__()
    assert Image.MAX_IMAGE_PIXELS == 50
    two.__enter__()
    assert Image.MAX_IMAGE_PIXELS == 70
    two.__exit__(None, None, None)
    assert Image.MAX_IMAGE_PIXELS == 50
    one.__exit__(None, None, None)
    assert Image.MAX_IMAGE_PIXELS == 123


def test_a_jpeg_of_very_many_scans():
    """Each of them is a pass over the picture: a hundred are too many for a picture near the limit."""
    data = bytes(encoded("JPEG", progressive=True))
    last = data[data.rindex(b"\xff\xda") : -2]
    many = data[:-2] + last * 100 + data[-2:]
    pixels = COLOUR.shape[0] * COLOUR.shape[1]
    assert read(io.BytesIO(many)).pixels.shape == (40, 32)  # it is small
    assert read(io.BytesIO(data), max_pixels=pixels).pixels.shape == (40, 32)
    said = refused(many, "scans of 32 x 40", max_pixels=pixels)
    assert "max_pixels=" in said


def test_a_jpeg_larger_than_its_bytes():
    """Sixty million pixels in a few hundred bytes are no picture; the emptiest one there can be is."""
    data = encoded("JPEG", "L")
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 8000, 8000)
    refused(data, "can't hold 8000 x 8000 pixels")
    for mode in ("L", "RGB"):
        for options in ({}, {"progressive": True}, {"optimize": True}, {"quality": 1}):
            file = io.BytesIO()
            Image.new(mode, (3000, 2000)).save(file, "JPEG", **options)
            assert read(io.BytesIO(file.getvalue())).pixels.max() <= 1


@pytest.mark.parametrize("mode", ["P", "1", "L", "CMYK"])
@pytest.mark.parametrize("compression", ["tiff_lzw", "raw"])
def test_a_tile_far_larger_than_its_picture(tmp_path, mode, compression):
    """65,535 by 65,535 of a picture of 32 by 40, whoever was to decode it."""
    path = tmp_path / "a.tif"
    path.write_bytes(encoded("TIFF", mode, compression=compression))
    with tifffile.TiffFile(path) as file:
        places = [file.pages.first.tags[name] for name in ("RowsPerStrip", "StripOffsets", "StripByteCounts")]
        tags = [(tag.offset, tag.count) for tag in places]
    data = bytearray(path.read_bytes())
    struct.pack_into("<HHII", data, tags[0][0], 322, 4, 1, 65535)  # RowsPerStrip becomes TileWidth
    end = len(data)
    with tifffile.TiffFile(path) as file:
        first, count = file.pages.first.offset, len(file.pages.first.tags)
    entries = [data[first + 2 + 12 * n : first + 14 + 12 * n] for n in range(count)]
    entries = sorted(
        [*entries, struct.pack("<HHII", 323, 4, 1, 65535)], key=lambda e: struct.unpack("<H", e[:2])
    )
    data += struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    struct.pack_into("<I", data, 4, end)
    refused(data, "tiles of 65535 x 65535 .* make no sense")


def test_bands_count_as_pixels(tmp_path):
    """A thousand bands of few pixels are as much as a large picture, in a TIFF and in an array."""
    samples = np.zeros((64, 64, 1000), np.uint8)
    path = tmp_path / "a.tif"
    options = {"photometric": "minisblack", "planarconfig": "contig", "compression": "zlib", "metadata": None}
    tifffile.imwrite(path, samples, **options)
    array = io.BytesIO()
    np.save(array, samples)
    assert path.stat().st_size < 30_000
    for data in (path.read_bytes(), array.getvalue()):
        assert "max_pixels=" in refused(data, "64 x 64 of 1000 channels", gray=False, max_pixels=1_000_000)
        assert read(io.BytesIO(data), gray=False, max_pixels=1_024_000).pixels.shape == samples.shape
    with (
        pytest.raises(PictureError, match="allow it with max_pixels=1024000 "),
        open_rows(path, "it", 1_000_000),
    ):
        pass


def test_a_text_of_numbers_is_read_no_further_than_needed():
    """Behind its four samples a plain PGM may go on for ever; numbers and comments of any length may not."""

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    from convfilter.images.netpbm_reader import _plain_values

    file = Counting(b"1 2 # a comment 9 9\n3 4 " + b"5 " * (8 << 20))
    assert _plain_values(file, 4, 999).tolist() == [1, 2, 3, 4]
    assert file.taken <= 1 << 20
    block = 1 << 20
    for text in (b"1 " + b"#" + b"c" * (3 * block) + b"\n2", b"1" + b" " * (block - 2) + b"234", b"1 2 3"):
        wanted = [int(word) for word in re.sub(rb"#[^\n]*", b"", text).split()]
        assert _plain_values(io.BytesIO(text), 5, 999).tolist() == wanted
    with pytest.raises(ValueError, match="digits"):
        _plain_values(io.BytesIO(b"9" * (2 * block)), 1, 999)


def test_gray_takes_little_memory():
    """Its floats are made for a few rows at a time; every colour is rounded as ever."""
    pixels = np.zeros((2000, 1000, 3), np.uint8)
    tracemalloc.start()
    try:
        to_gray(pixels)
        assert tracemalloc.get_traced_memory()[1] < 12_000_000  # with the 2 MB of the result
    finally:
        tracemalloc.stop()
    colours = np.arange(0, 2**24, 7, dtype=np.uint32)
    pixels = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1).astype(np.uint8)[None]
    weighted = pixels.astype(np.int64) @ [19595, 38470, 7471]
    np.testing.assert_array_equal(to_gray(pixels), (weighted + 0x8000) >> 16)


# A header that claims more than is there


def taller(data, rows=400):
    """A little-endian TIFF whose ImageLength says more."""
    data = bytearray(data)
    (start,) = struct.unpack_from("<I", data, 4)
    for entry in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        if struct.unpack_from("<H", data, entry)[0] == 257:
            struct.pack_into("<I", data, entry + 8, rows)
    return bytes(data)


TURNED = Image.Exif()
TURNED[274] = 3
CLAIMS = {
    "RGB": encoded("TIFF"),
    "gray": encoded("TIFF", "L"),
    "palette": encoded("TIFF", "P"),
    "CMYK": encoded("TIFF", "CMYK"),
    "turned": encoded("TIFF", exif=TURNED),
    "1 bit": encoded("TIFF", "1"),
    "packed palette": encoded("TIFF", "P", compression="tiff_lzw", strip_size=32 * 8),
    "LZW": encoded("TIFF", compression="tiff_lzw", strip_size=32 * 8),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_a_tiff_that_claims_ten_times_its_rows(convfilter, tmp_path, kind):
    """Refused from a file and from a stream alike, whatever its pixels are; as it was it is read."""
    data = bytes(CLAIMS[kind])
    assert read(io.BytesIO(data)).pixels.shape == (40, 32)
    (tmp_path / "a.tif").write_bytes(taller(data))
    refused(taller(data), "strip|needed")
    with pytest.raises(PictureError, match="strip|needed"):
        read(tmp_path / "a.tif")
    done = convfilter("apply", "box-3", "a.tif", "a.png")
    assert (done.code, Path("a.png").exists()) == (1, False)
    assert "get a sound copy" in done.err


def test_it_is_refused_from_standard_input(process, tmp_path):
    done = process("apply", "box-3", "-", "a.png", stdin=taller(CLAIMS["CMYK"]))
    assert done.returncode == 1
    assert b"get a sound copy" in done.stderr
    assert not (tmp_path / "a.png").exists()


def test_parts_left_out_are_not_read_from_the_header(tmp_path):
    """A stream of a sparse TIFF is read as its file is: zeros, not the bytes at its beginning."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, COLOUR[..., 0], metadata=None, rowsperstrip=10)
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages.first.tags
        offsets, counts = list(tags["StripOffsets"].value), list(tags["StripByteCounts"].value)
        offsets[1] = counts[1] = 0
        tags["StripOffsets"].overwrite(offsets)
        tags["StripByteCounts"].overwrite(counts)
    wanted = COLOUR[..., 0].copy()
    wanted[10:20] = 0
    np.testing.assert_array_equal(read(io.BytesIO(path.read_bytes())).pixels, wanted)


def test_a_volume_is_refused(tmp_path):
    """Of its slices one would be filtered and the others lost."""
    path = tmp_path / "a.tif"
    options = {"tile": (16, 16, 16), "volumetric": True, "photometric": "minisblack", "metadata": None}
    tifffile.imwrite(path, RNG.integers(0, 256, (16, 16, 16), np.uint8), **options)
    refused(path.read_bytes(), "a volume of 16 slices")


# Data sets


def zipped(path, **headers):
    """An .npz whose arrays are all zeros, of these shapes and dtypes, written without holding them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, (shape, dtype) in headers.items():
            with archive.open(f"{name}.npy", "w") as file:
                dtype = np.dtype(dtype)
                header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                left = int(np.prod(shape)) * dtype.itemsize
                while left:
                    left -= file.write(bytes(min(left, 1 << 20)))
    return path


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (((7,), "u1"), "7 labels, but 50000 pictures"),
        (((50000, 10), "u1"), r"shape \(50000, 10\)"),
        (((50000,), "<U1"), "labels are whole numbers"),
    ],
)
def test_labels_are_compared_before_pictures_are_unpacked(tmp_path, labels, said):
    """Fifty thousand pictures that don't fit their labels take no memory."""
    path = zipped(tmp_path / "a.npz", x_train=((50000, 28, 28), "u1"), y_train=labels)
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=said):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_header_of_an_array_that_says_it_is_long(tmp_path):
    """Version 2 of npy has room for a header of 4 GB, which a packed one may well have."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x_train", "y_train"):
            body = b"\x93NUMPY\x02\x00" + struct.pack("<I", 20_000_000) + b" " * 20_000_000
            archive.writestr(f"{name}.npy", body)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="a header of more than"):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
