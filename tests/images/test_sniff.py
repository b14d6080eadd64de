"""What a file is by its first bytes."""

import pytest
from picture_files import same, save, smooth, written

from convfilter.errors import PictureError
from convfilter.images.picture import Picture
from convfilter.images.read import read


def test_a_mislabelled_picture_is_refused(tmp_path):
    """A PNG named .jpg is an error with the name to give it; kin and unknown extensions are not."""
    data = written(Picture(smooth()), "png")
    with pytest.raises(PictureError, match=r"a PNG, not a JPEG; rename it to holiday\.png"):
        read(save(tmp_path, data, "holiday.jpg"))
    with pytest.raises(PictureError, match="a NPY, not a PNG"):
        read(save(tmp_path, written(Picture(smooth()), "npy"), "a.png"))
    for name in ("a.PNG", "a", "a.dat"):
        same(read(save(tmp_path, data, name)).pixels, smooth())
    gray = written(Picture(smooth()), "pgm")
    for name in ("a.pgm", "a.ppm", "a.pnm", "a.pbm"):
        same(read(save(tmp_path, gray, name)).pixels, smooth())
    same(read(save(tmp_path, written(Picture(smooth()), "tiff"), "a.tiff")).pixels, smooth())
