"""The command as a process: streams, signals, the environment, and what it loads."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from opencv_oracle import magnitude, read_with_opencv
from PIL import Image

ROOT = Path(__file__).parents[2]


def files_in(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


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


def test_stdin_and_stdout(process, photo):
    """ "-" reads stdin and writes stdout; nothing but the picture is there, nothing at all on stderr."""
    done = process("apply", "sobel", "-", "-", "--format", "png", stdin=photo.read_bytes())
    assert done.returncode == 0, done.stderr
    found = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.abs(found - np.clip(magnitude(read_with_opencv(photo)), 0, 255)).max() <= 1
    assert done.stderr == b""


def test_a_stream_is_bounded(process):
    """stdin that is no picture is refused at its first block, however long it goes on."""
    done = process("apply", "sobel", "-", "out.png", "--max-pixels", "1000", stdin=b"\0" * 200_000_000)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: stdin: ")


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


def test_closed_and_full_stdout_everywhere(photo):
    """Text commands with stdout closed or full end without a traceback."""
    for line in (
        "$C kernels list >&-",
        "$C describe sobel >&-",
        "$C --version > /dev/full",
        "$C --version | true",
    ):
        assert "Traceback" not in shell(line, photo.parent).stderr


def test_debug_shows_the_traceback(process, tmp_path):
    """--debug, before or after the command, ends in a traceback; without it there is none."""
    assert b"Traceback" in process("--debug", "kernels", "show", "nothing").stderr
    assert b"Traceback" in process("kernels", "show", "nothing", "--debug").stderr
    assert b"Traceback" not in process("kernels", "show", "nothing").stderr


@pytest.mark.slow
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
        assert read_with_opencv(path).shape == (512, 512)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("after", [0.4, 1.3, 2.2])
def test_a_signal_while_keras_starts_is_not_lost(photo, number, code, after):
    """Whenever it comes, the process ends by it: the promised code, no traceback, no file, no temporary."""
    names = files_in(photo.parent)
    words = ["apply", "sobel", "photo.png", "photo-out.png", "--engine", "keras"]
    command = [sys.executable, "-m", "convfilter", *words]
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


def test_no_color(process, photo):
    """FORCE_COLOR colours the matrix, NO_COLOR wins over nothing being said: no escape codes."""
    assert b"\x1b[" in process("kernels", "show", "sobel-x", FORCE_COLOR="1").stdout
    assert b"\x1b[3" not in process("kernels", "show", "sobel-x", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_a_terminal_without_the_letters(process):
    """A console that can't show × or – still lists the kernels."""
    done = process("kernels", "list", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"sobel-x               3?3" in done.stdout


def test_completion_knows_the_kernels(process):
    """The shell completion of FILTER offers kernels and formulas."""
    done = process(COMP_WORDS="convfilter apply sob", COMP_CWORD="2", _CONVFILTER_COMPLETE="bash_complete")
    names = [line.split(",")[1] for line in done.stdout.decode().split()]
    assert {"sobel", "sobel-x", "sobel-7-y"} <= set(names)
    assert all(name.startswith("sob") for name in names)


@pytest.mark.parametrize("words", [["apply", "sobel", "photo.png", "out.png"], ["info"]])
def test_an_unknown_backend_in_the_environment(process, photo, words):
    """KERAS_BACKEND=theano: apply says what may be chosen, exit 2; info says it and shows the rest."""
    done = process(*words, KERAS_BACKEND="theano")
    assert done.returncode == (2 if words[0] == "apply" else 0)
    assert b'no backend "theano"; choose one of tensorflow, jax, torch' in done.stdout + done.stderr


@pytest.mark.slow
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
    found = read_with_opencv(photo.parent / "out.png").astype(int)
    assert np.abs(found - np.clip(np.rint(magnitude(read_with_opencv(photo))), 0, 255)).max() <= 1


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


LIGHT = [
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
]


def test_light_commands_load_nothing_heavy(tmp_path):
    """Help, kernel questions and usage errors import no Keras, no backend and no Pillow plug-in."""
    code = f"""
import json, os, sys
os._exit = sys.exit  # which is how the command ends
from convfilter.__main__ import main
heavy = ("keras", "tensorflow", "jax", "torch", "scipy")
loaded = {{}}
for arguments in {LIGHT!r}:
    sys.argv = ["convfilter", *arguments]
    try:
        main()
    except SystemExit:
        pass
    found = [n for n in sys.modules if n.split(".")[0] in heavy or (n.startswith("PIL.") and n.endswith("Plugin"))]
    loaded[" ".join(arguments)] = found
open("loaded.json", "w").write(json.dumps(loaded))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = json.loads((tmp_path / "loaded.json").read_text())
    assert loaded == {" ".join(arguments): [] for arguments in LIGHT}
