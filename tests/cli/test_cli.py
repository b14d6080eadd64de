"""The command line: what it writes, says and exits with. Pictures are reopened and their pixels checked."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

ROOT = Path(__file__).parents[2]
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)


def opened(path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def magnitude(gray: np.ndarray) -> np.ndarray:
    """OpenCV's Sobel magnitude with a zero border."""
    border = {"borderType": cv2.BORDER_CONSTANT}
    x = cv2.Sobel(gray, cv2.CV_64F, 1, 0, **border)
    y = cv2.Sobel(gray, cv2.CV_64F, 0, 1, **border)
    return np.hypot(x, y)


# --- what it writes ---------------------------------------------------------------------------------


def test_sobel_is_opencvs_magnitude(convfilter, photo):
    """`apply sobel` gives OpenCV's gradient magnitude, clipped and rounded, to one count."""
    assert convfilter("apply", "sobel", photo, "out.png").code == 0
    expected = np.clip(np.rint(magnitude(opened(photo))), 0, 255)
    assert np.abs(opened("out.png").astype(int) - expected).max() <= 1


def test_a_kernel_file_is_applied(convfilter, photo, tmp_path):
    """A minimal JSON file filters like SciPy's correlate; raw results keep their sign in .npy and TIFF."""
    Path("mine.json").write_text('{"weights": [[1, 2, 0], [0, -3, 0], [5, 0, -7]]}')
    for name, load in {"out.npy": np.load, "out.tiff": tifffile.imread}.items():
        assert convfilter("apply", "./mine.json", photo, name, "--range", "raw").code == 0
        expected = ndimage.correlate(
            opened(photo).astype(float), np.array([[1, 2, 0], [0, -3, 0], [5, 0, -7.0]]), mode="constant"
        )
        assert load(name).dtype == np.float32
        assert np.array_equal(load(name), expected)


def test_options_reach_every_layer(convfilter, photo):
    """Two filters, border, strides, pool: the same as SciPy step by step."""
    done = convfilter("apply", "sobel-x", "--then", "box-3", "--border", "edge", "--strides", "2,1",
                      "--pool", "2", "--pool-mode", "average", "--range", "raw", photo, "out.npy")  # fmt: skip
    assert done.code == 0, done.err
    step = ndimage.correlate(opened(photo).astype(float), SOBEL_X, mode="nearest")[::2]
    step = ndimage.correlate(step, np.full((3, 3), 1 / 9), mode="nearest")[::2]
    rows, columns = step.shape[0] // 2, step.shape[1] // 2
    expected = step[: rows * 2, : columns * 2].reshape(rows, 2, columns, 2).mean((1, 3))
    np.testing.assert_allclose(np.load("out.npy"), expected, atol=1e-2)


def test_a_bank_writes_a_picture_a_filter(convfilter, photo):
    """laws gives 25 numbered PNGs, 25 pages of TIFF, or 25 planes in .npy, all the same numbers."""
    for name in ("out.png", "out.tiff", "out.npy"):
        done = convfilter("apply", "laws", photo, name, "--range", "gain")
        assert done.code == 0, done.err
    stack = np.load("out.npy")
    assert stack.shape == (160, 200, 25)
    assert np.array_equal(tifffile.imread("out.tiff"), np.moveaxis(stack, 2, 0))
    for number in range(25):
        assert np.array_equal(opened(f"out-{number + 1:02d}.png"), stack[..., number])
    assert len({plane.tobytes() for plane in np.moveaxis(stack, 2, 0)}) == 25


def test_sixteen_bits_stay_sixteen(convfilter, camera):
    """A 16-bit PNG whose low byte matters comes out in 16 bits, equal to SciPy."""
    gray = camera[:64, :80].astype(np.uint16) * 257 + np.arange(80, dtype=np.uint16)
    cv2.imwrite("deep.png", gray)
    assert convfilter("apply", "sobel-y", "deep.png", "out.png", "--range", "abs").code == 0
    expected = np.abs(ndimage.correlate(gray.astype(float), SOBEL_X.T, mode="constant"))
    assert opened("out.png").dtype == np.uint16
    assert np.array_equal(opened("out.png"), np.clip(expected, 0, 65535))


