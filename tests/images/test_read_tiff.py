"""Whole TIFFs of every layout, written by tifffile and OpenCV."""

import os
import struct

import cv2
import numpy as np
import pytest
import tifffile
from picture_files import LUMA, H, W, noise, same, save

from convfilter.errors import PictureError
from convfilter.images.read import read

TIFFS = [
    ("gray", (), {"photometric": "minisblack"}),
    ("gray", (2,), {"photometric": "minisblack", "extrasamples": ["unassalpha"], "planarconfig": "contig"}),
    ("rgb", (3,), {"photometric": "rgb"}),
    ("rgb", (4,), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    ("rgb", (4,), {"photometric": "rgb", "extrasamples": ["unspecified"]}),
]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", range(len(TIFFS)))
def test_tiffs_of_every_layout(tmp_path, dtype, order, compression, planar, kind):
    """Each byte order, compression and plane order gives every sample back, from 8 bits to floats."""
    base, channels, options = TIFFS[kind]
    if not channels and planar == "separate":
        pytest.skip("one band has no separate planes")
    samples = noise(dtype, *channels)
    stored = np.ascontiguousarray(np.moveaxis(samples, -1, 0)) if planar == "separate" else samples
    options = options | ({"planarconfig": planar} if channels else {})
    tifffile.imwrite(
        tmp_path / "a.tif", stored, byteorder=order, compression=compression, rowsperstrip=3, **options
    )
    back = read(tmp_path / "a.tif", gray=False)
    if options.get("extrasamples") == ["unspecified"]:  # a band like the others
        same(back.pixels, samples)
    else:
        same(back.pixels, samples[..., :3] if base == "rgb" else samples.reshape(H, W, -1)[..., 0])
    if "unassalpha" in options.get("extrasamples", []):
        same(back.alpha, samples[..., -1])
    else:
        assert back.alpha is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiles_and_big_tiffs(tmp_path, dtype, big, compression, channels):
    """Tiled TIFFs and BigTIFFs keep all bits too, edges narrower than a tile included."""
    samples = np.tile(noise(dtype, channels), (6, 4, 1))
    options = {"photometric": "rgb", "compression": compression, "bigtiff": big}
    tifffile.imwrite(tmp_path / "a.tif", samples, tile=(32, 16), **options)
    same(read(tmp_path / "a.tif", gray=False).pixels, samples[..., :3])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_float_colour_bigtiff(tmp_path, compression):
    """What Pillow has no mode for is read from a BigTIFF as well."""
    samples = noise("float32", 3)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", bigtiff=True, compression=compression)
    same(read(tmp_path / "a.tif", gray=False).pixels, samples)
    np.testing.assert_allclose(read(tmp_path / "a.tif").pixels, samples @ LUMA, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("predictor", [False, True])
def test_16_bit_colour_tiffs_with_lzw_by_another_encoder(tmp_path, predictor):
    """OpenCV's LZW files, with and without predictor, keep their low bytes."""
    samples = noise("uint16", 3)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, 2 if predictor else 1]
    assert cv2.imwrite(os.fspath(tmp_path / "a.tif"), samples[..., ::-1], options)
    same(read(tmp_path / "a.tif", gray=False).pixels, samples)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_premultiplied_alpha_is_divided_out(tmp_path, dtype):
    """Colour stored times alpha comes back straight, in 16 bits and floats; clear pixels stay as stored."""
    full = 65535 if dtype == "uint16" else 1.0
    samples = np.array([[[0.25, 0.5, 0.125, 0.5], [0.3, 0.2, 0.1, 1], [0, 0, 0, 0]]])
    stored = np.rint(samples * full).astype(dtype) if dtype == "uint16" else samples.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    back = read(tmp_path / "a.tif", gray=False)
    straight = np.array([[[0.5, 1, 0.25], [0.3, 0.2, 0.1], [0, 0, 0]]]) * full
    np.testing.assert_allclose(back.pixels, straight, atol=1 if dtype == "uint16" else 1e-7)
    same(back.alpha, stored[..., 3])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_cmyk_tiff_becomes_light(tmp_path, dtype, compression):
    """Each ink and the black filter the white, to within one level, without losing bits."""
    inks, full = noise(dtype, 4), np.iinfo(dtype).max
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", compression=compression)
    got = read(tmp_path / "a.tif", gray=False).pixels
    light = (1 - inks[..., :3] / full) * (1 - inks[..., 3:] / full) * full
    assert got.dtype == dtype
    assert np.abs(got - light).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_where_zero_is_white(tmp_path, dtype, order, compression):
    """WhiteIsZero is turned round in 16 bits as in 8."""
    samples = noise(dtype)
    options = {"photometric": "miniswhite", "byteorder": order, "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", samples, **options)
    same(read(tmp_path / "a.tif").pixels, np.iinfo(dtype).max - samples)


def test_a_12_bit_tiff_spans_the_16_bits(tmp_path):
    """4095 becomes white, each value one of its own."""
    data = bytes([0xFF, 0xF0, 0x00, 0x80, 0x00, 0x01])  # 4095, 0, 2048, 1
    entries = [(256, 4), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 6)]
    body = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    directory = struct.pack("<H", len(entries)) + body + bytes(4)
    path = save(tmp_path, b"II*\0" + struct.pack("<I", 14) + data + directory, "a.tif")
    assert read(path).pixels.tolist() == [[65535, 0, 32776, 16]]


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("int16", "16-bit signed"),
        ("int8", "8-bit signed"),
        ("uint32", "32-bit unsigned"),
        ("int32", "32-bit signed"),
        ("float64", "64-bit floats"),
        ("float16", "16-bit floats"),
        ("complex64", "64-bit complex"),
    ],
)
@pytest.mark.parametrize("colour", [(), (3,)])
def test_tiffs_of_other_numbers_are_refused_by_name(tmp_path, dtype, words, colour):
    """Samples without a white are refused, and the message says what they are."""
    photometric = "rgb" if colour else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((H, W, *colour), dtype), photometric=photometric)
    with pytest.raises(PictureError, match=words):
        read(tmp_path / "a.tif")


def test_a_16_bit_layout_that_would_lose_bits_is_refused(tmp_path):
    """Planes apart packed by PackBits are beyond this reader: an error, never 8 bits in disguise."""
    stored = noise("uint16", 16)[:3, :, :16]
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb",
        planarconfig="separate",
        tile=(16, 16),
        compression="zlib",
    )
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(32773)
    with pytest.raises(PictureError, match="without loss"):
        read(tmp_path / "a.tif")
