"""The pictures that the benchmark works on.

    python pictures.py FOLDER MEGAPIXELS COUNT TIFF_SIDE

photo.jpg, and many/ with COUNT of it, each turned a little further; large.tif, gray, tiled, TIFF_SIDE square;
wide-C.tif, a fifth of TIFF_SIDE high and C = TIFF_SIDE or twice that wide.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from sklearn.datasets import load_sample_image

TILE = 256


def main(folder: Path, megapixels: float, count: int, side: int) -> None:
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    whole = Image.fromarray(load_sample_image("china.jpg"))
    photo = whole.resize((width, width * 3 // 4), Image.Resampling.LANCZOS)
    photo.save(folder / "photo.jpg", quality=92)
    (folder / "many").mkdir()
    for number in range(count):
        photo.rotate(number / 10).save(folder / "many" / f"{number:03}.jpg", quality=92)
    gray = np.asarray(photo.convert("L"))
    tiff(folder / "large.tif", gray, (side, side))
    for columns in (side, 2 * side):
        tiff(folder / f"wide-{columns}.tif", gray, (side // 5, columns))


def tiff(path: Path, gray: np.ndarray, shape: tuple[int, int]) -> None:
    """A tiled TIFF, the picture repeated in it."""
    band = np.tile(gray, (TILE // gray.shape[0] + 1, -(-shape[1] // gray.shape[1]) + 1))[:TILE]

    def tiles() -> Iterator[np.ndarray]:
        for _ in range(0, shape[0], TILE):
            for left in range(0, shape[1], TILE):
                yield np.ascontiguousarray(band[:, left : left + TILE])

    layout = {"tile": (TILE, TILE), "photometric": "minisblack"}
    tifffile.imwrite(path, tiles(), shape=shape, dtype="uint8", **layout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
