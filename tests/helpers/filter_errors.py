"""What is said of a wrong filter."""

import pytest

from convfilter.errors import FilterError


def error_of(action, *args, **kwargs) -> str:
    """The message of the FilterError that the call raises."""
    with pytest.raises(FilterError) as caught:
        action(*args, **kwargs)
    message = str(caught.value)
    assert message.isprintable()
    return message
