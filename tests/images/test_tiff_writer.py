"""TIFFs written by bands of rows, judged by tifffile, Pillow and images.read."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from tiff_files import KINDS, H, W, banded, noise, python, rows_of, same, save, tags_changed, write_bands

from convfilter.errors import PictureError
from convfilter.images import tiff_writer
from convfilter.images.picture import Metadata, Picture
from convfilter.images.read import read
from convfilter.images.tiff_writer import TiffRows, write_tiff
from convfilter.system.atomic import atomic_write


@pytest.mark.parametrize(("dtype", "channels", "alpha"), KINDS)
@pytest.mark.parametrize("heights", [(256,), (512,), (100, 1, 300), (7,)])
def test_tifffile_and_pillow_read_what_is_written(tmp_path, dtype, channels, alpha, heights):
    """Every sample of every page, in bands of any height, for tifffile, Pillow, image.read and open_rows."""
    pages = np.stack([noise(dtype, channels, alpha, (300, 531)) for _ in range(2)])
    with open(tmp_path / "a.tif", "wb") as file:
        write_bands(file, pages, channels, alpha, heights, pages=2)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 2
        assert not file.is_bigtiff
        for page, samples in zip(file.pages, pages, strict=True):
            assert page.offset % 2 == 0
            assert (page.is_tiled, page.compression) == (False, 1)
            same(page.asarray(), samples)
    with rows_of(tmp_path / "a.tif") as source:
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
            write_bands(file, samples, channels, False, (256,))
        same(tifffile.imread(tmp_path / "a.tif"), samples[0])
        with rows_of(tmp_path / "a.tif") as source:
            same(banded(source), samples[0])


def test_metadata_is_written(tmp_path):
    """Profile, dots per inch and the texts of EXIF come back; a profile of other colours does not."""
    exif = Image.Exif()
    exif[271], exif[305], exif[33432] = "Maker", "Software", "© 2024"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    held = Metadata(icc, (300.5, 72), exif.tobytes(), ("a note",))
    for channels in (1, 3):
        with open(tmp_path / "a.tif", "wb") as file:
            write_bands(file, noise("uint8", channels)[np.newaxis], channels, False, (H,), held)
        got = read(tmp_path / "a.tif", gray=False).metadata
        assert got.icc == (icc if channels == 3 else None)
        assert got.dpi == (300.5, 72)
        assert got.notes == ()
        back = Image.Exif()
        back.load(got.exif)
        assert (back[271], back[305]) == ("Maker", "Software")
        assert "2024" in back[33432]
    with open(tmp_path / "a.tif", "wb") as file:
        write_bands(
            file, noise("uint8")[np.newaxis], 1, False, (H,), Metadata(None, None, b"Exif\0\0nonsense")
        )
    assert read(tmp_path / "a.tif").metadata == Metadata()
    for dpi in [(1e-12, 2.0**32 - 1), (2.0**32, 1)]:
        with open(tmp_path / "a.tif", "wb") as file:
            write_bands(file, noise("uint8")[np.newaxis], 1, False, (H,), Metadata(dpi=dpi))
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
    with rows_of(path) as source:
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
        write_bands(file, noise("uint8", shape=(300, 300))[np.newaxis], 1, False, (256,))


def test_a_write_that_fails_leaves_no_file(tmp_path):
    """The old file stays as it was, and nothing lies beside it."""
    path = tmp_path / "a.tif"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="end at"), atomic_write(path) as file:
        TiffRows(file, (300, 300), 1, np.dtype("uint8"), False, Metadata()).close()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_does_not_grow_with_the_picture(tmp_path):
    """200 megapixels written, read with a halo and written as two pages: a few rows of tiles in memory."""
    done = python(
        """
