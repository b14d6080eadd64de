"""Filters as files: what runs them gives what SciPy and NumPy say, and a file that is wrong is never written."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, signal

import convfilter
from convfilter.errors import BackendError, FilterError, PictureError
from convfilter.export import formats as exporters
from convfilter.export.export import _replace, export
from convfilter.filters.load import load, make_pipeline
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline
from convfilter.filters.whole_numbers import stays_whole
from convfilter.system import temporary

PACKAGES = {
    ".keras": (),
    ".tflite": ("ai_edge_litert",),
    ".onnx": ("onnx", "tf2onnx", "onnxruntime"),
    ".xml": ("openvino",),
}
BORDERS = {"zero": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric", "wrap": "wrap"}
PICTURE = np.random.default_rng(11).integers(0, 256, (37, 26)).astype(np.float32)


def needed(extension):
    """Skip where the packages of this format are not installed."""
    missing = [package for package in PACKAGES[extension] if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"without {', '.join(missing)}")


def run(path, batch):
    """The file's one result for `batch`, by the runtime that it is for."""
    batch = np.ascontiguousarray(batch, np.float32)
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (result,) = session.run(None, {"picture": batch})
        return result
    if path.suffix == ".xml":
        import openvino

        model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        (result,) = model({"picture": batch}).values()
        return result
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(str(path)).get_signature_runner()(picture=batch)["output_0"]
    from convfilter.model.boot import keras

    return np.asarray(keras.saving.load_model(path).predict_on_batch(batch))


def edited(monkeypatch, extension, write):
    """Let another function write the files of `extension`: write(model, path)."""
    kind = exporters.FORMATS[extension]
    other = replace(kind, write=lambda model, path, facts: write(model, path))
    monkeypatch.setitem(exporters.FORMATS, extension, other)


def everything(folder):
    """Files in the folder → bytes, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# What a file gives


@pytest.mark.parametrize(
    ("extension", "border"),
    [
        (".keras", "symmetric"),
        (".tflite", "reflect"),
        (".onnx", "zero"),
        (".xml", "wrap"),
        *(
            pytest.param(end, border, marks=pytest.mark.slow)
            for end, quick in ((".tflite", "reflect"), (".onnx", "zero"), (".xml", "wrap"))
            for border in BORDERS
            if border != quick
        ),
    ],
)
def test_a_file_is_numpys_pad_and_scipys_correlate(tmp_path, extension, border):
    """Padded unevenly and by more than the picture, then sobel-x: to the bit, on sizes that export didn't try."""
    needed(extension)
    path = tmp_path / f"filter{extension}"
    sobel = convfilter.load("sobel-x")
    pipeline = Pipeline((Pad(9, 8, 1, 17, border), *make_pipeline(sobel, pad="valid").layers))
    try:
        done = export(pipeline, path)
    except FilterError as error:
        if (extension, border) == (".xml", "zero") and "gives results that differ from Keras'" in str(error):
            pytest.skip(
                "without AVX-512, OpenVINO 2026 reads beyond zeros wider than a kernel; it is refused"
            )
        raise
    assert (done.difference, done.files[path]) == (0, path.stat().st_size)
    for picture in (PICTURE, PICTURE[:4, :3]):
        padded = np.pad(picture.astype(float), ((9, 8), (1, 17)), mode=BORDERS[border])
        expected = signal.correlate(padded, sobel.weights[:, :, 0, 0], mode="valid", method="direct")
        assert np.array_equal(run(path, picture[None, :, :, None])[0, :, :, 0], expected)


@pytest.mark.slow
@pytest.mark.parametrize("extension", PACKAGES)
def test_every_kind_of_layer_goes_in(tmp_path, extension):
    """Cover padding, strides, dilation, bias, abs, the larger of two filters, a pool, a second filter, channels
    first: SciPy's steps on a batch of two, to the bit."""
    needed(extension)
    path = tmp_path / f"filter{extension}"
    kernel = convfilter.load("sobel")
    first = make_pipeline(
        kernel, pad="cover", border="reflect", strides=(2, 3), dilation=(2, 1), bias=0.2, activation="abs",
        combine="max",
    )  # fmt: skip
    second = convfilter.make_kernel([[1, -2, 4]], bias=1)
    pipeline = make_pipeline([first, second], pad="valid", pool=(2, 1), data_format="channels_first")
    export(pipeline, path)
    pictures = np.stack([PICTURE, PICTURE[::-1]])
    found = run(path, pictures[:, None])
    assert found.shape == (2, 1, 8, 7)
    for picture, result in zip(pictures, found[:, 0], strict=True):
        # Windows of 5 rows at steps of 2 cover 37; windows of 3 columns at steps of 3 need one more than 26.
        padded = np.pad(picture.astype(float), ((0, 0), (0, 1)), mode="reflect")
        both = []
        for weights in np.moveaxis(kernel.weights[:, :, 0], 2, 0):
            spread = np.zeros((5, 3))
            spread[::2] = weights
            both.append(np.abs(ndimage.correlate(padded, spread)[2:-2:2, 1:-1:3] + 51))
        step = ndimage.correlate(np.maximum(*both), [[1, -2, 4]])[:16, 1:-1] + 255
        assert np.array_equal(result, np.maximum(step[::2], step[1::2]))


