"""Writing whole files: what is left behind when something goes wrong, and who may read the result."""

import errno
import io
import os
import stat
import threading

import pytest

from convfilter.errors import PictureError
from convfilter.system.atomic import atomic_write, write_natively


def contents(folder):
    """Names and bytes of all files in a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_finished_block_replaces_the_file(tmp_path):
    """After the block the new bytes are there and no temporary is."""
    (tmp_path / "a.png").write_bytes(b"old")
    with atomic_write(tmp_path / "a.png") as file:
        file.write(b"new")
        assert (tmp_path / "a.png").read_bytes() == b"old"
    assert contents(tmp_path) == {"a.png": b"new"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("old", [{}, {"a.png": b"old"}])
def test_a_failed_block_leaves_everything_as_it_was(tmp_path, error, old):
    """Any exception, Ctrl-C too, leaves the old file (or none) and no temporary, and comes through."""
    for name, data in old.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(error), atomic_write(tmp_path / "a.png") as file:
        file.write(b"half")
        raise error
    assert contents(tmp_path) == old


def test_the_temporary_is_hidden_and_in_the_same_folder(tmp_path):
    """While writing there is one hidden file beside the target, so that the rename is atomic."""
    with atomic_write(tmp_path / "a.png") as file:
        file.write(b"x")
        names = list(contents(tmp_path))
        assert len(names) == 1
        assert names[0].startswith(".")


def test_bytes_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    """The file is synced before it is renamed and the folder after, so that a power cut loses neither."""
    steps = []
    real = os.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: steps.append("dir" if stat.S_ISDIR(os.fstat(fd).st_mode) else os.fstat(fd).st_size),
    )
    monkeypatch.setattr(os, "replace", lambda *names: (steps.append("rename"), real(*names)))
    with atomic_write(tmp_path / "a.png") as file:
        file.write(b"four")
    assert steps == [4, "rename", "dir"]


def test_a_standard_stream_is_written_where_it_leads(tmp_path):
    """A descriptor's name that leads to a regular file is written directly, not replaced by a new file."""
    with open(tmp_path / "out", "wb") as out:
        with atomic_write(f"/proc/self/fd/{out.fileno()}") as file:
            file.write(b"x")
        assert os.fstat(out.fileno()).st_size == 1


def test_permissions_are_kept_or_come_from_umask(tmp_path):
    """A new file gets 666 less umask; a replaced one keeps its own permissions."""
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "new") as file:
            file.write(b"x")
        (tmp_path / "kept").write_bytes(b"old")
        (tmp_path / "kept").chmod(0o604)
        with atomic_write(tmp_path / "kept") as file:
            file.write(b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o604


def test_a_symbolic_link_is_written_through(tmp_path):
    """The link stays a link and its target gets the bytes, also where the target is not there yet."""
    (tmp_path / "real").mkdir()
    for name, before in (("there.png", b"old"), ("not-yet.png", None)):
        target, link = tmp_path / "real" / name, tmp_path / name
        if before:
            target.write_bytes(before)
        link.symlink_to(target)
        with atomic_write(link) as file:
            file.write(b"new")
        assert link.is_symlink()
        assert target.read_bytes() == b"new"


def test_a_device_is_written_directly():
    """/dev/null stays a device."""
    with atomic_write("/dev/null") as file:
        file.write(b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_fifo_is_written_directly(tmp_path):
    """The reader of a named pipe gets the bytes and the pipe stays."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with atomic_write(pipe) as file:
        file.write(b"through")
    reader.join(5)
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/such/a.png", "folder does not exist"),
        ("folder", "it is a folder"),
        ("file/a.png", "part of its path is a file"),
        ("x" * 300 + ".png", "name is too long"),
        ("nul\0.png", "can't be written"),
    ],
)
def test_a_bad_place_is_one_clear_line(tmp_path, name, said):
    """The message names the file and the mend, in one line, and nothing is created."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(PictureError, match=said) as caught, atomic_write(tmp_path / name) as file:
        file.write(b"x")
    assert name.split("\0")[0] in str(caught.value)
    assert str(caught.value).isprintable()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_links_in_a_circle_are_refused(tmp_path):
    """A link to itself is an error, not a loop."""
    (tmp_path / "a").symlink_to(tmp_path / "a")
    with pytest.raises(PictureError, match="circle"), atomic_write(tmp_path / "a"):
        pytest.fail("the block ran")


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "disk is full"), (errno.EIO, "check the")])
def test_a_failing_disk_is_a_picture_error(tmp_path, number, said):
    """An OSError in the block becomes one line with a mend; the old file stays."""
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(PictureError, match=said), atomic_write(tmp_path / "a.png") as file:
        file.write(b"half")
        raise OSError(number, os.strerror(number))
    assert contents(tmp_path) == {"a.png": b"old"}


