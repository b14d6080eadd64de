"""Read a picture: a file or a stream to an upright Picture, whatever its format."""

import re
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from convfilter.errors import PictureError, first_line, printable
from convfilter.images.luma import to_gray
from convfilter.images.metadata import icc_fits
from convfilter.images.npy_reader import read_npy
from convfilter.images.orientation import UPRIGHT
from convfilter.images.picture import DEFAULT_MAX_PIXELS, Picture, full_scale
from convfilter.images.pillow_limits import pillow_limited
from convfilter.images.pillow_reader import read_frame, read_tiff_pixels
from convfilter.images.sniff import HEAD, check_extension, detect_codec
from convfilter.images.source import open_source
from convfilter.system.stderr import quiet


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
    name: what messages call it; by default the path, or 'standard input'.
    Raises PictureError, one line "NAME: what is wrong; what to do", for whatever is wrong with the file.
    """
    label = printable(name or (source if isinstance(source, (str, Path)) else "standard input"))
    with open_source(source, label, max_pixels) as file:
        codec = detect_codec(file.read(HEAD), label)
        if isinstance(source, (str, Path)):
            check_extension(Path(source), codec, label)
        file.seek(0)
        try:
            with pillow_limited(max_pixels), np.errstate(all="ignore"):
                stored, orientation = _read_stored(file, codec, gray, max_pixels, label)
        except PictureError:
            raise
        except MemoryError as error:
            raise PictureError(f"{label}: too large for the memory here; make it smaller") from error
        except Image.DecompressionBombError as error:
            raise _too_large(error, max_pixels, label) from error
        except UnidentifiedImageError as error:
            raise PictureError(f"{label}: the {codec} header makes no sense; get a sound copy") from error
        except Exception as error:  # decoders raise anything on hostile bytes
            raise PictureError(
                f"{label}: the {codec} data is damaged or cut short ({first_line(error)}); get a sound copy"
            ) from error
    with np.errstate(all="ignore"):  # infinities and NaNs of float files pass
        return _finish(stored, orientation, gray, label)


def _read_stored(file: BinaryIO, codec: str, gray: bool, max_pixels: int, label: str) -> tuple[Picture, int]:
    """The picture as it is stored, and the EXIF orientation still to be undone."""
    if codec == "NPY":
        return Picture(read_npy(file, max_pixels, label)), 1
    if codec == "TIFF":
        return _read_tiff(file, gray, max_pixels, label)
    return read_frame(file, codec, gray, max_pixels, label)


def _read_tiff(file: BinaryIO, gray: bool, max_pixels: int, label: str) -> tuple[Picture, int]:
    """The first page: by TiffSource if it can read the samples as they are stored, else by Pillow."""
    from convfilter.images.tiff_page import first_page, unreadable
    from convfilter.images.tiff_reader import tiff_rows

    with first_page(file, label, max_pixels) as page:
        if gray and page.metadata.bands:
            raise _no_gray(page.channels, label)
        if page.readable:
            with tiff_rows(file, page, label) as rows:
                return Picture(*rows.whole(), page.metadata), page.orientation
        try:
            with quiet(replay=False):  # libtiff, in C, prints its own lines about a damaged file
                pixels, alpha = read_tiff_pixels(file, gray, max_pixels, label)
        except UnidentifiedImageError as error:
            raise unreadable(page, label) from error
        metadata = page.metadata
        if metadata.dpi and page.orientation > 4:  # Pillow turned the pixels, not the resolution
            metadata = replace(metadata, dpi=metadata.dpi[::-1])
        return Picture(pixels, alpha, metadata), 1


def _finish(stored: Picture, orientation: int, gray: bool, label: str) -> Picture:
    """Turn a picture upright, make it gray if asked, drop an opaque alpha and a profile of other colours."""
    pixels = _upright(_gray(stored.pixels, label) if gray else stored.pixels, orientation)
    alpha = None if stored.alpha is None else _upright(stored.alpha, orientation)
    if alpha is not None and (alpha == full_scale(alpha.dtype)).all():
        alpha = None
    icc, dpi = stored.metadata.icc, stored.metadata.dpi
    if not icc_fits(icc, 1 if pixels.ndim == 2 else pixels.shape[2]):
        icc = None
    if dpi and orientation > 4:
        dpi = dpi[::-1]
    return Picture(pixels, alpha, replace(stored.metadata, icc=icc, dpi=dpi))


def _upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """The array turned, its rows one after the other in memory."""
    return array if orientation == 1 else np.ascontiguousarray(UPRIGHT[orientation](array))


def _too_large(error: Image.DecompressionBombError, max_pixels: int, label: str) -> PictureError:
    """What to raise for a picture, or a frame in it, that Pillow refused."""
    found = re.search(r"\((\d+) pixels\)", str(error))
    pixels = int(found[1]) if found else 10 * max_pixels
    return PictureError(
        f"{label}: a frame of {pixels} pixels, more than twice the limit of {max_pixels}; "
        f"allow it with max_pixels={pixels} if you trust the file"
    )


def _gray(pixels: np.ndarray, label: str) -> np.ndarray:
    """Luma (H, W); a gray picture as it is. PictureError for bands."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] != 3:
        raise _no_gray(pixels.shape[2], label)
    return to_gray(pixels)


def _no_gray(channels: int, label: str) -> PictureError:
    return PictureError(
        f"{label}: its {channels} bands are no colours, so they have no gray; "
        'filter each with color="each", or save it as gray or RGB'
    )
