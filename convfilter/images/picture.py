"""What a picture is: pixels, alpha and metadata, whole or by rows, and how large it may be. No Pillow."""

from functools import cached_property
from typing import Protocol

import numpy as np

from convfilter.errors import PictureError
from convfilter.system.values import dataclass

DEFAULT_MAX_PIXELS = 89_478_485  # width x height; Pillow's own limit: 256 MiB at 3 bytes a pixel
CHANNELS_FREE = 4  # channels that a pixel may have before they count as more pixels


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

    def _repr_png_(self) -> bytes:
        """What notebooks show: 8 bits, and no more pixels than a page has room for."""
        from convfilter.images.png_bytes import png_bytes

        return png_bytes(self.pixels, self.alpha, self.full_scale)


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
        """Whether some pixel is translucent; of the whole picture, where this is some columns of it."""

    @property
    def metadata(self) -> Metadata:
        """As images.read.read gives it."""

    @property
    def by_columns(self) -> bool:
        """Whether some columns can be read from top to bottom without decoding the others."""

    def columns(self, left: int, right: int) -> "RowSource":
        """The columns from `left` to before `right` alone."""

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (n, W) or (n, W, channels) of the n rows from `top` to before `bottom`, and alpha (n, W).
        Several threads may ask at once."""


@dataclass(frozen=True)
class ArrayRows:
    """The rows of a picture in memory, as views of it; span: of these columns, None for all."""

    picture: Picture
    span: tuple[int, int] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.picture.pixels.shape[:2]
        return height, self.span[1] - self.span[0] if self.span else width

    @property
    def channels(self) -> int:
        return 1 if self.picture.pixels.ndim == 2 else self.picture.pixels.shape[2]

    @property
    def dtype(self) -> np.dtype:
        return self.picture.pixels.dtype

    @cached_property
    def has_alpha(self) -> bool:
        alpha = self.picture.alpha
        return alpha is not None and bool((alpha != self.picture.full_scale).any())

    @property
    def metadata(self) -> Metadata:
        return self.picture.metadata

    @property
    def by_columns(self) -> bool:
        return True

    def columns(self, left: int, right: int) -> "ArrayRows":
        first = self.span[0] if self.span else 0
        return ArrayRows(self.picture, (first + left, first + right))

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        part, alpha = (slice(top, bottom), slice(*self.span or (None,))), self.picture.alpha
        return self.picture.pixels[part], None if alpha is None else alpha[part]


def full_scale(dtype: np.dtype) -> float:
    """The value of white in this dtype; 1.0 for floats."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def padded_colours(height: int, width: int) -> np.ndarray:
    """New pixels (H, W, 3) of uint8, each in four bytes, as Pillow and encoders of colour want them."""
    return np.empty((height, width, 4), np.uint8)[..., :3]


def padded(pixels: np.ndarray) -> np.ndarray | None:
    """The array (H, W, 4) of which pixels (H, W, 3) are the colours, as of padded_colours; else None."""
    whole = pixels.base
    if whole is None or whole.shape != (*pixels.shape[:2], 4) or not whole.flags.c_contiguous:
        return None
    view = whole[..., :3]
    same = (view.dtype, view.shape, view.strides, view.ctypes.data) == (
        np.uint8, pixels.shape, pixels.strides, pixels.ctypes.data)  # fmt: skip
    return whole if same else None


PIXELS = "uint8, uint16, float32, float64 or bool"  # the numbers that as_pixels takes
_PIXEL_TYPES = {"b1": "u1", "u1": "u1", "u2": "u2", "f4": "f4", "f8": "f4"}  # as read → as computed


def pixel_type(dtype: np.dtype) -> np.dtype | None:
    """What pixels of `dtype`, in any byte order, become: uint8, uint16 or float32; None for others."""
    code = _PIXEL_TYPES.get(dtype.str[1:])
    return None if code is None else np.dtype(code)


def as_pixels(array: np.ndarray) -> np.ndarray | None:
    """The array as uint8, uint16 or float32; None for an array of other numbers.

    float64 is rounded to float32, and infinite beyond its range; bool becomes 0 and 255.
    """
    dtype = pixel_type(array.dtype)
    if dtype is None:
        return None
    with np.errstate(over="ignore"):
        pixels = array.astype(dtype, order="C", copy=False)
    return pixels * np.uint8(255) if array.dtype.kind == "b" else pixels


def check_size(width: int, height: int, max_pixels: int, name: str, channels: int = 1) -> None:
    """Raise PictureError for a picture without pixels or with more than `max_pixels`.

    A picture of C channels may have 4 · max_pixels samples in all. name: what messages call it.
    """
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
            f"allow it with max_pixels={-(-width * height * channels // CHANNELS_FREE)} if you trust the file"
        )