@pytest.mark.slow
@pytest.mark.parametrize("extension", PACKAGES)
def test_floats_are_close(tmp_path, extension):
    """The magnitude of a blurred picture, and averages of pools: SciPy's to a thousandth of a count."""
    needed(extension)
    path = tmp_path / f"filter{extension}"
    pipeline = make_pipeline(["gaussian:sigma=1", "sobel"], border="edge", pool=2, pool_mode="average")
    done = export(pipeline, path)
    assert done.difference < 1e-3
    soft = ndimage.correlate(PICTURE.astype(float), pipeline.convs[0].weights[:, :, 0, 0], mode="nearest")
    x, y = (
        ndimage.correlate(soft, w, mode="nearest")
        for w in np.moveaxis(pipeline.convs[1].weights[:, :, 0], 2, 0)
    )
    expected = np.hypot(x, y)[:36].reshape(18, 2, 13, 2).mean((1, 3))
    assert run(path, PICTURE[None, :, :, None])[0, :, :, 0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("scale", "values", "full"),
    [
        (("65535",), "stored", 65535),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [((), "stored", 255), (("1",), "stored", 1), ((), "unit", 1)]
        ),
    ],
)
def test_full_scale_decides_the_bias(convfilter, tmp_path, scale, values, full):
    """A bias of a half is added as half of --full-scale; for values from 0 to 1, as a half."""
    needed(".tflite")
    option = ["--full-scale", *scale] if scale else []
    words = ("identity", "--bias", "0.5", "--values", values, *option, "--json")
    done = convfilter("export", *words, "out.tflite")
    assert done.code == 0, done.err
    assert json.loads(done.out)["full_scale"] == full
    assert run(tmp_path / "out.tflite", np.zeros((1, 2, 3, 1))) == pytest.approx(
        np.full((1, 2, 3, 1), full / 2)
    )


# What it says


def test_the_report_line(convfilter, tmp_path):
    """The file, its size, the format, the difference, and where pixels enter and results leave."""
    needed(".tflite")
    done = convfilter("export", "sobel-x", "--strides", "2", "out.tflite")
    size = (tmp_path / "out.tflite").stat().st_size
    assert done.out == (
        f"out.tflite ({size:,} bytes): LiteRT, equal to Keras; "
        "picture (None, None, None, 1) → output_0 (None, None, None, 1)\n"
    )
    assert done.code == 0


def test_the_report_as_json(convfilter, tmp_path):
    """The same as an object; a length that may be any is null."""
    done = convfilter(
        "export", "laws", "--data-format", "channels_first", "--border", "edge", "out.keras", "--json"
    )
    found = json.loads(done.out)
    assert found["files"] == [{"path": "out.keras", "bytes": (tmp_path / "out.keras").stat().st_size}]
    assert (found["format"], found["difference"]) == ("Keras", 0)
    assert found["input"]["shape"] == [None, 1, None, None]
    assert found["output"]["shape"] == [None, 25, None, None]


@pytest.mark.slow
def test_nothing_else_is_said_or_left(process, tmp_path, tmp_path_factory):
    """In a process of its own the command says one line and none of the converter's, and leaves one file."""
    needed(".tflite")
    temporaries = tmp_path_factory.mktemp("temporaries")
    done = process("export", "gaussian:sigma=1", "--border", "reflect", "out.tflite", TMPDIR=str(temporaries))
    assert done.stderr == b""
    assert done.stdout.startswith(b"out.tflite (")
    assert done.stdout.count(b"\n") == 1
    assert os.listdir(tmp_path) == ["out.tflite"]
    assert os.listdir(temporaries) == []


