"""What lies under the names of the manifest and the cache: only files of ours are read, nothing else is written."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from all_rows import to_array
from scipy import ndimage

from convfilter.engines import compiled
from convfilter.engines.base import of_array
from convfilter.filters.load import make_pipeline
from convfilter.system import cache
from convfilter.system.own_files import check_kind, open_own, read_own

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
PICTURE = np.random.default_rng(0).integers(0, 256, (1, 40, 50), np.uint8)


def a_pipe(path):
    os.mkfifo(path)


def a_link(path):
    """To a file of somebody else's."""
    victim = path.parent / "victim"
    victim.write_text("mine\n")
    path.symlink_to(victim)


def a_link_to_nothing(path):
    path.symlink_to(path.parent / "not there")


def an_endless_device(path):
    path.symlink_to("/dev/zero")


def a_folder(path):
    path.mkdir()


def a_socket(path):
    os.chdir(path.parent)  # as the whole path may be too long for one
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


OTHERS = [a_pipe, a_link, a_link_to_nothing, an_endless_device, a_folder, a_socket]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # and back
    return tmp_path / "place"


@pytest.mark.parametrize("make", OTHERS)
@pytest.mark.parametrize("mode", ["rb", "ab"])
def test_anything_else_is_refused_and_left_as_it_is(place, make, mode):
    make(place)
    before = sorted((path.name, path.lstat()[:7]) for path in place.parent.iterdir())
    with pytest.raises(OSError, match="not a file"):
        open_own(place, mode)
    with pytest.raises(OSError, match="not a file"):
        check_kind(place)
    after = sorted((path.name, path.lstat()[:7]) for path in place.parent.iterdir())
    assert after == before
    assert not (place.parent / "not there").exists()


@pytest.mark.parametrize("make", [a_pipe, a_link, an_endless_device])
def test_an_exchange_after_the_look_is_noticed(place, make, monkeypatch):
    """Another program may put something else there between the look and the opening."""
    make(place)
    monkeypatch.setattr("convfilter.system.own_files.check_kind", lambda path: None)
    for mode in ("rb", "ab"):
        with pytest.raises(OSError) as caught:  # noqa: PT011  (the system's, or ours)
            open_own(place, mode)
        assert caught.value.errno in (errno.ELOOP, errno.ENXIO, errno.EINVAL)


def test_a_device_itself():
    with pytest.raises(OSError, match="is a device, not a file"):
        read_own(Path("/dev/zero"), 10)


def test_a_file_is_read_and_added_to(place):
    with open_own(place, "ab") as file:
        file.write(b"one")
    with open_own(place, "ab") as file:
        file.write(b"two")
    assert read_own(place, 6) == b"onetwo"
    with pytest.raises(OSError, match="larger than 5 bytes"):
        read_own(place, 5)
    check_kind(place.with_name("nothing"))


# The manifest


@pytest.mark.parametrize("name", [".convfilter-manifest.jsonl", ".convfilter-manifest-2-of-9.jsonl"])
@pytest.mark.parametrize("make", [a_pipe, a_link, a_link_to_nothing, an_endless_device, a_socket])
@pytest.mark.parametrize("options", [[], ["--resume"]])
def test_no_manifest(place, convfilter, photo, name, make, options):
    """One line names it and says what it is; nothing is read, written elsewhere or waited for."""
    shutil.copy(photo, photo.with_name("other.png"))
    out = place.parent / "out"
    out.mkdir()
    make(out / name)
    done = convfilter("apply", "sobel", photo, photo.with_name("other.png"), out, *options)
    assert done.code == 1
    assert name in done.err
    assert "not a file; move it away" in done.err
    assert done.err.count("\n") == 1
    assert not (out / "victim").exists() or (out / "victim").read_text() == "mine\n"
    assert not (out / "not there").exists()


def test_a_manifest_of_gigabytes(tmp_path, convfilter, photo):
    """Sparse, as if zeros had been written into it without an end."""
    shutil.copy(photo, photo.with_name("other.png"))
    out = tmp_path / "out"
    out.mkdir()
    with open(out / ".convfilter-manifest-x.jsonl", "wb") as file:
        file.truncate(2**40)
    done = convfilter("apply", "sobel", photo, photo.with_name("other.png"), out)
    assert done.code == 1
    assert "is larger than" in done.err


# The cache

ENTRY = cache.Entry((0,), b"a model")


