"""What killed processes leave behind, which the next run removes, and what it must not touch."""

import errno
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convfilter.system import temporary
from convfilter.system.atomic import atomic_write

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="locks and boot_id of Linux")

HOLDER = """
import sys, time
from pathlib import Path
from convfilter.system import temporary
from convfilter.system.atomic import atomic_write
with atomic_write(Path(sys.argv[1], "a.png")) as file, temporary.folder_in(Path(sys.argv[1])) as folder:
    file.write(b"half"); file.flush()
    (folder / "inside").write_bytes(b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""

WRITER = """
import hashlib, itertools, os, sys
from pathlib import Path
from convfilter.system.atomic import atomic_write
print("ready", flush=True)
for number in itertools.count():
    blocks = [os.urandom(4096) for _ in range(16)]
    with atomic_write(Path(sys.argv[1], f"{sys.argv[2]}-{number % 4}")) as file:
        file.write(hashlib.sha256(b"".join(blocks)).digest())
        for block in blocks:
            file.write(block); file.flush()
"""


def started(script, *arguments):
    """The script as a process of its own, once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == b"ready\n"
    return process


def killed(process):
    """End the process with -9; what it said on stderr."""
    process.kill()
    return process.communicate(timeout=60)[1]


def sweep(folder):
    """As a process would that has not yet seen the folder."""
    temporary._swept.clear()
    temporary.sweep(folder)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def abandoned(folder):
    """The name of a temporary of this system and disk, which is there and belongs to nobody."""
    path = folder / f"{temporary._prefix(folder)}{os.urandom(8).hex()}.tmp"
    path.write_bytes(b"half")
    return path


def test_what_a_process_left_goes_once_it_is_dead(tmp_path):
    """Its file and its folder with all that is in it; while it lives, both stay."""
    process = started(HOLDER, tmp_path)
    there = names(tmp_path)
    assert len(there) == 2
    sweep(tmp_path)
    assert names(tmp_path) == there
    assert killed(process) == b""
    assert names(tmp_path) == there
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_the_next_file_written_removes_it(tmp_path):
    """No command has to be given for that."""
    abandoned(tmp_path)
    with atomic_write(tmp_path / "a.png") as file:
        file.write(b"whole")
    assert names(tmp_path) == ["a.png"]


def test_nothing_else_is_touched(tmp_path):
    """Files of users and of other systems and disks, links, pipes, and what only looks similar."""
    ours = abandoned(tmp_path)
    boot, device = ours.name.split("-")[1:3]
    for name in (
        "a.png",
        ".convfilter-manifest.jsonl",
        ".convfilter-0123456789abcdef.tmp",
        f".convfilter-{boot}-{device}-0123456789abcdef.tmp.png",
        f".convfilter-{boot}-{device}-0123456789abcde.tmp",
        f"convfilter-{boot}-{device}-0123456789abcdef.tmp",
        f".convfilter-{boot[::-1]}-{device}-0123456789abcdef.tmp",
        f".convfilter-{boot}-{device}0-0123456789abcdef.tmp",
    ):
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / f".convfilter-{boot}-{device}-{'1' * 16}.tmp").symlink_to(tmp_path / "a.png")
    os.mkfifo(tmp_path / f".convfilter-{boot}-{device}-{'2' * 16}.tmp")
    before = names(tmp_path)
    sweep(tmp_path)
    assert names(tmp_path) == [name for name in before if name != ours.name]
    assert (tmp_path / "a.png").read_bytes() == b"mine"


def test_a_folder_is_read_once(tmp_path):
    """Ten thousand pictures in a folder don't read it ten thousand times."""
    temporary.sweep(tmp_path)
    path = abandoned(tmp_path)
    temporary.sweep(tmp_path)
    assert path.exists()


