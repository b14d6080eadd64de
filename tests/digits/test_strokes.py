"""Strokes: what is near a mask, by SciPy."""

import numpy as np
import pytest
import scipy.ndimage

from convfilter.digits.strokes import grown


@pytest.mark.parametrize("reach", [0, 1, 2, 7])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (23, 31)])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
def test_grown_as_scipys_dilation(shape, reach, density):
    """A mask grown by a square is SciPy's binary dilation, also where it reaches beyond the picture."""
    mask = np.random.default_rng(6).random(shape) < density
    square = np.ones((2 * reach + 1, 2 * reach + 1))
    assert np.array_equal(grown(mask, reach), scipy.ndimage.binary_dilation(mask, square))
