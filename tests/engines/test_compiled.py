"""The compiled engine and its cache: what Keras gives, without Keras, whatever becomes of the folder."""

import ast
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from all_rows import to_array
from scipy import ndimage

import convfilter as package
from convfilter.engines import choose, compiled, compiling, fingerprint
from convfilter.engines.base import of_array
from convfilter.engines.choose import choose_engine
from convfilter.engines.form import filled
from convfilter.engines.stage_words import in_words
from convfilter.engines.stages import Weights
from convfilter.errors import BackendError
from convfilter.filters import catalogue
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.load import make_pipeline
from convfilter.system import cache

PICTURE = np.random.default_rng(3).integers(0, 256, (1, 40, 53), np.uint8)


@pytest.fixture
def own_cache(exported_once, tmp_path, monkeypatch):
    """An empty cache folder, and a process that remembers nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    yield tmp_path / "cache" / "convfilter"
    forget()


def forget():
    compiled._kept.clear()
    compiled._refused.clear()
    for cached in (fingerprint.made_by, compiled._run_of, compiled._stages_of, compiled._pieces):
        cached.cache_clear()


def filtered(filters, picture=PICTURE, **options):
    return to_array(compiled.open_compiled(make_pipeline(filters, **options), of_array(picture), 255.0))


def count_exports(monkeypatch):
    made = []
    export = compiled.export
    monkeypatch.setattr(compiled, "export", lambda form: made.append(form) or export(form))
    return made


# The second run


SCRIPT = """
import sys
from convfilter.cli import run
code = run(sys.argv[1:])
slow = ("keras", "tensorflow", "pydantic", "rich", "hashlib", "tempfile", "shutil", "random", "platformdirs")
others = ("PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.PpmImagePlugin")  # of other formats than the pictures'
heavy = [n for n in (*slow, *others) if n in sys.modules]
sys.stderr.write(f"LOADED {heavy}")
sys.exit(code)
"""


def run_script(*arguments, env=None):
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=120
    )


@pytest.mark.slow
def test_later_runs_load_no_keras_and_give_the_same(own_cache, photo, tmp_path):
    """The first run of a form that did not come with the package compiles it; the second, in a new process, needs
    neither Keras nor pydantic."""
    options = ("--activation", "sparsemax", "--combine", "max", "--range", "rescale")
    command = ("apply", "frei-chen-basis", *options, photo)
    first, second = (run_script(*command, tmp_path / f"{n}.png") for n in (1, 2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "keras" in first.stderr
    assert second.stderr == "LOADED []"
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


@pytest.mark.slow
def test_an_edited_kernel_needs_no_keras(own_cache, photo, tmp_path):
    """New numbers in a file of the same form go into what is compiled; SciPy agrees with the result."""
    from PIL import Image

    kernel = tmp_path / "mine.json"
    kernel.write_text(json.dumps({"weights": [[0, 1, 0], [1, -4, 1], [0, 1, 0]], "range": "abs"}))
    run_script("apply", kernel, photo, tmp_path / "1.png")
    kernel.write_text(json.dumps({"weights": [[0, 2, 0], [2, -7, 1], [0, 2, 0]], "range": "abs"}))
    done = run_script("apply", kernel, photo, tmp_path / "2.png")
    assert done.stderr == "LOADED []"
    pixels = np.asarray(Image.open(photo), np.float64)
    wanted = ndimage.correlate(pixels, [[0, 2, 0], [2, -7, 1], [0, 2, 0]], mode="constant")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "2.png")), np.clip(np.abs(wanted), 0, 255))


@pytest.mark.slow
def test_an_edit_with_a_mistake_is_told_as_ever(own_cache, photo, tmp_path):
    """A good file under the same name a moment ago doesn't let a bad one through."""
    kernel = tmp_path / "mine.json"
    kernel.write_text('{"weights": [[1, 2], [3, 4]]}')
    assert run_script("apply", kernel, photo, tmp_path / "1.png").returncode == 0
    for weights, said in (
        ("[[1, 2], [3]]", "row 2 holds 1 number"),
        ("[[1, true], [3, 4]]", "mine.json:1:18"),
        ("[[1, 1e999], [3, 4]]", "mine.json:1:18"),
        ("[[1, 2], [3, [4]]]", "mine.json:1"),
        ("[[]]", "mine.json:1"),
        ('[[1, "2"], [3, 4]]', "mine.json:1:18"),
    ):
        kernel.write_text(f'{{"weights": {weights}}}')
        done = run_script("apply", kernel, photo, tmp_path / "2.png")
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "2.png").exists()


