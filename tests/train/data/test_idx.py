"""IDX files, plain and packed, and their hostile headers."""

import gzip
import struct
import tracemalloc

import pytest

from convfilter.train.data.load import load


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_idx_folder(tmp_path, small, gz, dot, idx_folder, same):
    """The four files of MNIST, plain or gzip, with a dash or a dot, give train and test."""
    for part, count in (("train", 30), ("t10k", 11)):
        names = (f"{part}-images{dot}idx3-ubyte{gz}", f"{part}-labels{dot}idx1-ubyte{gz}")
        idx_folder(tmp_path, small[0][:count], small[1][:count], names)
    data = load(tmp_path)
    same(data.train, *small)
    same(data.test, small[0][:11], small[1][:11])


def test_idx_file_with_labels_beside(tmp_path, small, idx_folder, message, same):
    """One file of pictures finds its labels beside it, packed or not; without them it is refused."""
    idx_folder(tmp_path, *small, ("a-images-idx3-ubyte", "a-labels-idx1-ubyte.gz"))
    same(load(tmp_path / "a-images-idx3-ubyte").train, *small)
    (tmp_path / "a-labels-idx1-ubyte.gz").unlink()
    assert "put a-labels-idx1-ubyte beside it" in message(tmp_path / "a-images-idx3-ubyte")


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_idx_truncated_says_how_many_bytes_are_missing(tmp_path, small, gz, idx, idx_folder, message):
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


def test_idx_wrong_bytes(tmp_path, small, idx, idx_folder, message):
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


def test_idx_counts_differ_and_labels_out_of_range(tmp_path, small, idx_folder, message):
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
def test_idx_hostile_header_allocates_nothing(tmp_path, small, gz, idx_folder, message):
    """A header that claims terabytes is refused without taking memory."""
    folder = idx_folder(tmp_path, *small)
    (folder / "train-images-idx3-ubyte").unlink()
    bomb = struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**16, 2**16) + bytes(5000)
    (folder / f"train-images-idx3-ubyte{gz}").write_bytes(gzip.compress(bomb) if gz else bomb)
    tracemalloc.start()
    assert f"{(2**32 - 1) * 2**32} bytes" in message(folder)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()


def test_damaged_gzip(tmp_path, small, idx_folder, message):
    """A gzip that is cut short or has flipped bits is refused as damaged."""
    folder = idx_folder(tmp_path, *small, ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"))
    path = folder / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-6] ^= 0xFF
    for data in (whole[:-2000], bytes(flipped), whole[:15]):
        path.write_bytes(data)
        assert "gzip data is damaged or cut short after" in message(folder)
