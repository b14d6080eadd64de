"""Pictures as networks take them, and photos of handwritten digits read by one that was trained on MNIST."""

from pathlib import Path
from typing import Any

import numpy as np

from convfilter.digits.find import SIDE, Digit, find_digits
from convfilter.errors import DataError, PictureError, printable
from convfilter.images.picture import Picture
from convfilter.images.read import read
from convfilter.images.resize import eight_bit, fitted
from convfilter.networks.predict import predict

_SURE = 0.9  # a probability; a network that knows digits is surer than this of most digits


def takes_digits(model: Any) -> bool:
    """Whether a network takes pictures as MNIST has them, 28×28 and gray."""
    return tuple(model.input_shape[1:]) == (SIDE, SIDE, 1)


def digits_of(picture: Picture, as_is: bool = False) -> list[Digit]:
    """A gray picture as networks trained on MNIST take it: each digit in it; with as_is, all of it as one.

    Raises PictureError where no digits are found.
    """
    if not as_is:
        return find_digits(_on_white(picture))
    pixels, steps = as_it_is(picture, (SIDE, SIDE))
    height, width = picture.pixels.shape[:2]
    return [Digit((0, 0, height, width), pixels[..., 0], 1, 1, steps)]


def network_input(model: Any, picture: Picture, as_is: bool = False) -> tuple[np.ndarray, tuple[str, ...]]:
    """The pixels that a network gets of a picture, and what was done to them, in words.

    The first digit of the picture for a network that takes digits. The whole picture, fitted to the
    network's size on black, for any other network, with as_is, and where no digit is found.
    """
    before: tuple[str, ...] = ()
    if takes_digits(model) and not as_is:
        try:
            found = digits_of(picture)
        except PictureError as error:
            before = (str(error).partition(":")[0],)  # without the advice, which is for reading digits
        else:
            several = (f"the first of {len(found)} digits",) if len(found) > 1 else ()
            return found[0].image, (*several, *found[0].prepared)
    pixels, steps = as_it_is(picture, model.input_shape[1:3])
    return pixels, (*before, *steps)


def read_photo(model: Any, path: Path, as_is: bool = False) -> list[dict[str, Any]]:
    """The digits in reading order: row, column, digit, probability, probabilities (one per class), the box in
    the photo, and how the photo was prepared; with as_is the whole photo is taken for one prepared digit.

    Raises PictureError for a file that can't be read or holds no digit, DataError for a model that does
    not take 28×28 gray pictures.
    """
    if not takes_digits(model):
        raise DataError(f"the model takes pictures of {model.input_shape[1:]}, photos become (28, 28, 1)")
    picture = read(path, gray=True)
    try:
        found = digits_of(picture, as_is)
    except PictureError as error:
        raise PictureError(f"{printable(path)}: {error}") from error
    probabilities = predict(model, np.stack([digit.image for digit in found])[..., None])
    if not np.isfinite(probabilities).all():
        raise DataError("the model's answers are no numbers, so its training diverged; use an earlier model")
    return [
        {
            "row": digit.row,
            "column": digit.column,
            "digit": int(row.argmax()),
            "probability": float(row.max()),
            "probabilities": [float(value) for value in row],
            **dict(zip(("top", "left", "bottom", "right"), map(int, digit.box), strict=True)),
            "prepared": list(digit.prepared),
        }
        for digit, row in zip(found, probabilities, strict=True)
    ]


def doubt(found: list[dict[str, Any]]) -> str | None:
    """Why what was read may be no digits, if the network is unsure of most of it."""
    if np.median([digit["probability"] for digit in found]) >= _SURE:
        return None
    what = f"most of the {len(found)} things found" if len(found) > 1 else "the one thing found"
    return f"perhaps no digits: the network is less than {_SURE:.0%} sure of {what}; compare with the picture"


def as_it_is(picture: Picture, size: tuple[int | None, int | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, C) uint8, fitted to a size where it isn't None, and what was done."""
    pixels = eight_bit(picture)
    if size[0] is None or size[1] is None or pixels.shape[:2] == size:
        return pixels, ()
    return fitted(pixels, (size[0], size[1])), (f"fitted to {size[0]}×{size[1]}",)


def shrunk(picture: Picture, side: int | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, C) uint8, its shorter side made `side` where it is longer, and what was done."""
    pixels = eight_bit(picture)
    height, width = pixels.shape[:2]
    if side is None or min(height, width) <= side:
        return pixels, ()
    smaller = (height * side // min(height, width), width * side // min(height, width))
    size = max(smaller[0], side), max(smaller[1], side)
    return fitted(pixels, size), (f"made smaller, {size[0]}×{size[1]}",)


def _on_white(picture: Picture) -> np.ndarray:
    """The pixels as they show on white paper."""
    if picture.alpha is None:
        return picture.pixels
    share = picture.alpha / np.float32(picture.full_scale)
    share = share if picture.pixels.ndim == 2 else share[..., None]
    seen = picture.pixels * share + picture.full_scale * (1 - share)
    return seen.astype(picture.pixels.dtype)
