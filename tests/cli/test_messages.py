"""What a newcomer gets wrong, and what is said: the thing, the reason, and a next step that works."""

import ast
import json
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import convfilter as package
from convfilter.cli import COMMANDS, command
from convfilter.cli.wording import OPTIONS, message
from convfilter.errors import DataError, FilterError

LIBRARY = Path(package.__file__).parent
# These write command lines: into kernel files, and into a run's README.
WRITERS = ("networks/extract.py", "train/card.py", "__main__.py")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder of a beginner: pictures, things that are none, a kernel, a network, a data set."""
    gray = Image.fromarray(np.tile(np.arange(0, 240, 8, np.uint8), (20, 1)))
    for name in ("photo.png", "photo.jpg", "a/one.png", "a/two.png", "a/two.jpg", "b/one.png", "anim.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        gray.save(tmp_path / name)
    (tmp_path / "noending").write_bytes((tmp_path / "photo.png").read_bytes())
    (tmp_path / "list.txt").write_text("photo.png\nphoto.jpg\n")
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1")
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isom")
    (tmp_path / "noise.dat").write_bytes(bytes(range(200, 232)))
    (tmp_path / "mine.json").write_text("[[1, 0, -1]]")
    (tmp_path / "plain").write_text("[[1, 0, -1]]")
    np.savez(tmp_path / "best.npz", x=np.zeros(3))
    with zipfile.ZipFile(tmp_path / "sobel.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    images = np.zeros((4, 28, 28), np.uint8)
    np.savez(tmp_path / "set.npz", x_train=images, y_train=[0, 1, 0, 1], x_test=images, y_test=[0, 1, 0, 1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


CLASH = "give them one by one, each with an OUTPUT of its own, or rename one"
WRONG = [
    # Where results go
    ("apply sobel a/one.png b/one.png out/", f"a/one.png and b/one.png would both become out/one.png; {CLASH}"),
    ("apply sobel a out -r --format png", f"would both become out/two.png; {CLASH}"),
    ("apply sobel photo.png photo.png out/", "photo.png is given twice; give it once"),
    ("apply sobel photo.png", "no OUTPUT; give a file's name, or a folder's, after photo.png"),
    ("apply sobel photo.png out", "out: no extension, which says the format; write out.png, or out/ for a"),
    ("apply sobel photo.png out.gif", "out.gif: gif is only read; write png, tiff,"),
    ("apply sobel photo.png out.png --format jpg", "out.png: the extension says png; leave out --format jpeg"),
    ("apply sobel photo.png out/ --format xyz", "unknown picture format 'xyz'; use one of png, jpeg, tiff, webp, "
                                                "bmp, pgm, ppm, npy"),
    ("apply sobel photo.png out.pdf", "out.pdf: unknown picture extension; use one of .png .jpg"),
    ("apply sobel photo.png photo.jpg/o.png", "photo.jpg: can't be made a folder: part of its path is a file; na"),
    ("apply sobel photo.png https://x.org/o.png", "https://x.org/o.png: an address, and convfilter knows files on"),
    ("apply sobel photo.png o.png --range raw", "--range raw needs floats, which png can't hold; write tiff or npy"),
    ("apply sobel a out", "a is a folder; add --recursive"),
    # What is no picture
    ("apply sobel list.txt out.png", "list.txt: not a picture but text; give one of PNG, JPEG,"),
    ("apply sobel list.txt photo.png out/", "list.txt: not a picture but text; give one of PNG, JPEG,"),
    ("apply sobel paper.pdf photo.png out/", "paper.pdf: not a picture but a PDF; save its page as a picture"),
    ("apply sobel phone.heic out.png", "phone.heic: not a picture but a HEIC photo; convert it to PNG or JPEG"),
    ("apply sobel film.mp4 out.png", "film.mp4: not a picture but a video; save a frame of it as PNG"),
    ("apply sobel best.npz out.png", "best.npz: not a picture but a zip archive"),
    ("apply sobel noise.dat out.png", "noise.dat: not a picture but data of an unknown kind; give one of"),
    ("apply sobel noending photo.png out/", "noending: its name doesn't say what to write; use --format png, or"),
    ("apply sobel anim.gif photo.png out/", "anim.gif: gif is only read; use --format png, or another"),
    ("apply sobel nosuch.txt photo.png out/", "nosuch.txt: no such file; check the name"),
    ("apply sobel *.bmp out.png", "*.bmp: no such file; no name fits the pattern"),
    ("apply sobel https://x.org/p.png out.png", "https://x.org/p.png: an address, and convfilter knows files only; "
                                                "download it, and give the file"),
    ("apply sobel file:///p.png out.png", "file:///p.png: an address; give the path alone"),
    # What is no filter
    ("apply photo.png out.png", "photo.png is a picture; a FILTER, such as sobel, comes before any picture"),
    ("apply best.npz photo.png o.png", "best.npz: a network, not a filter; `convfilter kernels extract best.npz "),
    ("apply ./best.npz photo.png o.png", "`convfilter predict ./best.npz PICTURE` reads digits"),
    ("describe sobel.keras", "sobel.keras: a network, not a filter; `convfilter kernels extract sobel.keras --lay"),
    ("apply sobel.onnx photo.png o.png", "sobel.onnx: a model file, not a filter; give the filter it was made of"),
    ("apply ./list.txt photo.png o.png", "list.txt:1:1: not JSON"),
    ("apply https://x.org/k.json photo.png o.png", "https://x.org/k.json: an address, and convfilter knows files"),
    ("apply mine photo.png o.png", 'no kernel named "mine"; did you mean the file ./mine.json?'),
    ("apply plain photo.png o.png", 'no kernel named "plain"; did you mean the file ./plain?'),
    ("apply ./mine photo.png o.png", "mine: no such file; did you mean mine.json?"),
    ("apply ./mien.json photo.png o.png", "mien.json: no such file; did you mean mine.json?"),
    ("apply sobel,laplacian photo.png o.png", "one FILTER after another is written sobel … --then laplacian"),
    ("apply [[1,0,-1]] photo.png o.png", "a kernel's text; save it in a file, such as mine.json, and give that"),
    ("apply gaussian:2 photo.png o.png", '"2" has no "="; write gaussian:sigma=2'),
    # Numbers and words
    ("apply sobel photo.png o.png --bias x", "'x' is not a valid float"),
    ("apply sobel photo.png o.png --bias nan", "bias can't be nan; use a fraction of full scale, such as 0.5"),
    ("apply sobel photo.png o.png --dilation None", '"None": give one whole number or two joined by a comma'),
    ("apply sobel photo.png o.png --max-pixels 9", "allow it with --max-pixels 600 if you trust the file"),
    ("kernels list --tag egde", 'no kernel has the tag "egde"; the tags are '),
    # Networks and data
    ("kernels extract photo.png --layer c --out k", "photo.png: a picture; a MODEL is a .keras file, or the .npz"),
    ("predict mine.json photo.png", "mine.json: a filter's file; a MODEL is a .keras file, or the .npz of a run"),
    ("predict https://x.org/best.npz photo.png", "https://x.org/best.npz: an address"),
    ("train minst", "minst: no such file or folder; did you mean mnist?"),
    ("train cifar", "cifar: no such file or folder; data sets by name are mnist, fashion-mnist"),
    ("train https://x.org/mnist.npz", "https://x.org/mnist.npz: an address"),
    ("train mnist --arch resnet", 'no architecture "resnet"; choose one of article,'),
    ("train set.npz --out list.txt", "list.txt: can't be made a folder: part of its path is a file; name another"),
    ("train set.npz --out list.txt/run", "list.txt/run: can't be made a folder: part of its path is a file"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "said"), WRONG, ids=[typed for typed, _ in WRONG])
def test_a_wrong_command_is_told_what_works(convfilter, desk, typed, said):
    """One line, not a traceback, with the next step."""
    done = convfilter(*typed.split())
    assert done.code in (1, 2)
    lines = done.err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert said in lines[0]


def test_a_clash_is_never_blamed_on_the_format(convfilter, desk):
    """Two results of one name stay two of one name in any format."""
    assert "--format" not in convfilter("apply", "sobel", "a/one.png", "b/one.png", "out/").err
    done = convfilter("apply", "sobel", "a", "out", "-r", "--format", "png")
    assert "use" not in done.err
    assert convfilter("apply", "sobel", "a", "out", "-r").code == 0  # here leaving it out helps


def test_a_network_is_named_before_anything_is_said_of_code(convfilter, desk):
    """The warning that a model file is code is not for what is no model file."""
    assert "is code" not in convfilter("features", "nosuch.keras", "photo.png", "o.png").err
    assert "is code" not in convfilter("kernels", "extract", "sobel", "--layer", "c", "--out", "k").err


def test_an_error_of_the_system_names_its_file(convfilter, desk, monkeypatch):
    """What nobody foresaw is told with the file that it happened to."""

    def fail(*args, **settings):
        raise PermissionError(13, "Permission denied", "/locked/out")

    monkeypatch.setattr("convfilter.filters.load.make_pipeline", fail)
    done = convfilter("describe", "sobel")
    assert (done.code, done.err) == (1, "Error: /locked/out: Permission denied\n")


def test_an_address_is_a_file_where_there_is_one(convfilter, desk):
    """A folder may be called like an address."""
    (desk / "file:").mkdir()
    (desk / "photo.png").rename(desk / "file:/photo.png")
    assert convfilter("apply", "sobel", "file:/photo.png", "out.png").code == 0


def test_a_model_without_classes():
    """What `convfilter export` writes gives pictures, not classes."""
    from convfilter.train.evaluation import classes_of

    assert classes_of(SimpleNamespace(output_shape=(None, 10)), Path("best.npz")) == 10
    for shape in [(None, None, None, 1), (None, 1), (None, None), [(None, 3), (None, 2)]]:
        with pytest.raises(FilterError, match=r"sobel\.keras: its results are no classes; give a network"):
            classes_of(SimpleNamespace(output_shape=shape), Path("sobel.keras"))


def test_a_data_set_that_keras_kept_damaged(monkeypatch, tmp_path):
    """Its files are named, and what to do with them."""
    import keras

    from convfilter.train.data.load import load

    def broken():
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")

    def offline():
        raise Exception(
            "URL fetch failure on https://x.org/f.gz: None -- [Errno -2] Name or service not known"
        )

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", broken)
    with pytest.raises(
        DataError, match=r"ended before .*; delete train-images-idx3-ubyte.gz, train-labels"
    ) as e:
        load("fashion-mnist")
    assert f"in {tmp_path}/datasets/fashion-mnist, so that it is downloaded again" in str(e.value)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", offline)
    with pytest.raises(
        DataError, match=r"can't be downloaded \(Name or service not known\); fetch train-im"
    ) as e:
        load("fashion-mnist")
    assert f'put them into {tmp_path}/datasets/fashion-mnist, or give their folder with data="F' in str(
        e.value
    )


# The library's words and the command's


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('use color="each"', "use --color each"),
        ('range="raw" needs floats', "--range raw needs floats"),
        ("add recursive=True", "add --recursive"),
        ("allow it with max_pixels=600 if", "allow it with --max-pixels 600 if"),
        ('go on with resume="runs/my run"', "go on with --resume 'runs/my run'"),
        ('write batch=True, border="edge"', 'write batch=True, border="edge"'),  # no advice of the library
        ('my_range="raw" or range=raw', 'my_range="raw" or range=raw'),
        ("recursive=Truely", "recursive=Truely"),
    ],
)
def test_settings_are_shown_as_options(said, shown):
    """range="raw" as a Python programmer writes it, --range raw in a terminal."""
    assert message(FilterError(said)) == shown


def test_the_library_speaks_python_and_the_command_dashes(convfilter, desk):
    """The same error in both."""
    with pytest.raises(FilterError, match='use color="gray" or color="each"'):
        package.apply("sobel", np.zeros((9, 9, 3), np.uint8), color="luma", range="raw")
    typed = ("apply", "sobel", "photo.png", "o.npy", "--color", "luma", "--range", "raw", "--json")
    done = convfilter(*typed)
    assert "use --color gray or --color each" in done.err
    assert "use --color gray or --color each" in json.loads(done.out)["error"]


def _library():
    """Each module's path and its tree, but for the command line's."""
    for path in sorted(LIBRARY.rglob("*.py")):
        name = path.relative_to(LIBRARY).as_posix()
        if not name.startswith("cli/") and name not in WRITERS:
            yield name, ast.parse(path.read_text())


def _texts(tree):
    """The texts of a module that are no docstrings; an f-string's values as {}."""
    docs = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs | inside:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)