def test_no_permission_is_a_picture_error(tmp_path, monkeypatch):
    """A folder that may not be written to is named with the mend."""

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PictureError, match=r"a\.png: .*no permission"), atomic_write(tmp_path / "a.png"):
        pytest.fail("the block ran")


def test_a_write_protected_file_is_not_replaced(tmp_path, monkeypatch):
    """A read-only file is refused, though its folder would allow replacing it."""
    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for a user who is not root
    with pytest.raises(PictureError, match="no permission"), atomic_write(tmp_path / "a.png"):
        pytest.fail("the block ran")
    assert contents(tmp_path) == {"a.png": b"old"}


def test_a_wrong_value_in_the_block_is_not_disguised(tmp_path):
    """A programming error of the caller comes through as it is."""
    with pytest.raises(ValueError, match="mine"), atomic_write(tmp_path / "a.png"):
        raise ValueError("mine")


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no disk sets bytes aside here")
@pytest.mark.parametrize(("length", "natively"), [(0, [True, False]), (1, [True]), (99, [True]), (100, [True]),
                                                  (101, [True, False]), (5000, [True, False])])  # fmt: skip
def test_a_descriptor_is_trusted_within_what_is_set_aside(tmp_path, length, natively):
    """Of 100 bytes; where more are written, or none, it is done again by Python, and nothing is left of it."""
    seen = []

    def put(file):
        seen.append(hasattr(file, "raw"))
        if seen[-1]:
            file.flush()
            os.write(file.fileno(), b"n" * length)  # as a library does it
        else:
            file.write(b"p" * length)

    (tmp_path / "a").write_bytes(b"old")
    with atomic_write(tmp_path / "a") as file:
        write_natively(file, put, 100)
    assert seen == natively
    assert contents(tmp_path) == {"a": (b"n" if len(natively) == 1 else b"p") * length}


def test_without_bytes_set_aside_python_writes(tmp_path, monkeypatch):
    """A disk that is almost full, a system that can't, and a file that isn't on a disk at all."""

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    def put(file):
        with pytest.raises(OSError, match="fileno"):
            file.fileno()
        file.write(b"whole")

    for step in (lambda: monkeypatch.setattr(os, "posix_fallocate", full, raising=False),
                 lambda: monkeypatch.delattr(os, "posix_fallocate")):  # fmt: skip
        step()
        with atomic_write(tmp_path / "a") as file:
            write_natively(file, put, 100)
        assert contents(tmp_path) == {"a": b"whole"}
        (tmp_path / "a").unlink()
    memory = io.BytesIO()
    write_natively(memory, lambda file: file.write(b"whole"), 100)
    assert memory.getvalue() == b"whole"


def test_an_error_beyond_what_is_set_aside_leaves_the_old_file(tmp_path):
    (tmp_path / "a").write_bytes(b"old")

    def fail(file):
        os.write(file.fileno(), b"half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(PictureError, match="disk is full"), atomic_write(tmp_path / "a") as file:
        write_natively(file, fail, 100)
    assert contents(tmp_path) == {"a": b"old"}