KILLED = """
import os, signal, sys, tempfile
from convfilter.cli import run
real = tempfile.NamedTemporaryFile
def killed(*arguments, **options):
    with real(*arguments, **options) as file:
        file.write("half")
    os.kill(os.getpid(), signal.SIGKILL)
tempfile.NamedTemporaryFile = killed
run(["export", "sobel", "out.tflite"])
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="locks and boot_id of Linux")
def test_what_a_killed_export_left_goes_with_the_next_run(tmp_path):
    """Its drafts, Keras' and TensorFlow's: killed when TensorFlow has just written a Python file."""
    needed(".tflite")
    temporaries = tmp_path / "tmp"
    temporaries.mkdir()
    env = {**os.environ, "TMPDIR": str(temporaries)}
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env=env, capture_output=True)
    assert done.returncode == -9, done.stderr
    left = [path.name for path in temporaries.rglob("*")]
    assert any(name.startswith("__autograph") for name in left)
    assert len(left) > 2
    temporary.sweep(temporaries)
    assert everything(tmp_path) == {}
    assert not list(temporaries.iterdir())


def test_onnx_tells_its_full_scale(tmp_path):
    """The filter's name and its full scale stand in the ONNX file's metadata."""
    needed(".onnx")
    import onnx

    export(make_pipeline("sobel-x", bias=0.5), tmp_path / "out.onnx", 65535)
    model = onnx.load(tmp_path / "out.onnx")
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert facts == {"filter": "sobel-x", "full_scale": "65535", "convfilter": convfilter.__version__}


def test_openvino_tells_its_full_scale_and_intel_nothing(tmp_path):
    """The same facts stand in the .xml; the module that would report the conversion is not imported."""
    needed(".xml")
    done = export(make_pipeline("sobel-x", values="unit"), tmp_path / "out.xml")
    import openvino  # after the export, as it would import the module

    assert sorted(path.name for path in done.files) == sorted(os.listdir(tmp_path)) == ["out.bin", "out.xml"]
    model = openvino.Core().read_model(tmp_path / "out.xml")
    assert model.get_rt_info(["convfilter", "full_scale"]).value == "1"
    assert "openvino_telemetry.main" not in sys.modules


@pytest.mark.slow
def test_keras_file_in_a_fresh_process(tmp_path):
    """A .keras file loads where only convfilter.model is imported, and gives SciPy's numbers."""
    export(make_pipeline("sobel-x", border="wrap"), tmp_path / "out.keras")
    np.save(tmp_path / "picture.npy", PICTURE[None, :, :, None])
    script = (
        "import convfilter.model, keras, numpy\n"
        "model = keras.saving.load_model('out.keras')\n"
        "numpy.save('result.npy', model.predict_on_batch(numpy.load('picture.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
    kernel = convfilter.load("sobel-x").weights[:, :, 0, 0]
    expected = ndimage.correlate(PICTURE.astype(float), kernel, mode="wrap")
    assert np.array_equal(np.load(tmp_path / "result.npy")[0, :, :, 0], expected)


# What is refused


def refused(call, error, *words):
    """`call` raises `error`, whose one line has all the words."""
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_wrong_numbers_are_never_written(convfilter, tmp_path, monkeypatch):
    """A file whose results are off by one in a thousand is told with its layer; the old file stays, and no
    other does."""

    def write(model, path):
        for layer in model.layers:
            layer.set_weights([weights * 1.001 for weights in layer.get_weights()])
        model.save(path)

    Path("out.keras").write_bytes(b"old")
    edited(monkeypatch, ".keras", write)
    done = convfilter("export", "sobel-x", "--then", "box-3", "out.keras")
    assert done.code == 2
    assert done.err.startswith(
        "Error: sobel-x + box-3 as Keras: Conv2D (sobel-x, 1 × 3×3) gives results that differ from Keras' by "
    )
    assert done.err.count("\n") == 1
    assert everything(tmp_path) == {"out.keras": b"old"}


def test_whole_numbers_may_not_differ_at_all(tmp_path, monkeypatch):
    """A bit in a whole number is too much, as it is not in a float."""

    def write(model, path):
        conv = model.layers[-1]
        conv.set_weights([np.nextafter(conv.get_weights()[0], np.float32(9))])
        model.save(path)

    edited(monkeypatch, ".keras", write)
    refused(
        lambda: export(make_pipeline("laplacian", pad="valid"), tmp_path / "out.keras"),
        FilterError,
        "differ from Keras'",
    )
    assert export(make_pipeline("box-3", pad="valid"), tmp_path / "out.keras").difference > 0


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda x: x[None], "gives the shape (1, 1, 3, 5, 1), and Keras (1, 3, 5, 1)"),
        (lambda x: x * np.nan, "gives results that differ from Keras' by inf"),
    ],
)
def test_a_wrong_shape_and_nan_are_wrong(tmp_path, monkeypatch, edit, words):
    """An axis too many, and NaN where Keras has numbers."""
    kind = exporters.FORMATS[".keras"]

    def run(path, batches):
        ran = kind.run(path, batches)
        return replace(ran, results=[edit(each) for each in ran.results])

    monkeypatch.setitem(exporters.FORMATS, ".keras", replace(kind, run=run))
    pipeline = make_pipeline("sobel-x", pad="valid")
    refused(lambda: export(pipeline, tmp_path / "out.keras"), FilterError, words)
    assert not everything(tmp_path)


