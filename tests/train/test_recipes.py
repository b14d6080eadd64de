"""Recipes: what each must have, the article's learning rate by Keras' own callback, augmentation by SciPy."""

import numpy as np
import pytest

from convfilter.errors import FilterError
from convfilter.train.recipes import RECIPES, article, load_recipe

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


def test_the_articles_plateau():
    """Halved after 3 epochs without a better validation accuracy, down to 1e-5: by Keras' own callback."""
    import keras

    accuracies = np.random.default_rng(3).choice([0.9, 0.91, 0.92, 0.93, 0.92995, 0.94], 60)

    class Model:
        optimizer = keras.optimizers.RMSprop(1e-3)

    callback = keras.callbacks.ReduceLROnPlateau(
        "val_accuracy", mode="max", factor=0.5, patience=3, min_lr=1e-5
    )
    callback.set_model(Model)
    callback.on_train_begin()
    history = []
    for epoch, accuracy in enumerate(accuracies):
        assert article.rate(epoch, 40, history) == pytest.approx(
            float(Model.optimizer.learning_rate), rel=1e-6
        )
        history.append({"val_accuracy": accuracy, "accuracy": 0.5})
        callback.on_epoch_end(epoch, {"val_accuracy": accuracy})
    assert article.rate(60, 40, history) == pytest.approx(1e-5)


def test_augmentation_is_the_affine_map_it_says():
    """A picture turned, zoomed and shifted by given numbers equals SciPy's affine_transform, inside."""
    from scipy import ndimage

    from convfilter.train.augment import affine, affine_maps

    picture = np.random.default_rng(1).random((28, 28)).astype(np.float32)
    picture = ndimage.gaussian_filter(picture, 1.5)
    made = np.asarray(
        affine(
            np.stack([picture] * 20)[..., None], np.random.default_rng(7), rotation=10, zoom=0.1, shift=0.1
        )
    )
    maps = affine_maps(20, np.random.default_rng(7), (28, 28), 10, 0.1, 0.1)
    for found, (a0, a1, a2, b0, b1, b2, *_) in zip(made[..., 0], maps, strict=True):
        matrix, offset = [[b1, b0], [a1, a0]], [b2, a2]  # rows first
        expected = ndimage.affine_transform(picture, matrix, offset, order=1, mode="grid-constant")
        assert np.abs(found - expected)[1:-1, 1:-1].max() < 1e-4
    assert np.std(made[:, 14, 14, 0]) > 0.005


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_have_what_a_recipe_needs(name):
    """Each recipe gives rates for every moment and pictures of the shape it got."""
    recipe = load_recipe(name)
    images = np.random.default_rng(0).random((6, 28, 28, 1)).astype(np.float32)
    batch = np.asarray(recipe.batch(images, np.random.default_rng(0)))
    assert batch.shape == images.shape
    assert np.array_equal(batch, images) == (name == "fast")  # which does not augment
    history = [{"accuracy": 0.9}]
    rates = [recipe.rate(part, 10, history) for part in np.linspace(0, 9.99, 50)]
    assert all(0 < rate < 0.1 for rate in rates)


def test_an_unknown_recipe_is_told():
    """With the nearest name."""
    with pytest.raises(FilterError, match="did you mean article"):
        load_recipe("artcle")