def test_one_form_serves_many_kernels(own_cache, monkeypatch):
    """Numbers, sizes, borders and padding are not part of what is compiled."""
    made = count_exports(monkeypatch)
    for name in ("laplacian", "laplacian-diagonal", "sharpen", "motion:length=5,angle=45"):
        for border in ("zero", "wrap"):
            filtered(name, border=border)
    assert len(made) == 1


# The cache's faults


def test_a_second_process_finds_what_the_first_kept(own_cache, monkeypatch):
    wanted = filtered("sobel")
    forget()
    made = count_exports(monkeypatch)
    assert np.array_equal(filtered("sobel"), wanted)
    assert made == []


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "foreign", "other version"])
def test_damage_is_noticed_and_mended(own_cache, monkeypatch, harm):
    """An entry that is half-written, altered, foreign or of another version is made anew."""
    wanted = filtered("sobel")
    (path,) = [path for path in cache.entries() if path.parent.name == cache.COMPILED]
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    bad = {
        "cut": good[: len(good) // 2],
        "flip": bytes(flipped),
        "empty": b"",
        "foreign": b"\x7fELF" + good,
        "other version": good.replace(b"cache 1", b"cache 0"),
    }[harm]
    path.write_bytes(bad)
    forget()
    made = count_exports(monkeypatch)
    assert np.array_equal(filtered("sobel"), wanted)
    assert len(made) == 1
    forget()
    filtered("sobel")
    assert len(made) == 1
    assert [cache.described(path) == "damaged" for path in cache.entries()] == [False] * len(cache.entries())


def test_the_list_says_when_an_entry_was_last_used(own_cache, monkeypatch):
    """Using a kept entry is noted, in its file's time; a folder that is only read is no trouble."""
    filtered("sobel")
    (path,) = (path for path in cache.entries() if path.parent.name == cache.COMPILED)
    os.utime(path, (1e9, 1e9))
    forget()
    filtered("sobel")
    assert path.stat().st_mtime > 1.7e9
    forget()
    monkeypatch.setattr(os, "utime", lambda *args: (_ for _ in ()).throw(PermissionError(13, "no")))
    filtered("sobel")
    assert cache.described(path) == "2 filters of 3×3, magnitude"


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        (
            make_pipeline("sobel", strides=2, activation="relu"),
            ["2 filters of 3×3, strides 2×2, relu, magnitude"],
        ),
        (make_pipeline("gaussian:sigma=2"), ["1 filter of 13×13"]),
        (make_pipeline("sobel-x", dilation=(1, 2)), ["1 filter of 3×5"]),
        (make_pipeline("gabor-bank"), ["8 filters of 37×37"]),
        (make_pipeline("box-3", pool=2, pool_mode="average"), ["1 filter of 3×3", "average pool of 2×2"]),
        (make_pipeline(make_kernel(np.ones((3, 1, 3, 4)))), ["4 filters of 3×1 on 3 channels"]),
    ],
)
def test_stages_in_words(pipeline, words):
    """As a filter's author would count, however the planner rewrote it."""
    stages = compiled.stages_of(resolve_padding(pipeline, (90, 90)), 255.0, "auto")
    assert [in_words(stage) for stage in stages] == words


def test_another_version_is_another_entry(own_cache, monkeypatch):
    """After an update of Keras, TensorFlow, LiteRT or convfilter nothing old is used."""
    filtered("sobel")
    forget()
    made = count_exports(monkeypatch)
    monkeypatch.setattr(fingerprint, "versions", lambda: ("keras-99.dist-info",))
    filtered("sobel")
    assert len(made) == 1


