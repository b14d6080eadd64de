"""One file that shows a filter at work on a picture, without a server or a network."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from convfilter._version import __version__
from convfilter.choices import ACTIVATIONS
from convfilter.engines.choose import choose_engine
from convfilter.errors import FilterError
from convfilter.filters.kernel_writer import file_text
from convfilter.images.formats import FORMATS
from convfilter.images.picture import Picture
from convfilter.images.resize import eight_bit, fitted
from convfilter.play.bundle import page
from convfilter.play.description import described
from convfilter.play.known import catalogue
from convfilter.play.pictures import png
from convfilter.play.work import work_of
from convfilter.processing.apply import filter_picture
from convfilter.system.atomic import atomic_write

MOST_BYTES = 500_000  # of a page with a picture of SIDE pixels
SIDE = 512
_QUALITY = 92
_HERE = {  # activations that the page's own arithmetic has
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh", "hard_tanh",
    "softplus", "softsign", "exponential", "silu", "abs",
}  # fmt: skip


def share(asked: dict[str, Any], picture: Picture, name: str, path: Path, side: int = SIDE) -> tuple[str, ...]:
    """Write the page of some work, as work.work_of takes it, on a picture; notes on what was changed.

    side: the picture's longer side is made no longer than this many pixels. Raises FilterError for work that
    such a page can't show, PictureError where it can't be written.
    """
    work = work_of(asked)
    texts = [file_text(part) for part in work.parts]  # also of a name or formula: the page has no catalogue
    shown, notes = _shown(picture, side, gray=work.pipeline.in_channels == 1 and _is_gray(work))
    pixels = shown.pixels
    pages = filter_picture(work.pipeline, shown, work.options, np.dtype(np.uint8), choose_engine())
    own = {**asked, "filter": texts}
    size = (pixels.shape[0], pixels.shape[1])
    data = {
        "version": __version__,
        "work": own,
        "address": _address(own),
        "picture": {
            "name": name, "width": size[1], "height": size[0], "dtype": "uint8",
            "channels": 1 if pixels.ndim == 2 else 3, "address": _data_address(png(shown)),
        },
        "words": {**catalogue()["words"], "activation": [each for each in ACTIVATIONS if each in _HERE]},
        "described": described(work, size),
        "pages": [_data_address(png(each)) for each in pages],
    }  # fmt: skip
    text = page("shared.js", json.dumps(data, ensure_ascii=False))
    with atomic_write(path) as file:
        file.write(text.encode())
    return notes


def _is_gray(work: Any) -> bool:
    return (work.options.color or work.pipeline.color) == "gray"


def _shown(picture: Picture, side: int, gray: bool) -> tuple[Picture, tuple[str, ...]]:
    """The picture in 8 bits, opaque, and small; what was done."""
    notes = []
    pixels = eight_bit(picture)
    if picture.pixels.dtype != np.uint8:
        notes.append("the picture is shown in 8 bits")
    if picture.alpha is not None:
        notes.append("its transparency is left out")
    height, width = pixels.shape[:2]
    if max(height, width) > side:
        size = max(1, height * side // max(height, width)), max(1, width * side // max(height, width))
        pixels = fitted(pixels, size)
        notes.append(f"the picture is made smaller, {size[1]}×{size[0]}")
    return Picture(pixels[..., 0] if pixels.shape[2] == 1 else pixels), tuple(notes)


def _address(work: dict[str, Any]) -> str:
    """The address that shows the work, as state.js writes it."""
    said = [("filter", text) for text in work["filter"]]
    for key, value in work.items():
        if key != "filter" and value is not None and value is not False:
            text = ",".join(map(str, value)) if isinstance(value, list) else value
            said.append((key, "true" if text is True else text))
    return "#" + urlencode([("view", "filter"), *said])


def _data_address(file: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(file).decode()
