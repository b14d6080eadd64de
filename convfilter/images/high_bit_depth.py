"""Samples of more than 8 bits that Pillow would cut to 8: 16-bit colour, and PGM and PPM of any maxval."""

import re
import sys
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile

from convfilter.images.netpbm_reader import netpbm_samples

_LAYOUTS = re.compile(r"(LA|RGB|RGBA|RGBX|RGBa|CMYK);16([BLN])")
_NATIVE = "L" if sys.byteorder == "little" else "B"
_SWAPPED = {"B": "L", "L": "B"}


def high_bit_samples(image: ImageFile.ImageFile, file: IO[bytes]) -> tuple[np.ndarray, str] | None:
    """Samples (H, W, C) and the names of their bands, if Pillow would lose bits; None if it would not.

    image: as Image.open returns it, its pixels not yet loaded, its size already checked.
    """
    if not image.tile:
        return None
    tile: Any = image.tile[0]
    if image.format == "PPM":
        plain = tile.codec_name == "ppm_plain" and image.mode != "1"
        deep = tile.codec_name == "ppm" or (plain and tile.args[-1] > 255)
        return (netpbm_samples(image.size, len(image.getbands()), file, tile), image.mode) if deep else None
    found = _LAYOUTS.fullmatch(tile.args if isinstance(tile.args, str) else str(tile.args[0]))
    return _two_halves(image, file, *found.groups()) if found else None


def _two_halves(
    image: ImageFile.ImageFile, file: IO[bytes], bands: str, order: str
) -> tuple[np.ndarray, str]:
    """16-bit samples by decoding twice, since Pillow keeps only one byte of each.

    The raw mode's byte order decides which: the right one gives the high bytes, the wrong one the low.
    """
    if bands == "LA":  # once is enough: decoded as RGBA, a pixel's bytes are L high, L low, A high, A low
        return _decode(image, "RGBA").view(">u2").astype(np.uint16), bands
    order = _NATIVE if order == "N" else order
    straight = "RGBA" if bands == "RGBa" else bands  # divided by alpha later, in 16 bits
    high = _decode(image, f"{straight};16{order}").astype(np.uint16)
    with Image.open(file, formats=[str(image.format)]) as again:
        low = _decode(again, f"{straight};16{_SWAPPED[order]}")
    return (high << 8) | low, bands.removesuffix("X")


def use_native_floats(image: ImageFile.ImageFile) -> None:
    """Make Pillow read libtiff's floats in this machine's byte order, not in the file's as it assumes."""
    raw = f"F;32{'' if _NATIVE == 'L' else 'B'}F"
    image.tile = [
        tile._replace(args=(raw, *(tile.args or ())[1:])) if tile.codec_name == "libtiff" else tile
        for tile in image.tile
    ]


def _decode(image: ImageFile.ImageFile, rawmode: str) -> np.ndarray:
    """Load `image` with another raw mode: uint8 (H, W, C)."""
    image.tile = [
        tile._replace(args=rawmode if isinstance(tile.args, str) else (rawmode, *(tile.args or ())[1:]))
        for tile in image.tile
    ]
    return np.array(image)
