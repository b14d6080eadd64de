"""TIFFs by tifffile and by TiffRows, and their rows, for the tests of the TIFF modules."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile

from convfilter.errors import PictureError
from convfilter.images.picture import Metadata
from convfilter.images.tiff_reader import open_rows
from convfilter.images.tiff_writer import TiffRows

RNG = np.random.default_rng(28)
NOTHING = Metadata()
H, W = 53, 75  # no multiple of any tile or strip below
DTYPES = ("uint8", "uint16", "float32")
KINDS = [(dtype, channels, alpha) for dtype in DTYPES for channels in (1, 3) for alpha in (False, True)]
LAYOUTS = {"tiles": {"tile": (16, 32)}, "strips": {"rowsperstrip": 7}, "one strip": {"rowsperstrip": H}}
PACKINGS = {
    "unpacked": {},
    "deflate": {"compression": "zlib", "predictor": 1},
    "predictor": {"compression": "zlib", "predictor": 2},
}


def noise(dtype, channels=1, alpha=False, shape=(H, W)):
    """Random samples (H, W) or (H, W, C) that use every byte; floats below 0 and above 1."""
    whole = shape if channels + alpha == 1 else (*shape, channels + alpha)
    if dtype == "float32":
        return RNG.normal(size=whole).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, whole, dtype, endpoint=True)


def save(path, samples, channels=1, alpha=False, **options):
    """A TIFF by tifffile."""
    extra = {"planarconfig": "contig"} if samples.ndim == 3 else {}
    if alpha:
        extra["extrasamples"] = ["unassalpha"]
    options = {"photometric": "rgb" if channels == 3 else "minisblack", "metadata": None, **extra, **options}
    tifffile.imwrite(path, samples, **options)
    return path


@contextmanager
def rows_of(path, max_pixels=10**10):
    """Its rows; the file is called "it"."""
    with open_rows(path, "it", max_pixels) as source:
        yield source


def banded(source, step=10, halo=2):
    """Samples (H, W) or (H, W, C) put together from bands that overlap, alpha as the last channel."""
    height = source.shape[0]
    bands = []
    for top in range(0, height, step):
        first = max(top - halo, 0)
        pixels, alpha = source.rows(first, min(top + step + halo, height))
        assert (alpha is not None) == source.has_alpha
        assert pixels.ndim == (2 if source.channels == 1 else 3)
        whole = pixels if alpha is None else np.dstack([pixels, alpha])
        bands.append(whole[top - first :][:step])
    return np.concatenate(bands)


def same(got, wanted):
    """Equal bits, shape and dtype, in this machine's byte order."""
    assert got.dtype == wanted.dtype
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, wanted)


def tags_changed(path, **values):
    """Overwrite tags of the first page of a file; None hides one."""
    with tifffile.TiffFile(path, mode="r+") as file:
        for name, value in values.items():
            tag = file.pages.first.tags[name]
            if value is None:
                file.filehandle.seek(tag.offset)
                file.filehandle.write(b"\xf0\xff")
            else:
                tag.overwrite(value, dtype="I")
    return path


def damaged(path, match, rows=None, **limits):
    """The one line that says what is wrong, at opening or in a band."""
    with pytest.raises(PictureError, match=match) as caught, rows_of(path, **limits) as source:
        assert rows, "opened"
        source.rows(*rows)
    assert str(caught.value).startswith("it: ")
    assert "\n" not in str(caught.value)


def write_bands(file, samples, channels, alpha, heights, metadata=NOTHING, pages=1):
    """Write (pages, H, W, ...) samples in bands of these heights, over and over, pages taking turns."""
    height, width = samples.shape[1:3]
    writer = TiffRows(file, (height, width), channels, samples.dtype, alpha, metadata, pages)
    top, turn = 0, 0
    while top < height:
        bottom = min(top + heights[turn % len(heights)], height)
        for page in range(pages):
            band = samples[page, top:bottom]
            pixels = band[..., : channels if channels > 1 else 0] if alpha and channels > 1 else band
            if alpha and channels == 1:
                pixels = band[..., 0]
            writer.write(top, pixels, band[..., -1] if alpha else None, page)
        top, turn = bottom, turn + 1
    writer.close()


def python(code, *args):
    """Run it in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=60
    )