def test_each_channel_is_filtered(convfilter):
    """--color each blurs R, G and B like SciPy does one by one; luma keeps the colour differences."""
    import skimage.data

    colour = np.ascontiguousarray(skimage.data.astronaut()[:90, 180:290])
    Image.fromarray(colour).save("colour.png")
    assert (
        convfilter(
            "apply", "binomial-3", "colour.png", "each.png", "--color", "each", "--border", "zero"
        ).code
        == 0
    )
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    for channel in range(3):
        expected = np.rint(ndimage.correlate(colour[..., channel].astype(float), kernel, mode="constant"))
        assert np.array_equal(np.asarray(Image.open("each.png"))[..., channel], expected)
    assert convfilter("apply", "sharpen", "colour.png", "luma.png", "--color", "luma").code == 0
    luma = np.asarray(Image.open("luma.png")).astype(int)
    inside = (luma > 0).all(2) & (luma < 255).all(2)
    spread = lambda rgb: rgb[..., 0].astype(int) - rgb[..., 2]  # noqa: E731
    assert inside.mean() > 0.5
    assert np.abs(spread(luma) - spread(colour))[inside].max() <= 1


def test_stdin_and_stdout(process, photo):
    """ "-" reads stdin and writes stdout; nothing but the picture is there, nothing at all on stderr."""
    done = process("apply", "sobel", "-", "-", "--format", "png", stdin=photo.read_bytes())
    assert done.returncode == 0, done.stderr
    found = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.abs(found - np.clip(magnitude(opened(photo)), 0, 255)).max() <= 1
    assert done.stderr == b""


def test_input_may_be_output(convfilter, photo):
    """A picture filtered onto itself is the filtered picture."""
    expected = np.clip(np.rint(magnitude(opened(photo))), 0, 255)
    assert convfilter("apply", "sobel", photo, photo).code == 0
    assert np.abs(opened(photo).astype(int) - expected).max() <= 1


def test_preview_without_colour_uses_shades(convfilter, photo):
    """Where there is no colour, five shades stand for the brightness, black where the result is black."""
    out = convfilter("apply", "sobel", photo, "out.png", "--preview").out
    assert set(out) - set("\n") == set(" ░▒▓█")
    assert len(out.splitlines()) == 40


def test_preview_shows_half_blocks(convfilter, photo, monkeypatch):
    """--preview prints rows of half blocks on stdout, two pixel rows a line."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    done = convfilter("apply", "sobel", photo, "out.png", "--preview")
    lines = [line for line in done.out.splitlines() if "▀" in line]
    assert len(lines) == 40  # 100 columns of a 160×200 picture are 80 rows
    assert "48;" in done.out  # a background colour: the lower pixel


# --- many pictures ----------------------------------------------------------------------------------


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
    expected = np.clip(magnitude(opened(album / "sub/a.png")), 0, 255)
    assert np.abs(opened("out/sub/a.png") - expected).max() <= 1


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
def test_clashes_are_told_before_any_work(convfilter, album, arguments, said):
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


# --- errors -----------------------------------------------------------------------------------------


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
        ('{"weights": ' + str([[0] * 1100] * 1000) + "}", "weights; at most"),
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


def test_debug_shows_the_traceback(process, tmp_path):
    """--debug, before or after the command, ends in a traceback; without it there is none."""
    assert b"Traceback" in process("--debug", "kernels", "show", "nothing").stderr
    assert b"Traceback" in process("kernels", "show", "nothing", "--debug").stderr
    assert b"Traceback" not in process("kernels", "show", "nothing").stderr


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


def test_interrupt_exits_130_and_leaves_nothing_half(tmp_path, camera):
    """Ctrl-C in a long batch: exit 130, every file that is there is whole, no temporary."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(400):
        Image.fromarray(camera).save(folder / f"{number:03d}.png", compress_level=0)
    command = [sys.executable, "-m", "convfilter", "apply", "sobel", str(folder), str(tmp_path / "out"), "-r"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path) as running:
        for _ in range(600):
            if (tmp_path / "out").is_dir() and len(files_in(tmp_path / "out")) > 3:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"Traceback" not in err
    manifest, *done = sorted((tmp_path / "out").iterdir())
    assert manifest.name == ".convfilter-manifest.jsonl"
    assert 3 <= len(done) < 400
    for path in done:
        assert path.suffix == ".png"
        assert opened(path).shape == (512, 512)


