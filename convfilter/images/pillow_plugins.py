"""The one plugin of Pillow that a picture's format needs."""

import importlib

from PIL import Image

_PLUGINS = {
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "PPM": "PpmImagePlugin",
    "TIFF": "TiffImagePlugin",
    "WEBP": "WebPImagePlugin",
}


def only_needed() -> None:
    """Keep Image.open and Image.save from importing the plugins of five formats for a picture of one, which
    takes 5 ms. For the command, not the library: what else uses Pillow may find fewer formats ready.

    A format that is not there yet makes Pillow import all it has; so this changes no result.
    """
    Image._initialized = max(Image._initialized, 1)


def need(codec: str) -> None:
    """Import the plugin of a codec, as formats.FORMATS has it, before Pillow opens or saves with it."""
    importlib.import_module(f"PIL.{_PLUGINS[codec]}")
