"""What a picture is here, and the file formats known by name and extension. No Pillow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from convfilter.errors import FilterError, PictureError, printable

DEFAULT_MAX_PIXELS = 89_478_485  # width x height; Pillow's own limit: 256 MiB at 3 bytes a pixel
CHANNELS_FREE = 4  # channels of a pixel that the limit of pixels allows for
_GRAY_BLOCK = 2**18  # pixels


@dataclass(frozen=True)
class Metadata:
    """What travels with the pixels: colour profile, dots per inch (x, y), and EXIF with orientation 1."""

    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    notes: tuple[str, ...] = ()  # what reading or writing left out
    bands: bool = False  # the channels are measurements of any kind, not gray or red, green and blue


@dataclass(frozen=True)
class Picture:
    """Pixels (H, W) or (H, W, C), uint8, uint16 or float32; alpha (H, W) of that dtype, None if opaque."""

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    metadata: Metadata = Metadata()

    @property
    def full_scale(self) -> float:
        """White: 255.0, 65535.0, or 1.0 for float32."""
        return full_scale(self.pixels.dtype)


class RowSource(Protocol):
    """A picture that is read by rows, from memory or from a file larger than that."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def channels(self) -> int:
        """1 for gray, else the length of the pixels' last axis; without alpha."""

    @property
    def dtype(self) -> np.dtype:
        """uint8, uint16 or float32, in this machine's byte order."""

    @property
    def has_alpha(self) -> bool:
        """Whether some pixel is translucent."""

    @property
    def metadata(self) -> Metadata:
        """As image.read gives it."""

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (n, W) or (n, W, channels) of the n rows from `top` to before `bottom`, and alpha (n, W)."""


@dataclass(frozen=True)
class ArrayRows:
    """The rows of a picture in memory, as views of it."""

    picture: Picture

    @property
    def shape(self) -> tuple[int, int]:
        return self.picture.pixels.shape[0], self.picture.pixels.shape[1]

    @property
    def channels(self) -> int:
        return 1 if self.picture.pixels.ndim == 2 else self.picture.pixels.shape[2]

    @property
    def dtype(self) -> np.dtype:
        return self.picture.pixels.dtype

    @property
    def has_alpha(self) -> bool:
        alpha = self.picture.alpha
        return alpha is not None and bool((alpha != self.picture.full_scale).any())

    @property
    def metadata(self) -> Metadata:
        return self.picture.metadata

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        alpha = self.picture.alpha
        return self.picture.pixels[top:bottom], None if alpha is None else alpha[top:bottom]


def full_scale(dtype: np.dtype) -> float:
    """The value of white in this dtype; 1.0 for floats."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


PIXELS = "uint8, uint16, float32, float64 or bool"  # the numbers that as_pixels takes
_PIXEL_TYPES = {"b1": "u1", "u1": "u1", "u2": "u2", "f4": "f4", "f8": "f4"}  # as read → as computed


def pixel_type(dtype: np.dtype) -> np.dtype | None:
    """What pixels of `dtype`, in any byte order, are held as: uint8, uint16 or float32; None for others."""
    held = _PIXEL_TYPES.get(dtype.str[1:])
    return None if held is None else np.dtype(held)


def as_pixels(array: np.ndarray) -> np.ndarray | None:
    """The array as uint8, uint16 or float32; None where that is not for its numbers.

    float64 is rounded to float32, and infinite beyond its range; bool becomes 0 and 255.
    """
    held = pixel_type(array.dtype)
    if held is None:
        return None
    with np.errstate(over="ignore"):
        pixels = array.astype(held, order="C", copy=False)
    return pixels * np.uint8(255) if array.dtype.kind == "b" else pixels


