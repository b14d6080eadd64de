"""Model files: loaded only after a look inside, since a model file is code as much as data.

Networks are `.keras` archives, weights alone are `.npz`. What is looked at before Keras sees the file: its
kind, the archive's names, sizes and checksums, and every class that the network's description asks for.
"""

import hashlib
import json
import pkgutil
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from convfilter.errors import ConvfilterError, DataError, FilterError
from convfilter.files import atomic_write
from convfilter.picture import shown

if TYPE_CHECKING:
    from convfilter.model import keras

MAX_DESCRIPTION = 16 * 2**20  # bytes of config.json, and of metadata.json; GoogLeNet's is 85 kB
MAX_TOTAL = 4 * 2**30  # bytes unpacked; VGG 16 with two moments of an optimiser is 1.7 GB
MAX_EXPANSION = 100  # unpacked : packed, from SMALL on; Keras doesn't even compress
SMALL = 2**20  # bytes
MAX_ARRAYS = 10_000  # in a file of weights

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {_CONFIG: MAX_DESCRIPTION, "metadata.json": MAX_DESCRIPTION, _WEIGHTS: MAX_TOTAL}

# Where a description's classes and functions may come from, besides those registered.
_MODULE = re.compile(
    r"(keras|builtins|keras\.(layers|models|initializers|regularizers|constraints|activations"
    r"|dtype_policies|src\.(models|ops)\.\w+))"
)
_CODE = {"Lambda", "__lambda__", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"}
_READERS = {"StringLookup", "IntegerLookup", "TextVectorization"}  # they may name files to be read
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__"}

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
    ".onnx": "an ONNX model",
    ".safetensors": "a file of weights without a network",
    ".npz": "a file of weights without a network",
}
_MAGIC = {
    b"\x89HDF\r\n\x1a\n": _KINDS[".h5"],
    **{bytes((0x80, protocol)): _KINDS[".pkl"] for protocol in range(2, 6)},
}
_MEND = 'save it with model.save("name.keras") where it was made'
_RESAVE = "load it where it was made and save it anew"


