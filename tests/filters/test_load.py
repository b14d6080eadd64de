"""FILTER: names, paths and formulas to kernels and pipelines."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from filter_errors import error_of

from convfilter.filters import catalogue
from convfilter.filters.geometry import sizes
from convfilter.filters.kernel import Kernel
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.load import load, make_pipeline
from convfilter.filters.pipeline import Pipeline

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of one's own: where the user's kernels go."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.delenv("CONVFILTER_KERNELS", raising=False)
    return tmp_path


def put(folder, name, text="[[1]]"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(text)
    return path


def test_the_users_folder_is_in_the_config_folder(home):
    """platformdirs says where; its last part is `kernels`."""
    assert home in catalogue.user_folder().parents
    assert catalogue.user_folder().name == "kernels"


def test_a_name_is_looked_up_in_the_users_folder_first(home, monkeypatch):
    """The user's folder, then those of CONVFILTER_KERNELS in their order, then the shipped kernels."""
    first, second = home / "first", home / "second"
    monkeypatch.setenv("CONVFILTER_KERNELS", os.pathsep.join([str(first), "", str(second)]))
    shipped = catalogue.find("sobel-x")
    assert shipped.parent == catalogue.shipped_folder()
    for folder in (second, first, catalogue.user_folder()):
        path = put(folder, "sobel-x")
        assert catalogue.find("sobel-x") == path
        assert catalogue.files()["sobel-x"] == path
        assert isinstance(load("sobel-x"), Kernel)
        assert catalogue.load_kernel("sobel-x").size == (1, 1)
    assert catalogue.find("sobel-y") == shipped.with_name("sobel-y.json")


def test_the_files_are_listed_by_name(home, monkeypatch):
    """Own kernels stand among the shipped ones, sorted; other files and schemas are no kernels."""
    monkeypatch.setenv("CONVFILTER_KERNELS", str(home / "own"))
    shipped = list(catalogue.files())
    assert shipped == sorted(
        path.stem for path in catalogue.shipped_folder().glob("*.json") if ".schema" not in path.name
    )
    put(home / "own", "mine")
    put(home / "own", "mine.schema")
    (home / "own" / "notes.txt").write_text("[[1]]")
    assert set(catalogue.files()) - set(shipped) == {"mine"}
    assert list(catalogue.files()) == sorted(catalogue.files())


def test_folders_that_are_not_there_hold_nothing(home, monkeypatch):
    """A missing folder of one's own is no error, nor is a file in its place."""
    (home / "file").write_text("")
    monkeypatch.setenv("CONVFILTER_KERNELS", os.pathsep.join([str(home / "none"), str(home / "file")]))
    assert catalogue.find("sobel").parent == catalogue.shipped_folder()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sobl", 'no kernel named "sobl"; did you mean sobel'),
        ("Sobel-X", 'no kernel named "Sobel-X"; did you mean sobel-x'),
        ("kroo", 'no kernel named "kroo"; did you mean kroon'),
        ("edge", 'no kernel named "edge"; did you mean edge-enhance or edge-enhance-more?'),
        ("minee", 'no kernel named "minee"; did you mean mine?'),
        ("gausian", 'no kernel named "gausian"; did you mean gaussian?'),
        ("gausian:sigma=2", "gausian:sigma=2: no such formula; did you mean gaussian?"),
        ("gaussian:sgma=2", 'gaussian:sgma=2: unknown parameter "sgma"; did you mean sigma?'),
        ("qqqqqq", 'no kernel named "qqqqqq"; see `convfilter kernels list`'),
        ("", 'an empty name for a filter; is a variable unset?'),
        ("a\nb", 'no kernel named "a?b"; see'),
        ("none.json", "none.json: no such file; check the name"),
        ("./none", "none: no such file; check the name"),
        (".", 'no kernel named "."'),
        ("./", ".: "),
    ],
)  # fmt: skip
def test_a_near_miss_is_told(home, monkeypatch, name, says):
    """Of a name, a formula, a parameter or a path that is not there: what may have been meant."""
    monkeypatch.chdir(home)
    put(catalogue.user_folder(), "mine")
    assert error_of(load, name).startswith(says)


def test_a_broken_file_of_the_users_is_told_only_when_it_is_used(home):
    """The error names the user's file and place; other names are not affected."""
    path = put(catalogue.user_folder(), "broken", "[[1,\n x]]")
    assert error_of(load, "broken").startswith(f"{path}:2:2: not JSON: expecting value")
    assert error_of(catalogue.load_kernel, "broken").startswith(f"{path}:2:2: not JSON")
    assert load("sobel").filters == 2


def test_a_path_is_not_looked_up(home, monkeypatch):
    """What ends in .json or holds a slash is a path, even where a kernel has that name."""
    monkeypatch.chdir(home)
    put(home, "sobel", "[[5]]")
    for text in ("sobel.json", "./sobel.json", str(home / "sobel.json"), home / "sobel.json"):
        assert load(text).size == (1, 1)
        assert catalogue.load_kernel(text).size == (1, 1)
    assert load("sobel").size == (3, 3)


