"""Model files, `.keras` and `.npz`: checked before they are loaded.

A `.keras` file is code as much as data. An `.npz`, as a run leaves it beside, holds numbers only.
"""

import importlib
import mimetypes
import pkgutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from convfilter.errors import DataError, FilterError, first_line, printable, refuse_address
from convfilter.networks.keras_file import RESAVE, SAVE, check_classes, read_description
from convfilter.networks.npz_file import load_npz
from convfilter.system.archive import too_large

if TYPE_CHECKING:
    from convfilter.model.boot import keras

SUFFIXES = (".keras", ".npz")

_KINDS = {
    ".h5": "a model in Keras' old format",
    ".hdf5": "a model in Keras' old format",
    ".pkl": "a pickle, which runs any code when it is read",
    ".pickle": "a pickle, which runs any code when it is read",
    ".joblib": "a pickle, which runs any code when it is read",
    ".pt": "a PyTorch file",
    ".pth": "a PyTorch file",
    ".pb": "a TensorFlow graph",
    ".tflite": "a TensorFlow Lite model",
    ".onnx": "an ONNX model, of which only the convolutions can be taken",
    ".safetensors": "a file of weights without a network",
}
_MAGIC = {
    b"\x89HDF\r\n\x1a\n": _KINDS[".h5"],
    **{bytes((0x80, protocol)): _KINDS[".pkl"] for protocol in range(2, 6)},
}
_ONLY = "only .keras files and the .npz of a run are loaded"


def load_model(path: Path | str) -> "keras.Model":
    """The network in a `.keras` file, in Keras' safe mode, or in the `.npz` of a run; uncompiled.

    Raises FilterError (exit 2) for a file that is neither or that asks for code, DataError (exit 1) for
    one that is missing, damaged or dangerous to unpack.
    """
    path = Path(path)
    check_kind(path)
    if not is_code(path):
        return load_npz(path)
    description = read_description(path)
    _register_own_layers()
    check_classes(path, description)
    return _load(path)


def _load(path: Path) -> "keras.Model":
    from convfilter.model.boot import keras
    from convfilter.system.stderr import quiet

    try:
        with quiet():
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except MemoryError as error:
        raise too_large(path) from error
    except Exception as error:  # as a hostile description makes Keras raise anything
        raise DataError(
            f"{printable(path)}: Keras can't build and fill the network ({first_line(error)}); {RESAVE}"
        ) from error
    if not isinstance(model, keras.Model):
        raise FilterError(f"{printable(path)}: holds a {type(model).__name__}, no network; {SAVE}")
    return model


def _register_own_layers() -> None:
    """Import what registers this package's layers: convfilter.model, and all of the architectures."""
    from convfilter.networks import architectures

    for module in pkgutil.iter_modules(architectures.__path__):
        importlib.import_module(f"{architectures.__name__}.{module.name}")


def check_kind(path: Path) -> None:
    """Raise FilterError for what is no model file by its name or first bytes, with what else it is, and
    DataError for one that is missing or damaged."""
    if path.is_dir():
        kind = "a SavedModel folder" if (path / "saved_model.pb").exists() else "a folder"
        raise FilterError(f"{printable(path)}: {kind}; {_ONLY}; {SAVE}")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except (OSError, ValueError) as error:
        refuse_address(path, DataError)
        raise DataError(
            f"{printable(path)}: {first_line(error)}; give the path of a .keras or .npz file"
        ) from error
    extension = path.suffix.lower()
    by_content = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    what = by_content or _KINDS.get(extension)
    if _is_picture(extension) or extension == ".json":
        what = "a filter's file" if extension == ".json" else "a picture"
        raise FilterError(f"{printable(path)}: {what}; a MODEL is a .keras file, or the .npz of a run")
    if what or extension not in SUFFIXES:
        what = what or (
            f'a file ending in "{printable(extension)}"' if extension else "a name without an ending"
        )
        raise FilterError(f"{printable(path)}: {what}; {_ONLY}; {SAVE}")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{printable(path)}: no archive, or one cut short; get a sound copy")


def _is_picture(extension: str) -> bool:
    """Whether files of this extension hold pictures, as far as Python knows; .npy is one of ours."""
    kind = mimetypes.guess_type(f"picture{extension}", strict=False)[0] or ""
    return kind.startswith("image/") or extension == ".npy"


def is_code(path: Path | str) -> bool:
    """Whether a model file of this name can hold code, as all but `.npz` can."""
    return Path(path).suffix.lower() != ".npz"


def warn_text(path: Path | str) -> str:
    """The warning for the user before a model that is_code is loaded."""
    return (
        f"{printable(path)}: a model file is code: it says what this computer will run. "
        "Load only models whose source you trust."
    )
