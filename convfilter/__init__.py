"""Image filters as convolutional networks, and convolution layers as image filters.

    load(text)             a kernel or a pipeline by name, path or formula
    make_kernel(weights)   a kernel from numbers
    make_pipeline(filters) the layers of one filter or several in a row
    build(pipeline)        the pipeline as a keras.Sequential
    apply(filters, array)  the filtered array

Names are imported when they are used; only `build` and `apply` import Keras.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convfilter.errors import BackendError, ConvfilterError, FilterError, PictureError
    from convfilter.filters.kernel import Kernel
    from convfilter.filters.kernel_file import make_kernel
    from convfilter.filters.load import load, make_pipeline
    from convfilter.filters.pipeline import Pipeline
    from convfilter.model.build import build
    from convfilter.processing.apply import apply

from convfilter._version import __version__ as __version__

_HOME = {
    "BackendError": "errors",
    "ConvfilterError": "errors",
    "FilterError": "errors",
    "Kernel": "filters.kernel",
    "PictureError": "errors",
    "Pipeline": "filters.pipeline",
    "apply": "processing.apply",
    "build": "model.build",
    "load": "filters.load",
    "make_kernel": "filters.kernel_file",
    "make_pipeline": "filters.load",
}
__all__ = [
    "BackendError",
    "ConvfilterError",
    "FilterError",
    "Kernel",
    "PictureError",
    "Pipeline",
    "apply",
    "build",
    "load",
    "make_kernel",
    "make_pipeline",
]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'convfilter' has no attribute {name!r}")
    return getattr(importlib.import_module(f"convfilter.{_HOME[name]}"), name)
