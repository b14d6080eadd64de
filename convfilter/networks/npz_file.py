"""A trained network as numbers only: an `.npz` of its weights and the name of their architecture.

    architecture      its name in convfilter.networks.architectures
    input_shape       height, width, channels
    classes           how many
    LAYER/VARIABLE    the weights

Nothing in it can be code: the network is built by this package and the weights are put in. Names, shapes
and sizes are compared with the network's before memory is asked for.
"""

import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from convfilter.errors import DataError, FilterError, printable
from convfilter.networks.architectures import ARCHITECTURES, build
from convfilter.networks.layer_names import named_weights
from convfilter.system.archive import MAX_TOTAL, SMALL, check_size, open_archive, too_large
from convfilter.system.atomic import atomic_write
from convfilter.system.machine import available_memory
from convfilter.system.values import dataclass

if TYPE_CHECKING:
    from convfilter.model.boot import keras

MAX_ARRAYS = 10_000
MAX_SIDE = 1_024  # pixels
MAX_CHANNELS = 4
MAX_CLASSES = 10_000
COPIES = 3  # of an array at once, besides its variable: as drawn at random, as read, as a tensor

# name → kind of dtype, shape, most bytes of one element
_ENTRIES: dict[str, tuple[str, tuple[int, ...], int]] = {
    "architecture": ("U", (), 256),  # 64 letters
    "input_shape": ("i", (3,), 8),
    "classes": ("i", (), 8),
}


class Form(NamedTuple):
    """Shape and dtype of an array, without its values."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Network:
    """Which network weights are for."""

    architecture: str
    input_shape: tuple[int, int, int]  # height, width, channels
    classes: int

    def build(self) -> "keras.Model":
        return build(self.architecture, self.input_shape, self.classes)

    def forms(self) -> dict[str, Form]:
        """Shape and dtype of its weights by LAYER/VARIABLE; none is allocated, however large."""
        from convfilter.model.boot import keras

        def look() -> dict[str, Form]:
            with keras.StatelessScope(initialize_variables=False):
                weights = named_weights(self.build())
            return {name: Form(tuple(v.shape), np.dtype(v.dtype)) for name, v in weights.items()}

        # In a thread of its own: Keras lists such variables by thread, and would give them values later.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(look).result()


def save_npz(model: "keras.Model", architecture: str, path: Path | str) -> None:
    """Write the weights of `model`, which is `architecture` as built here; whole or not at all.

    Raises PictureError where it can't be written.
    """
    entries = {
        "architecture": np.array(architecture),
        "input_shape": np.array(model.input_shape[1:], np.int64),
        "classes": np.array(model.output_shape[-1], np.int64),
    }
    arrays: dict[str, Any] = {name: np.asarray(variable) for name, variable in named_weights(model).items()}
    with atomic_write(Path(path)) as file:
        np.savez(file, allow_pickle=False, **entries, **arrays)


def load_npz(path: Path | str) -> "keras.Model":
    """The network of an `.npz` that save_npz wrote, uncompiled.

    Raises FilterError (exit 2) for an `.npz` of something else or of a network that is not here, DataError
    (exit 1) for one whose arrays are not that network's, or that is damaged or dangerous to unpack.
    """
    path = Path(path)
    with open_archive(path) as archive:
        network = _read_network(path, archive)
        _check_arrays(path, archive, _forms(path, network))
        model = network.build()
        for name, variable in named_weights(model).items():
            variable.assign(_array(archive, name))
    return model


def _read_network(path: Path, archive: zipfile.ZipFile) -> Network:
    """The network that the file names. Raises FilterError for none, or one of absurd size."""
    names = set(archive.namelist())
    for name, (kind, shape, size) in _ENTRIES.items():
        found = _form(path, archive, name, SMALL)[0] if f"{name}.npy" in names else None
        if not found or (found.dtype.kind, found.shape) != (kind, shape) or found.dtype.itemsize > size:
            raise FilterError(
                f'{printable(path)}: an .npz, but no model of convfilter: its "{name}" is missing or wrong; '
                "give the best.npz or best.keras of a run"
            )
    height, width, channels = (int(side) for side in _array(archive, "input_shape"))
    network = Network(
        str(_array(archive, "architecture")), (height, width, channels), int(_array(archive, "classes"))
    )
    _check_network(path, network)
    return network


def _check_network(path: Path, network: Network) -> None:
    height, width, channels = network.input_shape
    if network.architecture not in ARCHITECTURES:
        raise FilterError(
            f'{printable(path)}: made for the architecture "{printable(network.architecture)}", which is not '
            "here; use the run's .keras file, or the convfilter that made it"
        )
    if max(height, width) > MAX_SIDE or channels > MAX_CHANNELS or network.classes > MAX_CLASSES:
        raise FilterError(
            f"{printable(path)}: made for pictures of {height}×{width}×{channels} and {network.classes} "
            f"classes, more than {MAX_SIDE}×{MAX_SIDE}×{MAX_CHANNELS} and {MAX_CLASSES}; "
            "use the run's .keras file"
        )


def _forms(path: Path, network: Network) -> dict[str, Form]:
    try:
        return network.forms()
    except FilterError as error:  # too small a picture, or too few classes
        raise FilterError(f"{printable(path)}: {error}") from error


def _check_arrays(path: Path, archive: zipfile.ZipFile, wanted: dict[str, Form]) -> None:
    """DataError unless the arrays are the network's in name, shape, dtype and size, and fit in the memory."""
    _check_names(path, archive.namelist(), [f"{name}.npy" for name in [*_ENTRIES, *wanted]])
    sizes = [form.nbytes for form in wanted.values()]
    if sum(sizes) > MAX_TOTAL or sum(sizes) + COPIES * max(sizes) > (available_memory() or math.inf):
        raise too_large(path)
    for name, form in wanted.items():
        _check_array(path, archive, name, form)


def _check_array(path: Path, archive: zipfile.ZipFile, name: str, form: Form) -> None:
    found, there = _form(path, archive, name, MAX_TOTAL)
    if found != form:
        raise DataError(
            f'{printable(path)}: "{name}" is {found.dtype} {found.shape}, the network\'s is {form.dtype} '
            f"{form.shape}; use the network it was saved from"
        )
    if there != form.nbytes:
        raise DataError(
            f'{printable(path)}: "{name}" has {there:,} bytes, not {form.nbytes:,}; get a sound copy'
        )


def _check_names(path: Path, found: list[str], wanted: list[str]) -> None:
    if len(found) > MAX_ARRAYS:
        raise DataError(f"{printable(path)}: {len(found):,} arrays are too many; don't use the file")
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing or extra or len(found) != len(wanted):
        word = f'lacks "{missing[0]}"' if missing else f'holds "{printable((extra or found)[0])}"'
        raise DataError(
            f"{printable(path)}: made for another network ({word.replace('.npy', '')}); "
            "use the one it was saved from"
        )


def _form(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> tuple[Form, int]:
    """Shape and dtype by the array's header, and the number of bytes after it, which are not read."""
    info = archive.getinfo(f"{name}.npy")
    check_size(path, info, limit)
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):  # numpy.savez' own; the header of a later one may be 4 GB long
            raise ValueError(f"{name}: npy version {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return Form(shape, dtype), info.file_size - file.tell()


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)
