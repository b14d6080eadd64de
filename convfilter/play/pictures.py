"""The pictures that the page has sent: read once, kept while there is room, named by what is in them."""

import base64
import hashlib
import threading
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import PictureError, printable
from convfilter.images.formats import FORMATS
from convfilter.images.luma import to_gray
from convfilter.images.picture import Picture
from convfilter.images.read import read
from convfilter.images.resize import eight_bit
from convfilter.images.source import open_source
from convfilter.images.write import write
from convfilter.play.work import Refusal
from convfilter.system.values import dataclass

MAX_BYTES = 64 * 2**20  # of a picture's file
MAX_PIXELS = 32_000_000
MOST = 8  # pictures that are kept
MOST_BYTES = 512 * 2**20  # that they take, files and pixels


@dataclass(frozen=True, eq=False)
class Kept:
    """A picture and what the page knows of it. id: the first 16 hexadecimal digits of its file's SHA-256."""

    id: str
    name: str
    data: bytes
    picture: Picture

    @cached_property
    def for_gray(self) -> Picture:
        """The picture as the command reads it to filter its gray, which a JPEG stores beside its colours."""
        if self.picture.pixels.shape[2:] != (3,) or self.picture.metadata.bands:
            return self.picture
        gray = _read(self.data, self.name, gray=True)
        return self.picture if np.array_equal(gray.pixels, to_gray(self.picture.pixels)) else gray

    def as_json(self) -> dict[str, Any]:
        pixels = self.picture.pixels
        height, width = pixels.shape[:2]
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        size = {"width": width, "height": height, "channels": channels}
        return {"id": self.id, "name": self.name, **size, "dtype": pixels.dtype.name}


class Pictures:
    """The pictures by their ids. The oldest makes room for a new one; not the first, the command's own."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def add(self, data: bytes, name: str) -> Kept:
        """Read and keep the picture in a file's bytes. Raises PictureError for what is none, or too large."""
        if len(data) > MAX_BYTES:
            raise PictureError(f"{name}: larger than {MAX_BYTES // 2**20} MiB; make it smaller")
        identity = hashlib.sha256(data).hexdigest()[:16]
        with self._lock:  # one at a time: each may take as much memory as a picture may
            known = self._kept.get(identity)
            kept = Kept(identity, name, data, known.picture if known else _read(data, name))
            self._keep(kept)
        return kept

    def add_file(self, path: Path) -> Kept:
        """Read and keep a picture that the command was given."""
        label = printable(path)
        with open_source(path, label, MAX_PIXELS) as file:
            return self.add(file.read(MAX_BYTES + 1), path.name)

    def __getitem__(self, identity: Any) -> Kept:
        """The picture of this id. Raises Refusal where there is none, or none any more."""
        kept = self._kept.get(identity) if isinstance(identity, str) else None
        if kept is None:
            raise Refusal("this picture is no longer here; open its file once more")
        return kept

    def _keep(self, kept: Kept) -> None:
        first = next(iter(self._kept), None)
        if kept.id != first:
            self._kept.pop(kept.id, None)
        self._kept[kept.id] = kept
        while len(self._kept) > MOST or sum(map(_bytes, self._kept.values())) > MOST_BYTES:
            oldest = next((each for each in self._kept if each not in (first, kept.id)), None)
            if oldest is None:
                break
            del self._kept[oldest]


def sample() -> Path:
    """The picture that is shown where the command is given none, of the installed package or the checkout."""
    packaged, checkout = (Path(__file__).parents[n] / "samples" / "scene.png" for n in (1, 2))
    return packaged if packaged.exists() else checkout


def _read(data: bytes, name: str, gray: bool = False) -> Picture:
    try:
        return read(BytesIO(data), gray=gray, max_pixels=MAX_PIXELS, name=name)
    except PictureError as error:
        said, allowed, _ = str(error).partition("; allow")  # by an option, which the page has not
        raise PictureError(f"{said}; make it smaller" if allowed else said) from error


def _bytes(kept: Kept) -> int:
    alpha = kept.picture.alpha
    return len(kept.data) + kept.picture.pixels.nbytes + (0 if alpha is None else alpha.nbytes)


def shown(picture: Picture) -> np.ndarray:
    """The picture as 8-bit gray (H, W) or colour (H, W, 3); of bands the first."""
    pixels = eight_bit(Picture(picture.pixels))
    return np.ascontiguousarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])


def png(picture: Picture | np.ndarray, level: int = 0) -> bytes:
    """A picture, or pixels of uint8, as a PNG; stored as it is, the quickest way on one computer."""
    file = BytesIO()
    page = picture if isinstance(picture, Picture) else Picture(picture)
    write(file, [page], FORMATS["png"], level=level)
    return file.getvalue()


def data_address(pixels: np.ndarray) -> str:
    """Pixels of uint8 as data:image/png;base64,…"""
    return "data:image/png;base64," + base64.b64encode(png(pixels, level=1)).decode()
