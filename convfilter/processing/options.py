"""How pixels enter and leave a pipeline, and how pictures are read and written."""

from typing import TYPE_CHECKING

import numpy as np

from convfilter.choices import COLORS, RANGES, check_word
from convfilter.errors import FilterError
from convfilter.images.picture import DEFAULT_MAX_PIXELS
from convfilter.system.values import dataclass

if TYPE_CHECKING:
    from convfilter.processing.manifest import Manifest


@dataclass(frozen=True)
class PixelOptions:
    """How pixels enter and leave a pipeline. Raises FilterError for a value that is none of these.

    color: "gray", "each" (every channel by itself) or "luma" (brightness only); None takes what suits the
    pipeline. range: as in tone.range_map, or "raw"; None takes the pipeline's own, or "raw" from float to
    float. linear: whether to compute in linear light instead of sRGB values.
    """

    color: str | None = None
    range: str | None = None
    linear: bool = False

    def __post_init__(self) -> None:
        if self.color is not None:
            check_word("color", self.color, COLORS)
        if self.range is not None:
            check_word("range", self.range, RANGES)
        if not isinstance(self.linear, bool | np.bool_):
            raise FilterError(f"linear can't be {self.linear!r}; use True or False")


@dataclass(frozen=True)
class WriteOptions:
    """How pictures are read and written.

    quality: of the formats that lose some, 1 to 100; None takes the format's default. max_pixels: a larger
    picture is refused, unless it is never whole in memory. clobber: whether an output file that exists is
    replaced. tile: rows of a strip; None computes only large pictures by strips. keep: whether JobResult
    holds the pages, for a preview. manifest: where finished pictures are noted; resume: whether those noted
    there are skipped.
    """

    quality: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    clobber: bool = True
    tile: int | None = None
    keep: bool = False
    manifest: "Manifest | None" = None
    resume: bool = False