@pytest.mark.parametrize("removed", [True, False])
def test_swept_before_it_is_locked(tmp_path, monkeypatch, removed):
    """Between making a file and locking it another process may take it for an abandoned one: make another."""
    real, times = temporary.fcntl.flock, []

    def flock(handle, how):
        times.append(handle)
        if len(times) > 1:
            return real(handle, how)
        [path] = tmp_path.glob(".convfilter-*.tmp")
        path.unlink()
        if not removed:  # the other one has the lock still
            raise BlockingIOError(errno.EWOULDBLOCK, "locked")
        return real(handle, how)

    monkeypatch.setattr(temporary.fcntl, "flock", flock)
    with atomic_write(tmp_path / "a.png") as file:
        file.write(b"whole")
    assert len(times) == 2
    assert names(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"whole"


def test_without_locks_nothing_is_removed(tmp_path, monkeypatch):
    """On a disk that has none a file is written as ever, under a name that nobody removes."""

    def flock(handle, how):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(temporary.fcntl, "flock", flock)
    with atomic_write(tmp_path / "a.png") as file, temporary.folder_in(tmp_path):
        file.write(b"whole")
        monkeypatch.undo()
        there = names(tmp_path)
        assert len(there) == 2
        sweep(tmp_path)
        assert names(tmp_path) == there
    assert names(tmp_path) == ["a.png"]


def test_a_lock_is_kept_until_the_file_has_its_name(tmp_path, monkeypatch):
    """A file that is whole but not yet in its place still belongs to its process."""
    real = os.replace

    def replace(draft, target):
        sweep(tmp_path)
        real(draft, target)

    monkeypatch.setattr(os, "replace", replace)
    with atomic_write(tmp_path / "a.png") as file:
        file.write(b"whole")
    assert names(tmp_path) == ["a.png"]


def test_no_descriptor_is_left_open(tmp_path):
    """Of files and folders, written or given up."""
    before = os.listdir("/proc/self/fd")
    for number in range(3):
        with atomic_write(tmp_path / f"{number}") as file, temporary.folder_in(tmp_path):
            file.write(b"whole")
        with pytest.raises(RuntimeError), atomic_write(tmp_path / "a"), temporary.folder_in(tmp_path):
            raise RuntimeError
        abandoned(tmp_path)
        sweep(tmp_path)
    assert os.listdir("/proc/self/fd") == before
    assert names(tmp_path) == ["0", "1", "2"]


def test_writers_killed_at_random(tmp_path):
    """Four at a time, three times and until some leave a draft: each file is whole, and one more writer tidies up."""
    dice = random.Random(9)
    left = []
    for turn in range(50):
        processes = [started(WRITER, tmp_path, name) for name in "abcd"]
        for process in dice.sample(processes, 4):
            time.sleep(dice.uniform(0, 0.05))
            assert killed(process) == b""
        left = [name for name in names(tmp_path) if name.endswith(".tmp")]
        if left and turn >= 2:
            break
    assert left, "no process was killed while it wrote"
    with atomic_write(tmp_path / "last") as file:
        file.write(hashlib.sha256(b"").digest())
    written = names(tmp_path)
    assert {name[0] for name in written} <= set("abcdl")
    for name in written:
        content = (tmp_path / name).read_bytes()
        assert hashlib.sha256(content[32:]).digest() == content[:32]


def test_the_temporary_folder_of_a_command_goes_with_it(tmp_path, monkeypatch):
    """Inside, what libraries make lands in a folder of its own, but not before that is asked for."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary.contained():
        assert tempfile.gettempdir() == str(tmp_path)
        assert names(tmp_path) == []
        with temporary.folder_in() as folder:
            [ours] = tmp_path.iterdir()
            assert folder.parent == ours
        with tempfile.NamedTemporaryFile(delete=False) as file:
            assert Path(file.name).parent == ours
        sweep(tmp_path)
        assert ours.exists()
    assert tempfile.gettempdir() == str(tmp_path)
    assert names(tmp_path) == []


def test_a_library_keeps_its_hands_off_the_temporary_folder(tmp_path, monkeypatch):
    """Outside a command other threads may keep files there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary.folder_in() as folder:
        assert folder.parent == tmp_path
        assert tempfile.gettempdir() == str(tmp_path)
    assert names(tmp_path) == []


def test_a_run_that_writes_nothing_tidies_up_too(convfilter, photo, tmp_path, monkeypatch):
    """Where every picture is there already, in the output folders and in the temporary folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    for folder in ("tmp", "in/deep", "out/deep"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("", "deep"):
        Image.open(photo).save(tmp_path / "in" / folder / "a.png")
        (tmp_path / "out" / folder / "a.png").write_bytes(b"old")
    left = [abandoned(tmp_path / folder) for folder in ("tmp", "out", "out/deep")]
    done = convfilter("apply", "sobel", "in", "out", "-r", "--no-clobber")
    assert done.code == 0
    assert "2 skipped" in done.err
    assert not [path for path in left if path.exists()]


@pytest.mark.slow
def test_runs_killed_at_any_moment(tmp_path):
    """Runs over a folder are killed; then one more run, and each picture is there, once and whole.

    Every second one is killed while it writes, the others at any time. Twelve are; CONVFILTER_KILLS=200 kills so
    many, which takes some three minutes.
    """
    dice, source = random.Random(7), tmp_path / "in"
    source.mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (400, 500), np.uint8)
        Image.fromarray(pixels).save(source / f"{number}.png")
    temporaries = tmp_path / "tmp"
    temporaries.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporaries), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def begun(out, *options):
        command = [sys.executable, "-m", "convfilter", "apply", "sobel", source, tmp_path / out, "-r", "-q"]
        return subprocess.Popen([*command, "--format", "jpg", "--jobs", "2", *options], env=environment)

    for _ in range(2):  # the first one compiles the filter
        start = time.monotonic()
        assert begun("whole").wait(300) == 0
    length = time.monotonic() - start
    left = 0
    for number in range(int(os.environ.get("CONVFILTER_KILLS", "12"))):
        process = begun("out", *(["--resume"] if dice.random() < 0.3 else []))
        until = time.monotonic() + dice.uniform(0.3, 1.1) * length
        while number % 2 and process.poll() is None and not list(tmp_path.glob("out/*.tmp")):
            time.sleep(0.0005)
        while not number % 2 and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
        process.wait()
        left += len(list(tmp_path.rglob("*.tmp")))
    assert begun("out", "--resume").wait(300) == 0
    expected = {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("*.jpg")}
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.jpg")}
    assert found == expected
    assert len(found) == 12
    assert not list(tmp_path.rglob("*.tmp"))
    assert names(temporaries) == []
    assert left, "no run was killed while it wrote"


@pytest.mark.parametrize(
    "named", [{"TMPDIR": "a", "TEMP": "b"}, {"TMPDIR": "none", "TEMP": "a"}, {"TMP": "a"}]
)
def test_the_folder_swept_is_the_one_tempfile_names(tmp_path, monkeypatch, named):
    """By the same variables, in the same order, a folder that is not there passed over."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    left = abandoned(tmp_path / "a")
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, folder in named.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert Path(tempfile.gettempdir()) == tmp_path / "a"
    temporary.sweep_temporary_folder()
    assert not left.exists()
