"""16-bit PNGs laid out by hand: no low byte is lost."""

import io
import struct

import numpy as np
import pytest
from picture_files import H, W, chunk, luma, noise, png, same

from convfilter.images.read import read


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour", "channels"), [(0, ()), (2, (3,)), (4, (2,)), (6, (4,))])
def test_16_bit_png_of_every_colour_type(colour, channels, interlaced):
    """No low byte is lost, interlaced or not."""
    samples = noise("uint16", *channels)
    back = read(io.BytesIO(png(samples, colour, interlaced=interlaced)), gray=False)
    count = 3 if colour & 2 else 1
    same(back.pixels, samples[..., :3] if count == 3 else samples.reshape(H, W, -1)[..., 0])
    if colour & 4:
        same(back.alpha, samples[..., -1])
    else:
        assert back.alpha is None


def test_16_bit_colour_becomes_gray_with_one_rounding():
    """16-bit gray is Rec. 601 in float64, rounded once; white stays white."""
    samples = noise("uint16", 3)
    samples[0, 0] = 65535
    got = read(io.BytesIO(png(samples, 2))).pixels
    same(got, luma(samples))
    assert got[0, 0] == 65535


def test_a_16_bit_colour_key_is_compared_in_16_bits():
    """A tRNS colour makes clear only the pixels that equal it in both bytes."""
    samples = noise("uint16", 3)
    samples[0, 0] = samples[0, 1] = (1000, 2000, 3000)
    samples[0, 1, 2] += 1  # the same high bytes
    back = read(io.BytesIO(png(samples, 2, extra=chunk(b"tRNS", struct.pack(">HHH", 1000, 2000, 3000)))))
    wanted = np.full((H, W), 65535, np.uint16)
    wanted[0, 0] = 0
    same(back.alpha, wanted)
