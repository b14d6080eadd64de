"""convfilter play as a process: its address, its answers, and its end."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

import convfilter as library
from convfilter.play.security import TOKEN_HEADER

ROOT = Path(__file__).parents[2]


class Started:
    """The command, running, and the address that it printed."""

    def __init__(self, folder, *args, debug=False):
        words = [sys.executable, "-m", "convfilter", *(["--debug"] if debug else []), "play", "--no-browser"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen([*words, *map(str, args)], cwd=folder, text=True, **pipes)
        self.address = self.process.stdout.readline().strip()
        self.base, _, fragment = self.address.partition("#")
        self.fragment = parse_qs(fragment)

    def ask(self, name, question=None):
        """The JSON, or the pixels, of an answer."""
        body = None if question is None else json.dumps(question).encode()
        asked = urllib.request.Request(
            f"{self.base}api/{name}", body, {TOKEN_HEADER: self.fragment["token"][0]}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            data = answer.read()
        return np.asarray(Image.open(io.BytesIO(data))) if data.startswith(b"\x89PNG") else json.loads(data)

    def end(self, number=signal.SIGINT) -> tuple[int, str]:
        """Its exit code and what it said on stderr, after a signal."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture
def started(tmp_path):
    """started(*args) → a running `convfilter play`, that is ended with the test."""
    running = []

    def start(*args, **options):
        running.append(Started(tmp_path, *args, **options))
        return running[-1]

    yield start
    for each in running:
        if not each.process.stderr.closed:
            each.process.kill()
            each.process.communicate()


def test_with_no_arguments_sobel_on_the_sample(started):
    """The address names 127.0.0.1 and carries the token; the page's picture is apply's; Ctrl-C ends it at once."""
    play = started()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", play.base)
    assert set(play.fragment) == {"token", "view", "filter"}
    assert (play.fragment["view"], play.fragment["filter"]) == (["filter"], ["sobel"])
    assert b"<title>convfilter" in urllib.request.urlopen(play.base).read()
    start = play.ask("start")
    found = play.ask("apply", {"work": {"filter": start["filter"]}, "picture": start["picture"]})
    sample = np.asarray(Image.open(ROOT / "samples" / "scene.png"))
    np.testing.assert_array_equal(found, library.apply("sobel", sample))
    began = time.monotonic()
    code, said = play.end()
    assert time.monotonic() - began < 2
    assert (code, said) == (0, "Ctrl-C stops it.\nstopped\n")


def test_options_stand_in_the_address(started, photo):
    """As the page reads them; a file's text is the page's filter, and its name is not told."""
    Path(photo.parent, "mine.json").write_text('{"weights": [[0, 1]]}')
    play = started("./mine.json", photo, "--then", "gaussian:sigma=2", "--strides", "2,1", "--linear", "--bias", "-0.5",
                   "--border", "edge", "--range", "signed", "--pad", "same")  # fmt: skip
    wanted = {
        "strides": "2,1",
        "linear": "true",
        "bias": "-0.5",
        "border": "edge",
        "range": "signed",
        "pad": "same",
    }
    assert {
        key: play.fragment[key][0] for key in play.fragment.keys() - {"token", "view", "filter"}
    } == wanted
    assert play.fragment["filter"] == ['{"weights": [[0, 1]]}', "gaussian:sigma=2"]
    start = play.ask("start")
    assert start["filter"] == play.fragment["filter"]
    assert play.ask(f"picture/{start['picture']}")["name"] == "photo.png"


def test_the_port_can_be_chosen(started, photo):
    """--port takes that one; where it is taken: one line, and exit 1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert urlsplit(started("--port", port).base).port == port
    second = started("--port", port)
    assert second.process.wait(20) == 1
    assert re.fullmatch(rf"Error: port {port}: Address already in use; .*\n", second.process.stderr.read())


WRONG = [
    (["sobell"], 2, r'Error: no kernel named "sobell"; did you mean .*\n'),
    (["./none.json"], 2, r"Error: none\.json: no such file; .*\n"),
    (["sobel", "none.png"], 1, r"Error: none\.png: no such file; .*\n"),
    (["sobel", "."], 1, r"Error: \.: this is a folder; .*\n"),
    (["."], 2, r"Error: \.: no run, as it holds no best\.npz; .*\n"),
    (["none.npz"], 1, r"Error: none\.npz: .*\n"),
    (["sobel", "--border", "ege"], 2, r"Error: .*--border.*\n"),
    (["sobel", "--activation", "reluu"], 2, r"Error: activation can't be 'reluu'; .*\n"),
    (["a.png"], 2, r"Error: .*a\.png is a picture; .*\n"),
]


@pytest.mark.parametrize(("args", "code", "says"), WRONG, ids=str)
def test_what_is_wrong_is_said_before_the_page_opens(convfilter, args, code, says):
    """One line on stderr, and the exit code of the other commands."""
    done = convfilter("play", "--no-browser", *args)
    assert (done.code, done.out) == (code, "")
    assert re.fullmatch(says, done.err)


def test_a_signal_ends_it(started):
    """SIGTERM: 143, as every command."""
    assert started().end(signal.SIGTERM)[0] == 143


def test_ctrl_c_ends_it_while_it_computes(started):
    """At once, in the middle of a large picture."""
    import threading

    play = started()
    picture = play.ask("start")["picture"]
    work = {"filter": ["leung-malik"], "range": "signed"}
    threading.Thread(target=lambda: _silently(play, work, picture), daemon=True).start()
    time.sleep(0.7)
    began = time.monotonic()
    assert play.end()[0] == 0
    assert time.monotonic() - began < 2


def _silently(play, work, picture):
    with contextlib.suppress(OSError):
        play.ask("apply", {"work": work, "picture": picture})


def test_a_filter_needs_no_keras(tmp_path):
    """Started, asked for a picture and its layers: neither Keras nor TensorFlow is loaded."""
    code = """
import sys
from convfilter.play.pictures import sample
from convfilter.play.service import Service
service = Service(["sobel"])
service.open(sample())
asked = {"work": {"filter": ["sobel"]}, "picture": service.first.id, "size": [384, 512]}
service.apply(asked), service.describe(asked), service.layers(asked), service.catalogue()
print(*sorted({"keras", "tensorflow", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "", done.stderr


@pytest.mark.slow
def test_the_browser_is_opened(tmp_path):
    """With the address that was printed, by the browser that BROWSER names."""
    opener = tmp_path / "browser"
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "convfilter", "play"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "BROWSER": str(opener)},
    )  # fmt: skip
    try:
        address = process.stdout.readline().strip()
        for _ in range(100):
            if (tmp_path / "opened").exists() and (tmp_path / "opened").read_text():
                break
            time.sleep(0.1)
        assert (tmp_path / "opened").read_text() == address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
