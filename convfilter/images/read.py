"""File <-> array. This module and its helpers, image_deep and image_write, alone know Pillow."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from convfilter.errors import PictureError, printable
from convfilter.images import high_bit_depth as deep
from convfilter.images.metadata import (
    INKS,
    dots_per_inch,
    orientation_and_exif,
    profile,
)
from convfilter.images.picture import (
    DEFAULT_MAX_PIXELS,
    FORMATS,
    Format,
    Metadata,
    Picture,
    check_size,
    format_named,
    format_of,
    to_gray,
)
from convfilter.images.pillow_limits import pillow_limited
from convfilter.images.sniff import HEAD, check_extension, npy_pixels, opened, reason, sniffed
from convfilter.images.write import icc_fits, write
from convfilter.system.stderr import quiet

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FORMATS",
    "Format",
    "Metadata",
    "Picture",
    "format_named",
    "format_of",
    "read",
    "write",
]

# Of JPEG: what begins a scan, how many scans are usual, what tells of arithmetic codes; and the most pixels
# that a byte can hold, since each block of 8 x 8 takes a bit at least.
_SCAN, _SCANS, _ARITHMETIC, _PIXELS_A_BYTE = b"\xff\xda", 20, (b"\xff\xc9", b"\xff\xca"), 512
_BLOCK = 1 << 20  # bytes read at a time
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # EXIF orientation -> what undoes it
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its errors go to the terminal


@dataclass(frozen=True)
class _Frame:
    """A picture as the file has it: not yet turned upright, nor gray."""

    pixels: np.ndarray  # (H, W) or (H, W, C)
    alpha: np.ndarray | None = None  # (H, W)
    orientation: int = 1  # of EXIF
    metadata: Metadata = field(default_factory=Metadata)


def read(
    source: Path | BinaryIO,
    *,
    gray: bool = True,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    name: str | None = None,
) -> Picture:
    """Read the first picture of a file or a stream, upright, without losing bits.

    gray: pixels are (H, W), by Rec. 601 luma; else (H, W, 3) for colour files and (H, W) for gray ones.
    max_pixels: the largest width x height accepted.
    name: what messages call it; the path, or 'standard input'.
    Raises PictureError, one line "NAME: what is wrong; what to do", for whatever is wrong with the file.
    """
    label = printable(name or (source if isinstance(source, (str, Path)) else "standard input"))
    with opened(source, label, max_pixels) as file:
        codec = sniffed(file.read(HEAD), label)
        if isinstance(source, (str, Path)):
            check_extension(Path(source), codec, label)
        file.seek(0)
        try:
            with pillow_limited(max_pixels), np.errstate(all="ignore"):
                if codec == "NPY":
                    frame = _Frame(npy_pixels(file, max_pixels, label))
                elif codec == "TIFF":
                    frame = _read_tiff(file, gray, max_pixels, label)
                else:
                    frame = _read_pillow(file, codec, gray, max_pixels, label)
        except PictureError:
            raise
        except MemoryError as error:
            raise PictureError(f"{label}: too large for the memory here; make it smaller") from error
        except Image.DecompressionBombError as error:
            raise PictureError(
                f"{label}: a frame of more than twice the limit of {max_pixels} pixels; "
                f"raise it with --max-pixels if you trust the file"
            ) from error
        except UnidentifiedImageError as error:
            raise PictureError(f"{label}: the {codec} header makes no sense; get a sound copy") from error
        except Exception as error:  # decoders raise anything on hostile bytes
            raise PictureError(
                f"{label}: the {codec} data is damaged or cut short ({reason(error)}); get a sound copy"
            ) from error
    with np.errstate(all="ignore"):  # infinities and NaNs of float files go their way
        return _finished(frame, gray, label)


def _read_pillow(file: BinaryIO, codec: str, gray: bool, max_pixels: int, label: str) -> _Frame:
    """The first frame of a file that is no TIFF."""
    with Image.open(file, formats=[codec]) as image:
        check_size(*image.size, max_pixels, label)
        if codec == "JPEG":
            _check_jpeg(file, image.size, max_pixels, label)
            if gray:  # the file's own luma; a size of its own keeps it from shrinking
                image.draft("L", image.size)
        mode = image.mode
        pixels, alpha = _decoded(image, file, gray)
        orientation, exif, damaged = orientation_and_exif(image.getexif)
        dpi = dots_per_inch(image.info.get("dpi"))
        notes = (*damaged, *_notes(image, mode))
        held = Metadata(profile(image.info.get("icc_profile")), dpi, exif, notes)
        return _Frame(pixels, alpha, orientation, held)


def _check_jpeg(file: BinaryIO, size: tuple[int, int], max_pixels: int, label: str) -> None:
    """PictureError for a JPEG of more pixels than its bytes can hold, or of so many scans, each of which is
    a pass over the picture, that decoding takes too long."""
    pixels, length, scans, last = size[0] * size[1], 0, 0, b""
    arithmetic = False  # such codes may take less than a bit
    file.seek(0)
    while block := file.read(_BLOCK):
        joined = last + block
        scans += joined.count(_SCAN)
        arithmetic = arithmetic or any(marker in joined for marker in _ARITHMETIC)
        last, length = block[-1:], length + len(block)
    if pixels > _PIXELS_A_BYTE * length and not arithmetic:
        raise PictureError(
            f"{label}: {length} bytes can't hold {size[0]} x {size[1]} pixels; get a sound copy"
        )
    if scans * pixels > _SCANS * max_pixels:
        raise PictureError(
            f"{label}: {scans} scans of {size[0]} x {size[1]} are the work of more than {_SCANS} pictures of "
            f"the limit of {max_pixels} pixels; raise it with --max-pixels if you trust the file"
        )


def _notes(image: ImageFile.ImageFile, mode: str) -> tuple[str, ...]:
    """What is lost of an image that was of this mode, and has been loaded."""
    notes = [INKS] if mode == "CMYK" else []
    with contextlib.suppress(Exception):  # damage behind the first frame
        if image.format == "GIF":  # its frames are counted only by going through them all
            notes += (
                ["it has more frames; the first is filtered"] if getattr(image, "is_animated", False) else []
            )
        elif (more := getattr(image, "n_frames", 1) - 1) > 0:
            notes += [f"it has {more} more frame{'s' if more > 1 else ''}; the first is filtered"]
    return tuple(notes)


def _read_tiff(file: BinaryIO, gray: bool, max_pixels: int, label: str) -> _Frame:
    """The first page, by Pillow where its samples aren't to be had as they are stored."""
    from convfilter.images.tiff_page import first_page, unreadable
    from convfilter.images.tiff_reader import tiff_rows

    with first_page(file, label, max_pixels) as page:
        if gray and page.metadata.bands:
            raise _no_gray(page.channels, label)
        if page.readable:
            with tiff_rows(file, page, label) as rows:
                return _Frame(*rows.whole(), page.orientation, page.metadata)
        try:
            with quiet(replay=False):  # libtiff, in C, would add lines of its own to a damaged file's error
                pixels, alpha = _tiff_by_pillow(file, gray, max_pixels, label)
        except UnidentifiedImageError as error:
            raise unreadable(page, label) from error
        held = page.metadata
        if held.dpi and page.orientation > 4:  # Pillow turns a TIFF upright as it loads
            held = replace(held, dpi=held.dpi[::-1])
        return _Frame(pixels, alpha, metadata=held)


