"""Pictures and their rows."""

import numpy as np
from tiff_files import H, W, noise, same

from convfilter.images.picture import ArrayRows, Metadata, Picture


def test_full_scale():
    """White is 255, 65535 or 1."""
    scales = [Picture(noise(dtype)).full_scale for dtype in ("uint8", "uint16", "float32")]
    assert scales == [255.0, 65535.0, 1.0]


def test_rows_of_an_array_are_views():
    """A picture in memory is not copied."""
    picture = Picture(noise("uint8", 3), noise("uint8"), Metadata(dpi=(1, 2)))
    source = ArrayRows(picture)
    pixels, alpha = source.rows(5, 9)
    assert np.shares_memory(pixels, picture.pixels)
    assert np.shares_memory(alpha, picture.alpha)
    same(pixels, picture.pixels[5:9])
    same(alpha, picture.alpha[5:9])
    assert (source.shape, source.channels, source.has_alpha) == ((H, W), 3, True)
    assert (source.dtype, source.metadata) == (np.uint8, picture.metadata)
