"""Wrong use and bad files: one line on stderr, the right exit code, nothing written."""

import json
import os
import re
import stat
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def files_in(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"weights": [[1, 2],\n [3]]}', r"bad\.json:2:2: row 2 holds 1 number"),
        ('{"weights": [[1, 2]\n [3, 4]]}', r"bad\.json:2:2: not JSON"),
        ('{"weights": []}', r"bad\.json:1:13: weights holds 0"),
        ('{"weights": [[NaN]]}', r"bad\.json:1:15: NaN"),
        ('{"weights": [[Infinity]]}', r"bad\.json:1:15: Infinity"),
        ('{"weights": [[1e999]]}', r"bad\.json:1:15: .* too large"),
        ('{"weights": [["1"]]}', r"bad\.json:1:15: .* not the text"),
        ('{"weights": [[true]]}', r"bad\.json:1:15: .* not true"),
        ('{"weights": [[1]], "weights": [[2]]}', r'bad\.json:1:31: "weights" stands here a second time'),
        ('{"weights": [[1]], "wieghts": 1}', r'unknown field "wieghts"; did you mean "weights"'),
        ("[" * 100_000, r"bad\.json:1:33: nested deeper"),
        pytest.param(
            '{"weights": ' + str([[0] * 1100] * 1000) + "}", "weights; at most", marks=pytest.mark.slow
        ),
        ("", r"bad\.json:1:1: empty file"),
        ('{"layers": [{"conv": "soble"}]}', r'bad\.json:1:22: no kernel named "soble"; did you mean'),
        ('{"layers": [{"conv": [[1]], "strides": 0}]}', r"bad\.json:1:40: "),
        ('{"layers": [{"conv": "laws"}, {"conv": "box-3"}]}', "takes 1 channels but gets 25"),
    ],
)
def test_bad_kernels_exit_2_with_one_line(convfilter, photo, content, said):
    """A bad file is one line on stderr with its place, exit 2, no output; `kernels check` says the same."""
    Path("bad.json").write_text(content)
    done = convfilter("apply", "./bad.json", photo, "out.png")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert re.search(said, done.err), done.err
    assert not Path("out.png").exists()
    checked = convfilter("kernels", "check", "bad.json")
    assert checked.code == 2
    assert re.search(said, checked.err)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["apply", "soble", "photo.png", "o.png"], "did you mean sobel"),
        (["apply", "sobel", "photo.png", "o.png", "--strides", "0"], "must be from 1"),
        (["apply", "sobel", "photo.png", "o.png", "--pool", "300"], "larger than what it gets"),
        (["apply", "gaussian:sigma=60", "photo.png", "o.png", "--pad", "valid"], "larger than what it gets"),
        (["apply", "sobel", "photo.png", "o.png", "--activation", "reul"], "relu"),
        (["apply", "sobel", "photo.png", "o.png", "--backend", "theano"], "choose one of"),
        (["apply", "sobel", "photo.png", "o.png", "--device", "tpu"], 'no device "tpu"'),
        (["apply", "sobel", "photo.png", "o.png", "--device", "gpu:9"], "looked for gpu:9"),
        (["apply", "sobel", "photo.png", "o.png", "--bordre", "edge"], "No such option"),
        (["apply", "sobel", "photo.png", "o.jpg", "--range", "raw"], "write tiff or npy"),
        (["apply", "sobel", "photo.png", "o.png", "--quality", "0"], "not in the range"),
        (["apply", "gaussian:sigma=2,sgima=3", "photo.png", "o.png"], "sgima"),
        (["apply", "sobel", "photo.png"], "no OUTPUT; give a file's name, or a folder's, after photo.png"),
        (["apply", "laws", "photo.png", "-"], "stdout takes one"),
        (["aply", "sobel", "photo.png", "o.png"], "did you mean apply"),
        (
            ["apply", str(ROOT / "samples/article.json"), "photo.png", "o.png", "--border", "edge"],
            "by itself",
        ),
        (["kernels", "show", "nothing"], "no kernel named"),
        (["describe", "sobel", "--size", "ax3"], "whole number"),
        (["describe", "box-9", "--pad", "valid", "--size", "4"], "larger than what it gets"),
    ],
)
def test_wrong_use_exits_2_with_one_line(convfilter, photo, arguments, said):
    """Wrong names, options and sizes are one line on stderr, exit 2, and nothing is written."""
    done = convfilter(*arguments)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert said in done.err
    assert files_in(".") == ["photo.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"GIF89a", "in.png"),
        (b"\x89PNG\r\n\x1a\n", "in.png"),
        (b"hello world", "in.png"),
    ],
)
def test_bad_pictures_exit_1_with_one_line(convfilter, content, said):
    """Missing, empty, truncated and false pictures are one line on stderr, exit 1."""
    if content is not None:
        Path("in.png").write_bytes(content)
    done = convfilter("apply", "sobel", "in.png", "out.png")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert said in done.err
    assert not Path("out.png").exists()


