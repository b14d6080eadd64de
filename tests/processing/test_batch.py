"""Folders: several pictures at once, interrupted runs that go on, parts of the work, and giant TIFFs."""

import gc
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convfilter.engines.choose import choose_engine
from convfilter.errors import BackendError
from convfilter.filters.load import make_pipeline
from convfilter.images.formats import FORMATS
from convfilter.processing import batch, inputs
from convfilter.processing import outputs as writing
from convfilter.processing.jobs import plan
from convfilter.processing.options import PixelOptions, WriteOptions
from convfilter.processing.strips import in_order, in_parallel

RNG = np.random.default_rng(8)


@pytest.fixture
def folder(tmp_path):
    """Nine different pictures."""
    path = tmp_path / "in"
    path.mkdir()
    for number in range(9):
        pixels = RNG.integers(0, 256, (30 + number, 40), np.uint8)
        Image.fromarray(pixels).save(path / f"{number}.png")
    return path


def outputs(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_pictures_at_once_are_those_one_by_one(convfilter, folder):
    """--jobs changes neither the pictures nor the order in which they are told."""
    one = convfilter("apply", "sobel", folder, "one", "-r", "--jobs", 1, "--json")
    four = convfilter("apply", "sobel", folder, "four", "-r", "--jobs", 4, "--json")
    assert one.code == four.code == 0
    assert outputs(Path("one")) == outputs(Path("four"))
    names = [[Path(json.loads(line)["input"]).name for line in run.out.splitlines()] for run in (one, four)]
    assert names[0] == names[1] == [f"{number}.png" for number in range(9)]


def test_failures_keep_their_place(convfilter, folder):
    """With several at once a broken picture is still told in its turn, and the rest are written."""
    (folder / "4.png").write_bytes(b"no picture")
    done = convfilter("apply", "sobel", folder, "out", "-r", "--jobs", 3, "--json")
    assert done.code == 1
    statuses = [json.loads(line)["status"] for line in done.out.splitlines()]
    assert statuses == ["written"] * 4 + ["failed"] + ["written"] * 4
    assert len(outputs(Path("out"))) == 8


def test_never_far_ahead():
    """Work begins on no more pictures than threads and one, before somebody takes a result."""
    begun = []
    results = in_order(lambda item: begun.append(item) or item, iter(range(50)), 3)
    for wanted in range(50):
        assert next(results) == wanted
        time.sleep(0.001)
        assert len(begun) <= wanted + 1 + 3 + 1


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_in_parallel_does_each_once_and_no_more_after_a_failure(threads):
    """Whichever thread fails, the caller gets the exception, and items are left."""
    done = []
    in_parallel(done.append, iter(range(200)), threads)
    assert sorted(done) == list(range(200))
    in_parallel(done.append, iter(()), threads)
    left = iter(range(1000))

    def fail(item):
        if item >= 3:
            raise ZeroDivisionError(item)
        time.sleep(0.01)

    with pytest.raises(ZeroDivisionError):
        in_parallel(fail, left, threads)
    assert next(left) <= 3 + threads


def test_in_parallel_uses_so_many_threads_of_which_the_caller_is_one():
    """Four items wait for each other: four threads are at work, and none is left afterwards."""
    all_here, seen, before = threading.Barrier(4, timeout=10), set(), threading.active_count()

    def meet(item):
        seen.add(threading.get_ident())
        all_here.wait()

    in_parallel(meet, iter(range(4)), 4)
    assert len(seen) == 4
    assert threading.get_ident() in seen
    assert threading.active_count() == before


def test_in_parallel_makes_do_with_the_threads_that_start(monkeypatch):
    """Where the system lets no other thread start, the caller does all the work."""

    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    done = []
    in_parallel(done.append, iter(range(20)), 3)
    assert done == [*range(20)]


def test_in_order_of_nothing_and_of_one():
    assert list(in_order(str, iter(()), 3)) == []
    assert list(in_order(str, iter([1]), 3)) == ["1"]


def test_an_error_in_a_thread_is_raised():
    def fail(item):
        raise ValueError(item)

    with pytest.raises(ValueError, match="1"):
        list(in_order(fail, iter((1, 2, 3)), 2))


# Memory


@pytest.fixture
def no_collections():
    """Only reference counts free what nobody holds."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def run_watched(monkeypatch, folder, filters, look, at_once, **settings):
    """What becomes of the pictures, and weak references to the pixels read and to those computed."""
    pipeline = make_pipeline(filters, **settings)
    jobs = plan([str(folder)], "out", recursive=True, format_name=None, pages=pipeline.out_channels)
    seen = []

    def watched(function):
        def call(*args, **options):
            made = function(*args, **options)
            seen.extend(weakref.ref(page.pixels) for page in (made if isinstance(made, list) else [made]))
            return made

        return call

    monkeypatch.setattr(inputs, "read", watched(inputs.read))
    monkeypatch.setattr(writing, "collect", watched(writing.collect))
    engine = choose_engine().sharing(at_once)
    return batch.run(jobs, pipeline, look, WriteOptions(), engine, at_once), seen


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize(
    ("filters", "look"),
    [
        ("sobel", PixelOptions()),
        ("gaussian", PixelOptions("luma")),
        ("sobel", PixelOptions("each", "rescale", linear=True)),
    ],
)
def test_a_picture_is_freed_when_it_is_written(
    convfilter, folder, monkeypatch, no_collections, filters, look, at_once
):
    """No pixels outlive the next picture's turn, without a garbage collection."""
    for number in range(3):
        pixels = RNG.integers(0, 256, (100, 150, 4), np.uint8)
        Image.fromarray(pixels).save(folder / f"a{number}.png")
    dones, seen = run_watched(monkeypatch, folder, filters, look, at_once)
    for done in dones:
        assert done.status == "written", done.error
        assert sum(array() is not None for array in seen) <= 2 * (at_once + 1)  # of those in work
    assert len(seen) == 2 * 12
    assert all(array() is None for array in seen)


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("error", [None, ZeroDivisionError("lost")])
def test_a_failure_holds_no_picture(convfilter, folder, monkeypatch, no_collections, error, at_once):
    """Who keeps what became of the pictures, errors with their tracebacks, keeps none of the pixels."""
    if error:
        monkeypatch.setattr(batch, "write_result", raising(error))
    filters, settings = ("sobel", {}) if error else ("gaussian:sigma=30", {"pad": "valid"})  # too small
    dones, seen = run_watched(monkeypatch, folder, filters, PixelOptions(), at_once, **settings)
    dones = list(dones)
    assert [done.status for done in dones] == ["failed"] * 9
    assert all(done.error.__traceback__ or done.error.__cause__.__traceback__ for done in dones)
    assert len(seen) == 9
    assert all(array() is None for array in seen)


PEAKS = """
import gc, resource, sys
gc.disable()
from convfilter.cli import run
for folder in sys.argv[1:]:
    assert run(["apply", "sobel", folder, folder + "-out", "-r", "-q", "--jobs", "2", "--format", "bmp"]) == 0
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_folder(camera, tmp_path):
    """480 pictures at their peak take what 60 take, and a few pictures more, with no garbage collection."""
    Image.fromarray(camera).resize((640, 480)).save(tmp_path / "one.bmp")
    for name, count in (("few", 60), ("many", 480)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.bmp").hardlink_to(tmp_path / "one.bmp")
    child = [sys.executable, "-c", PEAKS, tmp_path / "few", tmp_path / "many"]
    # Linux counts a parent's memory as its child's: a small process stands between
    small = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)", *child]
    done = subprocess.run(small, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    few, many = map(int, done.stdout.split())
    assert many - few < 20 * 640 * 480 / 1024  # the 420 more are 126 MiB read, and as much again computed


def test_keras_by_strips_has_one_model_for_all_pictures(convfilter, folder, monkeypatch):
    """Of each model that is built Keras keeps something for ever."""
    from convfilter.engines import stage_model

    built, build = [], stage_model.build_stage
    monkeypatch.setattr(stage_model, "build_stage", lambda *args: built.append(args) or build(*args))
    done = convfilter("apply", "box-5", folder, "out", "-r", "--engine", "keras", "--tile", 16)
    assert done.code == 0, done.err
    assert len(built) == 1


# What nobody foresaw


def raising(error):
    def fail(*args, **options):
        raise error

    return fail


def failing_for(name, function, error):
    """The function, but for one picture of that size an error."""

    def call(pipeline, source, *args):
        if source.shape[0] == 30 + name:
            raise error
        return function(pipeline, source, *args)

    return call


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("lost\nand gone"), "internal error: ZeroDivisionError: lost; please report it"),
        (OverflowError(), "internal error: OverflowError; please report it"),
        (BufferError("\x1b[1m"), "internal error: BufferError: ?[1m; please report it"),
        (MemoryError(), "not enough memory; make the picture smaller"),
    ],
)
def test_what_nobody_foresaw_is_one_pictures_failure(convfilter, folder, monkeypatch, error, said, jobs):
    monkeypatch.setattr(batch, "filter_rows", failing_for(4, batch.filter_rows, error))
    done = convfilter("apply", "sobel", folder, "out", "-r", "--jobs", jobs, "--json")
    assert done.code == 1
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["status"] for row in rows] == ["written"] * 4 + ["failed"] + ["written"] * 4
    assert rows[4]["error"] == f"{folder / '4.png'}: {said}"
    assert f"Error: {folder / '4.png'}: {said}" in done.err.splitlines()
    assert "Traceback" not in done.err
    assert sorted(outputs(Path("out"))) == [f"{number}.png" for number in range(9) if number != 4]
    assert manifests(Path("out"))  # it can be resumed


@pytest.mark.parametrize("several", [True, False])
def test_debug_shows_where_it_happened(convfilter, folder, monkeypatch, several):
    monkeypatch.setenv("CONVFILTER_DEBUG", "")  # set by --debug, and put back after this test
    monkeypatch.setattr(batch, "filter_rows", failing_for(4, batch.filter_rows, ZeroDivisionError("lost")))
    inputs = [folder, "out", "-r"] if several else [folder / "4.png", "out.png"]
    for options, wanted in (([], False), (["--debug"], True)):
        done = convfilter("apply", "sobel", *inputs, *options)
        assert done.code == 1
        assert "internal error: ZeroDivisionError: lost; please report it" in done.err
        assert ("Traceback" in done.err and "failing_for" not in done.err and "in call" in done.err) == wanted


def test_what_nobody_foresaw_in_a_strip(convfilter, tmp_path, monkeypatch):
    """An error in the threads that compute a TIFF's strips leaves the old file, and the next TIFF is done."""
    from convfilter.processing import apply as filtering

    (tmp_path / "in").mkdir()
    Path("out").mkdir()
    for name, white in (("a", 200), ("b", 100)):
        tifffile.imwrite(f"in/{name}.tif", np.full((200, 300), white, np.uint8), tile=(16, 16))
        Path(f"out/{name}.tif").write_bytes(b"old")
    threads, compute = set(), filtering._pixels

    def fail(values, *args):
        threads.add(threading.current_thread())
        if values.max() > 150:
            raise ZeroDivisionError("lost")
        return compute(values, *args)

    monkeypatch.setattr(filtering, "_pixels", fail)
    monkeypatch.setattr("convfilter.engines.choose.cores", lambda: 2)
    done = convfilter("apply", "identity", "in", "out", "-r", "--tile", 16, "--jobs", 1, "--json")
    assert done.code == 1
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["status"] for row in rows] == ["failed", "written"]
    assert rows[0]["error"] == "in/a.tif: internal error: ZeroDivisionError: lost; please report it"
    assert threading.main_thread() not in threads
    assert Path("out/a.tif").read_bytes() == b"old"
    assert (tifffile.imread("out/b.tif") == 100).all()
    assert not list(Path("out").glob(".convfilter*.tmp"))


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (BackendError("no device gpu:7"), 2, "Error: no device gpu:7"),
    ],
)
def test_what_would_meet_every_picture_ends_the_run(convfilter, folder, monkeypatch, error, code, said, jobs):
    monkeypatch.setattr(batch, "filter_rows", failing_for(4, batch.filter_rows, error))
    done = convfilter("apply", "sobel", folder, "out", "-r", "--jobs", jobs)
    assert done.code == code
    assert said in done.err
    assert "internal error" not in done.err
    assert len(outputs(Path("out"))) < 8 + jobs


