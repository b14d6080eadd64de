"""A pipeline that only pads: the picture with a margin, in every range, from every engine."""

import numpy as np
import pytest

import convfilter
from convfilter.filters.padding import Pad
from convfilter.filters.pipeline import Pipeline

PICTURE = np.random.default_rng(2).integers(0, 256, (9, 14), np.uint8)
PADDED = np.pad(np.float64(PICTURE), 1)
HIGH = PICTURE.max()
WANTED = {
    "clip": PADDED,
    "abs": PADDED,
    "signed": PADDED / 2 + 127.5,
    "gain": PADDED,
    "rescale": PADDED * 255 / HIGH,  # its margin is black
    "raw": PADDED,
}


@pytest.mark.parametrize("engine", ["compiled", "keras"])
@pytest.mark.parametrize("how", WANTED)
def test_padding_alone(engine, how):
    found = convfilter.apply(Pipeline((Pad(1, 1, 1, 1),)), PICTURE, range=how, engine=engine)
    assert found.dtype == (np.float32 if how == "raw" else np.uint8)
    assert np.abs(found - WANTED[how]).max() <= (0 if how in ("clip", "abs", "gain", "raw") else 0.51)
