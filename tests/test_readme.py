"""Every example in the README runs and does what it says."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.M | re.S)


COMMANDS = [line[2:] for block in blocks("console") for line in block.splitlines()]


@pytest.fixture
def desk(tmp_path, monkeypatch, camera):
    """A folder with what the examples name: photo.jpg, one.jpg, two.jpg, photos/, samples/, mine.json."""
    monkeypatch.chdir(tmp_path)
    Path("photos/holiday").mkdir(parents=True)
    Path("samples").symlink_to(ROOT / "samples")
    Path("mine.json").write_text(next(block for block in blocks("json") if "weights" in block))
    for name in ("photo.jpg", "one.jpg", "two.jpg", "photos/a.jpg", "photos/holiday/b.png"):
        Image.fromarray(np.ascontiguousarray(camera[100:164, 200:280])).convert("RGB").save(name)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_console_examples(convfilter, desk, command):
    """The command exits 0 and leaves the picture it names."""
    words = shlex.split(command)
    assert words[0] == "convfilter"
    done = convfilter(*words[1:])
    assert done.code == 0, done.err
    if words[1] == "apply":
        named = [word for word in words[2:] if re.search(r"\.(png|jpg|tiff)$|/$", word)]
        target = Path(named[-1])
        written = [path for path in target.rglob("[!.]*") if path.is_file()] if target.is_dir() else [target]
        assert written
        for path in written:
            with Image.open(path) as picture:
                assert np.asarray(picture).std() > 1  # neither black nor empty


def test_there_are_examples():
    """The blocks are found: a README that lost them would pass for the wrong reason."""
    assert len(COMMANDS) >= 15


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples(code, capsys):
    """The Python example runs and its results have the shapes it says."""
    space: dict = {}
    exec(code, space)
    assert space["edges"].shape == space["picture"].shape
    assert space["edges"].dtype == np.uint8
    assert space["soft"].dtype == np.float32
    assert "Conv2D" in capsys.readouterr().out


@pytest.mark.parametrize("text", blocks("json"))
def test_json_examples_are_valid(convfilter, desk, text):
    """Each JSON block is a file that `kernels check` finds right."""
    json.loads(text)
    Path("block.json").write_text(text)
    assert convfilter("kernels", "check", "block.json").out == "block.json: ok\n"


def test_the_picture_is_the_commands(convfilter, desk):
    """samples/edges.png is what the command under it writes, to one count."""
    assert convfilter("apply", "sobel", "samples/scene.png", "edges.png").code == 0
    fresh, shown = (np.asarray(Image.open(path)).astype(int) for path in ("edges.png", "samples/edges.png"))
    assert np.abs(fresh - shown).max() <= 1


def test_the_pictures_are_there():
    """Every picture that README.md shows lies where it says."""
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert len(shown) >= 4
    assert all((ROOT / path).is_file() for path in shown)


def test_every_option_and_command_is_documented(convfilter):
    """`apply`'s options are all in its help with a sentence, and the README names every command."""
    from convfilter.cli import COMMANDS as NAMES
    from convfilter.cli.apply import command

    for name in NAMES:
        assert f"convfilter {name}" in README
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, parameter.name
