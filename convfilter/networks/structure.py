"""The layers of a network as plain rows: what each does, the shape of its output, its parameters."""

from typing import Any

from convfilter.errors import FilterError

Row = tuple[str, tuple[int | None, ...], int]
_SETTINGS = ("kernel_size", "pool_size", "strides", "activation", "rate")


def rows_of(model: Any) -> list[Row]:
    """The input, then every layer in order; shapes (H, W, C), or (n,) without rows and columns.

    A network whose layers don't follow one another gives them in the order that Keras lists them in. Raises
    FilterError for a network that takes more or less than one input.
    """
    if len(model.inputs) != 1:
        raise FilterError(f"{model.name}: takes {len(model.inputs)} inputs; give a network that takes one")
    from convfilter.model.boot import keras

    first = any(getattr(layer, "data_format", "") == "channels_first" for layer in model.layers)
    rows: list[Row] = [("input", _shape(model.inputs[0].shape, first), 0)]
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            rows.append((_words(layer), _shape(layer.output.shape, first), layer.count_params()))
    return rows


def in_a_row(model: Any) -> bool:
    """Whether each layer takes the output of the one before it, and no other."""
    return all(len(layer._inbound_nodes) == 1 for layer in model.layers) and all(
        len(node.parent_nodes) <= 1 and len(layer._outbound_nodes) <= 1
        for layer in model.layers
        for node in layer._inbound_nodes
    )


def _shape(shape: tuple[int | None, ...], channels_first: bool) -> tuple[int | None, ...]:
    """Without the batch, channels last."""
    own = tuple(shape[1:])
    return (*own[1:], own[0]) if channels_first and len(own) == 3 else own


def _words(layer: Any) -> str:
    """The layer's class, and its settings that say something."""
    words = [type(layer).__name__]
    for name in _SETTINGS:
        value = getattr(layer, name, None)
        if isinstance(value, tuple):
            same_as_pool = name == "strides" and value in ((1, 1), getattr(layer, "pool_size", None))
            words += [] if same_as_pool else [f"{'step ' * (name == 'strides')}{'×'.join(map(str, value))}"]
        elif callable(value):
            title = getattr(value, "__name__", type(value).__name__)
            words += [] if title == "linear" else [title]
        elif name == "rate" and value is not None:
            words.append(f"{value:g}")
    return " ".join(words)
