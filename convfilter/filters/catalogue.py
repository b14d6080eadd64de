"""Where kernels are: the user's folder, the folders of CONVFILTER_KERNELS, then those shipped."""

import os
import stat
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from convfilter.errors import FilterError, nearest
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_file import read_kernel
from convfilter.system import machine

SCHEMA_SUFFIX = ".schema.json"
_NETWORKS = (".keras", ".npz")
_MODELS = (".onnx", ".tflite", ".xml", ".h5", ".hdf5", ".pb", ".pt", ".pth", ".safetensors")


def user_folder() -> Path | None:
    """The user's own kernels: `kernels/` in the platform's configuration folder, if the user has one."""
    folder = machine.user_folder("config")
    return folder and folder / "kernels"


@lru_cache(maxsize=1)
def shipped_folder() -> Path:
    """The kernels of the installed package, or of the checkout it runs from."""
    packaged = Path(__file__).parents[1] / "kernels"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "kernels"


def folders() -> list[Path]:
    """The folders a name is looked up in, first match wins."""
    extra = [Path(part) for part in os.environ.get("CONVFILTER_KERNELS", "").split(os.pathsep) if part]
    own = user_folder()
    return [*([own] if own else []), *extra, shipped_folder()]


def files() -> dict[str, Path]:
    """Every kernel's name and file, sorted by name; a user's kernel hides a shipped one of its name."""
    return {name: Path(path) for name, path in sorted(_paths().items())}


def _paths() -> dict[str, str]:
    """The same, unsorted and as text: a Path for each would take longer than looking for them."""
    found = {}
    for folder in reversed(folders()):
        for entry in _entries(folder):
            if entry.name.endswith(".json") and not entry.name.endswith(SCHEMA_SUFFIX) and _is_file(entry):
                found[entry.name.removesuffix(".json")] = entry.path
    return found


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    """What lies in a folder; nothing where there is none, or none that may be read."""
    try:
        with os.scandir(folder) as entries:
            return [*entries]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    except OSError as error:
        raise FilterError(f"{folder}: {error.strerror}; correct CONVFILTER_KERNELS") from error


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle
        return False


def _file_named(name: str) -> Path | None:
    """The file of the kernel `name`, found without reading whole folders; None leaves it to `find`."""
    if f"{name}.json".endswith(SCHEMA_SUFFIX) or not name:
        return None
    for folder in folders():
        try:
            path = folder / f"{name}.json"
            if stat.S_ISREG(os.stat(path).st_mode):
                return path
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except (OSError, ValueError):
            return None
    return None


def find(name: str, others: Iterable[str] = (), folder: Path | None = Path()) -> Path:
    """The file of the kernel `name`. Raises FilterError with the name of a file in `folder` that may be
    meant (of none for None), or the nearest names, `others` among them."""
    known = _paths()
    if name in known:
        return Path(known[name])
    if not name:
        raise FilterError("an empty name for a filter; is a variable unset?")
    _refuse_model(name)
    if name.lstrip().startswith(("[", "{")):
        raise FilterError(
            f"{name[:100]}: a kernel's text; save it in a file, such as mine.json, and give that"
        )
    for beside in (f"{name}.json", name):
        if folder is not None and os.path.isfile(folder / beside):
            raise FilterError(f'no kernel named "{name}"; did you mean the file ./{beside}?')
    within = sorted(other for other in known if name in other)
    near = nearest(name.lower(), [*known, *others], 3) or within[:3]
    hint = f"did you mean {' or '.join(near)}?" if near else "see `convfilter kernels list`"
    raise FilterError(f'no kernel named "{name}"; {hint}')


def locate(text: str, folder: Path | None = Path()) -> Path | None:
    """The file that a FILTER names, a relative path taken from `folder`; None for a formula.

    folder: None where whoever named it may read no files but the catalogue's. Of a file's name and a
    formula's the file's wins. Raises FilterError with the nearest names.
    """
    if is_path(text):
        if folder is None:
            raise FilterError(f"{text[:100]}: a path, and no files are read here; give the kernel's text")
        _refuse_model(text)
        return folder / text
    named = _file_named(text)
    if named:
        return named
    if ":" in text:
        return None
    from convfilter.filters.formula_text import is_formula  # a kernel of the catalogue goes without
    from convfilter.filters.formulas import FORMULAS

    return None if is_formula(text) else find(text, FORMULAS, folder)


def load_kernel(text: str | Path, folder: Path | None = Path()) -> Kernel:
    """A kernel by name (`sobel`), by path (`./mine.json`) or by formula (`gaussian:sigma=2`).

    folder: as of `locate`. Raises FilterError.

    >>> load_kernel("sobel-x").weights[:, :, 0, 0].tolist()
    [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
    """
    path = locate(str(text), folder)
    if path:
        return read_kernel(path)
    from convfilter.filters.formula_text import parse_formula

    return parse_formula(str(text))


def _refuse_model(text: str) -> None:
    """FilterError for the name of a model file, which is a network and no FILTER."""
    suffix = Path(text).suffix.lower()
    if suffix in _NETWORKS:
        raise FilterError(
            f"{text}: a network, not a filter; `convfilter kernels extract {text} --layer NAME --out FOLDER` "
            f"writes what a layer has learned as filters, `convfilter predict {text} PICTURE` reads digits"
        )
    if suffix in _MODELS:
        raise FilterError(f"{text}: a model file, not a filter; give the filter it was made of")


def is_path(text: str) -> bool:
    """Whether a FILTER is meant as a file's path."""
    return text.endswith(".json") or "/" in text or os.sep in text