# --- what is said -----------------------------------------------------------------------------------


def test_kernels_list_json(convfilter):
    """`kernels list --json` is an array of every shipped kernel with the promised fields."""
    rows = json.loads(convfilter("kernels", "list", "--json").out)
    shipped = {path.stem for path in (ROOT / "kernels").glob("*.json") if "schema" not in path.name}
    assert {row["name"] for row in rows} == shipped
    assert all(set(row) == {"name", "description", "size", "filters", "tags", "source"} for row in rows)
    assert next(row for row in rows if row["name"] == "laws")["filters"] == 25


def test_kernels_list_text(convfilter):
    """Without --json a line a kernel, and the formulas."""
    out = convfilter("kernels", "list").out
    assert re.search(r"^sobel-x +3×3 +1  Sobel derivative", out, re.M)
    assert "gaussian: sigma=1" in out


def test_kernels_show(convfilter):
    """`kernels show` gives the effective numbers; as text it draws the matrix and says the gain."""
    facts = json.loads(convfilter("kernels", "show", "sobel", "--json").out)
    assert np.array(facts["weights"]).shape == (3, 3, 1, 2)
    assert np.array_equal(np.array(facts["weights"])[:, :, 0, 0], SOBEL_X)
    assert facts["gain"]["max"] == pytest.approx(20**0.5)
    assert facts["gain"]["min"] == 0
    assert facts["rank"] == [1, 1]
    assert facts["sum"] == 0
    text = convfilter("kernels", "show", "sobel-x").out
    assert " -2  0  2" in text
    assert "-4 … 4" in text


def test_kernels_check(convfilter):
    """Good files are named ok on stdout and notes are told; all of several bad ones are reported."""
    Path("good.json").write_text('{"weights": [[1, -1]], "divisor": "sum"}')
    Path("bad.json").write_text("{}")
    done = convfilter("kernels", "check", "good.json", "bad.json", "missing.json")
    assert done.code == 2
    assert re.search(r"^good\.json: ok; .*the sum is 0", done.out)
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["bad.json", "missing.json"]


def test_the_shipped_schemas_are_current(convfilter):
    """kernels/*.schema.json are what `kernels schema` prints."""
    for name, option in {"kernel": [], "pipeline": ["--pipeline"]}.items():
        shipped = (ROOT / "kernels" / f"{name}.schema.json").read_text()
        assert convfilter("kernels", "schema", *option).out == shipped


def test_describe_counts_weights(convfilter):
    """The article's 729 → 81 → 9."""
    done = convfilter("describe", "sobel-x", "--pad", "valid", "--strides", "3", "--size", "9x9")
    assert re.search(r"sobel-x +729 +81 +9 *$", done.out, re.M)
    rows = json.loads(
        convfilter("describe", ROOT / "samples/article-pool2.json", "--size", "256x256", "--json").out
    )["layers"]
    assert [row["layer"] for row in rows][-1] == "MaxPooling2D"
    assert rows[-1]["shape"] == [129, 129, 1]


def test_info(convfilter):
    """`info --json` names versions, the backend, devices and folders."""
    facts = json.loads(convfilter("info", "--json").out)
    assert facts["backend"] in facts["backends"]
    assert "cpu:0" in facts["devices"]
    assert facts["packages"]["keras"].startswith("3.")
    assert "backends" in convfilter("info").out


