"""apply on many pictures: where each goes, what is said of it, and what is refused before any work."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from opencv_oracle import magnitude, read_with_opencv
from PIL import Image


@pytest.fixture
def album(tmp_path, camera) -> Path:
    """photos/a.png, photos/sub/a.png, photos/sub/deep/b.jpg, a text file, and a broken c.png."""
    folder = tmp_path / "photos"
    for name in ("a.png", "sub/a.png", "sub/deep/b.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        start = len(name) * 9
        Image.fromarray(np.ascontiguousarray(camera[start : start + 40, :50])).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def files_in(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_folders_are_kept(convfilter, album):
    """A folder's pictures go to the same names below OUTPUT; other files are left alone."""
    done = convfilter("apply", "sobel", album, "out", "--recursive")
    assert (done.code, done.out) == (0, "")
    assert files_in("out") == ["a.png", "sub/a.png", "sub/deep/b.jpg"]
    assert "3 written of 3" in done.err
    expected = np.clip(magnitude(read_with_opencv(album / "sub/a.png")), 0, 255)
    assert np.abs(read_with_opencv("out/sub/a.png") - expected).max() <= 1


def test_format_changes_the_extension(convfilter, album):
    """--format tiff writes .tiff; a second run with an output folder inside does not filter its results."""
    for _ in range(2):
        assert convfilter("apply", "sobel", album, album / "out", "-r", "--format", "tiff").code == 0
    assert files_in(album / "out") == ["a.tif", "sub/a.tif", "sub/deep/b.tif"]


def test_one_failure_does_not_stop_the_rest(convfilter, album):
    """A broken picture is reported, the others are written, the exit code is 1."""
    (album / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    done = convfilter("apply", "sobel", album, "out", "-r")
    assert done.code == 1
    assert files_in("out")[1:] == ["a.png", "sub/a.png", "sub/deep/b.jpg"]  # after the manifest
    assert re.search(r"^Error: .*b\.png: ", done.err, re.M)
    assert "3 written, 1 failed of 4" in done.err


def test_json_lines(convfilter, album):
    """--json gives one object a picture on stdout, failures included."""
    (album / "b.png").write_bytes(b"")
    done = convfilter("apply", "sobel", album, "out", "-r", "--json", "--quiet")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["status"] for row in rows] == ["written", "failed", "written", "written"]
    assert rows[0]["size"] == {"height": 40, "width": 50}
    assert "empty" in rows[1]["error"]
    assert rows[2]["output"] == ["out/sub/a.png"]


def test_quiet_still_says_errors(convfilter, album):
    """--quiet leaves nothing but errors."""
    assert convfilter("apply", "sobel", album, "out", "-r", "-q").err == ""
    (album / "b.png").write_bytes(b"")
    assert "b.png" in convfilter("apply", "sobel", album, "out", "-r", "-q").err


def test_no_clobber(convfilter, album):
    """--no-clobber leaves what exists, byte for byte, and writes the rest."""
    Path("out/sub").mkdir(parents=True)
    Path("out/sub/a.png").write_bytes(b"mine")
    done = convfilter("apply", "sobel", album, "out", "-r", "--no-clobber")
    assert done.code == 0
    assert "2 written, 1 skipped of 3" in done.err
    assert Path("out/sub/a.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["photos/a.png", "photos/sub/a.png", "out"], "would both become"),
        (["photos", "out", "-r", "--format", "gif"], "only read"),
        (["photos", "out"], "--recursive"),
        (["photos/a.png", "photos/sub/a.png", "photos/a.png"], "need a folder"),
        (["photos/a.png", "photos/sub/a.png", "-"], "stdout takes one"),
        (["photos/a.png", "-", "--json"], "stdout"),
        (["photos/a.png", "out.xyz"], "extension"),
    ],
)
def test_clashes_are_reported_before_any_work(convfilter, album, arguments, said):
    """Arguments that can't work are refused with exit 2 and nothing is written."""
    before = files_in(".")
    done = convfilter("apply", "sobel", *arguments)
    assert done.code == 2
    assert said in done.err
    assert files_in(".") == before


def test_a_result_never_overwrites_another_input(convfilter, photo):
    """A bank's numbered result that is another input's name is refused."""
    Path("photo-01.png").write_bytes(photo.read_bytes())
    done = convfilter("apply", "laws", photo, "photo-01.png", ".")
    assert done.code == 2
    assert "overwrite the input" in done.err


@pytest.mark.parametrize("paths", [["photo.png", "two.png", ""], ["photo.png", ""], ["", "out.png"]])
def test_an_empty_path_is_refused(convfilter, photo, paths):
    """An unset variable as OUTPUT or INPUT is an error before any work: no original is touched."""
    Path("two.png").write_bytes(photo.read_bytes())
    before = {path: path.read_bytes() for path in Path().iterdir()}
    done = convfilter("apply", "sobel", *paths)
    assert done.code == 2
    assert "empty file name" in done.err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