def test_a_pipeline_can_have_a_name(home):
    """A pipeline file in the user's folder is found like a kernel."""
    put(catalogue.user_folder(), "mine", '{"layers": [{"conv": "sobel-x"}]}')
    assert isinstance(load("mine"), Pipeline)
    assert load("mine").name == "mine"


def test_filters_may_be_given_in_every_form(tmp_path):
    """Names, formulas, paths, kernels and pipelines, one or several in a row."""
    kernel = make_kernel([[1, 2]], name="own")
    pipeline = make_pipeline("sobel-x", pad="valid")
    article = SAMPLES / "article.json"
    made = make_pipeline(["sobel-y", "gaussian:sigma=1", put(tmp_path, "k"), kernel, pipeline, article])
    names = ["sobel-y", "gaussian:sigma=1,size=7", "k", "own", "sobel-x", "sobel-x", "sobel-x"]
    assert [conv.name for conv in made.convs] == names
    assert make_pipeline(kernel) == make_pipeline([kernel])
    assert make_pipeline(pipeline) == pipeline


@pytest.mark.parametrize("name", sorted(catalogue.files()))
def test_every_shipped_kernel_loads(name):
    """Each makes a pipeline that keeps a picture's size and gives one channel, or one per filter."""
    kernel = load(name)
    assert isinstance(kernel, Kernel)
    assert kernel.notes == ()
    pipeline = make_pipeline(name)
    assert sizes(pipeline, (40, 50))[-1] == (40, 50)
    assert pipeline.out_channels == (kernel.filters if kernel.combine == "none" else 1)


def test_what_lies_in_a_folder_of_kernels(home, monkeypatch):
    """Files and links to them are kernels; a folder, a schema, a link in a circle or to nothing is none. A folder
    that is missing, or a file, holds none."""
    own = home / "own"
    monkeypatch.setenv(
        "CONVFILTER_KERNELS", os.pathsep.join([str(own), str(home / "none"), str(home / "file")])
    )
    shipped = set(catalogue.files())
    (home / "file").write_text("")
    put(own, "mine")
    put(own, ".hidden")
    put(own, "mine.schema")
    (own / "folder.json").mkdir()
    (own / "link.json").symlink_to(own / "mine.json")
    (own / "circle.json").symlink_to(own / "circle.json")
    (own / "nothing.json").symlink_to(own / "nowhere.json")
    assert set(catalogue.files()) - shipped == {"mine", ".hidden", "link"}
    assert catalogue.find("link") == own / "link.json"


def test_a_kernel_is_read_again_once_its_file_has_changed(home, monkeypatch):
    """In place, by a new file of its length and time, by another of its name in a folder that is asked first."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)  # else a new file is never kept
    monkeypatch.setenv("CONVFILTER_KERNELS", str(home / "own"))
    path = put(home / "own", "mine", "[[1]]")
    first = load("mine")
    assert load("mine") is first is load(path)
    for number, change in enumerate((lambda: path.write_text("[[2]]"),
                                     lambda: os.replace(put(home / "other", "mine", "[[3]]"), path),
                                     lambda: put(catalogue.user_folder(), "mine", "[[4]]"))):  # fmt: skip
        time.sleep(0.02)
        change()
        os.utime(path, (0, 0))
        assert load("mine").weights.item() == number + 2
    monkeypatch.chdir(home / "own")
    assert load("./mine.json").weights.item() == 3
    monkeypatch.chdir(catalogue.user_folder())
    assert load("./mine.json").weights.item() == 4


def test_a_pipeline_is_read_again_since_the_kernels_it_names_may_change(home, monkeypatch):
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60 * 10**9)
    put(home, "mine", "[[1]]")
    pipeline = put(home, "chain", '{"layers": [{"conv": "./mine.json"}]}')
    assert load(pipeline).convs[0].weights.item() == 1
    time.sleep(0.02)
    put(home, "mine", "[[2]]")
    assert load(pipeline).convs[0].weights.item() == 2


def test_names_are_found_as_in_the_list_of_files(home, monkeypatch):
    """Without reading the folders: schemas, folders and names in other letters are no kernels either way."""
    monkeypatch.setenv("CONVFILTER_KERNELS", str(home / "own"))
    put(home / "own", "mine.schema")
    (home / "own" / "folder.json").mkdir()
    put(home / "own", "sobel")
    for name in (*catalogue.files(), "mine", "mine.schema", "folder", "x\0y", ""):
        assert catalogue._file_named(name) == catalogue.files().get(name)


def test_pipelines_of_kernels_are_made_once_and_keep_their_names():
    """The same object for the same kernel and settings; equal numbers under another name are another."""
    one, other = make_kernel([[1, 2]], name="one"), make_kernel([[1, 2]], name="other")
    assert make_pipeline(one) is make_pipeline(one)
    assert make_pipeline(one, border="edge") is not make_pipeline(one)
    assert [make_pipeline(each).name for each in (one, other, [one, other], make_pipeline(other))] == [
        "one", "other", "one + other", "other"]  # fmt: skip
    renamed = replace(make_pipeline(one), name="renamed")
    assert make_pipeline(renamed) is renamed
    assert make_pipeline([renamed, one]).name == "renamed + one"
