"""The house: which wing may import which, and that CONTRIBUTING.md names what there is."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "convfilter"
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")

# Each wing may import itself and the wings named here, all of which stand above it in this table; imports within
# functions and those for type checkers count too. All may import errors, choices and
# _version, which import nothing, but for the error that choices raises.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "choices": set(),
    "_version": set(),
    "system": set(),
    "backend": {"system"},
    "images": {"system"},
    "filters": {"system"},
    "model": {"filters", "backend", "system"},
    "engines": {"model", "filters", "backend", "system"},
    "networks": {"model", "filters", "backend", "system"},
    "processing": {"engines", "images", "filters", "system"},
    "features": {"model", "filters", "images", "system"},
    "export": {"engines", "model", "filters", "backend", "system"},
    "digits": {"networks", "images", "system"},
    "train": {"networks", "images", "model", "backend", "system"},
    "play": {
        "train",
        "processing",
        "features",
        "digits",
        "networks",
        "engines",
        "model",
        "filters",
        "images",
        "backend",
        "system",
    },
}
GROUND = {"errors", "choices", "_version"}
ABOVE_ALL = {"cli", "__main__", "__init__"}  # these may import everything


def modules() -> dict[str, Path]:
    """Every module's dotted name below convfilter, and its file; a package by its own name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


MODULES = modules()


def imports(path: Path) -> set[str]:
    """The modules of this package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    inside = {name.removeprefix("convfilter.") for name in found if name.startswith("convfilter.")}
    return {_module(name) for name in inside}


def _module(name: str) -> str:
    """The module that `name`, of a module or of something in one, belongs to; else the package's own face."""
    while name not in MODULES:
        name = name.rpartition(".")[0]
        if not name:
            return "__init__"
    return name


def wing(name: str) -> str:
    return name.partition(".")[0]


def test_the_table_names_every_wing_once():
    """A new wing needs a line in the table, and the table names no wing that is gone."""
    assert {wing(name) for name in MODULES} == {*MAY_IMPORT, *ABOVE_ALL}


def test_no_wing_may_import_one_below_it():
    """The table is a house: what a wing may import stands above it."""
    for number, (name, allowed) in enumerate(MAY_IMPORT.items()):
        assert allowed <= set(list(MAY_IMPORT)[:number]), name


@pytest.mark.parametrize("name", MODULES)
def test_imports_keep_to_the_table(name):
    """Each module imports from its own wing, from those it may, and from the ground."""
    own = wing(name)
    if own in ABOVE_ALL:
        return
    allowed = set() if own in GROUND - {"choices"} else {own, *MAY_IMPORT[own], *GROUND}
    used = {each for each in imports(MODULES[name]) if wing(each) not in allowed}
    assert not used, f"convfilter/{own} may import {sorted(allowed)}; {name} imports {sorted(used)}"


def test_no_module_imports_in_a_circle():
    """Within a wing too, imports run one way."""
    graph = {name: imports(path) - {name} for name, path in MODULES.items() if name != "__init__"}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_pillow_and_tifffile_stay_in_images():
    """Only images/ knows the codecs, and only model/, engines/, networks/, train/ and export/ know Keras."""
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        if re.search(r"^\s*(from|import) (PIL|tifffile)\b", text, re.M):
            assert wing(name) == "images", name
        if re.search(r"^\s*(from|import) (keras|tensorflow)\b", text, re.M):
            assert wing(name) in {"model", "engines", "networks", "train", "export"}, name


def test_no_module_is_long():
    """About 300 lines is what a reader keeps in mind."""
    long = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in long.items() if lines > 320} == {}


def test_contributing_names_every_module():
    """The module table of CONTRIBUTING.md has a line for each wing, and names each module there once."""
    rows = re.findall(r"^\| `convfilter/([\w/]*)(?:\.py)?` \| (.*) \|$", CONTRIBUTING, re.M)
    named = {}
    for place, text in rows:
        prefix = place.strip("/").replace("/", ".")
        for module in re.findall(r"`(\w+)`", text) or [""]:
            full = ".".join(part for part in (prefix, module) if part)
            assert full not in named, f"{full} is named twice"
            named[full] = place
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    wanted = {name for name in MODULES if name not in packages}
    assert named.keys() - packages == wanted