def test_a_reader_that_went_away_ends_the_run(convfilter, folder, monkeypatch):
    """Nobody wants the pictures that are left; the command ends without a word."""
    monkeypatch.setattr(batch, "write_result", raising(BrokenPipeError(32, "Broken pipe")))
    dones, _ = run_watched(monkeypatch, folder, "sobel", PixelOptions(), 1)
    with pytest.raises(BrokenPipeError):
        next(dones)


def test_an_absurd_resolution_is_left_out(convfilter, folder):
    """A JPEG whose EXIF claims five thousand million dots per inch is filtered like any other, and noted."""
    rational = struct.pack("<II", 2 * 10**9, 1)
    entries = [(282, 5, 1, 50), (283, 5, 1, 58), (296, 3, 1, 3)]  # dots per centimetre
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 3)
    exif += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4) + rational * 2
    Image.fromarray(RNG.integers(0, 256, (30, 40), np.uint8)).save(folder / "4a.jpg", exif=exif)
    done = convfilter("apply", "sobel", folder, "out", "-r", "--format", "png", "--json")
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["status"] for row in rows] == ["written"] * 10
    assert [row.get("notes") for row in rows if row["input"].endswith("4a.jpg")] == [
        ["its resolution of 5.08e+09 x 5.08e+09 dots per inch is left out: png holds 0.0254 to 5.4546e+07"]
    ]
    with Image.open("out/4a.png") as image:
        assert image.size == (40, 30)
        assert "dpi" not in image.info


