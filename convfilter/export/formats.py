"""The file formats of `export`: how Keras writes each, and how it is run where it will be used."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import FilterError, printable
from convfilter.system.values import dataclass

Batches = list[np.ndarray]


@dataclass(frozen=True)
class Ran:
    """What a file gave for each batch, and the names under which pixels enter and results leave it."""

    entry: str
    exit: str
    results: Batches


@dataclass(frozen=True)
class Format:
    """modules: what it needs beside Keras. write: takes the model, the file, and what to note in it."""

    name: str
    extensions: tuple[str, ...]  # of its files, the one that names the format last
    modules: tuple[str, ...]
    write: Callable[[Any, Path, dict[str, str]], None]
    run: Callable[[Path, Batches], Ran]


def format_of(path: Path) -> Format:
    """The format that the extension of `path` names; FilterError for an unknown one."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        known = ", ".join(f"{extension} ({each.name})" for extension, each in FORMATS.items())
        raise FilterError(f"{printable(path)}: its extension must name the format: {known}")
    return found


def _signature(model: Any) -> list[Any]:
    """The model's one input, under a name that doesn't depend on what was built before."""
    from convfilter.model.boot import keras

    return [keras.InputSpec(dtype="float32", shape=model.input_shape, name="picture")]


def _write_keras(model: Any, path: Path, facts: dict[str, str]) -> None:
    model.save(path)


def _write_onnx(model: Any, path: Path, facts: dict[str, str]) -> None:
    import onnx
    import tf2onnx.optimizer

    # The first makes an output of five axes now and then, the second a Reshape that fails on an empty
    # border. ONNX Runtime does the same work when it loads a file.
    for broken in ("reshape_optimizer", "optimize_transpose"):
        tf2onnx.optimizer._get_optimizers().pop(broken, None)
    model.export(path, format="onnx", verbose=False, input_signature=_signature(model))
    noted = onnx.load(path)
    onnx.helper.set_model_props(noted, facts)
    onnx.save(noted, path)


def _write_litert(model: Any, path: Path, facts: dict[str, str]) -> None:
    import tensorflow as tf

    own = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}  # none that need TensorFlow beside LiteRT
    model.export(path, format="litert", verbose=False, input_signature=_signature(model), target_spec=own)


def _write_openvino(model: Any, path: Path, facts: dict[str, str]) -> None:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # reports every conversion
    import openvino
    import tensorflow as tf
    from openvino.frontend.tensorflow import utils

    # Its own raises a NameError from Python 3.13 on, where a name that exec() made is gone for the next.
    utils.get_environment_setup = lambda framework: {"tensorflow": tf.__version__}
    draft = path.with_stem("draft")
    model.export(os.fspath(draft), format="openvino", verbose=False, input_signature=_signature(model))
    found = openvino.Core().read_model(draft)
    # Of its outputs only the result: the others are lengths that borders have asked for.
    noted = openvino.Model([found.output("Identity:0")], found.get_parameters(), facts["filter"])
    for name, fact in facts.items():
        noted.set_rt_info(fact, ["convfilter", name])
    openvino.serialize(noted, path)


def _run_keras(path: Path, batches: Batches) -> Ran:
    from convfilter.model.boot import keras

    model = keras.saving.load_model(path, safe_mode=True)
    results = [  # one picture at a time, as the engine does
        np.concatenate([model.predict_on_batch(batch[n : n + 1]) for n in range(len(batch))])
        for batch in batches
    ]
    return Ran(model.inputs[0].name, model.outputs[0].name, results)


def _run_onnx(path: Path, batches: Batches) -> Ran:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    entry, result = session.get_inputs()[0].name, session.get_outputs()[0].name
    return Ran(entry, result, [session.run([result], {entry: batch})[0] for batch in batches])


def _run_litert(path: Path, batches: Batches) -> Ran:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(os.fspath(path))
    entry = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    results = []
    for batch in batches:
        interpreter.resize_tensor_input(entry, batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry, batch)
        interpreter.invoke()
        results.append(interpreter.get_tensor(result))
    names = interpreter.get_signature_list()["serving_default"]
    return Ran(names["inputs"][0], names["outputs"][0], results)


def _run_openvino(path: Path, batches: Batches) -> Ran:
    import openvino

    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # some CPUs would take bf16
    model = openvino.Core().compile_model(path, "CPU", exact)
    results = [np.array(model(batch)[0]) for batch in batches]
    return Ran(model.input(0).any_name, model.output(0).any_name, results)


FORMATS = {
    ".keras": Format("Keras", (".keras",), (), _write_keras, _run_keras),
    ".onnx": Format(
        "ONNX", (".onnx",), ("tensorflow", "onnx", "tf2onnx", "onnxruntime"), _write_onnx, _run_onnx
    ),
    ".tflite": Format("LiteRT", (".tflite",), ("tensorflow", "ai_edge_litert"), _write_litert, _run_litert),
    ".xml": Format("OpenVINO", (".bin", ".xml"), ("tensorflow", "openvino"), _write_openvino, _run_openvino),
}
