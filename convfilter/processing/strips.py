"""Strips of a picture: their heights, threads that compute them in order, and all of them in memory."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from convfilter.errors import PictureError
from convfilter.filters.layer import Pair
from convfilter.images.picture import Metadata, Picture, padded_colours
from convfilter.system.machine import SHARE, available_memory
from convfilter.system.values import dataclass

STRIP = 2**17  # pixels of all pages that are computed at once: their floats fit a core's cache
LEAST_ROWS = 32
LITTLE = 2**23  # bytes of results that are taken without a look at what is free

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LazyPicture:
    """A filtered picture whose rows are computed when they are asked for.

    size: rows and columns. pages: one per filter that is not combined. channels: of each page; metadata: of
    every page. `rows(top, bottom)` gives for each page the pixels (n, W) or (n, W, channels) of `dtype`, and
    alpha (n, W) or None. threads: how many strips may be computed at once.
    """

    size: Pair
    pages: int
    channels: int
    has_alpha: bool
    dtype: np.dtype
    metadata: Metadata
    rows: Callable[[int, int], list[tuple[np.ndarray, np.ndarray | None]]]
    threads: int = 1


def strips(size: Pair, pages: int, rows: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield (top, bottom) of equal-height strips; the last is shifted up and may overlap the one before.

    rows: the height of a strip; None takes as many as hold STRIP pixels of all pages.
    """
    height, width = size
    step = min(height, rows or max(LEAST_ROWS, STRIP // (width * pages)))
    for top in range(0, height, step):
        yield min(top, height - step), min(top, height - step) + step


def in_order(work: Callable[[Item], Result], items: Iterator[Item], threads: int) -> Iterator[Result]:
    """Yield work(item) of each item, in order. So many threads compute ahead of the consumer, by no more than
    threads + 1 items."""
    first = list(itertools.islice(items, threads + 1))
    if threads == 1 or len(first) < 2:
        yield from map(work, itertools.chain(first, items))
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(work, item) for item in first)
        try:
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in itertools.islice(items, 1))
        finally:
            for future in waiting:
                future.cancel()


def in_parallel(work: Callable[[Item], None], items: Iterator[Item], threads: int) -> None:
    """Do work(item) for each item, in any order, by so many threads, this one among them.

    After an exception no more items are begun, and the first one is raised. Starting a thread or two takes a
    tenth of what `in_order` takes for a dozen items.
    """
    taking, errors = threading.Lock(), list[BaseException]()

    def take() -> Iterator[Item]:
        while not errors:
            with taking:
                found = [*itertools.islice(items, 1)]
            if not found:
                return
            yield found[0]

    def work_on() -> None:
        try:
            for item in take():
                work(item)
        except BaseException as error:
            errors.append(error)

    others = [threading.Thread(target=work_on) for _ in range(threads - 1)]
    for other in others:
        other.start()
    work_on()
    for other in others:
        other.join()
    if errors:
        raise errors.pop(0)  # not kept here: its traceback holds this frame


def collect(result: LazyPicture, tile: int | None = None, *, padded: bool = False) -> list[Picture]:
    """All pages in memory, computed by strips of `tile` rows. padded: colours of 8 bits get four bytes each,
    so that an encoder need not copy them. Raises PictureError, before any memory is asked for, where there is
    not enough."""
    _check_memory(result)
    pages = [_empty_page(result, padded) for _ in range(result.pages)]

    def work(strip: tuple[int, int]) -> None:
        for page, (pixels, alpha) in zip(pages, result.rows(*strip), strict=True):
            _copy(pixels, page.pixels[slice(*strip)])
            if page.alpha is not None:
                page.alpha[slice(*strip)] = alpha

    found = [*strips(result.size, result.pages, tile)]
    in_parallel(work, iter(found), min(result.threads, len(found)))
    return pages


def _copy(pixels: np.ndarray, into: np.ndarray) -> None:
    """Copy pixels (n, W) or (n, W, channels); channel by channel, which NumPy does ten times as fast as pixel
    by pixel."""
    if pixels.ndim == 2:
        into[...] = pixels
        return
    for channel in range(pixels.shape[2]):
        into[..., channel] = pixels[..., channel]


def _empty_page(result: LazyPicture, padded: bool) -> Picture:
    alpha = np.empty(result.size, result.dtype) if result.has_alpha else None
    if padded and result.channels == 3 and result.dtype == np.uint8:
        return Picture(padded_colours(*result.size), alpha, result.metadata)
    shape = result.size if result.channels == 1 else (*result.size, result.channels)
    return Picture(np.empty(shape, result.dtype), alpha, result.metadata)


def _check_memory(result: LazyPicture) -> None:
    """Raise PictureError where the results don't fit the available memory."""
    values = result.size[0] * result.size[1] * result.pages * (result.channels + result.has_alpha)
    needed = values * result.dtype.itemsize
    have = available_memory() if needed > LITTLE else None  # a look at it takes half a millisecond
    if have is not None and needed > SHARE * have:
        raise PictureError(
            f"{result.pages} × {result.size[0]}×{result.size[1]} pixels need about {needed / 1e9:.1f} GB, "
            f"{have / 1e9:.1f} GB are free; use a smaller picture, fewer filters or less padding"
        )
