"""A photo of handwritten digits, read by a network trained on MNIST."""

from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import DataError
from convfilter.image import read
from convfilter.picture import Picture
from convfilter.train.digits import find_digits
from convfilter.train.loop import predict


def read_photo(model: Any, path: Path) -> list[dict[str, Any]]:
    """The digits in reading order: digit, probability, probabilities (one a class), and the box in the photo.

    Raises PictureError for a file that can't be read or holds no digit, DataError for a model that does
    not take 28×28 gray pictures.
    """
    if tuple(model.input_shape[1:]) != (28, 28, 1):
        raise DataError(f"the model takes pictures of {model.input_shape[1:]}, photos become (28, 28, 1)")
    found = find_digits(_on_white(read(path)))
    probabilities = predict(model, np.stack([digit.image for digit in found])[..., None])
    if not np.isfinite(probabilities).all():
        raise DataError("the model's answers are no numbers, so its training diverged; use an earlier model")
    return [
        {
            "digit": int(row.argmax()),
            "probability": float(row.max()),
            "probabilities": [float(value) for value in row],
            **dict(zip(("top", "left", "bottom", "right"), map(int, digit.box), strict=True)),
        }
        for digit, row in zip(found, probabilities, strict=True)
    ]


def _on_white(picture: Picture) -> np.ndarray:
    """The pixels as they show on white paper."""
    if picture.alpha is None:
        return picture.pixels
    share = picture.alpha / np.float32(picture.full_scale)
    share = share if picture.pixels.ndim == 2 else share[..., None]
    seen = picture.pixels * share + picture.full_scale * (1 - share)
    return seen.astype(picture.pixels.dtype)
