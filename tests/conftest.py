"""Shared fixtures: a real photograph as a file, and the command line run in this process."""

import atexit
import functools
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
# Filters are compiled once for all tests, of all processes of pytest-xdist, and not into the user's cache.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="convfilter-tests-")
    atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

# Under nohup, or in the background of a script, signals are ignored, and so by the commands that tests start.
for _name in ("SIGINT", "SIGHUP", "SIGQUIT"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)

# The same examples in every run of the checks; `CI= pytest` looks for new ones.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _own_config_folder(tmp_path_factory, monkeypatch):
    """No test sees the kernels or settings of whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.delenv("CONVFILTER_KERNELS", raising=False)


@pytest.fixture(scope="session")
def camera() -> np.ndarray:
    """scikit-image's camera man, (512, 512) uint8."""
    import skimage.data

    return skimage.data.camera()


@pytest.fixture
def photo(tmp_path, camera) -> Path:
    """A part of the camera man as a PNG, 160×200."""
    path = tmp_path / "photo.png"
    Image.fromarray(np.ascontiguousarray(camera[60:220, 150:350])).save(path)
    return path


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def convfilter(capfd, tmp_path, monkeypatch):
    """Run the command line in this process, in tmp_path: convfilter("apply", "sobel", a, b) → Result."""
    from convfilter.cli import console, run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVFILTER_DEBUG", "")  # set by --debug, and put back after each test

    def call(*args) -> Result:
        console.out.cache_clear()
        console.err.cache_clear()
        capfd.readouterr()
        code = run([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def process(tmp_path):
    """Run the command line as a process of its own: process("--help") → CompletedProcess of bytes."""

    def call(*args, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "convfilter", *map(str, args)]
        return subprocess.run(
            command, input=stdin, capture_output=True, cwd=tmp_path, env={**os.environ, **env}, timeout=120
        )

    return call


@pytest.fixture
def largest_file():
    """largest_file(size) is a context in which no file of this process grows beyond so many bytes: the system
    writes what fits, and refuses the next byte."""
    import resource
    from contextlib import contextmanager

    @contextmanager
    def limited(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


@pytest.fixture
def foreign_settings():
    """A context in which Keras is set as a keras.json or another program may have set it."""
    from contextlib import contextmanager

    from keras import config

    def choose(data_format, floatx, epsilon, policy):
        config.set_image_data_format(data_format)
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_dtype_policy(policy)

    @contextmanager
    def foreign():
        before = config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy()
        choose("channels_first", "float16", 0.1, "mixed_float16")
        try:
            yield
            assert (config.image_data_format(), config.floatx()) == ("channels_first", "float16")
            assert (config.epsilon(), config.dtype_policy().name) == (0.1, "mixed_float16")
        finally:
            choose(*before)

    return foreign


@pytest.fixture(scope="session")
def exports():
    """Keras' exports of forms for LiteRT, each made once: they take most of the time of compiling, and depend
    on nothing else."""
    from convfilter.engines.compiling import export

    return functools.cache(export)


@pytest.fixture
def exported_once(exports, monkeypatch):
    """The compiled engine takes its exports from `exports`; no form came with the package."""
    monkeypatch.setattr("convfilter.engines.shipped._contents", lambda: ({}, b""))
    monkeypatch.setattr("convfilter.engines.compiled.export", exports)
    from convfilter.engines import compiled

    compiled._pieces.cache_clear()
    yield
    compiled._pieces.cache_clear()


def png(array: np.ndarray) -> bytes:
    """The bytes of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()
