"""Files that meet a limit or the end of the disk: whole, or not there at all."""

import contextlib
import os
import subprocess

import numpy as np
import pytest

from convfilter.errors import PictureError
from convfilter.export import export
from convfilter.images.formats import format_named
from convfilter.images.picture import Metadata, Picture
from convfilter.images.tiff_writer import TiffRows
from convfilter.images.write import write
from convfilter.processing.manifest import Manifest
from convfilter.system import cache
from convfilter.system.atomic import atomic_write

pytest.importorskip("resource")

RNG = np.random.default_rng(3)


def picture(name, height=12, width=10):
    """A function that writes a small picture of noise to a file."""
    name, _, depth = name.partition("-")
    colour = (3,) if name in ("ppm", "webp", "jpeg", "npy") else ()
    pixels = RNG.integers(0, 256, (height, width, *colour)).astype(depth or "uint8")
    return lambda file: write(file, [Picture(pixels)], format_named(name))


def arrays(file):
    """As a network's weights and a training's checkpoint are written."""
    np.savez(file, a=np.arange(9.0), b=np.array("text"))


def check(folder, largest_file, put, limits):
    """Under each limit below its size the file stays as it was, with nothing beside it; else it is whole."""
    path = folder / "a"
    with atomic_write(path) as file:
        put(file)
    whole = path.read_bytes()
    path.write_bytes(b"old")
    for limit in limits(len(whole)):
        fits = limit >= len(whole)
        refused = pytest.raises(PictureError, match="larger than a file may be here")
        with contextlib.nullcontext() if fits else refused, largest_file(limit), atomic_write(path) as file:
            put(file)
        assert path.read_bytes() == (whole if fits else b"old"), limit
        assert list(folder.iterdir()) == [path]


def every(size):
    return range(size + 2)


def some(size):
    """The last hundred bytes, and one in a thousand."""
    return [*range(0, size - 100, 997), *range(size - 100, size + 2)]


@pytest.mark.parametrize(
    "name",
    ["png", "jpeg", "webp", "bmp", "pgm", "ppm", "tiff", "npy", "png-uint16", "pgm-uint16", "tiff-float32"],
)
def test_a_picture_is_whole_or_not_there_at_every_byte_of_a_limit(tmp_path, name, largest_file):
    """However few bytes of a 12×10 picture the system takes, none of them get the picture's name."""
    check(tmp_path, largest_file, picture(name), every)


@pytest.mark.parametrize("name", ["jpeg", "bmp", "npy"])
def test_a_larger_picture_is_whole_or_not_there(tmp_path, name, largest_file):
    """Of several blocks, the last written short or one in the middle."""
    check(tmp_path, largest_file, picture(name, 150, 130), some)


def test_an_array_file_is_whole_or_not_there(tmp_path, largest_file):
    check(tmp_path, largest_file, arrays, every)


def test_a_picture_written_by_strips_is_whole_or_not_there(tmp_path, largest_file):
    """One page of two rows of tiles, its limit in the directory or in either."""
    band = RNG.integers(0, 256, (150, 90), np.uint8)

    def put(file):
        writer = TiffRows(file, (300, 90), 1, np.dtype("uint8"), False, Metadata())
        writer.write(0, band)
        writer.write(150, band)
        writer.close()

    check(tmp_path, largest_file, put, some)


def test_a_figure_is_whole_or_not_there(tmp_path, largest_file):
    """Matplotlib's files go the same way."""
    from convfilter.train.plots.figures import new_figure, save

    figure = new_figure(1, 1)
    save(figure, tmp_path / "a")
    size = (tmp_path / "a").stat().st_size
    for limit in (0, size // 2, size - 1):
        (tmp_path / "a").write_bytes(b"old")
        with pytest.raises(PictureError, match="larger than"), largest_file(limit):
            save(figure, tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_exports_files_are_whole_or_not_there(tmp_path, largest_file):
    """The larger of the two first: where it fails, neither takes its place."""
    old = {tmp_path / "a.bin": b"old numbers", tmp_path / "a.xml": b"old layers"}
    for path, content in old.items():
        path.write_bytes(content)
    for limit in range(300):
        with pytest.raises(PictureError), largest_file(limit):
            export._replace({tmp_path / "a.bin": bytes(300), tmp_path / "a.xml": bytes(200)})
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == old


def test_a_cache_entry_is_whole_or_not_there(tmp_path, monkeypatch, largest_file):
    """What doesn't fit isn't kept, and isn't found later."""
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    entry = cache.Entry((3, 5), bytes(range(200)))
    assert cache.save("whole", [], entry)
    size = next((tmp_path / "compiled").iterdir()).stat().st_size
    for limit in every(size):
        with largest_file(limit):
            kept = cache.save("short", [], entry)
        assert kept == (limit >= size)
        assert cache.load("short", []) == (entry if kept else None)


def test_a_manifest_knows_no_line_cut_short(tmp_path, largest_file):
    """A picture counts as finished only where its whole line is there; later lines are not spoiled."""
    (tmp_path / "a.png").write_bytes(b"content")
    made = Manifest(tmp_path, "settings")
    key = made.key(str(tmp_path / "a.png"), [str(tmp_path / "a.png")])
    for limit in range(len(key) + 1):
        made.path.unlink(missing_ok=True)
        with pytest.raises(PictureError, match="manifest"), largest_file(limit):
            made.add(key)
        assert not Manifest(tmp_path, "settings").has(key, [])
        made.add(key)
        assert Manifest(tmp_path, "settings").has(key, [])


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 16 pages in memory, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={16 * os.sysconf('SC_PAGESIZE')}", "none", disk]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "bmp", "ppm", "tiff", "npy"])
def test_a_full_disk_leaves_the_old_file(small_disk, name):
    """With room for any number of a picture's pages but not for all, and then for all."""
    put, page = picture(name, 90, 100), os.sysconf("SC_PAGESIZE")
    with atomic_write(small_disk / "whole") as file:
        put(file)
    whole = (small_disk / "whole").read_bytes()
    (small_disk / "whole").unlink()
    needed = -(-len(whole) // page)
    assert 1 < needed < 14
    for free in range(needed + 1):
        (small_disk / "a").write_bytes(b"old")
        with contextlib.suppress(OSError):
            (small_disk / "filler").write_bytes(bytes((15 - free) * page))
        full = pytest.raises(PictureError, match="the disk is full")
        with full if free < needed else contextlib.nullcontext(), atomic_write(small_disk / "a") as file:
            put(file)
        assert (small_disk / "a").read_bytes() == (b"old" if free < needed else whole)
        assert {path.name for path in small_disk.iterdir()} == {"a", "filler"}