# Interrupted and resumed


def manifests(folder):
    return sorted(path.name for path in folder.glob(".convfilter*"))


def test_a_run_that_ends_well_leaves_no_manifest(convfilter, folder):
    assert convfilter("apply", "sobel", folder, "out", "-r").code == 0
    assert manifests(Path("out")) == []


def test_what_is_finished_is_not_done_twice(convfilter, folder):
    """After a failure --resume does only what is missing; a changed picture or filter is done again."""
    good = (folder / "7.png").read_bytes()
    (folder / "7.png").write_bytes(b"no picture")
    assert convfilter("apply", "sobel", folder, "out", "-r").code == 1
    assert manifests(Path("out")) == [".convfilter-manifest.jsonl"]
    (folder / "7.png").write_bytes(good)
    Image.fromarray(RNG.integers(0, 256, (9, 9), np.uint8)).save(folder / "2.png")
    Path("out/5.png").unlink()

    def again(*filters):
        done = convfilter("apply", *filters, folder, "out", "-r", "--resume", "--json")
        rows = map(json.loads, done.out.splitlines())
        return [Path(row["input"]).name for row in rows if row["status"] == "written"]

    assert again("sobel") == ["2.png", "5.png", "7.png"]
    assert again("sobel") == []
    assert len(again("laplacian")) == 9
    assert len(again("sobel", "--border", "edge")) == 9


