""".npz files of pictures and labels, and hostile ones."""

import io
import tracemalloc
import zipfile

import numpy as np

from convfilter.train.data.load import load

RNG = np.random.default_rng(3)


def test_npz(tmp_path, small, npz, same):
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


def test_npz_refusals(tmp_path, small, npz, message):
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


def test_npz_hostile_header_and_damage(tmp_path, small, npz, message):
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