@pytest.mark.parametrize("name", fingerprint.SOURCES)
def test_an_edit_of_a_deciding_source_is_another_entry(own_cache, tmp_path, monkeypatch, name):
    """A contributor's edit meets no stage that was compiled before it; one elsewhere costs nothing."""
    tree = tmp_path / "convfilter"
    shutil.copytree(Path(package.__file__).parent, tree, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "__file__", str(tree / "engines" / "fingerprint.py"))
    filtered("box-3")
    made = count_exports(monkeypatch)
    (tree / "cli" / "cache.py").write_text("# edited")
    forget()
    filtered("box-3")
    assert made == []
    source = tree / f"{name}.py"
    source.write_text(source.read_text("utf-8") + "# edited\n", "utf-8")
    forget()
    filtered("box-3")
    assert len(made) == 1


def test_the_deciding_sources_are_all_that_stages_are_made_with():
    """What the modules that build, run and compare stages import is among them, or decides nothing there."""
    harmless = {
        "backend",
        "engines/fingerprint",
        "engines/stage_words",
        "errors",
        "filters/fields",
        "filters/geometry",
        "filters/json_types",
        "filters/intervals",
        "filters/kernel",
        "filters/kernel_fields",
        "filters/load",
        "filters/notebook",
        "filters/pipeline",
        "filters/settings",
        "system/cache",
        "system/interrupts",
        "system/machine",
        "system/stderr",
        "system/temporary",
        "system/values",
    }
    folder = Path(package.__file__).parent
    for name in fingerprint.SOURCES:
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("convfilter"):
                continue
            inside = node.module.partition(".")[2].replace(".", "/")
            modules = {inside} if (folder / f"{inside}.py").exists() else {
                "/".join(filter(None, (inside, alias.name))) for alias in node.names
            }  # fmt: skip
            assert modules <= {*fingerprint.SOURCES, *harmless}, (name, modules)


def test_the_versions_are_those_installed():
    from importlib.metadata import version

    names = "\n".join(fingerprint.versions())
    for package_name in ("keras", "tensorflow", "ai_edge_litert"):
        assert f"{package_name}-{version(package_name)}.dist-info" in names


def test_a_folder_that_can_not_be_written_costs_no_result(own_cache, monkeypatch):
    """A file where the folder should be, as a read-only disk would be: the picture is right all the same."""
    own_cache.parent.mkdir(parents=True, exist_ok=True)
    own_cache.write_text("not a folder")
    assert np.array_equal(filtered("laplacian")[0], correlated("laplacian"))
    assert cache.entries() == []


def correlated(name):
    matrix = make_pipeline(name).convs[0].weights[:, :, 0, 0]
    return ndimage.correlate(np.float64(PICTURE[0]), matrix, mode="constant")


@pytest.mark.slow
def test_processes_at_once(own_cache, photo, tmp_path):
    """Three first runs at the same time end well, with the same picture and whole entries, and nothing left
    in the temporary folder."""
    command = [sys.executable, "-m", "convfilter", "apply", "sobel", str(photo)]
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    running = [subprocess.Popen([*command, str(tmp_path / f"{n}.png")], env=env) for n in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert len({(tmp_path / f"{n}.png").read_bytes() for n in range(3)}) == 1
    assert "damaged" not in [cache.described(path) for path in cache.entries()]
    assert not [path for path in own_cache.rglob("*") if path.suffix == ".tmp"]
    assert not list((tmp_path / "tmp").iterdir())


def test_threads_at_once(own_cache, monkeypatch):
    """Pictures filtered side by side compile a form once, and compare it with Keras once."""
    made, compared = count_exports(monkeypatch), []
    compare = compiled.compare
    monkeypatch.setattr(compiled, "compare", lambda *given: compared.append(given) or compare(*given))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: filtered("sobel"), range(4)))
    assert (len(made), len(compared)) == (1, 1)
    assert all(np.array_equal(result, results[0]) for result in results)


# What is kept is Keras' own


def off_by_a_percent(part):
    return replace(part, weights=tuple(Weights(each.values * np.float32(1.01)) for each in part.weights))


def test_a_wrong_result_is_not_kept(own_cache, monkeypatch):
    """If what LiteRT computes were not what Keras computes, it is refused, and auto takes Keras."""
    monkeypatch.setattr(compiled, "filled", lambda entry, part: filled(entry, off_by_a_percent(part)))
    with pytest.raises(compiled.NotCompiled, match='gives other results than Keras; use engine="keras"'):
        filtered("sobel")
    assert [path for path in cache.entries() if path.parent.name == cache.COMPILED] == []
    made = count_exports(monkeypatch)
    with pytest.raises(compiled.NotCompiled, match="other results"):  # known by now
        filtered("sobel")
    assert made == []
    found = package.apply("laplacian", PICTURE[0], range="raw")
    assert np.array_equal(found, correlated("laplacian"))