def test_the_library_writes_no_dashes():
    """Outside a command line quoted in backticks."""
    found = [
        (name, text)
        for name, tree in _library()
        for text in _texts(tree)
        if re.search(r"(?<![\w-])--[a-z]", re.sub("`[^`]*`", "", text))
    ]
    assert found == []


def _options():
    """Every option of every command: max_pixels for --max-pixels."""
    commands = [command.get_command(None, name) for name in COMMANDS]
    commands += [each for group in commands for each in getattr(group, "commands", {}).values()]
    spelt = {spelling for each in commands for param in each.params for spelling in param.opts}
    return {text.removeprefix("--").replace("-", "_") for text in spelt if text.startswith("--")}


def test_every_setting_that_is_advised_is_shown_as_an_option():
    """Each word that the library's messages give a value is known to `message`, if a command has such an
    option; and each that it knows is one."""
    assert set(OPTIONS) <= _options()
    advised = {
        word
        for name, tree in _library()
        if name != "filters/formulas.py"  # size=13 is a formula's parameter
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        for text in _texts(node)
        for word in re.findall(r'\b([a-z_]+)=(?:"|True\b|\d|\{)', text)
    }
    assert {"range", "color", "engine", "max_pixels", "recursive"} <= advised  # the search finds some
    assert advised & _options() <= set(OPTIONS)
