"""The settings of a filter's layers, by name and type: what editors complete and type checkers know.

`pipeline.Settings` holds them with their defaults; `filters.make_pipeline` checks what was given.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from convfilter.choices import Activation, Border, Combine, DataFormat, PoolMode, Values
from convfilter.filters.kernel import Kernel
from convfilter.filters.pipeline import Pair, Pipeline

Filter = str | Path | Kernel | Pipeline  # text is a name, a file's path, or a formula
Filters = Filter | Sequence[Filter]  # one, or several in a row

Sizes = int | Pair | list[int]  # rows and columns; one number is both


class FilterSettings(TypedDict, total=False):
    """How kernels become layers: for every kernel of a chain, but for the last four. All may be left out.

    Lengths are pixels of what enters the layer. A Pipeline has its layers already and takes the last four
    only.
    """

    pad: Literal["same", "valid", "cover"] | Sizes
    """Rows and columns added on each side before a convolution, 0 to 4096; or "same" (as many as keep the
    size, the default), "valid" (none), "cover" (as few as let strided windows reach every pixel)."""

    border: Border | None
    """What the added pixels hold: "zero", "edge" (the last pixel), "reflect" (mirrored without the last
    pixel), "symmetric" (mirrored with it), "wrap" (the other side). None: what suits the kernel, zero for
    most."""

    strides: Sizes
    """Step between the windows, 1 to 4096; 1 by default."""

    dilation: Sizes
    """Step between the pixels that one window looks at, 1 to 4096; 1 by default."""

    activation: Activation | None
    """What is done to each result: "relu", another activation of Keras, or "abs". None: the kernel's own."""

    bias: float | None
    """Added to each result, a fraction of full scale, such as 0.5, at most a million. None: the
    kernel's own."""

    combine: Combine | None
    """How the results of a kernel's several filters become one: "magnitude" (root of the sum of squares),
    "max", "absmax" (largest absolute value), "sum", "mean", or "none". None: the kernel's own."""

    pool: Sizes | None
    """Rows and columns that a pool after the last layer makes one of, 1 to 4096. None: no pool."""

    pool_mode: PoolMode
    """What the pool takes of them: "max" (the default) or "average"."""

    values: Values | None
    """Pixels as they are "stored" (0–255, 0–65535, floats), or scaled to 0–1 ("unit"). None: the kernel's."""

    data_format: DataFormat | None
    """Order of the axes inside the network, "channels_last" or "channels_first"; results are the same.
    None: the kernel's."""