@pytest.mark.slow
def test_killed_at_any_time_nothing_is_lost(folder, tmp_path):
    """A run killed by SIGKILL again and again, each time resumed, ends with the pictures of one that was not."""
    for number in range(9, 40):
        Image.fromarray(RNG.integers(0, 256, (300, 400), np.uint8)).save(folder / f"{number}.png")
    command = [sys.executable, "-m", "convfilter", "apply", "sobel", folder, "-r", "-q"]
    assert subprocess.run([*command, tmp_path / "whole"]).returncode == 0
    kills = 0
    for attempt in range(30):
        running = subprocess.Popen([*command, tmp_path / "out", "--resume"])
        try:
            code = running.wait(0.15 + 0.05 * attempt)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            kills += 1
            for path in (tmp_path / "out").glob("*.png"):
                Image.open(path).load()  # each is whole
            continue
        assert code == 0
        break
    assert kills
    assert outputs(tmp_path / "out") == outputs(tmp_path / "whole")


def test_a_torn_line_counts_as_none(convfilter, folder):
    """A manifest cut short by a crash loses at most that picture."""
    (folder / "8.png").write_bytes(b"no picture")
    convfilter("apply", "sobel", folder, "out", "-r", "--jobs", 1)
    path = Path("out/.convfilter-manifest.jsonl")
    path.write_bytes(path.read_bytes()[:-20] + b"\xff\xfe")
    done = convfilter("apply", "sobel", folder, "out", "-r", "--resume", "--json")
    statuses = [json.loads(line)["status"] for line in done.out.splitlines()]
    assert statuses == ["skipped"] * 7 + ["written", "failed"]
    again = convfilter("apply", "sobel", folder, "out", "-r", "--resume", "--json")
    statuses = [json.loads(line)["status"] for line in again.out.splitlines()]
    assert statuses == ["skipped"] * 8 + ["failed"]  # what came after the torn line counts