def test_no_color(process, photo):
    """FORCE_COLOR colours the matrix, NO_COLOR wins over nothing being said: no escape codes."""
    assert b"\x1b[" in process("kernels", "show", "sobel-x", FORCE_COLOR="1").stdout
    assert b"\x1b[3" not in process("kernels", "show", "sobel-x", FORCE_COLOR="1", NO_COLOR="1").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["apply", "--help"],
        ["kernels", "list"],
        ["kernels", "show", "laws"],
        ["kernels", "check", str(ROOT / "kernels/sobel.json")],
        ["describe", "sobel", "--size", "64"],
        ["apply", "soble", "a.png", "b.png"],
        ["apply", "sobel", "a.png", "b.xyz"],
        ["apply", "sobel", "a.png", "b.png", "--pool", "x"],
    ],
)
def test_light_commands_load_nothing_heavy(arguments, tmp_path):
    """Help, kernel questions and usage errors import no Keras, no backend and no Pillow plug-in."""
    code = f"""
import os, sys
sys.argv = ["convfilter", *{arguments!r}]
os._exit = sys.exit  # which is how the command ends
from convfilter.__main__ import main
try:
    main()
except SystemExit:
    pass
heavy = ("keras", "tensorflow", "jax", "torch", "scipy")
loaded = [n for n in sys.modules if n.split(".")[0] in heavy or (n.startswith("PIL.") and n.endswith("Plugin"))]
sys.stderr.write("LOADED " + repr(loaded))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr.endswith("LOADED []"), done.stderr


def test_completion_knows_the_kernels(process):
    """The shell completion of FILTER offers kernels and formulas."""
    done = process(COMP_WORDS="convfilter apply sob", COMP_CWORD="2", _CONVFILTER_COMPLETE="bash_complete")
    names = [line.split(",")[1] for line in done.stdout.decode().split()]
    assert {"sobel", "sobel-x", "sobel-7-y"} <= set(names)
    assert all(name.startswith("sob") for name in names)


def test_a_kernels_own_raw_range(convfilter, photo):
    """A kernel file that asks for raw results gets floats in TIFF, and is told where they don't fit."""
    Path("raw.json").write_text('{"weights": [[-9, 0, 9]], "range": "raw"}')
    assert convfilter("apply", "./raw.json", photo, "out.tiff").code == 0
    expected = ndimage.correlate(opened(photo).astype(float), [[-9, 0, 9]], mode="constant")
    assert np.array_equal(tifffile.imread("out.tiff"), expected)
    assert "write tiff or npy" in convfilter("apply", "./raw.json", photo, "out.png").err


def test_what_is_left_behind_is_told(convfilter, camera):
    """More pages than one, and transparency that the format can't hold, are notes on stderr or in the JSON."""
    tifffile.imwrite("pages.tif", camera[:3, :40].reshape(3, 1, 40).repeat(30, 1), photometric="minisblack")
    done = convfilter("apply", "sobel", "pages.tif", "out.tif")
    assert done.err == "Note: pages.tif: it has more pages; the first is filtered\n"
    tifffile.imread("out.tif")  # the pages' own description would make tifffile look for three
    rgba = np.dstack([camera[:40, :40]] * 3 + [np.arange(1600).reshape(40, 40) // 7]).astype(np.uint8)
    Image.fromarray(rgba).save("clear.png")
    row = json.loads(convfilter("apply", "sobel", "clear.png", "out.jpg", "--json").out)
    assert row["notes"] == ["its transparency is lost: jpeg holds none"]


def test_gray_formats_refuse_colour(convfilter, photo):
    """--color each into .pgm is refused before any work."""
    done = convfilter("apply", "sobel", photo, "out.pgm", "--color", "each")
    assert (done.code, Path("out.pgm").exists()) == (2, False)
    assert "holds gray only" in done.err


def test_a_combined_bank_is_not_signed(convfilter, photo):
    """The magnitude of a signed bank starts at black: its range is the gain, not mid-grey."""
    assert (
        convfilter("apply", "gabor-bank:orientations=4", photo, "out.png", "--combine", "magnitude").code == 0
    )
    assert opened("out.png").min() < 20


def test_a_wide_kernel_on_colour(convfilter):
    """Three channels and a kernel of 109×109, which TensorFlow could not do at once: as SciPy's, to a count."""
    import skimage.data

    colour = np.ascontiguousarray(np.tile(skimage.data.astronaut(), (3, 4, 1))[:1067, :1600])
    Image.fromarray(colour).save("wide.png", compress_level=1)
    assert convfilter("apply", "gaussian:sigma=18", "wide.png", "out.png", "--border", "zero").code == 0
    found = np.asarray(Image.open("out.png"))
    expected = ndimage.gaussian_filter(colour[..., 1].astype(float), 18, mode="constant", truncate=3)
    assert np.abs(found[..., 1] - expected).max() <= 1


# --- what stands around it --------------------------------------------------------------------------


def shell(line: str, folder: Path, **env: str) -> subprocess.CompletedProcess:
    """A line of sh in `folder`; $C is the command."""
    command = f"C='{sys.executable} -m convfilter'; {line}"
    return subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **env},
        timeout=120,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["$C kernels list", "$C apply sobel photo.png - "])
