"""Pictures as they are stored in, a network's probabilities out."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from convfilter.model.boot import keras


def as_floats(images: np.ndarray) -> np.ndarray:
    """uint8 images as float32 in [0, 1], as every network here takes them."""
    return images.astype(np.float32) / np.float32(255)


def predict(model: "keras.Model", images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Probabilities (n, classes) for uint8 images (n, H, W, C); NaN where the training diverged."""
    batches = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]
    return np.concatenate([np.asarray(model.predict_on_batch(as_floats(batch))) for batch in batches])
