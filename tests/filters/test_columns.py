"""Bands of columns: each, filtered by its own pipeline, gives the columns of the whole, by NumPy's account."""

import numpy as np
import pytest
from numpy_layers import conv, run

from convfilter.filters.columns import STEP, bands, whole
from convfilter.filters.layers import Combine, Pool
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline

BORDERS = ("zero", "edge", "reflect", "symmetric")
PICTURE = np.random.default_rng(3).integers(0, 256, (23, 811, 1)).astype(float)


def stack(border):
    """Paddings of unlike sides, kernels of even and odd sizes, strides, dilation and a pool."""
    return (
        Pad(2, 1, 5, 3, border),
        conv((3, 4), strides=(1, 2)),
        Pad(1, 1, 2, 4, border),
        conv((2, 3), dilation=(1, 2), filters=2, seed=1),
        Combine("sum"),
        Pool((2, 3), "average"),
        Pad(0, 0, 1, 1, border),
        conv((1, 3), seed=2),
    )


LAYERS = {
    "one": lambda border: (Pad(1, 1, 1, 1, border), conv()),
    "valid": lambda border: (conv((3, 5)),),
    "cover": lambda border: (CoverPad(border), conv((5, 5), strides=(3, 3))),
    "padded twice": lambda border: (Pad(1, 1, 2, 2, border), Pad(0, 0, 3, 1, border), conv()),
    "padded at the end": lambda border: (conv((3, 6)), Pad(0, 0, 3, 7, border)),
    "pooled": lambda border: (Pool((2, 2)), Pad(1, 1, 2, 1, border), conv((3, 4)), Pool((1, 3))),
    "stack": stack,
}


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("width", [811, 640, 397])
def test_the_bands_put_together_are_the_whole(name, border, width):
    """Every number, of pictures whose width is a multiple of nothing and of a band."""
    pipeline, picture = Pipeline(LAYERS[name](border)), PICTURE[:, :width]
    (expected,) = (run(settled(each, picture), picture) for each in [whole(pipeline, picture.shape[:2])])
    found = bands(pipeline, picture.shape[:2], band=40, wide=64)
    parts = [run(each.pipeline, picture[:, slice(*each.source)]) for each in found]
    assert [part.shape[1] for part in parts] == [right - left for left, right in (b.columns for b in found)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), expected)
    assert len(found) > 1
    assert all(left % STEP == 0 for left, _ in (each.columns for each in found))


def settled(band, picture):
    """The band's pipeline, its padding resolved for the picture."""
    from convfilter.filters.geometry import resolve_padding

    return resolve_padding(band.pipeline, picture.shape[:2])


def test_a_band_reads_its_columns_and_a_margin():
    """3×3 over 200 columns: one more on each side but the outer ones."""
    found = bands(Pipeline((Pad(1, 1, 1, 1), conv())), (9, 200), band=64, wide=100)
    assert [each.columns for each in found] == [(0, 80), (80, 160), (160, 200)]
    assert [each.source for each in found] == [(0, 81), (79, 161), (159, 200)]
    assert [(each.pipeline.layers[0].left, each.pipeline.layers[0].right) for each in found] == [
        (1, 0),
        (0, 0),
        (0, 1),
    ]


@pytest.mark.parametrize(
    "layers",
    [
        (Pad(1, 1, 1, 1, "wrap"), conv()),  # needs the other side
        (Pad(0, 0, 150, 150, "reflect"), conv()),  # deeper than a band
        (Pad(0, 0, 300, 0), conv()),  # a band of nothing but padding
    ],
)
def test_what_no_band_can_know_is_one_band(layers):
    """The pipeline as it is, over all columns."""
    pipeline = Pipeline(layers)
    (found,) = bands(pipeline, (9, 200), band=64, wide=100)
    assert found == whole(pipeline, (9, 200))
    assert found.pipeline is pipeline


def test_a_narrow_picture_is_one_band():
    """Also where it is not wider than the widest that is computed as one."""
    pipeline = Pipeline((Pad(1, 1, 1, 1), conv()))
    assert bands(pipeline, (9, 98), band=48, wide=100) == [whole(pipeline, (9, 98))]
    assert len(bands(pipeline, (9, 99), band=48, wide=100)) == 2  # its widest layer has 101


def test_a_last_band_too_narrow_is_made_wider():
    """One column alone can't be mirrored; bands a little wider leave none."""
    found = bands(Pipeline((Pad(0, 0, 2, 2, "reflect"), conv((1, 5)))), (1, 161), band=80, wide=100)
    assert [each.columns for each in found] == [(0, 96), (96, 161)]


def test_large_kernels_have_wide_bands():
    """So that few columns are computed twice."""
    found = bands(Pipeline((conv((1, 101)),)), (1, 5000), band=64, wide=100)
    assert max(right - left for left, right in (each.columns for each in found)) >= 400
