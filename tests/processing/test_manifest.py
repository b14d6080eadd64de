"""The manifest: what it is asked of sources that are no regular files."""

import os

import pytest

from convfilter.errors import PictureError
from convfilter.processing.manifest import Manifest

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")


@pytest.fixture(params=["pipe", "device", "folder", "loop"])
def strange(request, tmp_path):
    """What a folder may hold under a picture's name: opening or reading it would wait, never end, or fail."""
    path = tmp_path / "strange.png"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    elif request.param == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)
    return path


def test_a_source_that_is_no_regular_file_is_an_error_at_once(strange, tmp_path):
    with pytest.raises(PictureError, match="strange.png: "):
        Manifest(tmp_path, "settings").key(str(strange), ["out.png"])


def test_the_rest_of_the_folder_is_filtered(strange, photo, convfilter):
    """A run into a folder keeps a manifest: the strange file fails, the others are written."""
    done = convfilter("apply", "sobel", photo.parent, "out/", "--recursive")
    if strange.is_dir():  # a folder in the folder, without pictures
        assert done.code == 0
        return
    assert done.code == 1
    assert done.err.count("Error: ") == 1
    assert "1 written, 1 failed of 2" in done.err
    assert photo.name in os.listdir("out")
