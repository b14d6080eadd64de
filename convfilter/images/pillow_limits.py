"""Pillow's warnings and its limit of pixels, which belong to the whole process, while pictures are read."""

import contextlib
import threading
import warnings
from collections.abc import Iterator

from PIL import Image

_lock = threading.Lock()
_limits: list[int] = []  # of the readers at work
_before: tuple[int | None, contextlib.ExitStack] = (None, contextlib.ExitStack())


@contextlib.contextmanager
def pillow_limited(max_pixels: int) -> Iterator[None]:
    """Pillow without its warnings, raising Image.DecompressionBombError beyond twice `max_pixels`.

    `picture.check_size` is the exact limit; Pillow's holds for the sizes of a file that only Pillow sees,
    such as a frame's. Both settings are global: while several threads read, the largest limit among them
    holds; the first thread puts the settings in place and the last one puts back what was there.
    """
    global _before
    with _lock:
        if not _limits:
            quiet = contextlib.ExitStack()
            quiet.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"(PIL|numpy)\.")
            _before = Image.MAX_IMAGE_PIXELS, quiet
        _limits.append(max_pixels)
        Image.MAX_IMAGE_PIXELS = max(_limits)
    try:
        yield
    finally:
        with _lock:
            _limits.remove(max_pixels)
            if _limits:
                Image.MAX_IMAGE_PIXELS = max(_limits)
            else:
                Image.MAX_IMAGE_PIXELS = _before[0]
                _before[1].close()