@pytest.fixture
def own_cache(exported_once, tmp_path, monkeypatch):
    """The folder of an empty cache; a process that remembers nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    forget()
    yield tmp_path / "cache" / "convfilter" / cache.COMPILED
    forget()


def forget():
    compiled._kept.clear()
    compiled._run_of.cache_clear()
    cache.take_trouble()


def test_a_linked_folder_in_the_cache_is_not_used(own_cache, tmp_path, convfilter):
    """Neither written through, nor read: entries of another folder are not believed."""
    assert cache.save("one", [], ENTRY)
    assert cache.load("one", []) == ENTRY
    elsewhere = own_cache.rename(tmp_path / "elsewhere")
    own_cache.symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    assert cache.load("one", []) is None
    assert not cache.save("one", [], ENTRY)
    assert not cache.save("two", [], ENTRY)
    assert "compiled: is a link, not a folder" in cache.take_trouble()
    assert convfilter("cache", "clear").out.startswith("0 files deleted")
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_the_cache_folder_itself_may_be_a_link(own_cache, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").mkdir()
    own_cache.parent.symlink_to(tmp_path / "disk")
    assert cache.save("one", [], ENTRY)
    assert cache.load("one", []) == ENTRY
    assert len(list((tmp_path / "disk" / cache.COMPILED).iterdir())) == 1
    assert cache.take_trouble() == ""


@pytest.mark.parametrize("make", OTHERS)
def test_no_entry(own_cache, convfilter, make):
    """It is not read, and not written through; cache list and clear see it, and clear removes it."""
    assert cache.save("one", [], ENTRY)
    (entry,) = own_cache.iterdir()
    entry.unlink()
    make(entry)
    assert cache.load("one", []) is None
    assert not cache.save("one", [], ENTRY)
    assert "not a file" in cache.take_trouble()
    assert not (own_cache / "victim").exists() or (own_cache / "victim").read_text() == "mine\n"
    assert not (own_cache / "not there").exists()
    assert convfilter("cache", "list").code == 0
    assert convfilter("cache", "clear").code == 0
    assert os.path.lexists(entry) == (make is a_folder)


def test_an_entry_is_not_read_through_a_link(own_cache, tmp_path):
    """Even a whole one."""
    assert cache.save("one", [], ENTRY)
    (entry,) = own_cache.iterdir()
    entry.symlink_to(entry.rename(tmp_path / "elsewhere"))
    assert cache.load("one", []) is None
    assert cache.described(entry) == "damaged"


def laplacian():
    """Filtered by the compiled engine."""
    return to_array(compiled.open_compiled(make_pipeline("laplacian"), of_array(PICTURE), 255.0))[0]


@pytest.fixture(scope="module")
def by_scipy():
    matrix = make_pipeline("laplacian").convs[0].weights[:, :, 0, 0]
    return ndimage.correlate(np.float64(PICTURE[0]), matrix, mode="constant")


def no_model(model):
    return b"not a model"


def cut_short(model):
    return model[: len(model) // 2]


def all_zeros(model):
    return bytes(len(model))


def cut_in_the_buffers(model):
    return model[:-64]


@pytest.mark.parametrize("harm", [no_model, cut_short, all_zeros, cut_in_the_buffers])
def test_a_broken_model_in_a_whole_entry_is_made_anew(own_cache, by_scipy, harm):
    """LiteRT's errors stay inside, and the entry is replaced by a good one."""
    check_rebuilt(own_cache, by_scipy, lambda places, model: (places, harm(model)))


@pytest.mark.parametrize("places", [b"[]", b"[0]", b"[0, 0, 0]"])
def test_places_that_do_not_fit_are_made_anew(own_cache, by_scipy, places):
    check_rebuilt(own_cache, by_scipy, lambda _, model: (places, model))


def test_the_model_of_another_stage_is_made_anew(own_cache, by_scipy):
    """It takes more channels, or gives other results than one pixel."""
    to_array(compiled.open_compiled(make_pipeline("srm-30"), of_array(PICTURE), 255.0))
    (entry,) = own_cache.iterdir()
    _, _, places, model = entry.read_bytes().removeprefix(cache.FORMAT).split(b"\n", 3)
    entry.unlink()
    check_rebuilt(own_cache, by_scipy, lambda *_: (places, model))


def check_rebuilt(own_cache, by_scipy, change):
    forget()
    laplacian()
    (entry,) = own_cache.iterdir()
    good = entry.read_bytes()
    _, about, places, model = good.removeprefix(cache.FORMAT).split(b"\n", 3)
    rest = b"\n".join([about, *change(places, model)])
    entry.write_bytes(cache.FORMAT + b"%08x" % zlib.crc32(rest) + b"\n" + rest)
    forget()
    assert np.array_equal(laplacian(), by_scipy)
    assert entry.read_bytes().split(b"\n")[3] == places
    forget()
    assert np.array_equal(laplacian(), by_scipy)


@pytest.mark.slow
def test_a_command_meets_a_broken_model(own_cache, photo, tmp_path):
    """As a process of its own: no traceback, and the picture."""
    options = ["--activation", "sparsemax", "--range", "rescale", "--quiet"]  # did not come compiled
    command = [
        sys.executable,
        "-m",
        "convfilter",
        "apply",
        "laplacian",
        photo,
        tmp_path / "out.png",
        *options,
    ]
    subprocess.run(command, check=True, timeout=120)
    wanted = (tmp_path / "out.png").read_bytes()
    (entry,) = own_cache.iterdir()
    _, about, places, _ = entry.read_bytes().removeprefix(cache.FORMAT).split(b"\n", 3)
    rest = b"\n".join([about, places, b"not a model"])
    entry.write_bytes(cache.FORMAT + b"%08x" % zlib.crc32(rest) + b"\n" + rest)
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out.png").read_bytes() == wanted
