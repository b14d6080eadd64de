"""The paper under the ink: its parts by SciPy and scikit-image."""

import numpy as np
import pytest
import scipy.ndimage

from convfilter.digits.background import otsu, running


def test_otsu_as_scikit_image_has_it(camera):
    """The threshold is scikit-image's, to a bin of the histogram."""
    from skimage.filters import threshold_otsu

    assert abs(otsu(camera / 255) - threshold_otsu(camera / 255)) <= 1.5 / 256


@pytest.mark.parametrize("window", [1, 3, 5, 11])
@pytest.mark.parametrize("shape", [(1, 9), (12, 7), (24, 31)])
def test_running_as_scipys_filters(shape, window):
    """The largest, the smallest and the median in a window, columns first and then rows, its edges repeated: SciPy's
    to the bit, for windows wider than the picture too."""
    cells = np.random.default_rng(8).random(shape)
    size = {"size": window, "mode": "nearest"}
    assert np.array_equal(running(cells, window, np.max), scipy.ndimage.maximum_filter(cells, **size))
    assert np.array_equal(running(cells, window, np.min), scipy.ndimage.minimum_filter(cells, **size))
    columns = scipy.ndimage.median_filter(cells, size=(window, 1), mode="nearest")
    both = scipy.ndimage.median_filter(columns, size=(1, window), mode="nearest")
    assert np.array_equal(running(cells, window, np.median), both)
