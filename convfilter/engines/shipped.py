"""Forms that come compiled inside the package, so that common filters never need Keras.

`forms.bin` holds them: one line of JSON, which gives for each form where its model lies in what follows, how
long it is, and its places; then the models, compressed, with zeros for weights. ship_forms.py makes it.
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
    head = {"made by": note, "checksum": zlib.crc32(models), "forms": about}
    return json.dumps(head).encode() + b"\n" + models


@lru_cache(maxsize=1)
def _contents() -> tuple[dict[str, Any], bytes]:
    """What the first line says of each form, and the models; nothing where the file is missing or damaged."""
    try:
        head, _, models = FILE.read_bytes().partition(b"\n")
        about = json.loads(head)
        whole = about["checksum"] == zlib.crc32(models)
    except (OSError, ValueError, TypeError, KeyError):
        return {}, b""
    return (about["forms"], models) if whole else ({}, b"")
