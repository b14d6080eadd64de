"""What compiled a stage: versions and sources, which are part of its name in the cache."""

import os
import sys
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

PACKAGES = ("convfilter", "keras", "tensorflow", "ai_edge_litert")
# Modules that decide what a structure is compiled to, and whether its result counts as Keras' own.
SOURCES = (
    "choices",
    "filters/conv",
    "filters/geometry",
    "filters/kernel",
    "filters/layer",
    "filters/layers",
    "filters/padding",
    "filters/whole_numbers",
    "model/boot",
    "model/layers",
    "model/build",
    "engines/stages",
    "engines/rewrites",
    "engines/form",
    "engines/litert_file",
    "engines/pixels",
    "engines/ends",
    "engines/shipped",
    "engines/stage_model",
    "engines/planner",
    "engines/base",
    "engines/raster",
    "engines/compiling",
    "engines/compiled",
    "engines/keras_engine",
    "engines/limits",
    "engines/litert",
)


@lru_cache(maxsize=1)
def made_by() -> tuple[str, ...]:
    """The versions at work, and a checksum of the deciding sources, which an edit of a checkout changes."""
    return (*versions(), f"sources {checksum(Path(__file__).parents[1]):08x}")


def versions() -> tuple[str, ...]:
    """What the packages' metadata folders are called: importlib.metadata would cost 45 ms more."""
    found = {}
    for folder in reversed(sys.path):
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            package, dash, _ = name.partition("-")
            if dash and package in PACKAGES and name.endswith(".dist-info"):
                found[package] = name
    return tuple(sorted(found.values()))


def checksum(package: Path) -> int:
    """CRC-32 of the deciding sources in the package's folder; takes 0.2 ms, importing hashlib 10."""
    total = 0
    for name in SOURCES:
        with suppress(OSError):  # a package that came without its sources is not edited
            total = zlib.crc32((package / f"{name}.py").read_bytes(), total)
    return total