def to_gray(pixels: np.ndarray) -> np.ndarray:
    """Rec. 601 luma (H, W) of (H, W, 3), same dtype, rounded once: in 8 bits with Pillow's and libjpeg's
    weights in 65536ths, so that an array and a file give the same gray."""
    gray = np.empty(pixels.shape[:2], pixels.dtype)
    step = max(1, _GRAY_BLOCK // max(1, gray.shape[1]))
    for top in range(0, len(gray), step):  # by bands of rows, since the floats take much more room
        gray[top : top + step] = _luma(pixels[top : top + step])
    return gray


def _luma(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:  # whole numbers below 2**24, which float32 adds without rounding
        weighted = pixels.astype(np.float32) @ np.array([19595, 38470, 7471], np.float32)
        return ((weighted + np.float32(0x8000)) * np.float32(2**-16)).astype(np.uint8)
    luma = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.asarray(np.rint(luma) if pixels.dtype.kind == "u" else luma, pixels.dtype)


@dataclass(frozen=True)
class Format:
    """A file format: what it can hold as this package writes it. All hold gray pictures."""

    name: str
    codec: str  # what the file's first bytes say; pgm and ppm share one
    extensions: tuple[str, ...]  # with the dot, lower case, the usual one first
    dtypes: tuple[str, ...] = ("uint8",)  # in order of preference
    colour: bool = True
    alpha: bool = False
    pages: bool = False  # several pages, or planes, in one file
    bands: bool = False  # any number of channels
    writable: bool = True
    quality: int | None = None  # the default, 1 to 100; None where the format has no such thing
    max_side: int | None = None  # pixels
    dpi: tuple[float, float] | None = None  # least and most dots per inch; None where it has no place
    max_icc: int | None = None  # bytes of a colour profile
    max_exif: int | None = None  # bytes, with the "Exif" that they begin with


_INTEGERS = ("uint8", "uint16")
_ALL = ("uint8", "uint16", "float32")
_METRIC = (0.0254, 54_546_000.0)  # dots per inch that are 1 to 2³¹ − 1 dots a metre
_JPEG_SEGMENT = 65_533  # bytes
FORMATS: dict[str, Format] = {
    "png": Format("png", "PNG", (".png",), _INTEGERS, alpha=True, dpi=_METRIC),
    "jpeg": Format(
        "jpeg",
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        quality=95,
        max_side=65_500,
        dpi=(1, 65_535),
        max_icc=255 * (_JPEG_SEGMENT - 14),
        max_exif=_JPEG_SEGMENT,
    ),
    "tiff": Format(
        "tiff",
        "TIFF",
        (".tif", ".tiff"),
        _ALL,
        alpha=True,
        pages=True,
        bands=True,
        dpi=(1 / (2**32 - 1), 2**32 - 1),
    ),
    "webp": Format("webp", "WEBP", (".webp",), alpha=True, quality=90, max_side=16_383),
    "bmp": Format("bmp", "BMP", (".bmp",), dpi=_METRIC),
    "pgm": Format("pgm", "PPM", (".pgm",), _INTEGERS, colour=False),
    "ppm": Format("ppm", "PPM", (".ppm", ".pnm"), _INTEGERS),
    "pbm": Format("pbm", "PPM", (".pbm",), colour=False, writable=False),
    "gif": Format("gif", "GIF", (".gif",), alpha=True, writable=False),
    "npy": Format("npy", "NPY", (".npy",), _ALL, pages=True, bands=True),
}
_SHORT = {"jpg": "jpeg", "tif": "tiff"}


def format_of(path: Path | str) -> Format:
    """The format that the extension of `path` names; FilterError for an unknown one."""
    found = extension_format(path)
    if found is None:
        known = " ".join(end for each in FORMATS.values() if each.writable for end in each.extensions)
        raise FilterError(f"{printable(path)}: unknown picture extension; use one of {known}")
    return found


def format_named(name: str) -> Format:
    """The format called `name` ('png', 'jpg', 'tif' ...); FilterError for an unknown one."""
    key = name.lower().removeprefix(".")
    found = FORMATS.get(_SHORT.get(key, key))
    if found is None:
        raise FilterError(f"unknown picture format {name!r}; use one of {', '.join(FORMATS)}")
    return found


def extension_format(path: Path | str) -> Format | None:
    """The format that the extension of `path` names; None for an unknown one."""
    extension = Path(path).suffix.lower()
    return next((each for each in FORMATS.values() if extension in each.extensions), None)


def check_size(width: int, height: int, max_pixels: int, name: str, channels: int = 1) -> None:
    """PictureError for a picture of no pixels, or of more than `max_pixels`; more than four channels count
    as that many more pixels."""
    if width < 1 or height < 1:
        raise PictureError(f"{name}: a picture of {width} x {height} has no pixels; nothing to filter")
    if width * height > max_pixels:
        raise PictureError(
            f"{name}: {width} x {height} is {width * height} pixels, more than the limit of {max_pixels}; "
            f"allow it with max_pixels={width * height} if you trust the file"
        )
    if width * height * channels > CHANNELS_FREE * max_pixels:
        raise PictureError(
            f"{name}: {width} x {height} of {channels} channels are {width * height * channels} samples, "
            f"more than {CHANNELS_FREE} times the limit of {max_pixels}; "
            f"raise it with --max-pixels if you trust the file"
        )
