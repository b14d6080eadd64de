"""Blocks of a picture: their sizes, threads that compute them in order, and all of them in memory."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

import numpy as np

from convfilter.errors import PictureError
from convfilter.filters.layer import Pair
from convfilter.images.picture import Metadata, Picture, padded_colours
from convfilter.system.machine import SHARE, available_memory
from convfilter.system.values import dataclass

STRIP = 2**17  # pixels of all pages that are computed at once: their floats fit a core's cache
LEAST_ROWS = 32
LITTLE = 2**23  # bytes of results that are taken without a look at what is free
RUN = 4  # blocks that a thread computes before it hands them over

Item = TypeVar("Item")
Result = TypeVar("Result")


Rows = list[tuple[np.ndarray, np.ndarray | None]]


@dataclass(frozen=True)
class Columns(Generic[Result]):
    """A picture's columns, cut into bands that are computed one by one.

    bands: left and right of each, from left to right. `open(number)` gives the function of a band that
    computes its rows from `top` to before `bottom`; it is called when the first of them is due. together:
    whether the bands of some rows are computed before those of the next rows, not each band from top to
    bottom.
    """

    bands: tuple[Pair, ...]
    open: Callable[[int], Callable[[int, int], Result]]
    together: bool = False


@dataclass(frozen=True)
class Block(Generic[Result]):
    """Rows of a band: its number, top and bottom, left and right, and the function that computes them."""

    band: int
    rows: Pair
    columns: Pair
    compute: Callable[[int, int], Result]


@dataclass(frozen=True)
class LazyPicture:
    """A filtered picture whose rows are computed when they are asked for.

    size: rows and columns. pages: one per filter that is not combined. channels: of each page; metadata: of
    every page. The rows of a band of columns are for each page the pixels (n, w) or (n, w, channels) of
    `dtype`, and alpha (n, w) or None. threads: how many blocks may be computed at once.
    """

    size: Pair
    pages: int
    channels: int
    has_alpha: bool
    dtype: np.dtype
    metadata: Metadata
    columns: Columns[Rows]
    threads: int = 1


def blocks(
    columns: Columns[Result], height: int, pages: int, rows: int | None = None
) -> Iterator[Block[Result]]:
    """Yield the blocks of a picture, those of each band from top to bottom.

    They are of equal height; the last of a band is shifted up and may overlap the one before. rows: that
    height; None takes as many as hold STRIP pixels of all pages.
    """
    widest = max(right - left for left, right in columns.bands)
    step = min(height, rows or max(LEAST_ROWS, STRIP // (widest * pages)))
    spans = [(min(top, height - step), min(top, height - step) + step) for top in range(0, height, step)]
    numbers = range(len(columns.bands))
    if columns.together:
        opened = [columns.open(number) for number in numbers]
        for span in spans:
            for number in numbers:
                yield Block(number, span, columns.bands[number], opened[number])
        return
    for number in numbers:
        compute = columns.open(number)
        for span in spans:
            yield Block(number, span, columns.bands[number], compute)


def in_runs(work: Callable[[Item], Result], items: Iterator[Item], threads: int) -> Iterator[Result]:
    """As in_order, for small items: each thread takes a run of them at once."""

    def works(run: list[Item]) -> list[Result]:
        return [work(item) for item in run]

    runs = iter(lambda: [*itertools.islice(items, RUN)], [])
    return itertools.chain.from_iterable(in_order(works, runs, threads))


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

    others = _started(work_on, threads - 1)
    work_on()
    for other in others:
        other.join()
    if errors:
        raise errors.pop(0)  # not kept here: its traceback holds this frame


def _started(work: Callable[[], None], count: int) -> list[threading.Thread]:
    """Threads at work, as many of `count` as the system lets start."""
    started: list[threading.Thread] = []
    with suppress(RuntimeError):  # no more can be had
        for _ in range(count):
            thread = threading.Thread(target=work)
            thread.start()
            started.append(thread)
    return started


def collect(result: LazyPicture, tile: int | None = None, *, padded: bool = False) -> list[Picture]:
    """All pages in memory, computed by blocks of `tile` rows. padded: colours of 8 bits get four bytes each,
    so that an encoder need not copy them. Raises PictureError, before any memory is asked for, where there is
    not enough."""
    _check_memory(result)
    pages = [_empty_page(result, padded) for _ in range(result.pages)]

    def work(block: Block[Rows]) -> None:
        part = slice(*block.rows), slice(*block.columns)
        for page, (pixels, alpha) in zip(pages, block.compute(*block.rows), strict=True):
            _copy(pixels, page.pixels[part])
            if page.alpha is not None:
                page.alpha[part] = alpha

    found = [*blocks(result.columns, result.size[0], result.pages, tile)]
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