def test_a_manifest_that_can_not_be_read_is_named(convfilter, folder):
    Path("out/.convfilter-manifest-x.jsonl").mkdir(parents=True)
    done = convfilter("apply", "sobel", folder, "out", "-r", "--resume")
    assert done.code == 1
    assert ".convfilter-manifest-x.jsonl: is a folder, not a file" in done.err


def test_stdin_has_no_place_in_a_manifest(convfilter, folder, photo):
    """Beside a file it is filtered like one; what is to be resumed needs a name."""
    command = [sys.executable, "-m", "convfilter", "apply", "sobel", "-"]
    done = subprocess.run([*command, photo, "out"], input=photo.read_bytes(), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert len(outputs(Path("out"))) == 2
    refused = convfilter("apply", "sobel", "-", "o.png", "--resume")
    assert refused.code == 2
    assert "stdin" in refused.err


def test_parts_of_the_work(convfilter, folder):
    """The shards have no picture in common, and together they are all."""
    seen = []
    for part in (1, 2, 3, 4):
        done = convfilter("apply", "sobel", folder, "out", "-r", "--shard", f"{part}/4", "--json")
        assert done.code == 0
        seen += [Path(json.loads(line)["input"]).name for line in done.out.splitlines()]
    assert sorted(seen) == [f"{number}.png" for number in range(9)]
    assert convfilter("apply", "sobel", folder, "out", "-r", "--shard", "12/20").code == 0  # has none


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_shards_that_make_no_sense(convfilter, folder, shard):
    done = convfilter("apply", "sobel", folder, "out", "-r", f"--shard={shard}")
    assert done.code == 2
    assert "give part and number of parts, such as 1/4" in done.err


@pytest.mark.slow
def test_interrupted_with_several_at_once(folder, tmp_path):
    """Ctrl-C ends with 130, and every picture there is whole."""
    for number in range(9, 60):
        Image.fromarray(RNG.integers(0, 256, (400, 600), np.uint8)).save(folder / f"{number}.png")
    command = [
        sys.executable,
        "-m",
        "convfilter",
        "apply",
        "gaussian:sigma=3",
        folder,
        tmp_path / "out",
        "-r",
    ]
    running = subprocess.Popen([*command, "--jobs", "3"], stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 60
    while not list((tmp_path / "out").glob("*.png")) and time.time() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "with --resume to go on" in said
    assert "interrupted" in said
    assert not list((tmp_path / "out").glob(".*.tmp"))
    for path in (tmp_path / "out").glob("*.png"):
        Image.open(path).load()


def test_a_picture_cut_short_is_a_failure_and_resumed(convfilter, photo, largest_file):
    """The command fails, names the reason, and --resume writes what is missing."""
    assert convfilter("apply", "sobel", photo, "whole.jpg").code == 0
    whole = Path("whole.jpg").read_bytes()
    for limit in (len(whole) - 1, len(whole) - 1000, 4096):
        with largest_file(limit):
            done = convfilter("apply", "sobel", photo, "out/", "--format", "jpg", "--resume", "--json")
        assert done.code == 1
        assert '"status": "failed"' in done.out
        assert "photo.jpg: can't be written: it is larger than a file may be here" in done.err
        assert not list(Path("out").glob("*.jpg"))
    assert convfilter("apply", "sobel", photo, "out/", "--format", "jpg", "--resume").code == 0
    assert Path("out/photo.jpg").read_bytes() == whole


def test_several_pictures_and_the_name_of_one(convfilter, folder, photo):
    """A file's name is no folder, unless a slash says so."""
    done = convfilter("apply", "sobel", photo, folder / "1.png", "edges.png")
    assert done.code == 2
    assert "several pictures need a folder as OUTPUT; write edges.png/ if it is one" in done.err
    assert convfilter("apply", "sobel", photo, folder / "1.png", "edges.png/").code == 0


# TIFFs by strips


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["sobel"],
        ["gaussian:sigma=2", "--color", "each", "--border", "wrap"],
        ["laplacian", "--range", "rescale", "--strides", "2"],
        ["laws", "--pool", "2", "--range", "raw"],
        ["sharpen", "--color", "luma", "--border", "reflect"],
        ["box-5", "--color", "each", "--linear"],
    ],
)
@pytest.mark.parametrize("kind", ["gray", "colour", "deep", "alpha"])
def test_a_tiff_by_strips_is_the_same(convfilter, tmp_path, monkeypatch, arguments, kind):
    """--tile reads and writes a TIFF by strips, and every byte of it is that of the whole."""
    from convfilter.images.tiff_writer import TiffRows

    tops, write = [], TiffRows.write
    monkeypatch.setattr(
        TiffRows, "write", lambda self, top, *rest: (tops.append(top), write(self, top, *rest))
    )
    shape = {"gray": (70, 53), "colour": (70, 53, 3), "deep": (70, 53, 3), "alpha": (70, 53, 4)}[kind]
    dtype = np.uint16 if kind == "deep" else np.uint8
    pixels = RNG.integers(0, np.iinfo(dtype).max, shape, dtype)
    options = {"photometric": "rgb"} if len(shape) == 3 else {"photometric": "minisblack"}
    if kind == "alpha":
        options["extrasamples"] = ["unassalpha"]
    tifffile.imwrite("in.tif", pixels, tile=(16, 32), **options)
    for name, more in (("whole.tif", []), ("strips.tif", ["--tile", 7])):
        done = convfilter("apply", *arguments, "in.tif", name, *more)
        assert done.code == 0, done.err
        assert (max(tops) > 0) == (name == "strips.tif")
    assert Path("whole.tif").read_bytes() == Path("strips.tif").read_bytes()