import sys
from pathlib import Path
import numpy as np, tifffile
from convfilter.images.tiff_reader import open_rows
from convfilter.images.tiff_writer import TiffRows, write_tiff
from convfilter.images.picture import Metadata, Picture
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
        monkeypatch.setattr(tiff_writer, "_CLASSIC_LIMIT", limit)
        with open(tmp_path / "a.tif", "wb") as file:
            write_bands(file, samples, 1, False, (256,))
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            assert file.is_bigtiff == big
            same(file.asarray(), samples[0])
        same(read(tmp_path / "a.tif").pixels, samples[0])


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_exposure_and_position_are_written(monkeypatch, big, alpha):
    """EXIF's own directories come back too, on every page, in BigTIFF as well."""
    if big:
        monkeypatch.setattr(tiff_writer, "_CLASSIC_LIMIT", 0)
    exif = Image.Exif()
    exif.update({271: "Maker", 0x8769: {33434: 0.5, 34855: 200}, 0x8825: {1: "N", 2: (48.0, 8.0, 15.5)}})
    file = io.BytesIO()
    samples = np.stack([noise("uint8", 3, alpha)] * 2)
    write_bands(file, samples, 3, alpha, (10,), Metadata(dpi=(300, 150), exif=exif.tobytes()), pages=2)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        assert (tiff.is_bigtiff, len(tiff.pages)) == (big, 2)
        for page in tiff.pages:
            page = page.aspage()
            same(page.asarray(), samples[0])
            assert page.tags["ExifTag"].value["ISOSpeedRatings"] == 200
            assert page.tags["GPSTag"].value["GPSLatitude"] == (48, 1, 8, 1, 31, 2)
            assert page.resolution == (300, 150)
    file.seek(0)
    carried = Image.Exif()
    carried.load(read(file).metadata.exif)
    assert carried.get_ifd(0x8769)[33434] == 0.5
    assert carried.get_ifd(0x8825)[1] == "N"


def test_page_after_page_goes_into_a_pipe():
    """Without seeking, odd numbers of bytes and all; alternating pages give the same file."""

    class Pipe(io.BytesIO):
        def seek(self, *_):
            raise OSError(29, "Illegal seek")

    samples, pipe, file = noise("uint8", 3, shape=(2, 5, 7))[..., :3], Pipe(), io.BytesIO()
    write_tiff(pipe, [Picture(page) for page in samples])
    write_bands(file, samples, 3, False, (2,), pages=2)
    assert pipe.getvalue() == file.getvalue()


def test_strips_are_of_a_quarter_megabyte():
    """So that other readers need not take a large picture at once; a small one is one strip."""
    for shape, rows in (((300, 1000), 262), ((30, 40), 30), ((2, 2**19), 1)):
        file, samples = io.BytesIO(), noise("uint8", shape=shape)
        write_tiff(file, [Picture(samples)])
        with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
            assert tiff.pages.first.rowsperstrip == rows
            same(tiff.asarray(), samples)


@pytest.mark.parametrize(("dtype", "channels", "alpha"), KINDS)
@pytest.mark.parametrize(
    ("height", "width", "tile"), [(1, 17, 16), (53, 75, 32), (300, 600, 16), (64, 64, 32)]
)
def test_columns_of_tiles(dtype, channels, alpha, height, width, tile):
    """Two pages in tiles, column after column or in turns: what tifffile, and this package, reads."""
    pages = np.stack([noise(dtype, channels, alpha, (height, width)) for _ in range(2)])
    files = io.BytesIO(), io.BytesIO()
    columns = [(number, slice(left, left + tile)) for number, left in enumerate(range(0, width, tile))]
    rows = [slice(top, min(top + 37, height)) for top in range(0, height, 37)]
    orders = (
        [(page, column, part) for page in (0, 1) for column in columns for part in rows],
        [(page, column, part) for part in rows for column in columns for page in (1, 0)],
    )
    for file, order in zip(files, orders, strict=True):
        writer = TiffRows(file, (height, width), channels, pages.dtype, alpha, Metadata(), 2, tile)
        for page, (number, across), part in order:
            band = pages[page, part, across]
            colours = band if not alpha else band[..., :channels] if channels > 1 else band[..., 0]
            writer.write(part.start, colours, band[..., -1] if alpha else None, page, number)
        writer.close()
    assert files[0].getvalue() == files[1].getvalue()
    files[0].seek(0)
    with tifffile.TiffFile(files[0]) as tiff:
        assert len(tiff.pages) == 2
        for page, samples in zip(tiff.pages, pages, strict=True):
            assert (page.is_tiled, page.tilewidth, page.tilelength % 16) == (True, tile, 0)
            same(page.asarray(), samples)
    files[0].seek(0)
    picture = read(files[0], gray=False)
    same(picture.pixels if not alpha else np.dstack([picture.pixels, picture.alpha]), pages[0])


def test_tiles_of_other_widths_are_refused():
    """Sides of a tile are multiples of 16."""
    for tile in (0, 8, 24):
        with pytest.raises(ValueError, match="tiles of"):
            TiffRows(io.BytesIO(), (9, 99), 1, np.dtype("uint8"), False, Metadata(), 1, tile)


def test_pages_of_other_shapes_are_refused():
    """The caller's mistake."""
    with pytest.raises(ValueError, match="in a TIFF"):
        write_tiff(io.BytesIO(), [Picture(noise("uint8")), Picture(noise("uint16"))])