def test_a_full_stdout_is_one_line(photo, command):
    """Exit 1 and one line where stdout can't take what is written, whether text or a picture."""
    done = shell(f"{command} > /dev/full", photo.parent)
    assert done.returncode == 1
    assert re.fullmatch(r"Error: .*No space left on device.*\n", done.stderr)


def test_closed_streams_and_a_reader_that_leaves(photo):
    """stdin closed: one line, exit 1. A reader that has had enough: exit 1 without a word."""
    done = shell("$C apply sobel - out.png <&-", photo.parent)
    assert (done.returncode, done.stderr) == (1, "Error: stdin: closed; give a file as INPUT\n")
    done = shell("($C kernels list; echo $? >&2) | true", photo.parent)
    assert (done.stdout, done.stderr) == ("", "1\n")


@pytest.mark.parametrize("words", [["apply", "sobel", "photo.png", "out.png"], ["info"]])
def test_an_unknown_backend_in_the_environment(process, photo, words):
    """KERAS_BACKEND=theano: apply says what may be chosen, exit 2; info says it and shows the rest."""
    done = process(*words, KERAS_BACKEND="theano")
    assert done.returncode == (2 if words[0] == "apply" else 0)
    assert b'no backend "theano"; choose one of tensorflow, jax, torch' in done.stdout + done.stderr


def test_hostile_keras_settings_change_nothing(process, photo):
    """A keras.json with half floats and channels first leaves the result as it is."""
    (photo.parent / "keras.json").write_text(
        '{"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "tensorflow"}'
    )
    done = process(
        "apply",
        "sobel",
        photo,
        "out.png",
        "--engine",
        "keras",
        KERAS_HOME=str(photo.parent),
        KERAS_BACKEND="",
    )
    assert done.returncode == 0, done.stderr
    found = opened(photo.parent / "out.png").astype(int)
    assert np.abs(found - np.clip(np.rint(magnitude(opened(photo))), 0, 255)).max() <= 1


