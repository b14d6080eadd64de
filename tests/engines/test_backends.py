"""Every installed Keras backend against SciPy and NumPy; choosing one; devices; quiet native libraries."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
from scipy import ndimage, special
from skimage.measure import block_reduce

from convfilter import backend as runtime
from convfilter.errors import BackendError

BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]
PHOTO = skimage.data.camera()[80:161, 160:263]  # 81×103
COLOR = skimage.data.astronaut()[40:121, 160:263]

ASYMMETRIC = np.array([[1, -2, 3], [-4, 5, -6], [7, 8, -9]])
EVEN = np.array([[3, -1, 4, 1, -5], [9, 2, -6, 5, 3], [-5, 8, 9, -7, 9], [3, 2, -3, 8, 4]])
LARGE = np.random.default_rng(1).integers(-9, 10, (15, 15))
VOLUME = np.random.default_rng(2).integers(-9, 10, (3, 3, 3, 2))
BANK = np.stack([ASYMMETRIC, ASYMMETRIC.T, ASYMMETRIC[::-1]])

# Runs in a process of its own, as a process has one Keras backend: cases from a file, results into another.
SCRIPT = """
import json, sys
import numpy as np
import convfilter
cases, pictures = json.load(open(sys.argv[1])), np.load(sys.argv[2])
results = {}
for name, (kernel, picture, settings) in cases.items():
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    made = convfilter.make_kernel(kernel.pop("weights"), **kernel) if isinstance(kernel, dict) else kernel
    results[name] = convfilter.apply(made, pictures[picture], engine="keras", **settings)
import keras
assert keras.config.backend() == sys.argv[4], keras.config.backend()
np.savez(sys.argv[3], **results)
"""


def correlate(picture, matrix, mode="constant", anchor=None):
    anchor = anchor or [length // 2 for length in matrix.shape]
    origin = [position - length // 2 for position, length in zip(anchor, matrix.shape, strict=True)]
    return ndimage.correlate(np.float64(picture), np.float64(matrix), mode=mode, origin=origin)


def softmax_of(bank):
    stack = np.stack([correlate(PHOTO / 255, matrix) for matrix in bank], axis=-1)
    return special.softmax(stack, axis=-1)


def spread(matrix, dilation):
    wide = np.zeros([(side - 1) * step + 1 for side, step in zip(matrix.shape, dilation, strict=True)])
    wide[:: dilation[0], :: dilation[1]] = matrix
    return wide


def kernel(matrix, **fields):
    return {"weights": matrix.tolist(), **fields}


# name → what is filtered (kernel, picture, settings), the oracle's result, the tolerance
CASES = {
    f"border {border} {data_format}": (
        (kernel(EVEN, anchor=[0, 4]), "photo", {"border": border, "data_format": data_format}),
        lambda mode=mode: correlate(PHOTO, EVEN, mode, (0, 4)),
        0,
    )
    for border, mode in {
        "zero": "constant",
        "edge": "nearest",
        "reflect": "mirror",
        "symmetric": "reflect",
        "wrap": "grid-wrap",
    }.items()
    for data_format in ("channels_last", "channels_first")
}
for chosen_format in ("channels_last", "channels_first"):
    first = {"data_format": chosen_format}
    CASES |= {
        f"strides and dilation {chosen_format}": (
            (kernel(ASYMMETRIC), "photo", {"strides": (2, 3), "dilation": (3, 2), **first}),
            lambda: correlate(PHOTO, spread(ASYMMETRIC, (3, 2)))[::2, ::3],
            0,
        ),
        f"dilation {chosen_format}": (
            (kernel(ASYMMETRIC), "photo", {"dilation": (1, 4), **first}),
            lambda: correlate(PHOTO, spread(ASYMMETRIC, (1, 4))),
            0,
        ),
        f"max pool {chosen_format}": (
            (kernel(ASYMMETRIC), "photo", {"pool": (2, 3), **first}),
            lambda: block_reduce(correlate(PHOTO, ASYMMETRIC)[:80, :102], (2, 3), np.max),
            0,
        ),
        f"average pool {chosen_format}": (
            (kernel(ASYMMETRIC), "photo", {"pool": (2, 2), "pool_mode": "average", **first}),
            lambda: block_reduce(correlate(PHOTO, ASYMMETRIC)[:80, :102], (2, 2), np.mean),
            0,
        ),
        f"softmax {chosen_format}": (
            (kernel(BANK, activation="softmax"), "photo", {"values": "unit", **first}),
            lambda: softmax_of(BANK),
            1e-5,
        ),
        f"absmax {chosen_format}": (
            (kernel(BANK, combine="absmax", bias=0.5), "photo", first),
            lambda: np.abs([correlate(PHOTO, matrix) + 127.5 for matrix in BANK]).max(0),
            0,
        ),
        f"magnitude {chosen_format}": (
            ("sobel", "photo", first),
            lambda: np.hypot(ndimage.sobel(np.float64(PHOTO), 0, mode="constant"),
                             ndimage.sobel(np.float64(PHOTO), 1, mode="constant")),
            1e-3,
        ),
        f"colour volume {chosen_format}": (
            (kernel(VOLUME, activation="relu"), "color", first),
            lambda: np.stack(
                [np.maximum(sum(correlate(COLOR[..., c], VOLUME[:, :, c, f]) for c in range(3)), 0) for f in (0, 1)],
                axis=-1,
            ),
            0,
        ),
        f"15×15 {chosen_format}": (
            (kernel(LARGE), "photo", {"border": "reflect", **first}),
            lambda: correlate(PHOTO, LARGE, "mirror"),
            0,
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """results(backend): every case's result on that backend, from one process each."""
    folder, made = tmp_path_factory.mktemp("backends"), {}
    cases = {
        name: (what, picture, {"range": "raw", **settings})
        for name, ((what, picture, settings), _, _) in CASES.items()
    }
    (folder / "cases.json").write_text(json.dumps(cases))
    np.savez(folder / "pictures.npz", photo=PHOTO, color=COLOR)

    def of(backend):
        if backend not in made:
            files = [folder / "cases.json", folder / "pictures.npz", folder / f"{backend}.npz"]
            run = python(SCRIPT, *map(str, files), backend, KERAS_BACKEND=backend)
            assert run.returncode == 0, run.stderr
            made[backend] = np.load(files[2])
        return made[backend]

    return of


