"""Samples that Pillow would cut to 8 bits or not open: 16-bit colour, PPM over 8 bits, float colour TIFF."""

import re
import sys
import zlib
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile

from convfilter.errors import PictureError
from convfilter.picture import check_size, full_scale

# Tags of TIFF 6.0
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, SAMPLES, STRIP_ROWS, STRIP_SIZES = 273, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT = 282, 283, 284, 296
PREDICTOR, EXTRA_SAMPLES, SAMPLE_FORMAT, ICC_PROFILE = 317, 338, 339, 34675
_COLOURS = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}  # photometric interpretation -> bands
_DEFLATE = (8, 32946)
_MAX_BANDS = 16

_DEEP = re.compile(r"(LA|RGB|RGBA|RGBX|RGBa|CMYK);16([BLN])")
_NATIVE = "L" if sys.byteorder == "little" else "B"
_SWAPPED = {"B": "L", "L": "B"}


def deep_samples(image: ImageFile.ImageFile, file: IO[bytes], name: str) -> tuple[np.ndarray, str] | None:
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
    tags = getattr(image, "tag_v2", {})
    if tags.get(PLANAR, 1) == 2 and (max(tags.get(BITS, (1,))) > 8 or len(image.getbands()) == 2):
        return plain_tiff(file, sys.maxsize, name)[:2]  # Pillow misreads such separate planes
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
        words = re.sub(rb"#[^\r\n]*", b"", file.read()).split()[:count]
        values = np.array([int(word) for word in words])
    else:
        stored = np.dtype(">u2" if maxval > 255 else "u1")
        data = file.read(count * stored.itemsize)
        values = np.frombuffer(data, stored, len(data) // stored.itemsize)
    if values.size < count:
        raise OSError(f"image file is truncated: {values.size} samples of {count}")
    if values.min() < 0 or values.max() > maxval:
        raise ValueError(f"sample outside 0 to {maxval}")
    dtype = np.dtype(np.uint16 if maxval > 255 else np.uint8)
    table = np.rint(np.arange(maxval + 1) * full_scale(dtype) / maxval).astype(dtype)
    pixels: np.ndarray = table[values].reshape((height, width, bands) if bands > 1 else (height, width))
    return pixels


def plain_tiff(file: IO[bytes], max_pixels: int, name: str) -> tuple[np.ndarray, str, dict[int, Any]]:
    """First page of a TIFF in strips, raw or deflated, 8, 16-bit or float: samples (H, W, C), bands, tags."""
    tags = first_directory(file)
    width, height = _whole(tags, WIDTH), _whole(tags, HEIGHT)
    check_size(width, height, max_pixels, name)
    bands = max(_whole(tags, SAMPLES, 1), 1)
    dtype = _sample_dtype(tags, name)
    base = _COLOURS.get(tags.get(PHOTOMETRIC, -1))
    compression = tags.get(COMPRESSION, 1)
    packed = compression in _DEFLATE and tags.get(PREDICTOR, 1) == 1
    if not base or (compression != 1 and not packed) or STRIP_OFFSETS not in tags or bands > _MAX_BANDS:
        raise PictureError(
            f"{name}: this layout of a {dtype.itemsize * 8}-bit TIFF can't be read without loss; "
            f"save it as PNG, or as TIFF without compression, tiles and separate planes"
        )
    samples = _strips(file, tags, (height, width, bands), dtype, packed)
    if bands < len(base):
        raise ValueError(f"{bands} samples a pixel, where {base} needs {len(base)}")
    extra = tags.get(EXTRA_SAMPLES, (2,))[0] if bands > len(base) else 0
    kept = base + {1: "a", 2: "A"}.get(extra, "")  # a: colour is premultiplied with alpha
    if tags[PHOTOMETRIC] == 0:  # 0 is white
        samples[..., 0] = full_scale(dtype) - samples[..., 0]
    return samples[..., : len(kept)], kept, tags


def directory(head: bytes) -> Any:
    """Pillow's mapping of TIFF tags; `head` tells the order of bytes, and where the first page's are."""
    from PIL import TiffImagePlugin  # 3 ms

    return TiffImagePlugin.ImageFileDirectory_v2(head)


def first_directory(file: IO[bytes]) -> Any:
    """The tags of the first page, as a mapping; BigTIFF too."""
    file.seek(0)
    head = file.read(8)
    if b"+" in head[2:4]:
        head += file.read(8)
    tags = directory(head)
    file.seek(tags.next)
    tags.load(file)
    return tags


def sample_kind(tags: Any) -> str:
    """In words, what the samples of this TIFF are, such as '16-bit signed integers'."""
    kinds = {1: "unsigned integers", 2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex"}
    bits = sorted(set(tags.get(BITS, (1,))))
    kind = tags.get(SAMPLE_FORMAT, (1,))[0]
    return f"{'/'.join(map(str, bits))}-bit {kinds.get(kind, 'values of no known kind')}"


def _sample_dtype(tags: Any, name: str) -> np.dtype:
    """The dtype as stored; PictureError for other samples than 8 or 16-bit unsigned and 32-bit floats."""
    kinds: set[Any] = set(zip(tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (1,)) * _MAX_BANDS, strict=False))
    stored = {((8, 1),): "u1", ((16, 1),): "u2", ((32, 3),): "f4"}.get(tuple(kinds))
    if stored is None:
        raise PictureError(
            f"{name}: a TIFF of {sample_kind(tags)}, laid out in a way that can't be read; "
            f"convert it to 8 or 16-bit unsigned integers or 32-bit floats"
        )
    return np.dtype(stored).newbyteorder(">" if tags.prefix == b"MM" else "<")


def _strips(
    file: IO[bytes], tags: Any, shape: tuple[int, int, int], dtype: np.dtype, packed: bool
) -> np.ndarray:
    """All strips as one native array (H, W, C)."""
    height, width, bands = shape
    planes = bands if tags.get(PLANAR, 1) == 2 else 1
    rows = min(_whole(tags, STRIP_ROWS, height), height)
    places = iter(zip(tags[STRIP_OFFSETS], tags[STRIP_SIZES], strict=False))
    out = np.empty((planes, height, width, bands // planes), dtype.newbyteorder("="))
    for plane in out:
        for top in range(0, height, rows):
            part = plane[top : top + rows]
            offset, size = next(places, (0, 0))
            file.seek(offset)
            data = file.read(size if packed else part.nbytes)
            if packed:
                data = zlib.decompressobj().decompress(data, part.nbytes)
            if len(data) < part.nbytes:
                raise OSError("image file is truncated")
            part[:] = np.frombuffer(data, dtype, part.size).reshape(part.shape)
    return out[0] if planes == 1 else np.moveaxis(out[..., 0], 0, -1)


def _whole(tags: Any, tag: int, default: int = 0) -> int:
    """A tag that has to be a positive whole number."""
    value = tags.get(tag, default)
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"tag {tag} is {value!r}, not a positive number")
    return value


def colour_and_alpha(samples: np.ndarray, bands: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples (H, W, C) of the named bands as pixels, (H, W) or (H, W, 3), and alpha (H, W) or None."""
    if samples.ndim == 2:
        return samples, None
    full = full_scale(samples.dtype)
    count = {"L": 1, "R": 3, "C": 4}[bands[0]]
    alpha = samples[..., count] if bands[-1] in "Aa" else None
    pixels = samples[..., 0] if count == 1 else samples[..., :count]
    if count == 4:  # ink to light, as Pillow does it: each ink and the black filter the white
        light = full - pixels.astype(np.float64)
        pixels = np.rint(light[..., :3] * light[..., 3:] / full).astype(samples.dtype)
    if bands[-1] == "a" and alpha is not None:
        pixels = _divided(pixels, alpha, full)
    return pixels, alpha


def _divided(pixels: np.ndarray, alpha: np.ndarray, full: float) -> np.ndarray:
    """Undo a premultiplication; clear pixels stay as they are."""
    weight = (alpha if pixels.ndim == 2 else alpha[..., np.newaxis]).astype(np.float64)
    straight = pixels * (full / np.where(weight > 0, weight, full))
    if pixels.dtype.kind == "u":
        straight = np.minimum(np.rint(straight), full)
    return straight.astype(pixels.dtype)
