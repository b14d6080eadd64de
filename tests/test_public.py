"""What users may rely on: names, signatures, commands, options, file fields and exit codes, pinned as text.

A test here that fails means that something public has changed. Where that is meant, change the text below, write
a line under Unreleased in CHANGELOG.md, and keep to "Breaking changes" in .github/CONTRIBUTING.md: an addition
may come in any release; what is renamed, removed, or means something else is breaking.
"""

import ast
import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import click
import pytest

import convfilter
from convfilter import choices
from convfilter.cli import COMMANDS, command

ROOT = Path(__file__).parents[1]
HINT = "public; see the first lines of tests/test_public.py"

SIGNATURES = {
    "BackendError": "(ConvfilterError)",
    "ConvfilterError": "(Exception)",
    "FilterError": "(ConvfilterError)",
    "Kernel": (
        "(name: str, weights: np.ndarray, bias: np.ndarray, anchor: tuple[int, int], activation: "
        "str = 'linear', combine: str = 'none', data_format: str = 'channels_last', range: str = "
        "'clip', values: str = 'stored', color: str = 'gray', border: str = 'zero', description: "
        "str = '', source: str = '', tags: tuple[str, ...] = (), notes: tuple[str, ...] = ())"
    ),
    "PictureError": "(ConvfilterError)",
    "Pipeline": (
        "(layers: tuple[Layer, ...], name: str = 'pipeline', range: str = 'clip', values: str = "
        "'stored', data_format: str = 'channels_last', color: str = 'gray')"
    ),
    "apply": (
        "(filters: Filters, array: Any, *, batch: bool=False, channels: int | None=None, color: "
        "Color | None=None, range: Range | None=None, linear: bool=False, device: str='auto', "
        "engine: EngineName='auto', plan: Plan='auto', **settings: Unpack[FilterSettings]) -> "
        "np.ndarray"
    ),
    "build": (
        "(filters: Filters, full_scale: float=1.0, **settings: Unpack[FilterSettings]) -> keras.Sequential"
    ),
    "load": "(text: str | Path) -> Kernel | Pipeline",
    "make_kernel": "(weights: Any, *, name: str='kernel', **fields: Any) -> Kernel",
    "make_pipeline": "(filters: Filters, **settings: Unpack[FilterSettings]) -> Pipeline",
}

SETTINGS = {
    "pad": "Literal['same', 'valid', 'cover'] | Sizes",
    "border": "Border | None",
    "strides": "Sizes",
    "dilation": "Sizes",
    "activation": "Activation | None",
    "bias": "float | None",
    "combine": "Combine | None",
    "pool": "Sizes | None",
    "pool_mode": "PoolMode",
    "values": "Values | None",
    "data_format": "DataFormat | None",
}

OPTIONS = {
    "apply": (
        "FILTER, INPUT... OUTPUT, --then, --pad, --border, --strides, --dilation, --activation, "
        "--bias, --combine, --pool, --pool-mode, --values, --data-format, --color, --range, "
        "--linear, --format, --quality, --max-pixels, --recursive -r, --resume, --shard, "
        "--no-clobber, --device, --engine, --plan, --tile, --jobs -j, --backend, --preview, "
        "--json, --quiet -q, --verbose -v"
    ),
    "kernels": "",
    "kernels list": "--json, --tag",
    "kernels show": "NAME, --json, --file, --save",
    "kernels gallery": "PICTURE, SHEET, --tag, --columns",
    "kernels check": "FILES...",
    "kernels schema": "--pipeline",
    "kernels extract": "MODEL, --layer, --out, --each",
    "train": (
        "mnist|fashion-mnist|NAME, --data, --recipe, --arch, --epochs, --batch-size, --seed, "
        "--out, --resume, --limit, --classes, --tensorboard, --backend, --quiet -q"
    ),
    "evaluate": "MODEL, --data, --json",
    "predict": "MODEL, PICTURES..., --json, --csv, --as-is",
    "finetune": (
        "MODEL, --data, --freeze, --rate-new, --rate-reused, --each, --classes, --keep-head, "
        "--epochs, --batch-size, --seed, --out, --quiet -q"
    ),
    "features": "MODEL|FILTER, PICTURE, OUT, --columns, --as-is, --json",
    "describe": (
        "FILTER, --then, --pad, --border, --strides, --dilation, --activation, --bias, --combine, "
        "--pool, --pool-mode, --values, --data-format, --size, --plan, --save, --json"
    ),
    "explain": (
        "FILTER, PICTURE, X,Y, --then, --pad, --border, --strides, --dilation, --activation, --bias, "
        "--combine, --pool, --pool-mode, --values, --data-format, --color, --range, --linear, --engine, "
        "--layer, --channel, --plane, --json"
    ),
    "share": (
        "FILTER, PICTURE, PAGE, --then, --pad, --border, --strides, --dilation, --activation, --bias, "
        "--combine, --pool, --pool-mode, --values, --data-format, --color, --range, --side"
    ),
    "play": (
        "[FILTER|MODEL], [PICTURE], --then, --pad, --border, --strides, --dilation, --activation, "
        "--bias, --combine, --pool, --pool-mode, --values, --data-format, --color, --range, "
        "--linear, --port, --no-browser"
    ),
    "export": (
        "FILTER, OUT, --then, --pad, --border, --strides, --dilation, --activation, --bias, "
        "--combine, --pool, --pool-mode, --values, --data-format, --full-scale, --size, --json"
    ),
    "cache": "",
    "cache list": "--json",
    "cache clear": "",
    "cache warm": "",
    "info": "--backend, --json",
}

