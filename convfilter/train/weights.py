"""The weights of a network alone, as an `.npz`."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from convfilter.errors import ConvfilterError, DataError
from convfilter.files import atomic_write
from convfilter.picture import shown
from convfilter.train.archive import MAX_TOTAL, check_size, first_line
from convfilter.train.layernames import named_weights

if TYPE_CHECKING:
    from convfilter.model import keras

MAX_ARRAYS = 10_000


def save_weights_npz(model: "keras.Model", path: Path | str) -> None:
    """Write the weights alone, as LAYER/VARIABLE arrays in an uncompressed .npz; whole or not at all."""
    arrays = {name: np.asarray(variable) for name, variable in named_weights(model).items()}
    with atomic_write(Path(path)) as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_weights_npz(model: "keras.Model", path: Path | str) -> None:
    """Put an .npz of weights into `model`; its names, shapes and dtypes must be the model's.

    Nothing changes unless all fit. Raises DataError.
    """
    path = Path(path)
    variables = named_weights(model)
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
            f"{shown(path)}: no sound .npz of weights ({first_line(error)}); get a sound copy"
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