def _tiff_by_pillow(
    file: BinaryIO, gray: bool, max_pixels: int, label: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels and alpha of a TIFF's first page, upright."""
    with Image.open(file, formats=["TIFF"]) as image:
        check_size(*image.size, max_pixels, label)
        return _decoded(image, file, gray)


def _decoded(image: ImageFile.ImageFile, file: BinaryIO, gray: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W) or (H, W, 3), of which `gray` may have made gray, and alpha of an opened image."""
    key, scale = _key_colour(image)
    samples = deep.deep_samples(image, file)
    if samples:
        pixels, alpha = deep.colour_and_alpha(*samples)
    else:
        pixels, alpha = _shallow(image, gray and key is None)
    if key is not None:  # one colour is clear
        clear = pixels == np.multiply(key, scale)
        full = deep.full_scale(pixels.dtype)
        alpha = np.where(clear.all(-1) if pixels.ndim == 3 else clear, 0, full).astype(pixels.dtype)
    return pixels, alpha


def _key_colour(image: ImageFile.ImageFile) -> tuple[Any, int]:
    """The sample values of the one transparent colour (None if there is none) and their scale."""
    if image.mode == "P":
        return None, 1
    rawmode = image.tile[0].args if image.tile else ""
    scale = {"L;2": 85, "L;4": 17}.get(str(rawmode), 1)  # PNG stores the value in the file's own bits
    return image.info.pop("transparency", None), scale


def _shallow(image: ImageFile.ImageFile, gray: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W) or (H, W, 3) and alpha of an image that Pillow decodes without loss; `gray` spares the
    colours where no alpha needs them."""
    tags = getattr(image, "tag_v2", {})
    has_alpha = image.has_transparency_data
    if image.mode == "F":
        deep.use_native_floats(image)
    image.load()
    if image.mode[0] in "IF":
        pixels: np.ndarray = np.array(image).astype(np.float32 if image.mode == "F" else np.uint16)
        if max(tags.get(deep.BITS, (16,))) == 12:
            pixels = np.rint(pixels.astype(np.float64) * (65535 / 4095)).astype(np.uint16)
        if tags.get(deep.PHOTOMETRIC) == 0:  # 0 is white; Pillow minds it in 8 bits only
            pixels = (deep.full_scale(pixels.dtype) - pixels).astype(pixels.dtype)
        return pixels, None
    grays = image.mode in ("1", "L", "LA", "La")
    mode = ("LA" if has_alpha else "L") if grays else ("RGBA" if has_alpha else "RGB")
    converted = image if image.mode == mode else image.convert(mode)
    if gray and mode == "RGB":
        mode, converted = "L", converted.convert("L")  # with the weights of to_gray
    return deep.colour_and_alpha(np.array(converted), mode)


def _finished(frame: _Frame, gray: bool, label: str) -> Picture:
    """Upright, gray if asked, with an alpha that matters and a profile that fits."""
    turn = _UPRIGHT[frame.orientation]
    pixels = np.ascontiguousarray(turn(_gray(frame.pixels, label) if gray else frame.pixels))
    alpha = None if frame.alpha is None else np.ascontiguousarray(turn(frame.alpha))
    if alpha is not None and (alpha == deep.full_scale(alpha.dtype)).all():
        alpha = None
    held = frame.metadata
    icc = held.icc if icc_fits(held.icc, 1 if pixels.ndim == 2 else pixels.shape[2]) else None
    dpi = held.dpi[::-1] if held.dpi and frame.orientation > 4 else held.dpi
    return Picture(pixels, alpha, replace(held, icc=icc, dpi=dpi))


def _gray(pixels: np.ndarray, label: str) -> np.ndarray:
    """Rec. 601 luma (H, W); a gray picture as it is."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] != 3:
        raise _no_gray(pixels.shape[2], label)
    return to_gray(pixels)


def _no_gray(channels: int, label: str) -> PictureError:
    return PictureError(
        f"{label}: its {channels} bands are no colours, so they have no gray; filter each with --color each, "
        "or save it as gray or RGB"
    )
