"""The output of every layer of a pipeline or a network for one picture, as arrays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from convfilter.errors import FilterError
from convfilter.filters.geometry import resolve_padding
from convfilter.filters.pipeline import Pipeline
from convfilter.images.luma import luma
from convfilter.images.picture import full_scale

Output = tuple[str, np.ndarray]  # a layer's name and its output (H, W, C)


def layer_outputs(model: Any, array: np.ndarray) -> list[Output]:
    """The picture itself, then the output of every layer of a Pipeline or a Keras model, in order.

    array: (H, W) or (H, W, C) of uint8, uint16 or float32. A network gets it scaled to 0–1, a pipeline as
    its `values` say; colour becomes gray for a model of one channel, and gray is repeated for three. The n
    numbers of an output without rows and columns come as (1, n, 1). Raises FilterError for a picture that
    doesn't fit the model.
    """
    if isinstance(model, Pipeline):
        return _pipeline_outputs(model, array)
    return every_output(model)(array)


def _pipeline_outputs(pipeline: Pipeline, array: np.ndarray) -> list[Output]:
    from convfilter.model.boot import keras
    from convfilter.model.build import build
    from convfilter.system.stderr import quiet

    full = 1.0 if pipeline.values == "unit" else full_scale(array.dtype)
    planes = fitting(array, pipeline.in_channels, pipeline.name, full)
    pipeline = resolve_padding(
        replace(pipeline, data_format="channels_last"), (planes.shape[0], planes.shape[1])
    )
    names = [layer.label for layer in pipeline.layers]
    with quiet():
        model = build(pipeline, full)
        cut = keras.Model(model.inputs, [layer.output for layer in model.layers])
        results = cut.predict_on_batch(planes[None])
    return [("input", planes), *zip(names, _maps(results), strict=True)]


def every_output(model: Any) -> Callable[[np.ndarray], list[Output]]:
    """A function that gives a Keras model's layer_outputs for one picture after another; Keras prepares it
    once. Raises FilterError for a model whose layers can't be followed."""
    from convfilter.model.boot import keras
    from convfilter.system.stderr import quiet

    layers = [
        layer for layer in getattr(model, "layers", ()) if not isinstance(layer, keras.layers.InputLayer)
    ]
    try:
        inputs, outputs = model.inputs, [layer.output for layer in layers]
    except (AttributeError, ValueError) as error:
        raise FilterError(
            f"{model.name}: its layers can't be followed one by one; give a Sequential or functional model"
        ) from error
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise FilterError(f"{model.name}: doesn't take one picture; give a model that does")
    cut, names = keras.Model(inputs, outputs), [layer.name for layer in layers]

    def of(array: np.ndarray) -> list[Output]:
        planes = fitting(array, inputs[0].shape[3], model.name, 1.0)
        wanted = inputs[0].shape[1:3]
        if any(side not in (None, have) for side, have in zip(wanted, planes.shape[:2], strict=True)):
            size, have = ("×".join(map(str, shape)) for shape in (wanted, planes.shape[:2]))
            raise FilterError(f"{model.name}: takes pictures of {size}, this one is {have}; resize it first")
        with quiet():
            results = cut.predict_on_batch(planes[None])
        return [("input", planes), *zip(names, _maps(results), strict=True)]

    return of


def fitting(array: np.ndarray, channels: int | None, name: str, white: float) -> np.ndarray:
    """The picture as the model takes it: (H, W, channels) float32, scaled so that white is `white`."""
    if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "uf":
        raise FilterError(f"an array of {array.dtype} {array.shape}: give (H, W) or (H, W, C) of numbers")
    scale = np.float32(full_scale(array.dtype) / white)  # divided, as pixels are for training
    planes: np.ndarray = array.reshape(*array.shape[:2], -1).astype(np.float32) / scale
    have = planes.shape[2]
    if channels == 1 and have == 3:
        planes = luma(planes)[..., None]
    elif channels == 3 and have == 1:
        planes = np.repeat(planes, 3, axis=2)
    elif channels not in (None, have):
        raise FilterError(f"{name}: takes {channels} channels, the picture has {have}; give one that fits")
    return planes


def _maps(results: Any) -> list[np.ndarray]:
    """Each output, a batch of one, as (H, W, C); as (1, n, 1) if it has no rows and columns."""
    listed = results if isinstance(results, list) else [results]
    arrays = [np.asarray(result, np.float32)[0] for result in listed]
    return [array if array.ndim == 3 else array.reshape(1, -1, 1) for array in arrays]
