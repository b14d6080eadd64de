"""Lines of text as pixels."""

import numpy as np

from convfilter.images.text import text_mask


def test_text_has_ink():
    """A line of text is as high as its size says, has ink, and more for more words."""
    short, long = text_mask("conv", 15), text_mask("conv conv", 15)
    assert short.shape[0] == long.shape[0] == 20
    assert short.max() > 0.9
    assert short.min() == 0
    assert long.shape[1] > 1.8 * short.shape[1]
    assert np.allclose(long[:, : short.shape[1] - 1], short[:, :-1], atol=0.2)
