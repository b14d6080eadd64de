"""Arrays as pictures: which axes are pictures, rows, columns and channels, and which dtypes are pixels.

Shapes that may mean two things are refused, with the argument that says which is meant.
"""

from numbers import Integral
from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.images.picture import PIXELS, as_pixels

CHANNELS = (1, 3)  # how many a last axis may hold without a word: gray, or red, green and blue


def pictures_of(array: Any, *, batch: bool, channels: int | None, takes: int) -> np.ndarray:
    """The pictures in an array, (N, H, W) or (N, H, W, C) of uint8, uint16 or float32; one channel has no
    axis.

    array: (H, W) or (H, W, C), with an axis of pictures before these for a batch. channels: C, where the
    caller said so; takes: the channels that the filter takes, which says it too where it is not 1. Raises
    FilterError for anything else.
    """
    pixels = _numbers(array)
    _check_words(batch, channels)
    if pixels.ndim - batch not in (2, 3):
        raise FilterError(f"an array of shape {pixels.shape}: {_axes(pixels.ndim, batch)}")
    shape = pixels.shape[batch:]
    if len(shape) == 2 and channels not in (None, 1):
        raise FilterError(
            f"an array of shape {pixels.shape} has no axis of channels; leave channels={channels} out"
        )
    if len(shape) == 3 and channels not in (None, shape[2]):
        raise FilterError(
            f"the last axis of {pixels.shape} holds {shape[2]} channels, not {channels}; "
            "move the axis of channels to the end with numpy.moveaxis"
        )
    if len(shape) == 3 and channels is None and takes == 1 and shape[2] not in CHANNELS:
        raise FilterError(f"an array of shape {pixels.shape}: {_meanings(shape, batch)}")
    if not pixels.size:
        raise FilterError(f"an array of shape {pixels.shape} has no pixels; nothing to filter")
    pixels = pixels if batch else pixels[None]
    return pixels[..., 0] if pixels.shape[3:] == (1,) else pixels


def _numbers(array: Any) -> np.ndarray:
    """The array as pixels of uint8, uint16 or float32."""
    if isinstance(array, str | bytes) or hasattr(array, "__fspath__"):
        raise FilterError(
            f"{str(array)[:100]!r} is no array; read the picture first, as "
            "numpy.asarray(PIL.Image.open(path)) does, or run the command `convfilter apply`"
        )
    try:
        pixels = as_pixels(np.asarray(array))
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists; tensors that NumPy can't take
        raise FilterError(f"not an array of numbers ({str(error)[:100]}); give a NumPy array") from error
    if pixels is None:
        raise FilterError(
            f"an array of {np.asarray(array).dtype}: convert it with array.astype to one of {PIXELS}"
        )
    return pixels


def _check_words(batch: Any, channels: Any) -> None:
    if not isinstance(batch, bool | np.bool_):
        raise FilterError(f"batch can't be {batch!r}; use True or False")
    whole = isinstance(channels, Integral) and not isinstance(channels, bool)
    if channels is not None and not (whole and channels > 0):
        raise FilterError(f"channels can't be {channels!r}; use the length of the last axis")


def _axes(axes: int, batch: bool) -> str:
    if batch:
        return "a batch is (N, H, W) or (N, H, W, C); leave batch=True out for a single picture"
    more = "; for several pictures, (N, H, W) or (N, H, W, C), write batch=True" if axes == 4 else ""
    return f"a picture is (H, W) or (H, W, C){more}"


def _meanings(shape: tuple[int, ...], batch: bool) -> str:
    """What a picture of neither one nor three channels may be, and how to say which."""
    means = []
    if not batch:
        means.append("write batch=True if the first axis counts gray pictures")
    means.append(f"write channels={shape[2]} if the last one holds channels")
    if shape[0] in CHANNELS:
        means.append("use numpy.moveaxis(array, 0, -1) if the first one does" if not batch else
                     "use numpy.moveaxis(array, 1, -1) if the second one does")  # fmt: skip
    if shape[2] == 4:
        means.append("give array[..., :3] if the fourth channel is alpha")
    return ", ".join(means[:-1]) + (f", or {means[-1]}" if len(means) > 1 else means[0])
