"""A .keras file is looked into before Keras loads it."""

import json
import zipfile

import pytest
from small_networks import refused

from convfilter.errors import DataError, FilterError
from convfilter.model.boot import keras

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
layers = keras.layers


def rewritten(saved, path, change=None, extra=(), drop=(), method=zipfile.ZIP_STORED):
    """A copy of a .keras archive with its config changed and members added or dropped."""
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w", method) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json" and change:
                data = change(json.loads(data))
                data = data if isinstance(data, bytes) else json.dumps(data).encode()
            if name not in drop:
                new.writestr(name, data)
        for name, data in extra:
            new.writestr(name, data)
    return path


def layer_changed(**fields):
    """Change the config of the first convolution's entry."""

    def change(config):
        config["config"]["layers"][1].update(fields)
        return config

    return change


def test_broken_files_are_refused(tmp_path, saved):
    """Missing, empty, cut, with a flipped byte, or without weights that fit; exit 1."""
    refused(tmp_path / "none.keras", DataError, "No such file")
    path = tmp_path / "m.keras"
    data = saved.read_bytes()
    path.write_bytes(b"")
    refused(path, DataError, "no archive, or one cut short")
    path.write_bytes(data[: len(data) // 2])
    refused(path, DataError, "no archive, or one cut short")
    place = data.index(b"model.weights.h5") + 5000
    path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    refused(path, DataError, 'the checksum of "model.weights.h5" is wrong')
    rewritten(saved, path, drop=["model.weights.h5"], extra=[("model.weights.h5", b"no HDF5")])
    refused(path, DataError, "can't build and fill the network")
    rewritten(saved, path, lambda c: b"{")
    refused(path, DataError, "is no JSON")
    rewritten(saved, path, lambda c: b"[" * 100_000)
    refused(path, DataError, "is no JSON")
    rewritten(saved, path, lambda c: [])
    refused(path, DataError, "describes no network")
    assert DataError.exit_code == 1


def test_archives_of_something_else(tmp_path, saved):
    """A zip without a network, or with something beside it, is no model."""
    path = tmp_path / "m.keras"
    rewritten(saved, path, drop=["metadata.json"])
    refused(path, FilterError, "not of a Keras 3 network")
    rewritten(saved, path, extra=[("assets/words.txt", b"a")])
    refused(path, FilterError, '"assets/words.txt", which a network for pictures')


@pytest.mark.parametrize("name", ["../evil.py", "/etc/passwd", "assets/../../x", "C:\\x", "..\\x"])
def test_names_that_lead_outside(tmp_path, saved, name):
    """Path traversal is refused, and nothing is written."""
    path = rewritten(saved, tmp_path / "m.keras", extra=[(name, b"x")])
    refused(path, DataError, "a place outside")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.keras"]


def test_a_zip_bomb(tmp_path, saved):
    """Members that would unpack to a hundred times their size, or a description of 17 MB, are not unpacked."""
    path = tmp_path / "m.keras"
    big = b"\0" * (32 * 2**20)
    rewritten(
        saved, path, drop=["model.weights.h5"], extra=[("model.weights.h5", big)], method=zipfile.ZIP_DEFLATED
    )
    assert path.stat().st_size < 100_000
    refused(path, DataError, "would unpack to 33,554,432 bytes")
    rewritten(saved, path, lambda c: b" " * (17 * 2**20))
    refused(path, DataError, '"config.json" would unpack')


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"class_name": "Lambda"}, "a Lambda layer, which is arbitrary code"),
        ({"class_name": "TFSMLayer"}, "a TFSMLayer layer, which is arbitrary code"),
        ({"class_name": "StringLookup"}, "may read other files"),
        (
            {"class_name": "Popen", "module": "subprocess", "registered_name": "Popen"},
            '"Popen", which is not of',
        ),
        ({"class_name": "Conv9D"}, '"Conv9D", which is not of Keras'),
        ({"class_name": "Mine", "module": None, "registered_name": "mine>Mine"}, '"Mine", which is not'),
        ({"class_name": "get_file", "module": "keras.utils"}, '"get_file", which is not'),
    ],
)
def test_code_and_unknown_classes_are_refused(tmp_path, saved, fields, words):
    """Before Keras builds anything: layers that are code, that read files, or that nobody registered."""
    path = rewritten(saved, tmp_path / "m.keras", layer_changed(**fields))
    refused(path, FilterError, words)


def test_a_real_lambda_is_refused(tmp_path):
    """A model saved with a Python lambda in it."""
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x + 1)]).save(path)
    refused(path, FilterError, "Lambda layer, which is arbitrary code")


def test_an_unknown_function_is_refused(tmp_path, saved):
    """An activation that is neither Keras' nor registered."""

    def change(config):
        function = {
            "module": "builtins",
            "class_name": "function",
            "config": "system",
            "registered_name": "function",
        }
        config["config"]["layers"][1]["config"]["activation"] = function
        return config

    refused(rewritten(saved, tmp_path / "m.keras", change), FilterError, '"system", which is not')
