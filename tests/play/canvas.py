"""What a viewer's canvas shows, as numbers."""

import base64

import numpy as np

READ = """canvas => {
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  return { width, height, data: btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join("")) };
}"""
WHOLE = {
    "zoom": 1,
    "split": 0,
}  # of an address: one pixel on one of the canvas, and nothing of the picture before


def shown_pixels(canvas, size: tuple[int, int], step: tuple[int, int] = (1, 1)) -> np.ndarray:
    """The result in the middle of a canvas at 1:1, (rows, columns, 3) uint8; its pixels are `step` of the
    picture's."""
    found = canvas.evaluate(READ)
    pixels = np.frombuffer(base64.b64decode(found["data"]), np.uint8)
    pixels = pixels.reshape(found["height"], found["width"], 4)[..., :3]
    rows, columns = (
        int(np.floor((have - want * each) / 2 + 0.5)) + each // 2 + each * np.arange(want)
        for have, want, each in zip(pixels.shape[:2], size, step, strict=True)
    )
    return pixels[np.ix_(rows, columns)]


def in_colour(array: np.ndarray) -> np.ndarray:
    """A gray result with the three equal channels that a canvas has; one in colour as it is."""
    return array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2)