WORDS = {
    "Border": "zero edge reflect symmetric wrap",
    "Color": "gray each luma",
    "Combine": "none magnitude max absmax sum mean",
    "DataFormat": "channels_last channels_first",
    "Engine": "auto keras compiled",
    "Plan": "auto direct",
    "PoolMode": "max average",
    "Range": "clip abs rescale signed gain raw",
    "Values": "stored unit",
    "Layout": "kh,kw,in,out out,in,kh,kw",
    "Activation": (
        "abs celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh "
        "leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink "
        "softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh "
        "tanh_shrink"
    ),
}

FIELDS = {
    "kernel": (
        "$schema activation anchor bias border color combine data_format description divisor flip "
        "layout name range source tags values weights"
    ),
    "pipeline": "$schema color data_format description layers name range source values",
}


def _node(name: str) -> ast.AST:
    """The definition of a public name in its module's source, so that Keras need not be loaded."""
    path = ROOT / "convfilter" / f"{convfilter._HOME[name].replace('.', '/')}.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body
    (found,) = (node for node in body if getattr(node, "name", None) == name)
    return found


def _signature(name: str) -> str:
    """A function's parameters and result, a data class's fields, or an error's base, as written."""
    node = _node(name)
    if isinstance(node, ast.FunctionDef):
        return f"({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    return f"({', '.join(map(ast.unparse, fields or node.bases))})"


def _spelling(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return " ".join(parameter.opts)
    return parameter.make_metavar(click.Context(command))


def _commands():
    """Every command and its words: ("kernels show", "NAME --json --file")."""
    for name in COMMANDS:
        found = command.get_command(None, name)
        for path, each in [
            (name, found),
            *((f"{name} {sub}", c) for sub, c in getattr(found, "commands", {}).items()),
        ]:
            yield path, ", ".join(map(_spelling, each.params))


def test_public_names():
    """`convfilter.__all__` is what SIGNATURES names, and dir() shows it."""
    assert convfilter.__all__ == sorted(SIGNATURES), HINT
    assert dir(convfilter) == sorted([*SIGNATURES, "__version__"])


@pytest.mark.parametrize("name", SIGNATURES)
def test_public_signatures(name):
    """Each function's parameters, and each class's fields or base, are as written here."""
    assert _signature(name) == SIGNATURES[name], HINT


def test_settings():
    """The keyword arguments of `apply`, `build` and `make_pipeline` beside their own."""
    from convfilter.filters.settings import FilterSettings

    (node,) = ast.parse(inspect.getsource(FilterSettings)).body
    found = {
        each.target.id: ast.unparse(each.annotation) for each in node.body if isinstance(each, ast.AnnAssign)
    }
    assert found == SETTINGS, HINT


@pytest.mark.parametrize("name", WORDS)
def test_words(name):
    """The words that a setting, an option or a file's field may be."""
    assert " ".join(typing.get_args(getattr(choices, name))) == WORDS[name], HINT


def test_commands_and_options():
    """Every command's arguments and options."""
    assert dict(_commands()) == OPTIONS, HINT


@pytest.mark.parametrize("name", FIELDS)
def test_file_fields(name):
    """The fields of kernel and pipeline files, as their schema lists them."""
    schema = json.loads((ROOT / "kernels" / f"{name}.schema.json").read_text())
    assert " ".join(sorted(schema["properties"])) == FIELDS[name], HINT


def test_exit_codes(convfilter, photo, monkeypatch):
    """0 done, 1 a picture failed, 2 wrong use or a wrong kernel, 130 interrupted."""
    assert convfilter("kernels", "show", "sobel").code == 0, HINT
    assert convfilter("apply", "identity", "missing.png", "out.png").code == 1, HINT
    assert convfilter("apply", "identity").code == 2, HINT
    assert convfilter("kernels", "show", "missing").code == 2, HINT

    def interrupt(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("convfilter.filters.load.load", interrupt)
    assert convfilter("kernels", "show", "sobel").code == 130, HINT


def test_errors_have_exit_codes():
    """Each error of the tree says what the command line exits with."""
    codes = {name: getattr(convfilter, name).exit_code for name in SIGNATURES if name.endswith("Error")}
    assert codes == {"BackendError": 2, "ConvfilterError": 1, "FilterError": 2, "PictureError": 1}, HINT


def test_importing_is_quick():
    """`import convfilter` loads none of what it depends on, and no module of its own but the version's."""
    code = """
import sys
before = set(sys.modules)
import convfilter
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["convfilter", "convfilter._version"], done.stderr


def test_a_name_that_is_not_there():
    """An AttributeError like any module's, so that hasattr and from … import work."""
    assert not hasattr(convfilter, "soble")
    with pytest.raises(AttributeError, match="module 'convfilter' has no attribute 'soble'"):
        convfilter.soble  # noqa: B018


def test_type_checkers_see_what_is_imported():
    """The imports for type checkers and those made on use name the same modules."""
    (block,) = (node for node in ast.parse(inspect.getsource(convfilter)).body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == {name: f"convfilter.{home}" for name, home in convfilter._HOME.items()}
