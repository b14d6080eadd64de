"""Connected components, by SciPy."""

import numpy as np
import pytest
import scipy.ndimage

from convfilter.digits.components import components


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 0.45, 0.6, 1.0])
def test_components_as_scipy_finds_them(density):
    """The labels are a renaming of SciPy's, with its boxes and areas; a spiral is one."""
    rng = np.random.default_rng(4)
    for shape in ((60, 70), (1, 50), (50, 1)):
        mask = rng.random(shape) < density
        found = components(mask)
        labels, count = scipy.ndimage.label(mask, np.ones((3, 3)))
        assert len(found.areas) == count
        pairs = np.unique(np.stack([found.labels.ravel(), labels.ravel()]), axis=1)
        assert pairs.shape[1] == count + (not mask.all())
        for label, (rows, columns) in enumerate(scipy.ndimage.find_objects(found.labels)):
            assert found.boxes[label].tolist() == [rows.start, columns.start, rows.stop, columns.stop]
        np.testing.assert_array_equal(found.areas, np.bincount(found.labels.ravel(), minlength=count + 1)[1:])


def test_components_of_a_spiral():
    """A spiral, the worst case for joining runs, is one component."""
    mask = np.zeros((101, 101), bool)
    y, x, step, turn = 50, 50, 2, 0
    while 0 <= y < 101 and 0 <= x < 101:
        dy, dx = ((0, 1), (1, 0), (0, -1), (-1, 0))[turn % 4]
        for _ in range(step):
            if 0 <= y < 101 and 0 <= x < 101:
                mask[y, x] = True
            y, x = y + dy, x + dx
        turn += 1
        step += 2 * (turn % 2 == 0)
    assert len(components(mask).areas) == 1
    assert components(mask).areas[0] == mask.sum()
