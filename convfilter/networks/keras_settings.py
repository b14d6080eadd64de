"""Keras' settings, which a user's keras.json or program may have changed."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_settings() -> Iterator[None]:
    """Channels last, float32 and an epsilon of 1e-7 within, as the networks and recipes here mean them.

    Afterwards Keras is set as it was. Also a decorator of functions.
    """
    from convfilter.model.boot import keras

    config = keras.config
    before = config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy()
    try:
        _set("channels_last", "float32", 1e-7, "float32")
        yield
    finally:
        _set(*before)


def _set(data_format: str, floatx: str, epsilon: float, policy: object) -> None:
    from convfilter.model.boot import keras

    keras.config.set_image_data_format(data_format)
    keras.config.set_floatx(floatx)
    keras.config.set_epsilon(epsilon)
    keras.config.set_dtype_policy(policy)
