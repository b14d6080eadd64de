"""Networks as commands take them: model files, files of others, and names of keras.applications."""

from pathlib import Path
from typing import Any

from convfilter.cli.train_progress import open_model, say
from convfilter.networks.applications import APPLICATIONS, load_application

NETWORK = "MODEL is a .keras file, the .npz of a run, an .onnx file, or a name of keras.applications"


def is_network(text: str) -> bool:
    """Whether a MODEL|FILTER is meant as a network."""
    from convfilter.networks.load import SUFFIXES
    from convfilter.networks.onnx_file import SUFFIX

    return text.lower() in APPLICATIONS or Path(text).suffix.lower() in (*SUFFIXES, SUFFIX)


def is_onnx(text: str) -> bool:
    from convfilter.networks.onnx_file import SUFFIX

    return Path(text).suffix.lower() == SUFFIX


def open_application(text: str) -> Any:
    """The network of that name, after a line that says where its weights come from."""
    name = text.lower()
    say(f"{name}: its weights are fetched by Keras, unless they are in its folder already")
    return load_application(name)


def open_for_kernels(text: str) -> tuple[Any, str]:
    """What has the convolutions of a network, and where they are from."""
    from convfilter.networks import applications, extract
    from convfilter.networks.onnx_file import read_convolutions

    if text.lower() in APPLICATIONS:
        return open_application(text), applications.source_of(text.lower())
    if is_onnx(text):
        return read_convolutions(Path(text)), extract.source_of(text)
    return open_model(text), extract.source_of(text)
