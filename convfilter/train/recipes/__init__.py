"""Training recipes: one file each, to be read from top to bottom.

A recipe is a module with
    ARCHITECTURE, EPOCHS, BATCH_SIZE, VALIDATION (the share of the training pictures kept for it)
    compile(model)             optimiser and loss
    batch(images, rng)         what a batch of float32 pictures in [0, 1] becomes, augmentation included
    rate(epoch, epochs, history)  the learning rate at a point of the training, `epoch` with its fraction;
                               None leaves it to the optimiser
"""

import importlib
from typing import Any

from convfilter.errors import FilterError, did_you_mean

RECIPES = {
    "article": "the article's network and training, to the letter",
    "fast": "99 % on the test set as soon as possible on two cores",
    "best": "the best single model of at most 1.5 million parameters",
}


def load_recipe(name: str) -> Any:
    """The module of the recipe `name`. Raises FilterError with the nearest name."""
    if name not in RECIPES:
        hint = did_you_mean(name, RECIPES, f"choose one of {', '.join(RECIPES)}")
        raise FilterError(f'no recipe "{name}"; {hint}')
    return importlib.import_module(f"{__name__}.{name}")
