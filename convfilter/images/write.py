"""Write a picture: arrays to a file of any format."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from convfilter.errors import FilterError, PictureError
from convfilter.images import pillow_plugins
from convfilter.images.formats import Format
from convfilter.images.metadata import icc_fits, storable
from convfilter.images.picture import Picture, padded
from convfilter.system.atomic import write_natively

_INCH = 0.0254  # metres
_PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels → PNG colour type
PADDED = ("JPEG", "WEBP")  # codecs that take colours of four bytes, the last of which means nothing
_UP = 2  # PNG's filter that gives each row as what it differs by from the one above
_HEADERS = 2**17  # bytes that a JPEG's headers with a colour profile and EXIF seldom pass
_LEVEL = 4  # of PNG's compression: 1.7 times as fast as zlib's usual 6, and 1 % larger


def write(
    target: BinaryIO,
    pages: Sequence[Picture],
    format: Format,
    *,
    quality: int | None = None,
    level: int = _LEVEL,
) -> None:
    """Write `pages` to an open binary file, without the alpha and metadata that the format can't hold.

    level: of an 8-bit PNG's compression, 0 to 9; 0 stores the pixels as they are, in a tenth of the time.
    Several pages, alike in shape and dtype, need a format with `pages`: a TIFF gets one page each, an npy
    (H, W, N) planes on the last axis. Raises FilterError for a quality outside 1 to 100 or a read-only
    format, PictureError for a picture too large for the format, ValueError for pages it can't hold.
    """
    if not format.writable:
        raise FilterError(f"{format.name} pictures can only be read; write another format, such as png")
    if quality is not None and not 1 <= quality <= 100:
        raise FilterError(f"quality {quality} is not in 1 to 100; leave it out for the default")
    _check(pages, format)
    pages = [_fitting(page, format) for page in pages]
    if format.name == "npy":
        _write_npy(target, pages)
    elif format.name == "tiff":
        from convfilter.images.tiff_writer import write_tiff  # 5 ms

        write_tiff(target, pages)
    elif format.codec == "PPM":
        _write_netpbm(target, pages[0], colour=format.colour)
    elif format.name == "png" and (pages[0].pixels.dtype == np.uint16 or not level):
        _write_png(target, pages[0], level)
    else:
        _write_pillow(target, pages[0], format, quality or format.quality, level)


def _check(pages: Sequence[Picture], format: Format) -> None:
    """Raise ValueError for pages that the format can't hold, PictureError if only their size is wrong."""
    if not pages or (len(pages) > 1 and not format.pages):
        raise ValueError(f"{len(pages)} pages for a {format.name} file")
    for page in pages:
        shape, dtype = page.pixels.shape, page.pixels.dtype
        if dtype.name not in format.dtypes:
            raise ValueError(f"{dtype} pixels for a {format.name} file, which holds {format.dtypes}")
        channels = 1 if len(shape) == 2 else shape[2] if len(shape) == 3 else 0
        if not format.bands and channels not in ((1, 3) if format.colour else (1,)):
            raise ValueError(f"pixels of shape {shape} for a {format.name} file")
        if page.alpha is not None and (page.alpha.shape, page.alpha.dtype) != (shape[:2], dtype):
            raise ValueError(f"alpha {page.alpha.shape} {page.alpha.dtype} over pixels {shape} {dtype}")
        if format.max_side and max(shape[:2]) > format.max_side:
            raise PictureError(
                f"a {format.name} picture is at most {format.max_side} pixels a side, not "
                f"{shape[1]} x {shape[0]}; write png or tiff"
            )


def _fitting(page: Picture, format: Format) -> Picture:
    """The page without a channel axis of length one, and without the alpha and metadata that don't fit."""
    pixels = page.pixels
    if format.name != "npy" and pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    gray = pixels.ndim == 2 and format.name != "webp"  # WebP has no gray: written as colour
    icc = page.metadata.icc if icc_fits(page.metadata.icc, 1 if gray else 3) else None
    metadata = storable(replace(page.metadata, icc=icc), format)
    return Picture(pixels, page.alpha if format.alpha else None, metadata)


