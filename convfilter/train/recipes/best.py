"""The best single model of at most 1.5 million parameters that two cores train in an hour or so.

One cycle of the rate, label smoothing and affine augmentation; the last weights are kept, the rate having
gone to almost 0. The ablation stands in the README beside this folder.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convfilter.model.boot import keras
from convfilter.train.augment import affine

ARCHITECTURE = "best"
EPOCHS = 30
BATCH_SIZE = 128
VALIDATION = 0.0  # every picture is trained on, and the number of epochs is fixed

PEAK = 2e-3
WARM = 0.1  # of the training, until the rate is at its peak
SMOOTHING = 0.1
DECAY = 1e-2


def compile(model: Any) -> None:
    model.compile(
        keras.optimizers.AdamW(PEAK, weight_decay=DECAY),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING),
        metrics=["accuracy"],
    )


def batch(images: np.ndarray, rng: np.random.Generator) -> Any:
    return affine(images, rng, rotation=15, zoom=0.15, shift=0.1, shear=10)


def rate(epoch: float, epochs: int, history: Sequence[dict[str, float]]) -> float:
    """Up in a straight line to PEAK, down along a cosine to 0."""
    done = epoch / epochs
    if done < WARM:
        return PEAK * max(done / WARM, 0.01)
    return PEAK * max(0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM))), 1e-4)