def test_nobody_sees_what_is_not_compared_yet(own_cache, monkeypatch):
    """While a form is compared with Keras, other threads don't have it."""
    seen = []
    compare = compiled.compare

    def look(*given):
        seen.append(dict(compiled._kept))
        compare(*given)

    monkeypatch.setattr(compiled, "compare", look)
    filtered("sobel")
    assert seen == [{}]
    assert len(compiled._kept) == 1


def test_what_can_not_be_compiled_goes_to_keras(own_cache, monkeypatch):
    """A converter that fails is an error for --engine compiled, and none for auto."""

    def fail(model):
        raise RuntimeError("no such op\nmore")

    monkeypatch.setattr(compiled, "export", compiling.export)  # whatever was exported before
    monkeypatch.setattr("convfilter.engines.stage_model.export_litert", fail)
    with pytest.raises(
        compiled.NotCompiled, match=r"LiteRT can't run this filter \(no such op\); use engine="
    ):
        filtered("sobel")
    assert np.array_equal(package.apply("laplacian", PICTURE[0], range="raw"), correlated("laplacian"))


@pytest.mark.slow
def test_a_giant_kernel_goes_to_keras():
    """LiteRT would want a pointer a tap and pixel."""
    kernel = make_kernel(np.random.default_rng(0).normal(size=(601, 601)))
    with pytest.raises(compiled.NotCompiled, match="too large for LiteRT"):
        filtered(kernel, np.zeros((1, 8, 4000), np.uint8))


def test_infinity_on_the_way_stays_where_it_is():
    """A layer that overflows spreads no further than the window of the convolution after it."""
    from convfilter.filters.layers import Activation
    from convfilter.filters.pipeline import Pipeline

    blur = make_pipeline("gaussian:sigma=2")
    pipeline = Pipeline((Activation("exponential"), *blur.layers))
    picture = np.zeros((1, 40, 60), np.float32)
    picture[0, 20, 30] = 200  # e^200 is more than float32 holds
    found = to_array(compiled.open_compiled(pipeline, of_array(picture), 1.0))[0]
    assert np.array_equal(np.isfinite(found), ~ndimage.maximum_filter(picture[0] > 0, 13))


PLACES = ["{}", '["a"]', "[-1]", "[99999999]", "7", '"x"']


@pytest.mark.parametrize(
    "content", ["[", "[]", "7", "[" * 5000, *(f'{{"places": {each}}}' for each in PLACES)]
)
def test_entries_whose_places_are_none(own_cache, content):
    """A well-formed file that no convfilter wrote is made anew."""
    wanted = filtered("sobel")
    (path,) = (path for path in cache.entries() if path.parent.name == cache.COMPILED)
    _, about, places, model = path.read_bytes().removeprefix(cache.FORMAT).split(b"\n", 3)
    rest = b"\n".join([about, content.encode(), model])
    path.write_bytes(cache.FORMAT + cache._checksum(rest) + b"\n" + rest)
    forget()
    assert np.array_equal(filtered("sobel"), wanted)
    made = json.loads(path.read_bytes().split(b"\n", 4)[3])
    assert len(made["places"]) == len(json.loads(places)["places"])


