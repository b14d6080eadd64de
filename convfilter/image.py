"""File <-> array. This module and its helpers, image_deep and image_write, alone know Pillow."""

import contextlib
import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from convfilter import image_deep as deep
from convfilter.errors import PictureError
from convfilter.image_source import HEAD, check_extension, npy_pixels, opened, reason, sniffed
from convfilter.image_write import icc_fits, write
from convfilter.picture import (
    DEFAULT_MAX_PIXELS,
    FORMATS,
    Format,
    Metadata,
    Picture,
    check_size,
    format_named,
    format_of,
    shown,
    to_gray,
)
from convfilter.runtime import quiet

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

_ORIENTATION, _DESCRIPTION = 274, 270
# Orientation, then what it says about the camera, the time and the author; not how the file was laid out.
_EXIF_TAGS = (_ORIENTATION, 270, 271, 272, 305, 306, 315, 316, 33432)
_EXIF_PART, _GPS_PART = 0x8769, 0x8825
_STALE = (0xA002, 0xA003, 0xA005)  # the size before filtering, and an offset into the old file
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
    label = shown(name or (source if isinstance(source, (str, Path)) else "standard input"))
    with opened(source, label, max_pixels) as file:
        codec = sniffed(file.read(HEAD), label)
        if isinstance(source, (str, Path)):
            check_extension(Path(source), codec, label)
        file.seek(0)
        try:
            with _pillow_unbound(), np.errstate(all="ignore"):
                if codec == "NPY":
                    frame = _Frame(npy_pixels(file, max_pixels, label))
                else:  # libtiff, in C, would add lines of its own to a damaged file's error
                    with quiet(replay=False) if codec == "TIFF" else contextlib.nullcontext():
                        frame = _read_pillow(file, codec, gray, max_pixels, label)
        except PictureError:
            raise
        except MemoryError as error:
            raise PictureError(f"{label}: too large for the memory here; make it smaller") from error
        except UnidentifiedImageError as error:
            raise PictureError(f"{label}: the {codec} header makes no sense; get a sound copy") from error
        except Exception as error:  # decoders raise anything on hostile bytes
            raise PictureError(
                f"{label}: the {codec} data is damaged or cut short ({reason(error)}); get a sound copy"
            ) from error
    with np.errstate(all="ignore"):  # infinities and NaNs of float files go their way
        return _finished(frame, gray, label)


_lock = threading.Lock()
_readers = 0
_before: tuple[int | None, contextlib.ExitStack] = (None, contextlib.ExitStack())


@contextlib.contextmanager
def _pillow_unbound() -> Iterator[None]:
    """Pillow without its warnings and its own limit of pixels: `check_size` is the limit here.

    Both are global, so the first of several threads sets them and the last one puts them back.
    """
    global _readers, _before
    with _lock:
        if _readers == 0:
            quiet = contextlib.ExitStack()
            quiet.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"(PIL|numpy)\.")
            _before = Image.MAX_IMAGE_PIXELS, quiet
            Image.MAX_IMAGE_PIXELS = None
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                Image.MAX_IMAGE_PIXELS = _before[0]
                _before[1].close()


def _read_pillow(file: BinaryIO, codec: str, gray: bool, max_pixels: int, label: str) -> _Frame:
    """The first frame of any other file."""
    try:
        image = Image.open(file, formats=[codec])
    except UnidentifiedImageError:
        if codec != "TIFF":
            raise
        return _read_tiff(file, max_pixels, label)
    with image:
        check_size(*image.size, max_pixels, label)
        tags = getattr(image, "tag_v2", {})
        _refuse_integers(tags, label)
        if codec == "JPEG" and gray:  # the file's own luma; a size of its own keeps it from shrinking
            image.draft("L", image.size)
        key, scale = _key_colour(image)
        sideways = tags.get(_ORIENTATION) in (5, 6, 7, 8)
        samples = deep.deep_samples(image, file, label)
        if samples:
            pixels, alpha = deep.colour_and_alpha(*samples)
        else:
            pixels, alpha = _shallow(image, tags)
        if key is not None:  # one colour is clear
            clear = pixels == np.multiply(key, scale)
            full = deep.full_scale(pixels.dtype)
            alpha = np.where(clear.all(-1) if pixels.ndim == 3 else clear, 0, full).astype(pixels.dtype)
        orientation, exif, notes = _exif(image.getexif)
        dpi = _tiff_dpi(tags) if tags else _dpi(image.info.get("dpi"))
        if dpi and sideways and orientation == 1:  # Pillow turns a TIFF upright as it loads
            dpi = dpi[::-1]
        if getattr(tags, "next", 0):
            notes += ("it has more pages; the first is filtered",)
        held = Metadata(_profile(image.info.get("icc_profile")), dpi, exif, notes)
        return _Frame(pixels, alpha, orientation, held)


