"""Convolutions and features of ONNX files, made by onnx itself and run by ONNX Runtime."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.ndimage import correlate

import convfilter
from convfilter.cli import command
from convfilter.errors import DataError, FilterError
from convfilter.networks import extract as ex
from convfilter.networks.onnx_file import node_outputs, read_convolutions

onnx = pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


@pytest.fixture
def file(tmp_path):
    """Two filters of 3×3 on gray pictures of any size, padded, with biases and ReLU, then a grouped layer."""
    rng = np.random.default_rng(3)
    weights = {
        "w1": rng.normal(size=(2, 1, 3, 3)), "b1": rng.normal(size=2), "w2": rng.normal(size=(4, 1, 5, 5)),
    }  # fmt: skip
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], "/features/one", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["y"], "two", group=2, strides=[2, 2]),
    ]
    graph = onnx.helper.make_graph(
        nodes, "net", [value("x", 1, [1, 1, None, None])], [value("y", 1, [1, 4, None, None])],
        [onnx.numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )  # fmt: skip
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    return tmp_path / "net.onnx", {name: array.astype(np.float32) for name, array in weights.items()}


def test_a_layer_is_a_filter(file, tmp_path):
    """`features-one` with its activation gives SciPy's correlations, plus bias, not below 0."""
    path, weights = file
    picture = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    [kernel] = ex.write(tmp_path / "out", [ex.extract(read_convolutions(path), "features-one", "net.onnx")])
    found = convfilter.apply(kernel, picture, range="raw")
    for number in range(2):
        plane = correlate(picture / 255, weights["w1"][number, 0].astype(float), mode="constant")
        expected = np.maximum(plane + weights["b1"][number], 0)
        assert np.abs(found[..., number] - expected).max() < 1e-5


def test_groups_are_written_in_full(file):
    """The second layer sees one channel with each filter: the others' weights are zeros."""
    path, weights = file
    found = np.array(ex.extract(read_convolutions(path), "two", "net.onnx")["weights"])
    expected = np.zeros((5, 5, 2, 4))
    for filter_ in range(4):
        expected[:, :, filter_ // 2, filter_] = weights["w2"][filter_, 0]
    assert np.array_equal(found.astype(np.float32), expected.astype(np.float32))


def test_features_are_what_the_runtime_computes(file, tmp_path):
    """Every layer's output, rows first: the first is SciPy's correlation; the command draws them."""
    path, weights = file
    pixels = np.random.default_rng(1).random((24, 24, 1), dtype=np.float32)
    found = dict(node_outputs(path, pixels))
    assert [array.shape for array in found.values()] == [(24, 24, 2), (24, 24, 2), (10, 10, 4)]
    expected = correlate(pixels[..., 0].astype(float), weights["w1"][1, 0].astype(float), mode="constant")
    assert np.abs(found["c1"][..., 1] - weights["b1"][1] - expected).max() < 1e-5
    sheet = tmp_path / "sheet.png"
    said = CliRunner().invoke(command, ["features", str(path), "samples/scene.png", str(sheet), "--json"])
    assert said.exit_code == 0, said.output
    assert [layer["name"] for layer in json.loads(said.stdout)["layers"]] == ["input", "c1", "r1", "y"]
    assert sheet.exists()


def test_an_activation_is_one_that_is_keras_own(tmp_path):
    """ONNX' HardSigmoid is another function, and a result that is used twice has none; SAME_UPPER pads."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    weights = onnx.numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    nodes = [
        node("Conv", ["x", "w"], ["a"], "hard", auto_pad="SAME_UPPER"),
        node("HardSigmoid", ["a"], ["b"]),
        node("Conv", ["b", "w"], ["c"], "twice"),
        node("Relu", ["c"], ["d"]),
        node("Neg", ["c"], ["y"]),
    ]
    side = [1, 1, None, None]
    graph = onnx.helper.make_graph(nodes, "net", [value("x", 1, side)], [value("y", 1, side)], [weights])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "net.onnx")
    hard, twice = read_convolutions(tmp_path / "net.onnx").layers
    assert hard.padding == "same"
    assert twice.padding == "valid"
    for layer in (hard, twice):
        assert ex.activation_of(layer) == ("linear", "")


def test_a_file_without_a_layer_shows_nothing(tmp_path):
    """An Add alone is one line, no traceback."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    side = [1, 1, None, None]
    graph = onnx.helper.make_graph(
        [node("Add", ["x", "x"], ["y"])], "net", [value("x", 1, side)], [value("y", 1, side)]
    )
    onnx.save(onnx.helper.make_model(graph), tmp_path / "net.onnx")
    with pytest.raises(FilterError, match="no layer that can be shown"):
        node_outputs(tmp_path / "net.onnx", np.zeros((4, 4, 1), np.float32))


def test_damaged_files_are_refused(tmp_path):
    """Bytes that are no ONNX file, and a file without a convolution, are one line each."""
    (tmp_path / "bad.onnx").write_bytes(b"\x08\xff\xff\xff garbage")
    with pytest.raises(DataError, match="no sound ONNX file"):
        read_convolutions(tmp_path / "bad.onnx")
    with pytest.raises(DataError, match="No such file"):
        read_convolutions(tmp_path / "missing.onnx")
    graph = onnx.helper.make_graph([], "empty", [], [])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "empty.onnx")
    with pytest.raises(FilterError, match="nothing to extract"):
        read_convolutions(tmp_path / "empty.onnx")