def load_model(path: Path | str) -> "keras.Model":
    """The network in a `.keras` file, uncompiled, in Keras' safe mode.

    Raises FilterError (exit 2) for a file that is no `.keras` model or that asks for code, DataError
    (exit 1) for one that is missing, damaged or dangerous to unpack.
    """
    path = Path(path)
    _check_kind(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            description = json.loads(archive.read(_CONFIG))
    except ConvfilterError:
        raise
    except OSError as error:
        raise DataError(f"{shown(path)}: {error.strerror or error}; check the file") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{shown(path)}: its {_CONFIG} is no JSON ({_first(error)}); {_RESAVE}") from error
    except Exception as error:  # zipfile raises anything on hostile bytes
        raise DataError(f"{shown(path)}: damaged or cut short ({_first(error)}); get a sound copy") from error
    return _load(path, description)


def _load(path: Path, description: Any) -> "keras.Model":
    from convfilter.model import keras
    from convfilter.runtime import quiet

    _register_own_layers()
    _check_classes(path, description)
    try:
        with quiet():
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except MemoryError as error:
        raise DataError(f"{shown(path)}: too large for the memory here; use a smaller network") from error
    except Exception as error:  # as a hostile description makes Keras raise anything
        raise DataError(
            f"{shown(path)}: Keras can't build and fill the network ({_first(error)}); {_RESAVE}"
        ) from error
    if not isinstance(model, keras.Model):
        raise FilterError(f"{shown(path)}: holds a {type(model).__name__}, no network; {_MEND}")
    return model


def warn_text(path: Path | str) -> str:
    """What the user should hear before a model from elsewhere is loaded."""
    return (
        f"{shown(path)}: a model file is code: it says what this computer will run. "
        "Load only models whose source you trust."
    )


def file_hash(path: Path | str) -> str:
    """SHA-256 of a file, in hexadecimal. Raises DataError where it can't be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{shown(path)}: {error.strerror or error}; check the file") from error


def _check_kind(path: Path) -> None:
    """By what it is called and how it begins: a `.keras` archive, or which other kind it is."""
    if path.is_dir():
        kind = "a SavedModel folder" if (path / "saved_model.pb").exists() else "a folder"
        raise FilterError(f"{shown(path)}: {kind}; only .keras files are loaded; {_MEND}")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{shown(path)}: {reason}; give the path of a .keras file") from error
    extension = path.suffix.lower()
    by_content = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    what = by_content or _KINDS.get(extension)
    if what or extension != ".keras":
        what = what or (f'a file ending in "{shown(extension)}"' if extension else "no .keras in its name")
        raise FilterError(f"{shown(path)}: {what}; only .keras files are loaded; {_MEND}")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{shown(path)}: no archive, or one cut short; get a sound copy")


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Only what a network needs, of sizes that are plausible, with the right checksums."""
    names = archive.namelist()
    for info in archive.infolist():
        name = shown(info.filename)
        if _leads_outside(info.filename):
            raise DataError(
                f'{shown(path)}: its archive names "{name}", a place outside it; don\'t use the file'
            )
        if info.filename not in _MEMBERS:
            raise FilterError(
                f'{shown(path)}: holds "{name}", which a network for pictures doesn\'t need; {_MEND}'
            )
        check_size(path, info, _MEMBERS[info.filename])
    if sorted(set(names)) != sorted(_MEMBERS) or len(names) != len(_MEMBERS):
        raise FilterError(f"{shown(path)}: an archive, but not of a Keras 3 network; {_MEND}")
    bad = archive.testzip()
    if bad is not None:
        raise DataError(f'{shown(path)}: the checksum of "{bad}" is wrong; get a sound copy')


def _leads_outside(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return ".." in parts or not parts[0] or ":" in parts[0]


def check_size(path: Path, info: zipfile.ZipInfo, limit: int) -> None:
    """DataError for a zip bomb. Python unpacks no more of a member than it declares."""
    expands = info.file_size > max(SMALL, MAX_EXPANSION * info.compress_size)
    if info.file_size > limit or expands:
        raise DataError(
            f'{shown(path)}: "{shown(info.filename)}" would unpack to {info.file_size:,} bytes '
            f"from {info.compress_size:,}; don't use the file"
        )


def _register_own_layers() -> None:
    """Import what registers this package's layers: convfilter.model, and all of the architectures."""
    import importlib

    from convfilter.train import architectures

    for module in pkgutil.iter_modules(architectures.__path__):
        importlib.import_module(f"{architectures.__name__}.{module.name}")


def _check_classes(path: Path, description: Any) -> None:
    """FilterError for a class or function that is code, reads files, or is unknown here."""
    if not isinstance(description, dict) or "class_name" not in description:
        raise DataError(f"{shown(path)}: its {_CONFIG} describes no network; {_RESAVE}")
    for item in _objects({key: part for key, part in description.items() if key != "compile_config"}):
        name = shown(item["class_name"])
        if name in _CODE:
            what = "lambda" if name == "__lambda__" else f"{name} layer"
            raise FilterError(
                f"{shown(path)}: holds a {what}, which is arbitrary code; "
                "rebuild the network with a layer of Keras' own in its place"
            )
        if name in _READERS:
            raise FilterError(
                f"{shown(path)}: holds a {name} layer, which may read other files; rebuild it without"
            )
        if not _known(item):
            own = item["config"] if name == "function" else name
            raise FilterError(
                f'{shown(path)}: holds "{shown(own)}", which is not of Keras nor of convfilter; '
                "import the module that registers it first, or rebuild the network without"
            )


def _known(item: dict[str, Any]) -> bool:
    """Whether a class or a function of the description is registered, or one of Keras'."""
    from convfilter.model import keras

    name, module = item["class_name"], item.get("module")
    registered = item.get("config") if name == "function" else item.get("registered_name")
    if isinstance(registered, str) and keras.saving.get_registered_object(registered) is not None:
        return True
    if not isinstance(module, str):
        return module is None and name in _VALUES
    if name == "function" and module == "builtins":
        return isinstance(registered, str) and hasattr(keras.activations, registered)
    parent: Any = keras
    if module.startswith("keras.") and not module.startswith("keras.src."):
        parent = getattr(keras, module.removeprefix("keras."), None)
    found = hasattr(parent, str(name)) or module.startswith("keras.src.")
    return bool(_MODULE.fullmatch(module)) and module != "builtins" and found


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every part of the description that names a class."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            if isinstance(part.get("class_name"), str):
                yield part
            stack.extend(reversed(part.values()))
        elif isinstance(part, list):
            stack.extend(reversed(part))


def _first(error: BaseException) -> str:
    """The first line of a message, shortened."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 120 else f"{line[:119]}…"


def named_layers(model: "keras.Model", prefix: str = "") -> dict[str, Any]:
    """Every layer that is no model itself, by its name; those of a model inside as MODEL/LAYER."""
    found: dict[str, Any] = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found.update(named_layers(layer, f"{prefix}{layer.name}/"))
        else:
            found[prefix + layer.name] = layer
    return found


def _named_weights(model: "keras.Model") -> dict[str, Any]:
    """The variables by LAYER/VARIABLE, with a number where a layer has two of one name."""
    found: dict[str, Any] = {}
    for name, layer in named_layers(model).items():
        for number, variable in enumerate(layer.weights):
            key = f"{name}/{variable.name}"
            found[f"{key}-{number}" if key in found else key] = variable
    return found


def save_weights_npz(model: "keras.Model", path: Path | str) -> None:
    """Write the weights alone, as LAYER/VARIABLE arrays in an uncompressed .npz; whole or not at all."""
    arrays = {name: np.asarray(variable) for name, variable in _named_weights(model).items()}
    with atomic_write(Path(path)) as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_weights_npz(model: "keras.Model", path: Path | str) -> None:
    """Put an .npz of weights into `model`; its names, shapes and dtypes must be the model's.

    Nothing changes unless all fit. Raises DataError.
    """
    path = Path(path)
    variables = _named_weights(model)
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            _check_names(path, archive.namelist(), [f"{name}.npy" for name in variables])
            for name, variable in variables.items():
                info = archive.getinfo(f"{name}.npy")
                check_size(path, info, MAX_TOTAL)
                wanted = tuple(variable.shape), np.dtype(variable.dtype)
                with archive.open(info) as member:
                    _check_header(path, name, _header(member), wanted)
                with archive.open(info) as member:
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
    except ConvfilterError:
        raise
    except OSError as error:
        raise DataError(f"{shown(path)}: {error.strerror or error}; check the file") from error
    except Exception as error:  # zipfile and NumPy raise anything on hostile bytes
        raise DataError(
            f"{shown(path)}: no sound .npz of weights ({_first(error)}); get a sound copy"
        ) from error
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _check_names(path: Path, found: list[str], wanted: list[str]) -> None:
    if len(found) > MAX_ARRAYS:
        raise DataError(f"{shown(path)}: {len(found):,} arrays are too many; don't use the file")
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing or extra or len(found) != len(wanted):
        word = f'lacks "{missing[0]}"' if missing else f'holds "{shown((extra or found)[0])}"'
        raise DataError(
            f"{shown(path)}: made for another network ({word.replace('.npy', '')}); "
            "use the one it was saved from"
        )


def _header(member: Any) -> tuple[Any, np.dtype]:
    """Shape and dtype of an .npy, before any of its memory is asked for."""
    file: BinaryIO = member
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(file)]
    shape, _, dtype = read(file)
    return shape, dtype


def _check_header(path: Path, name: str, found: tuple[Any, np.dtype], wanted: tuple[Any, np.dtype]) -> None:
    if found != wanted:
        raise DataError(
            f'{shown(path)}: "{name}" is {found[1]} {found[0]}, the network\'s is {wanted[1]} {wanted[0]}; '
            "use the network it was saved from"
        )