def python(script, *arguments, **environment):
    """A Python process running `script`."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=180,
    )


def test_the_default_backend_is_among_those_tried():
    """TensorFlow, which the package depends on, is installed, and the list is the package's own."""
    assert "tensorflow" in BACKENDS
    assert runtime.installed_backends() == BACKENDS


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_backend_equals_scipy(results, backend, case):
    """The same numbers on every backend; whole ones to the last bit."""
    _, oracle, tolerance = CASES[case]
    found, expected = results(backend)[case], oracle()
    assert found.shape == expected.shape
    assert expected.std() > 0
    assert np.abs(found - expected).max() <= tolerance


@pytest.mark.parametrize(
    ("name", "package"),
    [("tensorflow", "tensorflow"), ("jax", "'convfilter[jax]'"), ("torch", "'convfilter[torch]'")],
)
def test_backend_that_is_not_installed(monkeypatch, name, package):
    """A backend without its module is an error that names the command to install it; KERAS_BACKEND stays."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == name else find(module))
    monkeypatch.setenv("KERAS_BACKEND", "unchanged")
    assert name not in runtime.installed_backends()
    with pytest.raises(BackendError, match=f"pip install {re.escape(package)}$"):
        runtime.choose_backend(name)
    assert os.environ["KERAS_BACKEND"] == "unchanged"


@pytest.mark.parametrize("name", ["", "theano", "TensorFlow", "openvino"])
def test_backend_that_is_not_known(name):
    """An unknown backend is an error that names those there are."""
    with pytest.raises(BackendError, match="tensorflow, jax, torch"):
        runtime.choose_backend(name)


def test_backend_is_chosen_before_keras_is_imported():
    """choose_backend sets KERAS_BACKEND, and imports neither Keras nor a backend."""
    script = """
