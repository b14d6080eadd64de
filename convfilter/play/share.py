"""One file that shows a filter at work on a picture, without a server or a network."""

import json
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from convfilter._version import __version__
from convfilter.choices import ACTIVATIONS
from convfilter.engines.choose import choose_engine
from convfilter.filters.kernel_writer import file_text
from convfilter.filters.pipeline import color_for
from convfilter.images import web_forms
from convfilter.images.luma import to_gray
from convfilter.images.picture import Picture
from convfilter.images.read import read
from convfilter.images.resize import eight_bit, fitted
from convfilter.play.bundle import page
from convfilter.play.description import described
from convfilter.play.known import catalogue
from convfilter.play.work import PIXELS, SETTINGS, Work, work_of
from convfilter.processing.apply import filter_picture
from convfilter.system.atomic import atomic_write

SIDE = 512
MOST_BYTES = 500_000  # of a page; beyond, the picture is kept as a JPEG
_HERE = {  # activations that the page's own arithmetic has
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh", "hard_tanh",
    "softplus", "softsign", "exponential", "silu", "abs",
}  # fmt: skip


def share(
    asked: dict[str, Any], picture: Picture, name: str, path: Path, side: int = SIDE
) -> tuple[str, ...]:
    """Write the page of some work, as work.work_of takes it, on a picture; notes on what was changed.

    side: the picture's longer side is made no longer than this many pixels. Raises FilterError for work that
    such a page can't show, PictureError where it can't be written.
    """
    asked = _signed(asked)
    work = work_of(asked)
    shown, notes = _shown(picture, side, gray=_is_gray(work))
    text = _page(asked, work, shown, _lossless(shown.pixels), name)
    if len(text.encode()) > MOST_BYTES:
        stored = web_forms.jpeg(shown.pixels)
        shown = read(BytesIO(stored), gray=shown.pixels.ndim == 2)
        text = _page(asked, work, shown, f"data:image/jpeg;base64,{b64encode(stored).decode()}", name)
        notes = (*notes, f"it is kept as a JPEG, for a page of {len(text.encode()):,} bytes")
    with atomic_write(path) as file:
        file.write(text.encode())
    return notes


def _page(asked: dict[str, Any], work: Work, shown: Picture, address: str, name: str) -> str:
    """The page's text. address: the picture as a data: address."""
    size = (shown.pixels.shape[0], shown.pixels.shape[1])
    channels = 1 if shown.pixels.ndim == 2 else 3
    pages = filter_picture(work.pipeline, shown, work.options, np.dtype(np.uint8), choose_engine())
    texts = [file_text(part) for part in work.parts]  # also of a name or formula: the page has no catalogue
    own = {"filter": texts, **{key: asked[key] for key in (*SETTINGS, *PIXELS) if key in asked}}
    told = described(work, size)
    facts = {"name": name, "width": size[1], "height": size[0], "channels": channels, "dtype": "uint8"}
    data = {
        "version": __version__,
        "work": own,
        "address": _address(own),
        "picture": {**facts, "address": address},
        "words": {**catalogue()["words"], "activation": [word for word in ACTIVATIONS if word in _HERE]},
        "described": {key: told[key] for key in ("command", "bounds", "range")},
    }
    results = [_lossless(each.pixels) for each in pages]  # as many as there is room for, to compare with
    found = page("shared.js", json.dumps({**data, "pages": results}, ensure_ascii=False))
    while len(found.encode()) > MOST_BYTES and len(results) > 1:
        results = results[:-1]
        found = page("shared.js", json.dumps({**data, "pages": results}, ensure_ascii=False))
    return found


def _lossless(pixels: np.ndarray) -> str:
    return f"data:image/webp;base64,{b64encode(web_forms.lossless(pixels)).decode()}"


def _signed(asked: dict[str, Any]) -> dict[str, Any]:
    """The work as the page shows it: results below 0 around mid-gray unless another range is asked for."""
    loses = "range" not in asked and described(work_of(asked), (SIDE, SIDE))["signed"]
    return {**asked, "range": "signed"} if loses else asked


def _is_gray(work: Work) -> bool:
    """Whether the filter sees the gray picture alone."""
    return work.pipeline.in_channels == 1 and color_for(work.pipeline, work.options.color) == "gray"


def _shown(picture: Picture, side: int, gray: bool) -> tuple[Picture, tuple[str, ...]]:
    """The picture in 8 bits, opaque and small, and what was done. gray: without its colours."""
    notes = []
    pixels = eight_bit(picture)
    if picture.pixels.dtype != np.uint8:
        notes.append("the picture is shown in 8 bits")
    if picture.alpha is not None:
        notes.append("its transparency is left out")
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer > side:
        size = max(1, round(height * side / longer)), max(1, round(width * side / longer))
        pixels = fitted(pixels, size)
        notes.append(f"the picture is made smaller, {size[1]}×{size[0]}")
    if gray and pixels.shape[2] == 3:
        pixels = to_gray(pixels)[..., None]
    return Picture(pixels[..., 0] if pixels.shape[2] == 1 else pixels), tuple(notes)


def _address(work: dict[str, Any]) -> str:
    """The address that shows the work, as state.js writes it."""
    said = [("filter", text) for text in work["filter"]]
    for key, value in work.items():
        if key != "filter" and value is not None and value is not False:
            text = ",".join(map(str, value)) if isinstance(value, list) else value
            said.append((key, "true" if text is True else text))
    return "#" + urlencode([("view", "filter"), *said])