def test_clear_deletes_nothing_but_its_own(own_cache, tmp_path, convfilter):
    """Neither through a link, nor other names, nor folders."""
    for kind in (cache.COMPILED, cache.OLD):
        (own_cache / kind).mkdir(parents=True)
    others = [own_cache / "compiled" / "mydocumentfile16", own_cache / "compiled" / "0123456789abcdef" / "x"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    others.append(elsewhere / "0123456789abcdef")
    (own_cache / "kernels").rmdir()
    (own_cache / "kernels").symlink_to(elsewhere)
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("keep")
    (own_cache / "compiled" / "00000000000000ff").write_text("damaged")
    assert "damaged" in convfilter("cache", "list").out
    assert convfilter("cache", "clear").out.startswith("1 files deleted")
    assert all(path.read_text() == "keep" for path in others)


def test_clear_deletes_what_version_0_1_0_kept_of_kernel_files(own_cache, convfilter):
    """They are listed and deleted, though nothing reads them any more."""
    folder = own_cache / "kernels"
    folder.mkdir(parents=True)
    for number in range(3):
        rest = b'["{\\"weights\\": [2, true]}", "0.1.0"]\n{}'
        (folder / f"{number:016x}").write_bytes(cache.FORMAT + cache._checksum(rest) + b"\n" + rest)
    assert convfilter("cache", "list").out.count("the outline of a kernel file") == 3
    assert convfilter("cache", "clear").out.startswith("3 files deleted")
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_the_cache_is_not_waited_for(own_cache, convfilter):
    wanted = filtered("laplacian")
    for path in cache.entries():
        path.unlink()
        os.mkfifo(path)
    forget()
    assert np.array_equal(filtered("laplacian"), wanted)
    assert convfilter("cache", "list").code == 0


def test_floats_that_are_no_numbers_stay_where_they_are():
    """NaN and infinity reach the pixels whose windows hold them, no others: no plan spreads them."""
    picture = np.random.default_rng(1).random((40, 60), np.float32)
    picture[20, 30], picture[5, 50] = np.nan, np.inf
    found = package.apply("gaussian:sigma=2", picture, range="raw")
    touched = ndimage.maximum_filter(~np.isfinite(picture), 13)
    assert np.array_equal(np.isfinite(found), ~touched)


ACTIVATIONS = (
    "relu",
    "sigmoid",
    "tanh",
    "softplus",
    "gelu",
    "mish",
    "hard_swish",
    "abs",
    "softmax",
    "sparsemax",
)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_kerass(activation):
    """Every kind of activation, compiled or not, gives what the Keras engine gives."""
    picture = np.random.default_rng(1).random((30, 41), np.float32)
    options = {"activation": activation, "combine": "none", "range": "raw"}
    found, wanted = (
        package.apply("sobel", picture, engine=engine, **options) for engine in ("auto", "keras")
    )
    np.testing.assert_allclose(found, wanted, atol=1e-5)


# Choosing


def test_auto_is_compiled_unless_something_else_is_asked_for(monkeypatch):
    monkeypatch.setattr(choose, "has_gpu", lambda: False)
    assert type(choose_engine()).__name__ == "CompiledEngine"
    assert type(choose_engine(device="cpu")).__name__ == "CompiledEngine"
    assert type(choose_engine("keras")).__name__ == "KerasEngine"
    assert type(choose_engine(device="gpu:1")).__name__ == "KerasEngine"
    monkeypatch.setattr(choose, "has_gpu", lambda: True)
    assert type(choose_engine()).__name__ == "KerasEngine"
    assert type(choose_engine(device="cpu")).__name__ == "CompiledEngine"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert type(choose_engine(device="cpu")).__name__ == "KerasEngine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "fast"}, "engine can't be 'fast'; use auto, keras, compiled"),
        ({"name": "compiled", "device": "gpu"}, 'runs on the CPU only; use engine="keras" for gpu'),
    ],
)
def test_engines_that_are_not_here(arguments, said):
    with pytest.raises(BackendError, match=said):
        choose_engine(**arguments)


# The command


def test_cache_list_clear_and_warm(own_cache, convfilter, tmp_path, monkeypatch):
    """warm compiles what the catalogue needs, list shows it, clear deletes it; each says how much."""
    found = {name: catalogue.find(name) for name in ("sobel", "box-3")}
    monkeypatch.setattr("convfilter.filters.catalogue.files", lambda: found)
    assert "2 filters ready" in convfilter("cache", "warm").out
    listed = json.loads(convfilter("cache", "list", "--json").out)
    assert {row["kind"] for row in listed} - {"kernels"} == {"compiled"}
    assert sorted(row["what"] for row in listed if row["kind"] == "compiled") == [
        "1 filter of 3×3",
        "2 filters of 3×3, magnitude",
    ]
    assert f"{len(listed)} files" in convfilter("cache", "list").out
    assert f"{len(listed)} files deleted" in convfilter("cache", "clear").out
    assert convfilter("cache", "list", "--json").out.strip() == "[]"
