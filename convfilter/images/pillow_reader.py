"""Pixels, alpha and metadata of files that Pillow decodes: all but npy and TIFFs of plain layouts."""

import contextlib
import logging
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from convfilter.images import pillow_plugins
from convfilter.images.high_bit_depth import high_bit_samples, use_native_floats
from convfilter.images.jpeg_check import check_jpeg
from convfilter.images.metadata import INKS, dots_per_inch, orientation_and_exif, profile
from convfilter.images.picture import Metadata, Picture, check_size, full_scale
from convfilter.images.samples import colour_and_alpha

_BITS, _PHOTOMETRIC = 258, 262  # tags of TIFF 6.0
_WHITE_IS_ZERO = 0
_LENT = ("JPEG", "PNG", "WEBP")  # formats whose images load into memory that they have already

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its errors go to the terminal


def read_frame(file: BinaryIO, codec: str, gray: bool, max_pixels: int, label: str) -> tuple[Picture, int]:
    """The first frame as it is stored, and the EXIF orientation still to be undone.

    gray: colours may come as gray already, which is faster. label: what messages call the file.
    """
    pillow_plugins.need(codec)
    with Image.open(file, formats=[codec]) as image:
        check_size(*image.size, max_pixels, label)
        if codec == "JPEG":
            check_jpeg(file, image.size, max_pixels, label)
            if gray:  # decode only the file's own luma; without a size, draft() would shrink it
                image.draft("L", image.size)
        mode = image.mode
        pixels, alpha = _decode(image, file, gray)
        orientation, exif, damage = orientation_and_exif(image.getexif)
        dpi = dots_per_inch(image.info.get("dpi"))
        metadata = Metadata(
            profile(image.info.get("icc_profile")), dpi, exif, (*damage, *_notes(image, mode))
        )
        return Picture(pixels, alpha, metadata), orientation


def read_tiff_pixels(
    file: BinaryIO, gray: bool, max_pixels: int, label: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels and alpha of a TIFF's first page, turned upright by Pillow; `gray` as in read_frame."""
    with Image.open(file, formats=["TIFF"]) as image:
        check_size(*image.size, max_pixels, label)
        return _decode(image, file, gray)


def _notes(image: ImageFile.ImageFile, mode: str) -> tuple[str, ...]:
    """What is lost of a loaded image whose mode was `mode` before."""
    notes = [INKS] if mode == "CMYK" else []
    with contextlib.suppress(Exception):  # damage behind the first frame
        if image.format == "GIF":  # counting its frames would decode them all
            notes += (
                ["it has more frames; the first is filtered"] if getattr(image, "is_animated", False) else []
            )
        elif (more := getattr(image, "n_frames", 1) - 1) > 0:
            notes += [f"it has {more} more frame{'s' if more > 1 else ''}; the first is filtered"]
    return tuple(notes)


def _decode(image: ImageFile.ImageFile, file: BinaryIO, gray: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels, (H, W) or (H, W, 3), and alpha of an image that isn't loaded yet."""
    key, scale = _key_colour(image)
    samples = high_bit_samples(image, file)
    if samples:
        pixels, alpha = colour_and_alpha(*samples)
    else:
        pixels, alpha = _decode_by_pillow(image, gray and key is None)
    if key is not None:  # pixels of this colour are transparent
        clear = pixels == np.multiply(key, scale)
        full = full_scale(pixels.dtype)
        alpha = np.where(clear.all(-1) if pixels.ndim == 3 else clear, 0, full).astype(pixels.dtype)
    return pixels, alpha


def _key_colour(image: ImageFile.ImageFile) -> tuple[Any, int]:
    """The sample values of the one transparent colour (None without one), and what to multiply them by."""
    if image.mode == "P":
        return None, 1
    rawmode = image.tile[0].args if image.tile else ""
    scale = {"L;2": 85, "L;4": 17}.get(str(rawmode), 1)  # PNG stores the value in the file's own bits
    return image.info.pop("transparency", None), scale


def _decode_by_pillow(image: ImageFile.ImageFile, gray: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels, (H, W) or (H, W, 3), and alpha of an image that Pillow decodes without loss.

    gray: colours without alpha become gray.
    """
    has_alpha = image.has_transparency_data
    if image.mode == "F":
        use_native_floats(image)
    lent = None if gray and image.mode == "RGB" else _lent_memory(image)
    image.load()
    if image.mode[0] in "IF":
        return _one_deep_channel(image), None
    grays = image.mode in ("1", "L", "LA", "La")
    mode = ("LA" if has_alpha else "L") if grays else ("RGBA" if has_alpha else "RGB")
    converted = image if image.mode == mode else image.convert(mode)
    if gray and mode == "RGB":
        mode, converted = "L", converted.convert("L")  # with the weights of luma.to_gray
    if lent and converted is image and image.im is lent[1]:
        return colour_and_alpha(lent[0], mode)
    return colour_and_alpha(np.array(converted), mode)


def _lent_memory(image: ImageFile.ImageFile) -> tuple[np.ndarray, object] | None:
    """Lend an image that isn't loaded yet memory of NumPy's to be decoded into, which spares copies: samples
    (H, W), or (H, W, 4) for colours, and the memory as the image's `im`, which it is no more once the image
    has taken other memory. None for a mode that Pillow doesn't store as samples side by side.
    """
    mode = {"L": "L", "RGB": "RGBX", "RGBA": "RGBA"}.get(image.mode)
    if mode is None or image.format not in _LENT:
        return None
    samples = np.zeros(image.size[::-1] + (() if mode == "L" else (4,)), np.uint8)
    image.im = Image.frombuffer(mode, image.size, samples, "raw", mode, 0, 1).im
    return samples, image.im


def _one_deep_channel(image: ImageFile.ImageFile) -> np.ndarray:
    """Pixels (H, W), uint16 or float32, of a loaded image of one channel of more than 8 bits."""
    tags = getattr(image, "tag_v2", {})
    pixels: np.ndarray = np.array(image).astype(np.float32 if image.mode == "F" else np.uint16)
    if max(tags.get(_BITS, (16,))) == 12:
        pixels = np.rint(pixels.astype(np.float64) * (65535 / 4095)).astype(np.uint16)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # which Pillow respects in 8 bits only
        pixels = (full_scale(pixels.dtype) - pixels).astype(pixels.dtype)
    return pixels