@pytest.mark.parametrize(
    ("whole", "filters", "settings", "full"),
    [
        (True, "sobel-x", {"border": "wrap", "activation": "relu", "pool": 2}, 65535),
        (True, "sobel", {"combine": "absmax"}, 1),
        (True, "identity", {"bias": 0.5}, 1),
        (False, "identity", {"bias": 0.5}, 255),
        (False, "box-3", {}, 255),
        (False, "sobel", {}, 255),  # a magnitude
        (False, "sobel-x", {"pool": 2, "pool_mode": "average"}, 255),
        (False, "sobel-x", {"activation": "tanh"}, 255),
        (True, ["sobel-5-x"] * 2, {"bias": 0}, 255),
        (False, ["sobel-5-x"] * 2, {"bias": 0}, 65535),  # sums above 2 ** 24
    ],
)
def test_what_must_be_equal_to_the_bit(whole, filters, settings, full):
    """Whole weights and biases, no root, no quotient, and sums that float32 holds."""
    scale = 256 if full == 1 else full  # pixels are counted in 256ths
    assert stays_whole(make_pipeline(filters, **settings), scale, scale) == whole


@pytest.mark.slow
def test_a_layer_that_a_format_lacks_is_named(convfilter, tmp_path):
    """LiteRT's softplus overflows on pixels as stored: the second filter is named, and nothing written."""
    needed(".tflite")
    Path("soft.json").write_text('{"weights": [[0, 1, 0]], "activation": "softplus"}')
    done = convfilter("export", "box-3", "--then", "./soft.json", "--then", "sobel", "out.tflite")
    assert done.code == 2
    assert "as LiteRT: Conv2D (soft, 1 × 1×3, softplus) gives results that differ" in done.err
    assert not Path("out.tflite").exists()
    assert convfilter("export", "./soft.json", "--values", "unit", "out.tflite").code == 0


@pytest.mark.parametrize(
    ("extension", "activation"), [(".onnx", "gelu"), (".onnx", "celu"), (".xml", "log_softmax")]
)
def test_other_layers_that_a_format_lacks(tmp_path, extension, activation):
    """What export's docstring says of activations."""
    needed(extension)
    pipeline = make_pipeline("sobel", activation=activation, combine="none")
    words = (f"Conv2D (sobel, 2 × 3×3, {activation})", "choose another format")
    refused(lambda: export(pipeline, tmp_path / f"out{extension}"), FilterError, *words)
    assert not everything(tmp_path)


def test_a_converter_that_fails_is_one_line(convfilter, tmp_path, monkeypatch):
    """Whatever a converter raises, the first layer that it fails on is named, without a traceback."""

    def write(model, path):
        if any(isinstance(layer, type(model.layers[-1])) for layer in model.layers[:-1]):
            raise RuntimeError("two\nlines")
        model.save(path)

    edited(monkeypatch, ".keras", write)
    done = convfilter("export", "sobel-x", "--then", "emboss", "--pad", "valid", "out.keras")
    assert (done.code, done.err) == (
        2,
        "Error: sobel-x + emboss as Keras: Conv2D (emboss, 1 × 3×3) can't be converted; choose another format, "
        "or do without it\n",
    )
    assert not everything(tmp_path)


@pytest.mark.parametrize("name", ["out", "out.png", "out.onnx.gz", "-", "out."])
def test_an_extension_that_names_no_format(convfilter, name):
    """The four that do are told, before Keras is loaded."""
    done = convfilter("export", "sobel", name)
    assert done.code == 2
    known = ".keras (Keras), .onnx (ONNX), .tflite (LiteRT), .xml (OpenVINO)"
    assert done.err == f"Error: {name}: its extension must name the format: {known}\n"


