"""Whether a filter's arithmetic is exact: whole numbers stay whole, and float32 holds every one of them."""

from convfilter.filters.pipeline import Pipeline, channels

EXACT = 2.0**24  # whole numbers up to here are exact in float32


def stays_whole(pipeline: Pipeline, largest: float, full_scale: float) -> bool:
    """Whether every number on the way is a whole one that float32 holds, for pixels that are whole numbers
    from -largest to largest. full_scale: what biases are fractions of."""
    for layer, count in zip(pipeline.layers, channels(pipeline)[:-1], strict=True):
        after = layer.largest_whole(largest, count, full_scale)
        if after is None or after >= EXACT:
            return False
        largest = after
    return True