def test_a_bomb_is_refused(convfilter, photo):
    """A picture over --max-pixels is refused by its size."""
    done = convfilter("apply", "sobel", photo, "out.png", "--max-pixels", "1000")
    assert done.code == 1
    assert "--max-pixels" in done.err


def test_a_damaged_tiff_is_one_line(convfilter, camera):
    """libtiff's own words about a damaged strip stay inside."""
    Image.fromarray(camera).save("sound.tif", compression="tiff_adobe_deflate")
    data = bytearray(Path("sound.tif").read_bytes())
    data[2000:2600] = bytes(600)
    Path("damaged.tif").write_bytes(data)
    done = convfilter("apply", "sobel", "damaged.tif", "out.png")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1


def test_a_full_disk_leaves_the_old_file(convfilter, photo, monkeypatch):
    """When the disk is full the old file is untouched, no temporary stays, and the exit code is 1."""
    Path("out.png").write_bytes(b"old")

    def full(number):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    done = convfilter("apply", "sobel", photo, "out.png")
    assert done.code == 1
    assert "No space left" in done.err or "full" in done.err
    assert Path("out.png").read_bytes() == b"old"
    assert files_in(".") == ["out.png", "photo.png"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(convfilter, photo):
    """A folder that can't be written is one line, exit 1."""
    Path("locked").mkdir()
    Path("locked").chmod(stat.S_IRUSR | stat.S_IXUSR)
    done = convfilter("apply", "sobel", photo, "locked/out.png")
    assert done.code == 1
    assert "locked" in done.err


def test_a_name_that_is_too_long_is_reported(convfilter, photo):
    """The error names the file and the fix, exit 1."""
    done = convfilter("apply", "sobel", photo, "a" * 300 + ".png")
    assert done.code == 1
    assert "aaa.png: can't be written: its name is too long" in done.err


def test_gray_formats_refuse_colour(convfilter, photo):
    """--color each into .pgm is refused before any work."""
    done = convfilter("apply", "sobel", photo, "out.pgm", "--color", "each")
    assert (done.code, Path("out.pgm").exists()) == (2, False)
    assert "holds gray only" in done.err


def test_paddings_that_explode_are_refused(convfilter, photo):
    """A pipeline that pads a small picture to a wall of 2³¹ pixels is refused before it is run."""
    Path("wall.json").write_text(json.dumps({"layers": [{"pad": 4096}] * 20 + [{"pool": 4096}]}))
    done = convfilter("apply", "./wall.json", photo, "out.png")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "pad less" in done.err


def test_dilation_beside_strides_is_bounded(convfilter, photo):
    """Zeros between weights are written out beside strides: refused where they would fill the memory."""
    done = convfilter("apply", "box-9", photo, "out.png", "--dilation", "4096", "--strides", "2")
    assert done.code == 2
    assert "too wide to be dilated" in done.err


def test_more_memory_than_there_is_is_refused(convfilter, photo, monkeypatch):
    """Where the memory at hand would not do, one line says how much is needed and free; nothing is run."""
    from convfilter.processing import strips

    monkeypatch.setattr(strips, "available_memory", lambda: 500_000)
    monkeypatch.setattr(strips, "LITTLE", 0)
    done = convfilter("apply", "srm-30", photo, "out.tif")
    assert done.code == 1
    assert re.search(r"need about 0\.0 GB, 0\.0 GB are free", done.err)
    assert not Path("out.tif").exists()
    assert convfilter("apply", "sobel", photo, "out.png").code == 0


def test_the_memory_asked_about_is_near_the_layers():
    """srm-30 on a megapixel: 31 float32 planes beside each other, the 30 results four times, the input twice."""
    from convfilter import make_pipeline
    from convfilter.filters.geometry import peak_bytes

    pipeline = make_pipeline("srm-30", pad="valid")
    inside = 996 * 996 * 30
    assert peak_bytes(pipeline, (1000, 1000), 1) == 4 * (10**6 + inside + 2 * 10**6 + 4 * inside)
