"""What the page's questions are answered with. No HTTP in it: server.py carries questions and answers."""

import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convfilter._version import __version__
from convfilter.engines.choose import choose_engine
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import peak_bytes, resolve_padding, sizes
from convfilter.filters.layer import Pair
from convfilter.filters.pipeline import color_for
from convfilter.images.formats import FORMATS
from convfilter.images.picture import Picture
from convfilter.play.description import described
from convfilter.play.known import catalogue
from convfilter.play.layer_views import layer_pictures, window_numbers
from convfilter.play.pictures import Kept, Pictures, png, shown
from convfilter.play.work import Refusal, Work, work_of
from convfilter.processing.apply import filter_picture
from convfilter.processing.outputs import choose_dtype

if TYPE_CHECKING:
    from convfilter.play.service_network import NetworkService

MOST_BYTES = 4 * 2**30  # that a picture may take on its way through the filters
MOST_STEPS = 3e11  # multiplications for one picture: about a minute
MOST_SIDE = 1_000_000
_BYTES = np.dtype(np.uint8)


class Service:
    """Answers for one page: its pictures, its filters and the engine, which computes one thing at a time.

    filters: what the page shows first. Methods raise ConvfilterError for what they refuse.
    """

    def __init__(self, filters: list[str], network: "NetworkService | None" = None):
        self.filters = filters
        self.network = network
        self.pictures = Pictures()
        self.first: Kept | None = None
        self._engine = choose_engine()
        self._computing = threading.Lock()
        self._pages = lru_cache(maxsize=2)(self._filtered)

    def open(self, path: Path) -> None:
        """Keep the picture in a file as the one that the page shows first. Raises PictureError."""
        self.first = self.pictures.add_file(path)

    def start(self) -> dict[str, Any]:
        """What the page shows first."""
        return {
            "filter": self.filters,
            "picture": self.first and self.first.id,
            "network": self.network and self.network.name,
            "version": __version__,
        }

    def catalogue(self) -> dict[str, Any]:
        """Kernels, formulas, and the words of the options."""
        return catalogue()

    def upload(self, data: bytes, name: str) -> dict[str, Any]:
        """Keep a picture."""
        return self.pictures.add(data, name).as_json()

    def picture(self, identity: str) -> dict[str, Any]:
        """What is known of a picture."""
        return self.pictures[identity].as_json()

    def picture_file(self, identity: str) -> bytes:
        """A picture as an 8-bit PNG."""
        return png(shown(self.pictures[identity].picture))

    def describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Layers, kernels, bounds, files and command of some work, at a picture's size."""
        return described(work_of(asked.get("work")), _size(asked.get("size")))

    def apply(self, asked: dict[str, Any]) -> tuple[bytes, float]:
        """A page of the filtered picture as an 8-bit PNG, and the milliseconds that filtering took."""
        work, kept = self._asked(asked)
        page = _whole(asked, "page", 0, work.pipeline.out_channels)
        with self._computing:
            started = time.perf_counter()
            pages = self._pages(work, kept)
            taken = 1000 * (time.perf_counter() - started)
        shown = pages[page]
        return png(
            Picture(shown.pixels, shown.alpha)
        ), taken  # no profile: a browser would change the numbers

    def explain(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The arithmetic behind one number of a layer; of the last, up to what the command writes as PNG."""
        from convfilter.play.explain import explain

        work, kept = self._asked(asked)
        layers = len(work.pipeline.layers)
        layer = None if asked.get("layer") is None else _whole(asked, "layer", 0, layers)
        x, y, channel, plane = (_whole(asked, key, 0, MOST_SIDE) for key in ("x", "y", "channel", "plane"))
        dtype = _written(work, kept.picture)
        where = (x, y, layer, channel, plane)
        with self._computing:
            found = explain(work.pipeline, _entering(work, kept), work.options, dtype, self._engine, *where)
        told: dict[str, Any] = found.as_json()
        return told

    def layers(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Every layer of some work: its picture, range and row of the table."""
        work, kept = self._asked(asked)
        with self._computing:
            return layer_pictures(work, _entering(work, kept), self._engine)

    def window(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Every layer's numbers for a small grid."""
        work = work_of(asked.get("work"))
        with self._computing:
            return window_numbers(work, asked.get("grid"), self._engine)

    def _asked(self, asked: dict[str, Any]) -> tuple[Work, Kept]:
        """The work and the picture of a question, if they are not too much."""
        work, kept = work_of(asked.get("work")), self.pictures[asked.get("picture")]
        _check_cost(work, kept.picture)
        return work, kept

    def _filtered(self, work: Work, kept: Kept) -> list[Picture]:
        return filter_picture(work.pipeline, _entering(work, kept), work.options, _BYTES, self._engine)


def _entering(work: Work, kept: Kept) -> Picture:
    """The picture as the command would read it for this work."""
    gray = color_for(work.pipeline, work.options.color) == "gray" and work.pipeline.in_channels == 1
    return kept.for_gray if gray else kept.picture


def _written(work: Work, picture: Picture) -> np.dtype:
    """The dtype that the command writes the picture's results as."""
    how = work.options.range or work.pipeline.range
    form = FORMATS["tiff" if how == "raw" else "png"]
    return choose_dtype(form, picture.pixels.dtype, how)


def _check_cost(work: Work, picture: Picture) -> None:
    """Raise Refusal for what would take more memory or time than a page may."""
    height, width = picture.pixels.shape[:2]
    pipeline = resolve_padding(work.pipeline, (height, width))
    planes = 1 if picture.pixels.ndim == 2 else picture.pixels.shape[2]
    outputs = zip(pipeline.layers, sizes(pipeline, (height, width))[1:], strict=True)
    convs = [(layer.weights.size, size) for layer, size in outputs if isinstance(layer, Conv)]
    steps = planes * sum(float(weights) * rows * columns for weights, (rows, columns) in convs)
    if steps > MOST_STEPS or peak_bytes(pipeline, (height, width), planes) > MOST_BYTES:
        raise Refusal(
            f"{pipeline.name}: more than a page computes of {width} × {height} pixels; "
            "use a smaller picture, or the command"
        )


def _size(given: Any) -> Pair:
    if not isinstance(given, list) or len(given) != 2:
        raise Refusal("size must be [rows, columns]")
    sides = dict(zip(("rows", "columns"), given, strict=True))
    return _whole(sides, "rows", 1, MOST_SIDE), _whole(sides, "columns", 1, MOST_SIDE)


def _whole(asked: dict[str, Any], name: str, least: int, below: int) -> int:
    """A whole number of the question, from `least` to before `below`; `least` where it is not said."""
    value = asked.get(name, least)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < below:
        raise Refusal(f"{name} must be a whole number from {least} to {below - 1}")
    return value