@pytest.mark.parametrize("settings", ["[]", '{"floatx": "nope"}', '{"epsilon": "x"}'])
def test_broken_keras_settings_are_one_line(process, photo, settings):
    """A keras.json that Keras refuses is one line that says so, exit 2."""
    (photo.parent / "keras.json").write_text(settings)
    done = process(
        "apply",
        "sobel",
        photo,
        "out.png",
        "--engine",
        "keras",
        KERAS_HOME=str(photo.parent),
        KERAS_BACKEND="",
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert b"keras.json" in done.stderr


def test_a_terminal_without_the_letters(process):
    """A console that can't show × or – still lists the kernels."""
    done = process("kernels", "list", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"sobel-x               3?3" in done.stdout


def test_kernel_folders(convfilter, monkeypatch):
    """One broken file is told and hides no other; a user's kernel goes before a formula of its name."""
    Path("mine").mkdir()
    Path("mine/bad.json").write_text('{"weights": []}')
    Path("mine/log.json").write_text('{"weights": [[5]]}')
    Path("mine/pipe.json").write_text('{"layers": [{"pool": 2}]}')
    monkeypatch.setenv("CONVFILTER_KERNELS", "mine")
    done = convfilter("kernels", "list", "--json")
    assert done.code == 0
    assert "bad.json:1:13" in done.err
    names = {row["name"] for row in json.loads(done.out)}
    assert {"log", "sobel"} < names
    assert not {"bad", "pipe"} & names
    assert json.loads(convfilter("kernels", "show", "log", "--json").out)["weights"] == [[[[5.0]]]]
    assert json.loads(convfilter("kernels", "show", "log:sigma=2", "--json").out)["size"] == [17, 17]


def test_a_stream_is_bounded(process):
    """stdin that is no picture is refused at its first block, however long it goes on."""
    done = process("apply", "sobel", "-", "out.png", "--max-pixels", "1000", stdin=b"\0" * 200_000_000)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: stdin: ")


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_a_jpeg_photograph_is_opencvs(convfilter, name):
    """A real colour JPEG, decoded gray and filtered, is OpenCV's magnitude of its own gray to one count."""
    import sklearn.datasets

    path = Path(sklearn.datasets.__file__).parent / "images" / name
    assert convfilter("apply", "sobel", path, "out.png").code == 0
    gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    expected = np.clip(np.rint(magnitude(gray)), 0, 255)
    assert np.abs(opened("out.png").astype(int) - expected).max() <= 1


def test_paddings_that_explode_are_refused(convfilter, photo):
    """A pipeline that pads a small picture to a wall of 2³¹ pixels is refused before it is run."""
    Path("wall.json").write_text(json.dumps({"layers": [{"pad": 4096}] * 20 + [{"pool": 4096}]}))
    done = convfilter("apply", "./wall.json", photo, "out.png")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "pad less" in done.err


def test_a_kernel_cannot_command_the_terminal(convfilter, monkeypatch):
    """Escape codes in names and descriptions are shown as replacement characters, wherever they are printed."""
    Path("mine").mkdir()
    evil = "\x1b[31mred\x07"
    Path("mine/evil.json").write_text(json.dumps({"weights": [[1]], "name": evil, "description": evil}))
    monkeypatch.setenv("CONVFILTER_KERNELS", "mine")
    for words in (["kernels", "list"], ["kernels", "show", "evil"], ["describe", "evil", "--size", "9"]):
        out = convfilter(*words).out
        assert "�[31mred�" in out
        assert not {"\x1b", "\x07"} & set(out)


def test_dilation_beside_strides_is_bounded(convfilter, photo):
    """Zeros between weights are written out beside strides: refused where they would fill the memory."""
    done = convfilter("apply", "box-9", photo, "out.png", "--dilation", "4096", "--strides", "2")
    assert done.code == 2
    assert "too wide to be dilated" in done.err


def test_a_name_that_is_too_long_is_told(convfilter, photo):
    """The error names the file and the mend, exit 1."""
    done = convfilter("apply", "sobel", photo, "a" * 300 + ".png")
    assert done.code == 1
    assert "aaa.png: can't be written: its name is too long" in done.err


# --- what a stranger may do -------------------------------------------------------------------------


@pytest.mark.parametrize("paths", [["photo.png", "two.png", ""], ["photo.png", ""], ["", "out.png"]])
def test_an_empty_path_is_refused(convfilter, photo, paths):
    """An unset variable as OUTPUT or INPUT is an error before any work: no original is touched."""
    Path("two.png").write_bytes(photo.read_bytes())
    before = {path: path.read_bytes() for path in Path().iterdir()}
    done = convfilter("apply", "sobel", *paths)
    assert done.code == 2
    assert "empty file name" in done.err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("after", [0.9, 1.6, 2.3])
def test_a_signal_while_keras_starts_is_not_lost(photo, number, code, after):
    """Whenever it comes, the process ends by it: the promised code, no traceback, no file, no temporary."""
    names = files_in(photo.parent)
    command = [sys.executable, "-m", "convfilter", "apply", "sobel", "photo.png", "photo-out.png"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=photo.parent) as running:
        time.sleep(after)
        if running.poll() is None:
            running.send_signal(number)
        _, err = running.communicate(timeout=60)
    if running.returncode == 0:  # it was faster than the signal
        assert files_in(photo.parent) == sorted([*names, "photo-out.png"])
        return
    assert running.returncode == code, err
    assert b"Traceback" not in err
    assert [name for name in files_in(photo.parent) if name not in names] in ([], ["photo-out.png"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_among_the_kernels_does_not_hang(convfilter, monkeypatch):
    """A FIFO in a kernel folder is no kernel; one that is named is refused."""
    Path("mine").mkdir()
    os.mkfifo("mine/fifo.json")
    monkeypatch.setenv("CONVFILTER_KERNELS", "mine")
    assert convfilter("kernels", "list").code == 0
    done = convfilter("kernels", "check", "mine/fifo.json")
    assert done.code == 2
    assert "a pipe" in done.err


def test_more_memory_than_there_is_is_refused(convfilter, photo, monkeypatch):
    """Where the memory at hand would not do, one line says how much is needed and free; nothing is run."""
    from convfilter.processing import apply as filtering

    monkeypatch.setattr(filtering, "available_memory", lambda: 500_000)
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


@pytest.mark.parametrize("how", ["clip", "abs", "rescale", "signed", "gain"])
def test_what_is_no_number_is_no_warning(convfilter, how):
    """NaN and infinities of a float picture become pixels without a warning; the rest is as it was."""
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    values[0, :3] = np.nan, np.inf, -np.inf
    np.save("odd.npy", values)
    done = convfilter("apply", "identity", "odd.npy", "odd.png", "--range", how, "--preview")
    assert (done.code, done.err) == (0, "")
    if how == "clip":
        assert np.array_equal(opened("odd.png")[2:], np.rint(values[2:] * 65535))  # row 1 saw them
        assert not opened("odd.png")[0, :3].any()  # each saw a NaN, and 0 × NaN is NaN


def test_names_are_no_markup_and_no_commands(convfilter, photo):
    """A kernel called [/] can be described; a picture whose name holds an escape code is told harmlessly."""
    Path("markup.json").write_text('{"weights": [[1]], "name": "[/]"}')
    assert "[/]" in convfilter("describe", "./markup.json", "--size", "9").out
    Path("a\x1bb.png").write_bytes(photo.read_bytes())
    done = convfilter("apply", "identity", "a\x1bb.png", photo, "out", "-v")
    assert done.code == 0
    assert "\x1b" not in done.err


def test_a_bank_of_very_many_filters_has_bounds(convfilter):
    """The magnitude of 20,000 filters is bounded in little memory: by the root of the sum of squares."""
    Path("many.json").write_text(
        json.dumps({"weights": [[[n % 3 - 1, 1]] for n in range(20_000)], "combine": "magnitude"})
    )
    from convfilter.filters.kernel_file import read_kernel
    from convfilter.filters.kernel_info import gain

    found = gain(read_kernel(Path("many.json")))
    largest = np.array([max(1, 1 + (n % 3 - 1)) for n in range(20_000)])
    assert found.high <= np.sqrt((largest**2).sum()) * (1 + 1e-12)
    assert found.high >= np.sqrt(sum((1 + (n % 3 - 1)) ** 2 for n in range(20_000))) * (1 - 1e-12)


def test_closed_and_full_stdout_everywhere(photo):
    """Text commands with stdout closed or full end without a traceback."""
    for line in (
        "$C kernels list >&-",
        "$C describe sobel >&-",
        "$C --version > /dev/full",
        "$C --version | true",
    ):
        assert "Traceback" not in shell(line, photo.parent).stderr


def test_a_damaged_tiff_is_one_line(convfilter, camera):
    """libtiff's own words about a damaged strip stay inside."""
    Image.fromarray(camera).save("sound.tif", compression="tiff_adobe_deflate")
    data = bytearray(Path("sound.tif").read_bytes())
    data[2000:2600] = bytes(600)
    Path("damaged.tif").write_bytes(data)
    done = convfilter("apply", "sobel", "damaged.tif", "out.png")
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
