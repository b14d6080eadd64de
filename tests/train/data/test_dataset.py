"""The part kept for validation."""

import numpy as np
import pytest

from convfilter.errors import DataError, FilterError
from convfilter.train.data.dataset import Dataset, split

RNG = np.random.default_rng(3)


def test_split_is_stratified_and_repeatable():
    """Each class gives its share, the total is exact, nothing is lost, and the seed alone decides."""
    labels = np.repeat(np.arange(4), [7, 25, 100, 368])
    dataset = Dataset(np.arange(500, dtype=np.uint16).reshape(-1, 1, 1, 1), labels[RNG.permutation(500)])
    rest, part = split(dataset, 0.1, 5)
    assert (len(rest), len(part)) == (450, 50)
    assert np.abs(part.counts(4) - np.array([0.7, 2.5, 10, 36.8])).max() < 1
    merged = np.sort(np.concatenate([rest.images, part.images]).ravel())
    assert merged.tolist() == list(range(500))
    for each in (rest, part):
        np.testing.assert_array_equal(each.labels, dataset.labels[each.images.ravel()])
    again = split(dataset, 0.1, 5)[1].images
    assert (again == part.images).all()
    assert (split(dataset, 0.1, 6)[1].images != part.images).any()


def test_split_keeps_every_class_in_both():
    """A class of two gives one to each side; a class of one is refused by number, as is a bad fraction."""
    dataset = Dataset(np.zeros((102, 1, 1, 1), np.uint8), np.array([0] * 100 + [7] * 2))
    for fraction in (0.01, 0.99):
        assert all((each.counts(8)[[0, 7]] > 0).all() for each in split(dataset, fraction, 0))
    with pytest.raises(DataError, match="class 7 has one picture"):
        split(dataset.take(np.arange(101)), 0.1, 0)
    with pytest.raises(FilterError):
        split(dataset, 1.0, 0)
    with pytest.raises(DataError, match="no labels"):
        split(Dataset(dataset.images, None), 0.1, 0)
