"""The check of a `.keras` file before Keras loads it, since such a file decides what this computer will run.

Checked are the archive's names, sizes and checksums, and every class that the network's description
asks for.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convfilter.errors import DataError, FilterError, first_line, printable
from convfilter.system.archive import MAX_TOTAL, check_size, open_archive

MAX_DESCRIPTION = 16 * 2**20  # bytes of config.json, and of metadata.json; GoogLeNet's is 85 kB
SAVE = 'save it with model.save("name.keras") where it was made'
RESAVE = "load it where it was made and save it anew"

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


def read_description(path: Path) -> Any:
    """The description of the network, config.json, once the archive has been checked.

    Raises FilterError for an archive of something else, DataError for one that is damaged or dangerous to
    unpack.
    """
    with open_archive(path) as archive:
        _check_members(path, archive)
        text = archive.read(_CONFIG)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{printable(path)}: its {_CONFIG} is no JSON ({first_line(error)}); {RESAVE}"
        ) from error


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Only what a network needs, of sizes that are plausible, with the right checksums."""
    names = archive.namelist()
    for info in archive.infolist():
        name = printable(info.filename)
        if _leads_outside(info.filename):
            raise DataError(
                f'{printable(path)}: its archive names "{name}", a place outside it; don\'t use the file'
            )
        if info.filename not in _MEMBERS:
            raise FilterError(
                f'{printable(path)}: holds "{name}", which a network for pictures doesn\'t need; {SAVE}'
            )
        check_size(path, info, _MEMBERS[info.filename])
    if sorted(set(names)) != sorted(_MEMBERS) or len(names) != len(_MEMBERS):
        raise FilterError(f"{printable(path)}: an archive, but not of a Keras 3 network; {SAVE}")
    bad = archive.testzip()
    if bad is not None:
        raise DataError(f'{printable(path)}: the checksum of "{bad}" is wrong; get a sound copy')


def _leads_outside(name: str) -> bool:
    parts = re.split(r"[/\\]", name)
    return ".." in parts or not parts[0] or ":" in parts[0]


def check_classes(path: Path, description: Any) -> None:
    """FilterError for a class or function that is code, reads files, or is unknown here."""
    if not isinstance(description, dict) or "class_name" not in description:
        raise DataError(f"{printable(path)}: its {_CONFIG} describes no network; {RESAVE}")
    for item in _objects({key: part for key, part in description.items() if key != "compile_config"}):
        name = printable(item["class_name"])
        if name in _CODE:
            what = "lambda" if name == "__lambda__" else f"{name} layer"
            raise FilterError(
                f"{printable(path)}: holds a {what}, which is arbitrary code; "
                "rebuild the network with a layer of Keras' own in its place"
            )
        if name in _READERS:
            raise FilterError(
                f"{printable(path)}: holds a {name} layer, which may read other files; rebuild it without"
            )
        if not _known(item):
            own = item["config"] if name == "function" else name
            raise FilterError(
                f'{printable(path)}: holds "{printable(own)}", which is not of Keras nor of convfilter; '
                "import the module that registers it first, or rebuild the network without"
            )


def _known(item: dict[str, Any]) -> bool:
    """Whether a class or a function of the description is registered, or one of Keras'."""
    from convfilter.model.boot import keras

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