def _read_tiff(file: BinaryIO, max_pixels: int, label: str) -> _Frame:
    """A TIFF whose kind of samples Pillow has no mode for."""
    samples, bands, tags = deep.plain_tiff(file, max_pixels, label)
    pixels, alpha = deep.colour_and_alpha(samples, bands)

    def load() -> Image.Exif:
        file.seek(0)
        loaded = Image.Exif()
        loaded.load_from_fp(file)  # fails for BigTIFF, whose EXIF is left behind
        return loaded

    _, exif, notes = _exif(load)
    said = tags.get(_ORIENTATION)
    orientation = said if said in _UPRIGHT else 1
    held = Metadata(_profile(tags.get(deep.ICC_PROFILE)), _tiff_dpi(tags), exif, notes)
    return _Frame(pixels, alpha, orientation, held)


def _refuse_integers(tags: Any, label: str) -> None:
    """PictureError for a TIFF of signed, or of more than 16-bit, integers: they have no white."""
    kinds, bits = tags.get(deep.SAMPLE_FORMAT, (1,)), tags.get(deep.BITS, (1,))
    if 2 in kinds or (3 not in kinds and max(bits) > 16):
        raise PictureError(
            f"{label}: its pixels are {deep.sample_kind(tags)}; "
            f"convert it to 8 or 16-bit unsigned integers or 32-bit floats"
        )


def _key_colour(image: ImageFile.ImageFile) -> tuple[Any, int]:
    """The sample values of the one transparent colour (None if there is none) and their scale."""
    if image.mode == "P":
        return None, 1
    rawmode = image.tile[0].args if image.tile else ""
    scale = {"L;2": 85, "L;4": 17}.get(str(rawmode), 1)  # PNG stores the value in the file's own bits
    return image.info.pop("transparency", None), scale


def _shallow(image: ImageFile.ImageFile, tags: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels (H, W) or (H, W, 3) and alpha of an image that Pillow decodes without loss."""
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
    samples = np.array(image if image.mode == mode else image.convert(mode))
    return deep.colour_and_alpha(samples, mode)


def _profile(icc: object) -> bytes | None:
    return icc if isinstance(icc, bytes) and icc else None


def _dpi(pair: Any) -> tuple[float, float] | None:
    """Two positive numbers, or None for anything else."""
    try:
        across, down = (float(each) for each in pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < math.inf and 0 < down < math.inf else None


def _tiff_dpi(tags: Any) -> tuple[float, float] | None:
    """Dots per inch of a TIFF, whose unit is an inch unless it says centimetre (3) or none (1)."""
    pair = _dpi((tags.get(deep.X_RESOLUTION), tags.get(deep.Y_RESOLUTION)))
    scale = {2: 1.0, 3: 2.54}.get(tags.get(deep.RESOLUTION_UNIT, 2))
    return (pair[0] * scale, pair[1] * scale) if pair and scale else None


def _exif(load: Callable[[], Image.Exif]) -> tuple[int, bytes | None, tuple[str, ...]]:
    """The orientation to undo, the EXIF to carry on, upright, and notes; a broken block is no reason to
    fail."""
    kept = Image.Exif()
    orientation = 1
    with contextlib.suppress(Exception):
        held = load()
        said = held.get(_ORIENTATION)
        orientation = said if said in _UPRIGHT else 1
        kept.update({tag: held[tag] for tag in _EXIF_TAGS[1:] if tag in held})
        if str(kept.get(_DESCRIPTION, "")).startswith(("{", "<", "ImageJ=")):  # tells another file's layout
            del kept[_DESCRIPTION]
        for part in (_EXIF_PART, _GPS_PART):
            inner = {tag: value for tag, value in held.get_ifd(part).items() if tag not in _STALE}
            if inner:
                kept[part] = inner
    if not len(kept):
        return orientation, None, ()
    kept[_ORIENTATION] = 1
    with contextlib.suppress(Exception):
        return orientation, kept.tobytes(), ()
    return orientation, None, ("its EXIF data is damaged, and is left out",)


def _finished(frame: _Frame, gray: bool, label: str) -> Picture:
    """Upright, gray if asked, with an alpha that matters and a profile that fits."""
    turn = _UPRIGHT[frame.orientation]
    pixels = np.ascontiguousarray(turn(_gray(frame.pixels, label) if gray else frame.pixels))
    alpha = None if frame.alpha is None else np.ascontiguousarray(turn(frame.alpha))
    if alpha is not None and (alpha == deep.full_scale(alpha.dtype)).all():
        alpha = None
    held = frame.metadata
    icc = held.icc if icc_fits(held.icc, pixels.ndim == 2) else None
    dpi = held.dpi[::-1] if held.dpi and frame.orientation > 4 else held.dpi
    return Picture(pixels, alpha, Metadata(icc, dpi, held.exif, held.notes))


def _gray(pixels: np.ndarray, label: str) -> np.ndarray:
    """Rec. 601 luma (H, W); a gray picture as it is."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] != 3:
        raise PictureError(f"{label}: {pixels.shape[2]} channels can't become gray; save 1 or 3 channels")
    return to_gray(pixels)