def test_a_number_that_is_none_stays_where_it_is_in_strips_too(convfilter):
    """NaN in a float TIFF reaches the windows that hold it, whether it comes whole or by strips."""
    pixels = RNG.random((70, 53), np.float32)
    pixels[30, 20] = np.nan
    tifffile.imwrite("in.tif", pixels)
    for name, more in (("whole.tif", []), ("strips.tif", ["--tile", 16])):
        assert convfilter("apply", "gaussian:sigma=2", "in.tif", name, "--range", "raw", *more).code == 0
    whole, strips = tifffile.imread("whole.tif"), tifffile.imread("strips.tif")
    assert np.isnan(whole).sum() == 13 * 13
    assert np.array_equal(whole, strips, equal_nan=True)


def test_tiles_left_out_are_read_in_one_way(convfilter):
    """A sparse TIFF gives the same with and without --tile: its missing tiles are 0."""
    tifffile.imwrite("in.tif", RNG.integers(0, 256, (64, 64), np.uint8), tile=(32, 32))
    with tifffile.TiffFile("in.tif", mode="r+b") as file:
        tags = file.pages.first.tags
        for tag in ("TileOffsets", "TileByteCounts"):
            tags[tag].overwrite((0, *tags[tag].value[1:]))
    for name, more in (("whole.tif", []), ("strips.tif", ["--tile", 16])):
        assert convfilter("apply", "identity", "in.tif", name, *more).code == 0
    whole = tifffile.imread("whole.tif")
    assert (whole[:32, :32] == 0).all()
    assert whole[32:].any()
    assert np.array_equal(whole, tifffile.imread("strips.tif"))


