"""Pillow's warnings and limit of pixels, which are global, set while pictures are read."""

import contextlib
import threading
import warnings
from collections.abc import Iterator

from PIL import Image

_lock = threading.Lock()
_limits: list[int] = []  # one per thread that is reading
_before: tuple[int | None, contextlib.ExitStack] = (None, contextlib.ExitStack())


@contextlib.contextmanager
def pillow_limited(max_pixels: int) -> Iterator[None]:
    """Silence Pillow's warnings and make it raise Image.DecompressionBombError beyond twice `max_pixels`.

    picture.check_size is the exact limit; Pillow's covers sizes that only Pillow sees, such as a GIF frame's.
    While several threads read, the largest of their limits holds; the first thread changes the settings and
    the last one restores them.
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
