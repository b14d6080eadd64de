"""The article's recipe: its network, its augmentation and its optimiser, in today's Keras.

Yassine Ghouzam, "Introduction to CNN Keras - 0.997 (top 6%)", Kaggle, 2017: 99.671 % in one run.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from convfilter.model.boot import keras
from convfilter.train.augment import affine

ARCHITECTURE = "article"  # 887,530 parameters
EPOCHS = 40
BATCH_SIZE = 100
VALIDATION = 0.1

RATE = 1e-3
PATIENCE = 3  # epochs without a better validation accuracy before the rate is halved
FACTOR = 0.5
LEAST_RATE = 1e-5


def compile(model: Any) -> None:
    model.compile(
        keras.optimizers.RMSprop(learning_rate=RATE, rho=0.9, epsilon=1e-8),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )


def batch(images: np.ndarray, rng: np.random.Generator) -> Any:
    return affine(images, rng, rotation=10, zoom=0.1, shift=0.1)


def rate(epoch: float, epochs: int, history: Sequence[dict[str, float]]) -> float:
    """Halved whenever PATIENCE epochs have passed without a better validation accuracy; without
    validation, accuracy."""
    now, best, waited = RATE, -1.0, 0
    for row in history:
        accuracy = row.get("val_accuracy", row["accuracy"])
        if accuracy > best + 1e-4:
            best, waited = accuracy, 0
        else:
            waited += 1
        if waited >= PATIENCE:
            now, waited = max(now * FACTOR, LEAST_RATE), 0
    return now