@pytest.mark.parametrize(("extension", "package"), [(".onnx", "tf2onnx"), (".xml", "openvino")])
def test_a_missing_package_is_told(monkeypatch, tmp_path, extension, package):
    """With the command that installs it."""
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else found(name))
    refused(
        lambda: export(make_pipeline("sobel"), tmp_path / f"out{extension}"),
        BackendError,
        f"{package}, not installed; pip install 'convfilter[export]'" if extension == ".xml" else package,
        "pip install 'convfilter[export]'",
    )


def test_a_package_that_is_broken_is_told(monkeypatch, tmp_path):
    """One that is found but can't be imported."""
    needed(".tflite")

    def write(model, path):
        raise ImportError("No module named 'half'")

    edited(monkeypatch, ".tflite", write)
    refused(
        lambda: export(make_pipeline("sobel"), tmp_path / "out.tflite"),
        BackendError,
        "LiteRT: No module named 'half'; pip install 'convfilter[export]'",
    )


def test_other_backends_are_told(monkeypatch, convfilter):
    """Only TensorFlow's exporters do the whole filter."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    done = convfilter("export", "sobel", "out.onnx")
    assert (done.code, done.err) == (
        2,
        "Error: ONNX is written by Keras on tensorflow only, not on jax; set KERAS_BACKEND=tensorflow\n",
    )


def test_a_full_scale_that_does_not_fit(tmp_path):
    """Values from 0 to 1 have the full scale 1; and there are three in all."""
    unit, stored = make_pipeline("sobel", values="unit"), make_pipeline("sobel")
    refused(lambda: export(unit, tmp_path / "out.keras", 255), FilterError, "its full scale is 1, not 255")
    refused(lambda: export(stored, tmp_path / "out.keras", 100), FilterError, "use 255, 65535 or 1")


# Files


def test_a_folder_that_is_not_there(convfilter):
    """Told by its name, with exit code 1, as apply tells it."""
    done = convfilter("export", "sobel-x", "nowhere/out.keras")
    assert (done.code, done.err) == (
        1, "Error: nowhere/out.keras: can't be written: its folder does not exist; create it first\n",
    )  # fmt: skip


@pytest.mark.parametrize("blocked", ["out.bin", "out.xml"])
def test_two_files_or_none(tmp_path, blocked):
    """Where one of two files can't take its place, both stay as they were."""
    paths = [tmp_path / "out.bin", tmp_path / "out.xml"]
    for path in paths:
        path.write_bytes(b"old")
    (tmp_path / blocked).unlink()
    (tmp_path / blocked).mkdir()
    before = everything(tmp_path)
    refused(lambda: _replace(dict.fromkeys(paths, b"new")), PictureError, blocked)
    assert everything(tmp_path) == before


def test_the_weights_take_their_place_first(tmp_path, monkeypatch):
    """Nobody finds a new .xml beside an old .bin."""
    placed = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (placed.append(Path(new).name), real(old, new)))
    contents = {tmp_path / "out.bin": b"weights", tmp_path / "out.xml": b"network"}
    _replace(contents)
    assert placed == ["out.bin", "out.xml"]
    assert everything(tmp_path) == {"out.bin": b"weights", "out.xml": b"network"}


@pytest.mark.slow
@pytest.mark.parametrize("extension", PACKAGES)
def test_a_file_of_one_size(convfilter, tmp_path, extension):
    """--size: the shapes are numbers, and the results SciPy's; strides and cover padding fit that size."""
    needed(extension)
    words = ("sobel-x", "--strides", "2", "--pad", "cover", "--size", "37x26", f"out{extension}", "--json")
    done = convfilter("export", *words)
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert facts["input"]["shape"] == [1, 37, 26, 1]
    weights = load("sobel-x").weights[:, :, 0, 0]
    padded = np.pad(PICTURE.astype(float), ((0, 0), (0, 1)))
    expected = signal.correlate(padded, weights, mode="valid", method="direct")[::2, ::2]
    assert facts["output"]["shape"] == [1, *expected.shape, 1]
    assert np.array_equal(run(tmp_path / f"out{extension}", PICTURE[None, :, :, None])[0, :, :, 0], expected)


def test_a_size_that_is_too_small_is_refused(convfilter, tmp_path):
    """Before anything is written, with the layer and both sizes."""
    done = convfilter("export", "sobel-x", "--pad", "valid", "--size", "2x9", "out.keras")
    assert done.code == 2
    assert "2×9" in done.err
    assert everything(tmp_path) == {}
