"""A Pipeline as a Keras model. Importing this package imports Keras and registers its own layers."""

import convfilter.model.layers  # noqa: F401
