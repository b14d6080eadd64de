"""Folders with one subfolder of pictures per class."""

import os

import numpy as np
import pytest

from convfilter.train.data.load import load

RNG = np.random.default_rng(3)


def test_class_folders(tmp_path, picture, same):
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


def test_folders_of_mixed_sizes_and_colours(tmp_path, picture):
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


def test_gray_saved_as_rgb_is_gray(tmp_path, picture):
    """Pictures whose three channels agree count as gray unless colour is asked for; clear pixels are black."""
    gray = RNG.integers(0, 256, (5, 5), np.uint8)
    picture(tmp_path / "a" / "1.png", np.dstack([gray] * 3))
    picture(tmp_path / "b" / "1.png", np.dstack([np.full((5, 5), 255, np.uint8), gray]))
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train.images[..., 0], [gray, gray])
    assert load(tmp_path, color=True).train.images.shape == (2, 5, 5, 3)


@pytest.mark.parametrize("other", ["test", "val", "Validation"])
def test_train_and_test_folders(tmp_path, other, picture, message):
    """train/ with test/ or val/ above the classes; the test part takes the training part's size and classes."""
    for name in ("x", "y"):
        picture(tmp_path / "train" / name / "1.png", np.full((6, 6), 90, np.uint8))
    picture(tmp_path / other / "y" / "1.png", np.full((12, 12, 3), (10, 200, 30), np.uint8))
    data = load(tmp_path)
    assert data.test.images.shape == (1, 6, 6, 1)
    assert data.test.labels.tolist() == [1]
    picture(tmp_path / other / "z" / "1.png", np.zeros((6, 6), np.uint8))
    assert f"{other}{os.sep}z: a class that train doesn't have" in message(tmp_path)


def test_a_class_may_be_called_train(tmp_path, picture):
    """A folder train/ that holds pictures is a class like any other."""
    for name in ("plane", "train"):
        picture(tmp_path / name / "1.png", np.zeros((6, 6), np.uint8))
    assert load(tmp_path).classes == ("plane", "train")


def test_folder_refusals(tmp_path, picture, message):
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
