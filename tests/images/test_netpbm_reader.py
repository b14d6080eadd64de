"""PGM and PPM of any maxval, laid out by hand."""

import io
import struct

import numpy as np
import pytest
from picture_files import RNG, H, W, same

from convfilter.errors import PictureError
from convfilter.images.read import read


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("maxval", [1, 200, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("bands", [1, 3])
def test_netpbm_of_any_maxval(plain, maxval, bands):
    """PGM and PPM, binary and plain, are scaled from maxval to the full 8 or 16 bits, one rounding."""
    samples = RNG.integers(0, maxval, (H, W, bands), endpoint=True)
    full = 65535 if maxval > 255 else 255
    if plain:
        data = b"# comment\n" + b" ".join(b"%d" % value for value in samples.ravel()) + b"\n"
    else:
        data = samples.astype(">u2" if maxval > 255 else "u1").tobytes()
    magic = {(False, 1): b"P5", (False, 3): b"P6", (True, 1): b"P2", (True, 3): b"P3"}[plain, bands]
    back = read(io.BytesIO(magic + b"\n%d %d\n%d\n" % (W, H, maxval) + data), gray=False)
    wanted = np.rint(samples * full / maxval).astype(np.uint16 if full > 255 else np.uint8)
    same(back.pixels, wanted if bands == 3 else wanted[..., 0])


@pytest.mark.parametrize("sample", [-1, 1000])
def test_a_netpbm_sample_outside_its_maxval_is_refused(sample):
    """Neither a negative sample nor one above maxval is wrapped or clipped."""
    with pytest.raises(PictureError, match="damaged"):
        read(io.BytesIO(b"P3\n1 1\n999\n0 0 %d\n" % sample))
    with pytest.raises(PictureError, match="outside 0 to 300"):
        read(io.BytesIO(b"P5\n1 1\n300\n" + struct.pack(">H", 301)))
