"""What Pillow decodes: palettes, keys, inks, frames; judged by OpenCV and bytes laid out by hand."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from picture_files import RNG, H, W, chunk, luma, noise, pillow, png, same, save, smooth
from PIL import Image

from convfilter.images.read import read


def test_bilevel_pictures_are_black_and_white(tmp_path):
    """1-bit PNG, TIFF, BMP and PBM are 0 and 255."""
    bits = RNG.integers(0, 2, (H, W)).astype(bool)
    wanted = bits.astype(np.uint8) * 255
    image = Image.fromarray(wanted).convert("1")
    for codec in ("PNG", "TIFF", "BMP", "PPM"):
        same(read(io.BytesIO(pillow(image, codec))).pixels, wanted)
    same(read(io.BytesIO(pillow(image, "TIFF", compression="group4"))).pixels, wanted)
    rows = b"".join(b" ".join(b"%d" % (not bit) for bit in row) + b"\n" for row in bits)  # PBM: 1 is black
    same(read(save(tmp_path, b"P1\n%d %d\n" % (W, H) + rows, "a.pbm")).pixels, wanted)


@pytest.mark.parametrize("alpha", [None, b"\x40", b"\xff\x00\x80", bytes(range(0, 250, 50))])
def test_a_palette_with_transparency(alpha):
    """Indices become colours; tRNS becomes alpha, opaque beyond its end."""
    index = RNG.integers(0, 6, (H, W), dtype=np.uint8)
    index[0, :6] = range(6)
    palette = RNG.integers(0, 256, (6, 3), dtype=np.uint8)
    extra = chunk(b"PLTE", palette.tobytes()) + (chunk(b"tRNS", alpha) if alpha else b"")
    back = read(io.BytesIO(png(index, 3, depth=8, extra=extra)), gray=False)
    same(back.pixels, palette[index])
    if alpha:
        same(back.alpha, np.frombuffer(alpha.ljust(6, b"\xff"), np.uint8)[index])
    else:
        assert back.alpha is None
    close = read(io.BytesIO(png(index, 3, depth=8, extra=extra))).pixels
    assert np.abs(close - luma(palette)[index].astype(int)).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_gray_key_colour_at_every_depth(depth):
    """The tRNS value of a gray PNG is in the file's own bits; the pixels that have it are clear."""
    top, width = 2**depth - 1, 8
    values = np.arange(2 * width).reshape(2, width) % (top + 1)
    if depth < 8:  # packed, high bits first
        packed = [sum(v << (8 - depth - depth * i) for i, v in enumerate(row)) for row in
                  values.reshape(-1, 8 // depth)]  # fmt: skip
        rows = np.array(packed).reshape(2, -1)
    else:
        rows = values
    data = png(rows, 0, depth=depth, extra=chunk(b"tRNS", struct.pack(">H", 1)))
    data = data[:16] + struct.pack(">I", width) + data[20:29]
    data += struct.pack(">I", zlib.crc32(data[12:29])) + png(rows, 0, depth=depth, extra=chunk(
        b"tRNS", struct.pack(">H", 1)))[33:]  # fmt: skip
    back = read(io.BytesIO(data))
    full = 65535 if depth == 16 else 255
    same(back.pixels, (values * (full // top)).astype(back.pixels.dtype))
    same(back.alpha, np.where(values == 1, 0, full).astype(back.pixels.dtype))


def test_an_opaque_alpha_is_none():
    """An alpha channel that is full everywhere is no alpha, in 8 and in 16 bits."""
    for dtype in ("uint8", "uint16"):
        samples = noise(dtype, 4)
        samples[..., 3] = np.iinfo(dtype).max
        assert read(io.BytesIO(png(samples, 6, depth=samples.itemsize * 8))).alpha is None
        samples[0, 0, 3] -= 1
        assert read(io.BytesIO(png(samples, 6, depth=samples.itemsize * 8))).alpha is not None


def test_8_bit_colour_becomes_gray_as_pillow_does():
    """Rec. 601 within one level, and the very values of Pillow's L."""
    colour = noise("uint8", 3)
    got = read(io.BytesIO(png(colour, 2, depth=8))).pixels
    same(got, np.array(Image.fromarray(colour).convert("L")))
    assert np.abs(got - luma(colour).astype(int)).max() <= 1


def test_a_jpeg_going_to_gray_keeps_its_size():
    """The luma plane of a JPEG is decoded as it is, at full size, and agrees with OpenCV's."""
    data = pillow(Image.fromarray(np.kron(smooth(3), np.ones((4, 4, 1), np.uint8))), "JPEG", quality=95)
    got = read(io.BytesIO(data)).pixels
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert got.shape == wanted.shape == (128, 192)
    assert np.abs(got - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize("gray", [False, True])
def test_a_cmyk_jpeg_is_not_a_negative(gray):
    """Adobe's inverted inks come out as the light OpenCV sees."""
    inks = Image.fromarray(smooth(3)).convert("CMYK")
    data = pillow(inks, "JPEG", quality=95)
    assert b"Adobe" in data
    flag = cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR_RGB
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    assert np.abs(read(io.BytesIO(data), gray=gray).pixels - wanted.astype(int)).max() <= 3
    truth = luma(smooth(3)) if gray else smooth(3)
    assert np.abs(wanted - truth.astype(int)).max() <= 12


def test_a_ycck_jpeg_reads_like_its_cmyk():
    """The Adobe marker's transform 2 (YCCK) is undone: OpenCV's light within a few levels."""
    data = pillow(Image.fromarray(smooth(3)).convert("CMYK"), "JPEG", quality=95)
    at = data.index(b"Adobe") + 11
    ycck = data[:at] + b"\2" + data[at + 1 :]  # the same samples, now meant as YCCK
    wanted = cv2.imdecode(np.frombuffer(ycck, np.uint8), cv2.IMREAD_COLOR_RGB)
    got = read(io.BytesIO(ycck), gray=False).pixels
    assert np.abs(got - wanted.astype(int)).max() <= 3
    assert np.abs(got - read(io.BytesIO(data), gray=False).pixels.astype(int)).max() > 20


def test_the_first_frame_of_a_gif_and_of_an_mpo():
    """A GIF's first frame has its colours and its clear index; a two-picture JPEG is its first."""
    first, second = noise("uint8", 3), noise("uint8", 3)
    first = first // 64 * 64
    frames = [Image.fromarray(each).quantize(256, dither=0) for each in (first, second)]
    data = pillow(frames[0], "GIF", save_all=True, append_images=frames[1:])
    same(read(io.BytesIO(data), gray=False).pixels, np.array(frames[0].convert("RGB")))
    clear = pillow(frames[0], "GIF", transparency=int(np.array(frames[0])[0, 0]))
    assert read(io.BytesIO(clear)).alpha[0, 0] == 0
    pages = [Image.fromarray(smooth(3)), Image.fromarray(smooth(3)[::-1].copy())]
    data = pillow(pages[0], "MPO", save_all=True, append_images=pages[1:])
    assert np.abs(read(io.BytesIO(data)).pixels - luma(smooth(3)).astype(int)).max() <= 6


@pytest.mark.parametrize("codec", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_pixels_are_those_that_pillow_decodes(codec, mode, orientation):
    """Samples decoded into memory of ours, which outlive the image: the same as by Pillow's own copy."""
    image = Image.fromarray(RNG.integers(0, 256, (37, 51, 4), dtype=np.uint8)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    if (codec, mode) == ("JPEG", "RGBA"):
        image = image.convert("CMYK")  # which is converted after all
    data = pillow(image, codec, exif=exif)
    back = read(io.BytesIO(data), gray=False)
    with Image.open(io.BytesIO(data)) as again:
        colours = mode != "L" or codec == "WEBP"
        wanted = np.asarray(again.convert({"RGBA": "RGBA"}.get(again.mode, "RGB" if colours else "L")))
    wanted = wanted if orientation == 1 else np.rot90(wanted, -1)
    same(back.pixels, wanted[..., :3] if colours else wanted)
    if wanted.shape[2:] == (4,):
        same(back.alpha, wanted[..., 3])


def test_a_large_picture_is_decoded_in_place():
    """Neither colours nor gray are copied after they are decoded: they are views of four bytes, or the whole."""
    colour = read(io.BytesIO(pillow(Image.fromarray(noise("uint8", 3)), "PNG")), gray=False).pixels
    assert colour.strides == (4 * W, 4, 1)
    gray = read(io.BytesIO(pillow(Image.fromarray(noise("uint8")), "PNG"))).pixels
    assert gray.base is None
