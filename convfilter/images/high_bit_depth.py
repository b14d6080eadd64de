"""Samples that Pillow would cut to 8 bits: 16-bit colour and PPM over 8 bits; what samples stand for."""

import re
import sys
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile

from convfilter.images.picture import full_scale

# Tags of TIFF 6.0
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, STRIP_ROWS, STRIP_SIZES = 273, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT = 282, 283, 284, 296
EXTRA_SAMPLES, SAMPLE_FORMAT, ICC_PROFILE = 338, 339, 34675
_BLOCK = 2**20  # bytes of text that are read at a time
_LONGEST = 1000  # digits

_DEEP = re.compile(r"(LA|RGB|RGBA|RGBX|RGBa|CMYK);16([BLN])")
_NATIVE = "L" if sys.byteorder == "little" else "B"
_SWAPPED = {"B": "L", "L": "B"}


def deep_samples(image: ImageFile.ImageFile, file: IO[bytes]) -> tuple[np.ndarray, str] | None:
    """Samples (H, W, C) with the names of their bands, where Pillow would lose bits; None where it would not.

    `image` is as Image.open left it: its pixels not yet loaded, its size already checked.
    """
    if not image.tile:
        return None
    tile: Any = image.tile[0]
    if image.format == "PPM":
        plain = tile.codec_name == "ppm_plain" and image.mode != "1"
        deep = tile.codec_name == "ppm" or (plain and tile.args[-1] > 255)
        return (_netpbm(image.size, len(image.getbands()), file, tile), image.mode) if deep else None
    found = _DEEP.fullmatch(tile.args if isinstance(tile.args, str) else str(tile.args[0]))
    return _two_halves(image, file, *found.groups()) if found else None


def _two_halves(
    image: ImageFile.ImageFile, file: IO[bytes], bands: str, order: str
) -> tuple[np.ndarray, str]:
    """16-bit samples by decoding twice, since Pillow keeps only one byte of each.

    The byte order named in the raw mode picks the byte: the wrong one yields the low bytes.
    """
    if bands == "LA":  # no need: an RGBA image of it holds the bytes L high, L low, A high, A low
        return _decoded(image, "RGBA").view(">u2").astype(np.uint16), bands
    order = _NATIVE if order == "N" else order
    straight = "RGBA" if bands == "RGBa" else bands  # divided by alpha later, in 16 bits
    high = _decoded(image, f"{straight};16{order}").astype(np.uint16)
    with Image.open(file, formats=[str(image.format)]) as again:
        low = _decoded(again, f"{straight};16{_SWAPPED[order]}")
    return (high << 8) | low, bands.removesuffix("X")


def use_native_floats(image: ImageFile.ImageFile) -> None:
    """libtiff hands over floats in this machine's byte order; Pillow takes them to be in the file's."""
    raw = f"F;32{'' if _NATIVE == 'L' else 'B'}F"
    image.tile = [
        tile._replace(args=(raw, *(tile.args or ())[1:])) if tile.codec_name == "libtiff" else tile
        for tile in image.tile
    ]


def _decoded(image: ImageFile.ImageFile, rawmode: str) -> np.ndarray:
    """Load `image` with another raw mode: uint8 (H, W, C)."""
    image.tile = [
        tile._replace(args=rawmode if isinstance(tile.args, str) else (rawmode, *(tile.args or ())[1:]))
        for tile in image.tile
    ]
    return np.array(image)


def _netpbm(size: tuple[int, int], bands: int, file: IO[bytes], tile: Any) -> np.ndarray:
    """Samples (H, W) or (H, W, 3) of a PGM or PPM, scaled from its maxval to the full 8 or 16 bits.

    A maxval of 255 or 65535 leaves each value as it is; 1023 or 4095 map one to one into 16 bits.
    """
    width, height = size
    maxval = tile.args[-1]
    count = width * height * bands
    file.seek(tile.offset)
    if tile.codec_name == "ppm_plain":
        values = _plain_values(file, count, maxval)
    else:
        stored = np.dtype(">u2" if maxval > 255 else "u1")
        data = file.read(count * stored.itemsize)
        values = np.frombuffer(data, stored, len(data) // stored.itemsize)
        _check_values(values, maxval)
    if values.size < count:
        raise OSError(f"image file is truncated: {values.size} samples of {count}")
    dtype = np.dtype(np.uint16 if maxval > 255 else np.uint8)
    table = np.rint(np.arange(maxval + 1) * full_scale(dtype) / maxval).astype(dtype)
    pixels: np.ndarray = table[values].reshape((height, width, bands) if bands > 1 else (height, width))
    return pixels


def _plain_values(file: IO[bytes], count: int, maxval: int) -> np.ndarray:
    """The next `count` numbers of a text, fewer where it ends; no more of it is read than they take."""
    values, done, rest = np.empty(count, np.uint16), 0, b""
    while done < count:
        block = file.read(_BLOCK)
        text = re.sub(rb"#[^\r\n]*[\r\n]", b" ", rest + block)
        text, comment, _ = text.partition(b"#")  # a comment that goes on in the next block
        cut = len(text) if comment or not block else len(text.rstrip(b"0123456789-"))
        if len(text) - cut > _LONGEST:
            raise ValueError(f"a sample of more than {_LONGEST} digits")
        rest = text[cut:] + comment
        found = np.array([int(word) for word in text[:cut].split()[: count - done]])
        _check_values(found, maxval)
        values[done : done + found.size] = found
        done += found.size
        if not block:
            break
    return values[:done]


def _check_values(values: np.ndarray, maxval: int) -> None:
    if values.size and (values.min() < 0 or values.max() > maxval):
        raise ValueError(f"sample outside 0 to {maxval}")


def directory(head: bytes) -> Any:
    """Pillow's mapping of TIFF tags; `head` tells the order of bytes, and where the first page's are."""
    from PIL import TiffImagePlugin  # 3 ms

    return TiffImagePlugin.ImageFileDirectory_v2(head)


def colour_and_alpha(samples: np.ndarray, names: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples (H, W, C) as pixels, (H, W) or (H, W, channels), and alpha (H, W) or None.

    names: a letter for each sample: L for gray, RGB, CMYK, N for any other band, and A for alpha, which is
    a where the colours are multiplied with it. The four inks of CMYK become RGB.
    """
    if samples.ndim == 2:
        return samples, None
    full = full_scale(samples.dtype)
    place = next((place for place, name in enumerate(names) if name in "Aa"), None)
    alpha = None if place is None else samples[..., place]
    pixels = samples[..., : len(names)] if place is None else _without(samples, place)
    if pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if names.startswith("CMYK"):  # ink to light, as Pillow does it: each ink and the black filter the white
        light = full - pixels.astype(np.float64)
        pixels = np.rint(light[..., :3] * light[..., 3:] / full).astype(samples.dtype)
    if "a" in names and alpha is not None:
        pixels = _divided(pixels, alpha, full)
    return pixels, alpha


def _without(samples: np.ndarray, place: int) -> np.ndarray:
    """Samples (H, W, C) without one channel: a view where it is the last one."""
    last = place == samples.shape[2] - 1
    return samples[..., :place] if last else np.delete(samples, place, axis=2)


def _divided(pixels: np.ndarray, alpha: np.ndarray, full: float) -> np.ndarray:
    """Undo a premultiplication; clear pixels stay as they are."""
    weight = (alpha if pixels.ndim == 2 else alpha[..., np.newaxis]).astype(np.float64)
    straight = pixels * (full / np.where(weight > 0, weight, full))
    if pixels.dtype.kind == "u":
        straight = np.minimum(np.rint(straight), full)
    return straight.astype(pixels.dtype)
