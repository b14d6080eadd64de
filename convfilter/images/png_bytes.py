"""Pixels as the bytes of a small 8-bit PNG, without Pillow, for a notebook to show."""

import struct
import zlib

import numpy as np

MOST = 1024  # pixels of the longer side; of a larger picture every second, third … is shown
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels, alpha among them, and PNG's number for them


def png_bytes(pixels: np.ndarray, alpha: np.ndarray | None, white: float) -> bytes:
    """The PNG of pixels (H, W) or (H, W, C) and alpha (H, W), both from 0 to `white`; what lies outside is
    cut off, what is no number is black. Of other than one or three channels the first is shown."""
    planes = pixels.reshape(*pixels.shape[:2], -1)
    planes = planes if planes.shape[2] == 3 else planes[..., :1]
    if alpha is not None:
        planes = np.concatenate([planes, alpha[..., None]], axis=-1)
    step = -(-max(planes.shape[:2]) // MOST)
    return _encoded(_eight_bit(planes[::step, ::step], white))


def _eight_bit(planes: np.ndarray, white: float) -> np.ndarray:
    values = np.nan_to_num(planes.astype(np.float64), posinf=white, neginf=0) * (255 / white)
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _encoded(samples: np.ndarray) -> bytes:
    """Samples (H, W, C) uint8 as a PNG: a byte 0, for no filter, before each row."""
    height, width, channels = samples.shape
    rows = np.pad(samples.reshape(height, -1), ((0, 0), (1, 0))).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
