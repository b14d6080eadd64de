"""Forms that come compiled inside the package, so that common filters never need Keras.

`forms.bin` holds them: a line of JSON, which says how they were made and has a checksum of all that follows;
a second one, which gives for each form where its model lies in what comes then, how long it is, and its
places; the models, compressed, with zeros for weights. ship_forms.py makes it.
"""

import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from convfilter.engines.form import Form
from convfilter.system.cache import Entry

FILE = Path(__file__).with_name("forms.bin")


def read(form: Form) -> Entry:
    """The form as it came with the package. Raises KeyError where it did not."""
    about, models = _contents()
    start, length, places = about[repr(form)]
    return Entry(tuple(places), zlib.decompress(models[start : start + length]))


def has(form: Form) -> bool:
    """Whether the form came with the package."""
    return repr(form) in _contents()[0]


def packed(forms: Mapping[Form, Entry], note: str) -> bytes:
    """What the file holds for these forms. note: how they were made."""
    about: dict[str, Any] = {}
    models = b""
    for form, entry in forms.items():
        model = zlib.compress(entry.model, 9)
        about[repr(form)] = (len(models), len(model), entry.places)
        models += model
    rest = json.dumps(about).encode() + b"\n" + models
    return json.dumps({"made by": note, "checksum": zlib.crc32(rest)}).encode() + b"\n" + rest


@lru_cache(maxsize=1)
def _contents() -> tuple[dict[str, Any], bytes]:
    """What is said of each form, and the models; nothing where the file is missing or damaged."""
    try:
        head, _, rest = FILE.read_bytes().partition(b"\n")
        if json.loads(head)["checksum"] != zlib.crc32(rest):
            return {}, b""
    except (OSError, ValueError, TypeError, KeyError):
        return {}, b""
    about, _, models = rest.partition(b"\n")
    return json.loads(about), models