def _joined(page: Picture) -> np.ndarray:
    """Pixels and alpha as one array, (H, W) or (H, W, C)."""
    if page.alpha is None:
        return page.pixels
    return np.dstack([page.pixels, page.alpha])


def _write_pillow(target: BinaryIO, page: Picture, format: Format, quality: int | None, level: int) -> None:
    """An 8-bit picture encoded by Pillow."""
    image = _image(page, format)
    options: dict[str, Any] = {
        "quality": quality,
        "compress_level": level,
        "icc_profile": page.metadata.icc,
        "exif": page.metadata.exif,
        "dpi": page.metadata.dpi,
    }
    if format.codec == "WEBP" and image.mode in ("L", "LA"):
        image = image.convert("RGB" if page.alpha is None else "RGBA")
    given = {key: value for key, value in options.items() if value is not None}
    pillow_plugins.need(format.codec)

    def save(file: BinaryIO) -> None:
        image.save(file, format.codec, **given)

    if format.codec == "JPEG":  # the only encoder here that Pillow lets write to a descriptor
        write_natively(target, save, page.pixels.size + _HEADERS)
    else:
        save(target)


def _image(page: Picture, format: Format) -> Image.Image:
    """The picture as Pillow's: L, LA, RGB or RGBA, by its shape; padded colours as RGBX, which is no copy."""
    whole = padded(page.pixels) if format.codec in PADDED and page.alpha is None else None
    if whole is not None:
        return Image.frombuffer("RGBX", whole.shape[1::-1], whole, "raw", "RGBX", 0, 1)
    return Image.fromarray(np.ascontiguousarray(_joined(page)))


def _write_npy(target: BinaryIO, pages: Sequence[Picture]) -> None:
    """One page as it is; several stacked on the last axis."""
    array = pages[0].pixels if len(pages) == 1 else np.dstack([page.pixels for page in pages])
    np.lib.format.write_array(target, np.ascontiguousarray(array), allow_pickle=False)


def _write_netpbm(target: BinaryIO, page: Picture, colour: bool) -> None:
    """Binary PGM, or PPM (a gray picture in three equal channels); 16 bits are big-endian."""
    pixels = page.pixels
    if colour and pixels.ndim == 2:
        pixels = np.dstack([pixels] * 3)
    height, width = pixels.shape[:2]
    target.write(b"%s\n%d %d\n%d\n" % (b"P6" if colour else b"P5", width, height, np.iinfo(pixels.dtype).max))
    target.write(_big_endian(pixels).tobytes())


def _big_endian(samples: np.ndarray) -> np.ndarray:
    return samples.astype(samples.dtype.newbyteorder(">"), order="C", copy=False)


def _write_png(target: BinaryIO, page: Picture, level: int) -> None:
    """A PNG of 8 or 16 bits and any colour type; of 16, Pillow writes only gray without alpha."""
    samples = _big_endian(_joined(page))
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    rows = samples.view(np.uint8).reshape(height, -1)
    filtered = np.full((height, rows.shape[1] + 1), _UP if level else 0, np.uint8)  # each row: filter, bytes
    if level:
        filtered[0, 1:] = rows[0]
        np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])  # modulo 256
    else:
        filtered[:, 1:] = rows
    target.write(b"\x89PNG\r\n\x1a\n")
    _chunk(
        target,
        b"IHDR",
        struct.pack(">IIBBBBB", width, height, 8 * samples.itemsize, _PNG_COLOURS[channels], 0, 0, 0),
    )
    metadata = page.metadata
    if metadata.icc:
        _chunk(target, b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi:
        _chunk(target, b"pHYs", struct.pack(">IIB", *(round(dots / _INCH) for dots in metadata.dpi), 1))
    if metadata.exif:
        _chunk(target, b"eXIf", metadata.exif.removeprefix(b"Exif\0\0"))
    _chunk(target, b"IDAT", zlib.compress(filtered.data, level))
    _chunk(target, b"IEND", b"")


def _chunk(target: BinaryIO, kind: bytes, data: bytes) -> None:
    """One PNG chunk: length, kind, data, checksum."""
    target.write(struct.pack(">I", len(data)) + kind)
    target.write(data)
    target.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
