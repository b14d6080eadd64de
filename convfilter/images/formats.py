"""The picture file formats: a table of what each can hold, by name and by file extension. No Pillow."""

from pathlib import Path

from convfilter.errors import FilterError, printable
from convfilter.system.values import dataclass


@dataclass(frozen=True)
class Format:
    """A file format, and what it can hold as this package writes it. Every format holds gray pictures."""

    name: str
    codec: str  # Pillow's name; pgm and ppm share one
    start: bytes  # regular expression that the first bytes of a file match
    extensions: tuple[str, ...]  # with the dot, lower case, the usual one first
    dtypes: tuple[str, ...] = ("uint8",)  # in order of preference
    colour: bool = True
    alpha: bool = False
    pages: bool = False  # several pages, or planes, in one file
    bands: bool = False  # any number of channels
    writable: bool = True
    quality: int | None = None  # the default, 1 to 100; None for a format without such a setting
    max_side: int | None = None  # pixels
    dpi: tuple[float, float] | None = None  # least and most dots per inch; None if it stores no resolution
    max_icc: int | None = None  # bytes of a colour profile
    max_exif: int | None = None  # bytes of EXIF, counting the "Exif" at its start


_INTEGERS = ("uint8", "uint16")
_ALL = ("uint8", "uint16", "float32")
_METRIC = (0.0254, 54_546_000.0)  # dots per inch: 1 to 2³¹ − 1 dots per metre
_JPEG_SEGMENT = 65_533  # bytes
FORMATS: dict[str, Format] = {
    "png": Format("png", "PNG", rb"\x89PNG", (".png",), _INTEGERS, alpha=True, dpi=_METRIC),
    "jpeg": Format(
        "jpeg",
        "JPEG",
        rb"\xff\xd8\xff",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        quality=95,
        max_side=65_500,
        dpi=(1, 65_535),
        max_icc=255 * (_JPEG_SEGMENT - 14),
        max_exif=_JPEG_SEGMENT,
    ),
    "tiff": Format(
        "tiff",
        "TIFF",
        rb"II[*+]\0|MM\0[*+]",  # classic and BigTIFF, in either byte order
        (".tif", ".tiff"),
        _ALL,
        alpha=True,
        pages=True,
        bands=True,
        dpi=(1 / (2**32 - 1), 2**32 - 1),
    ),
    "webp": Format("webp", "WEBP", rb"RIFF.{4}WEBP", (".webp",), alpha=True, quality=90, max_side=16_383),
    "bmp": Format("bmp", "BMP", rb"BM", (".bmp",), dpi=_METRIC),
    "pgm": Format("pgm", "PPM", rb"P[25]", (".pgm",), _INTEGERS, colour=False),
    "ppm": Format("ppm", "PPM", rb"P[36f]", (".ppm", ".pnm"), _INTEGERS),
    "pbm": Format("pbm", "PPM", rb"P[14]", (".pbm",), colour=False, writable=False),
    "gif": Format("gif", "GIF", rb"GIF8", (".gif",), alpha=True, writable=False),
    "npy": Format("npy", "NPY", rb"\x93NUMPY", (".npy",), _ALL, pages=True, bands=True),
}
_SHORT = {"jpg": "jpeg", "tif": "tiff"}


def format_of(path: Path | str) -> Format:
    """The format that the extension of `path` names; FilterError for an unknown one."""
    found = extension_format(path)
    if found is None:
        known = " ".join(end for each in FORMATS.values() if each.writable for end in each.extensions)
        raise FilterError(f"{printable(path)}: unknown picture extension; use one of {known}")
    return found


def format_named(name: str) -> Format:
    """The format called `name` ('png', 'jpg', 'tif' ...); FilterError for an unknown one."""
    key = name.lower().removeprefix(".")
    found = FORMATS.get(_SHORT.get(key, key))
    if found is None:
        known = ", ".join(each.name for each in FORMATS.values() if each.writable)
        raise FilterError(f"unknown picture format {name!r}; use one of {known}")
    return found


def extension_format(path: Path | str) -> Format | None:
    """The format that the extension of `path` names; None for an unknown one."""
    extension = Path(path).suffix.lower()
    return next((each for each in FORMATS.values() if extension in each.extensions), None)