def test_other_formats_by_strips(convfilter, photo):
    """--tile bounds the work on any picture, and changes nothing."""
    for name, more in (("whole.png", []), ("strips.png", ["--tile", 5])):
        assert convfilter("apply", "sobel", photo, name, *more).code == 0
    assert Path("whole.png").read_bytes() == Path("strips.png").read_bytes()


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
def test_a_large_tiff_in_little_memory(tmp_path):
    """120 MP go through in less memory than they take, right at the seams, by OpenCV's account."""
    import cv2

    side = (8_000, 15_000)
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    pattern = RNG.integers(0, 256, (250, side[1]), np.uint8)
    with tifffile.TiffWriter(source) as writer:
        tiles = (
            np.pad(
                pattern[(row + np.arange(256)) % 250, column : column + 256],
                ((0, 0), (0, max(0, column + 256 - side[1]))),
            )
            for row in range(0, side[0], 256)
            for column in range(0, side[1], 256)
        )
        writer.write(tiles, shape=side, dtype=np.uint8, tile=(256, 256), photometric="minisblack")
    command = [
        sys.executable,
        "-m",
        "convfilter",
        "apply",
        "sobel",
        source,
        target,
    ]
    warm = [*command[:5], tmp_path / "in.png", tmp_path / "warm.png"]
    Image.fromarray(pattern).save(tmp_path / "in.png")
    assert subprocess.run(warm).returncode == 0  # compiled
    # through a small process, as Linux counts a parent's memory as its child's
    small = [sys.executable, "-c", PEAK, *map(str, command)]
    done = subprocess.run(small, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 250 * 2**20
    with tifffile.TiffFile(target) as file:
        page = file.pages.first
        assert page.shape == side
        written = page.asarray()
        for top in (0, 240, 4_000, side[0] - 40):
            rows = np.arange(top - 2, top + 42)
            gray = pattern[rows % 250]
            gray[(rows < 0) | (rows >= side[0])] = 0
            x, y = (cv2.Sobel(gray, cv2.CV_32F, *d, borderType=cv2.BORDER_CONSTANT) for d in ((1, 0), (0, 1)))
            wanted = np.rint(np.clip(np.hypot(x, y), 0, 255))[2:-2]
            found = written[top : top + 40]
            assert np.abs(found - wanted).max() <= 1


def test_a_full_disk_while_strips_are_written(convfilter, tmp_path, monkeypatch):
    """A disk that fills up half-way is one line, and leaves the old file as it was."""
    from convfilter.images import tiff_writer as image_rows_write

    tifffile.imwrite("in.tif", RNG.integers(0, 256, (200, 300), np.uint8), tile=(16, 16))
    Path("out.tif").write_bytes(b"old")

    def fail(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_rows_write.TiffRows, "write", fail)
    done = convfilter("apply", "sobel", "in.tif", "out.tif", "--tile", 16)
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert "the disk is full" in done.err
    assert Path("out.tif").read_bytes() == b"old"
    assert not list(tmp_path.glob(".convfilter*"))


@pytest.mark.parametrize(
    ("name", "dtype", "wanted"),
    [
        ("png", "uint16", "uint16"),
        ("jpeg", "uint16", "uint8"),
        ("png", "float32", "uint16"),
        ("bmp", "float32", "uint8"),
        ("tiff", "float32", "float32"),
    ],
)
def test_the_depth_written_follows_the_depth_read(name, dtype, wanted):
    assert writing.choose_dtype(FORMATS[name], np.dtype(dtype), "clip") == wanted


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pages_by_strips_go_into_a_pipe(convfilter, photo, tmp_path):
    """Strips of several pages are written in turn, which a pipe can not: it gets whole pages."""
    os.mkfifo(tmp_path / "pipe")
    bank, options = "gabor-bank:orientations=2", ("--format", "tiff", "--tile", 16)
    with ThreadPoolExecutor(1) as pool:
        piped = pool.submit((tmp_path / "pipe").read_bytes)
        assert convfilter("apply", bank, photo, "pipe", *options).code == 0
    assert convfilter("apply", bank, photo, "out.tif", *options).code == 0
    assert np.array_equal(tifffile.imread(BytesIO(piped.result())), tifffile.imread("out.tif"))


def test_a_tiff_by_strips_goes_to_stdout(process, photo, tmp_path):
    """--tile on the way to stdout writes no file called "-"."""
    Image.open(photo).convert("L").save(tmp_path / "in.tif")
    to_file = process("apply", "sobel", "in.tif", "out.tif", "--tile", 16)
    piped = process("apply", "sobel", "in.tif", "-", "--format", "tiff", "--tile", 16)
    assert to_file.returncode == piped.returncode == 0, piped.stderr
    assert not (tmp_path / "-").exists()
    assert np.array_equal(tifffile.imread(BytesIO(piped.stdout)), tifffile.imread(tmp_path / "out.tif"))