import os, sys
from convfilter.backend import choose_backend
choose_backend("tensorflow")
assert os.environ["KERAS_BACKEND"] == "tensorflow"
assert not {"keras", "tensorflow", "jax", "torch"} & set(sys.modules)
"""
    run = python(script, KERAS_BACKEND="jax")
    assert run.returncode == 0, run.stderr


def test_backend_chosen_too_late(monkeypatch):
    """Once Keras runs on one backend, another is an error that says what to set; the same one is fine."""
    import keras

    running = keras.config.backend()
    monkeypatch.setenv("KERAS_BACKEND", running)
    monkeypatch.setattr(runtime, "installed_backends", lambda: list(runtime.BACKENDS))
    other = next(name for name in runtime.BACKENDS if name != running)
    with pytest.raises(BackendError, match=f"already runs on {running}; set KERAS_BACKEND={other}"):
        runtime.choose_backend(other)
    assert os.environ["KERAS_BACKEND"] == running
    runtime.choose_backend(running)


# Devices


def gpus():
    from convfilter.engines.keras_engine import devices

    return [name for name in devices() if name.startswith("gpu")]


@pytest.mark.parametrize("device", ["gpu", "gpu:0", "gpu:7"])
def test_gpu_that_is_not_here(device):
    """Without a GPU, --device gpu is an error that says what was looked for, where, and what to do."""
    from convfilter.processing.apply import apply

    if gpus() and device != "gpu:7":
        pytest.skip("this machine has a GPU")
    wanted = "gpu:0" if device == "gpu" else device
    with pytest.raises(
        BackendError, match=rf"device {device}: looked for {wanted} among the GPUs.*the device cpu"
    ):
        apply("sobel", PHOTO, device=device)


@pytest.mark.parametrize("device", ["gpu", "gpu:1"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_gpu_that_is_not_here_on_every_backend(monkeypatch, backend, device):
    """However a backend says that it has no GPU, the message is the same."""
    from convfilter.engines import keras_engine as engine

    def none():
        raise RuntimeError("Unknown backend: 'gpu' requested")

    monkeypatch.setattr(engine.keras.config, "backend", lambda: backend)
    monkeypatch.setattr(engine.keras.distribution, "list_devices", lambda kind: none())
    if backend == "torch":
        import torch

        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(BackendError, match=f"Keras' backend {backend} can use, and found none"):
        engine._on(device)


def test_devices_that_are_here():
    """The CPU is always listed first, and computing on it by name changes nothing."""
    from convfilter.engines.keras_engine import devices
    from convfilter.processing.apply import apply

    assert devices()[0] == "cpu:0"
    assert np.array_equal(apply("laplacian", PHOTO, device="cpu"), apply("laplacian", PHOTO))


def test_gpu_by_number_is_handed_to_keras(monkeypatch):
    """gpu is gpu:0, and gpu:N is the N-th that Keras lists."""
    from convfilter.engines import keras_engine as engine

    monkeypatch.setattr(engine, "_gpus", lambda: ["gpu:0", "gpu:1"])
    monkeypatch.setattr(engine.keras, "device", lambda name: f"scope of {name}")
    assert [engine._on(name) for name in ("gpu", "gpu:1", "cpu")] == [
        "scope of gpu:0", "scope of gpu:1", "scope of cpu:0",
    ]  # fmt: skip
    with pytest.raises(BackendError, match="looked for gpu:2 .* found gpu:0, gpu:1"):
        engine._on("gpu:2")


def test_out_of_memory_is_an_error_of_the_picture(monkeypatch):
    """When memory runs out, whatever the backend calls it, the message says for what filter."""
    from convfilter.engines import keras_engine as engine
    from convfilter.errors import PictureError
    from convfilter.processing.apply import apply

    class ResourceExhaustedError(Exception):
        pass

    for error in (MemoryError, ResourceExhaustedError):

        def fail(batch, error=error):
            raise error

        monkeypatch.setattr(engine, "_model", lambda *arguments, fail=fail: fail)
        with pytest.raises(PictureError, match="not enough memory for sobel"):
            apply("sobel", PHOTO, engine="keras")


def test_a_failure_of_the_backend_is_an_error_of_the_picture(monkeypatch):
    """Whatever else the backend raises names the backend, the filter and what it said, in one line."""
    from convfilter.engines import keras_engine as engine
    from convfilter.errors import PictureError
    from convfilter.processing.apply import apply

    def fail(batch):
        raise RuntimeError("no kernel for this\nand a long story")

    monkeypatch.setattr(engine, "_model", lambda *arguments: fail)
    with pytest.raises(PictureError, match=r"failed in sobel: RuntimeError: no kernel for this$"):
        apply("sobel", PHOTO, engine="keras")


# Quiet

QUIET = """
import os, sys
from convfilter.system.stderr import quiet
os.write(2, b"before ")
try:
    with quiet():
        os.write(2, b"native ")
        with quiet():
            os.write(2, b"inner ")
        if sys.argv[1] == "fails":
            raise ValueError("broken")
except ValueError:
    pass
os.write(2, b"after")
"""


def test_quiet_holds_native_output_back():
    """What native libraries write to file descriptor 2 in the block never appears; what comes later does."""
    assert python(QUIET, "works").stderr == "before after"


def test_quiet_shows_native_output_of_a_failure():
    """If the block raises, what was held back is shown, so that nothing is hidden from whoever looks for the
    cause."""
    assert python(QUIET, "fails").stderr == "before native inner after"


def test_quiet_without_stderr():
    """A process whose stderr is closed still works."""
    script = """
import os
os.close(2)
from convfilter.system.stderr import quiet
with quiet():
    print("inside")
"""
    run = python(script)
    assert (run.returncode, run.stdout) == (0, "inside\n")


# The package in a fresh process

FRESH = """
import numpy, convfilter, convfilter.processing.batch, convfilter.model.build
picture = numpy.eye(9, dtype="uint8")
for name in convfilter.__all__ * 2:
    assert callable(getattr(convfilter, name)), name
assert convfilter.apply("sobel", picture).shape == convfilter.apply("sobel", picture).shape == (9, 9)
assert convfilter.build(convfilter.make_pipeline("sobel")).output_shape == (None, None, None, 1)
"""


@pytest.fixture(scope="module")
def fresh():
    return python(FRESH)


@pytest.mark.slow
def test_the_public_names_stay_callable(fresh):
    """`convfilter.apply` is the function however often and in whatever order things are imported."""
    assert (fresh.returncode, fresh.stdout) == (0, ""), fresh.stderr


@pytest.mark.slow
def test_the_backends_log_lines_stay_away(fresh):
    """Filtering in a fresh process leaves stderr empty."""
    assert fresh.stderr == ""
