"""Networks as numbers only: what comes back is the network, and a wrong or hostile file is refused."""

import io
import sys
import zipfile

import numpy as np
import pytest

from convfilter.errors import DataError, FilterError
from convfilter.model.boot import keras
from convfilter.networks import npz_file as weights
from convfilter.networks.architectures import ARCHITECTURES, build
from convfilter.networks.layer_names import named_weights
from convfilter.networks.load import load_model
from convfilter.networks.npz_file import Network, load_npz, save_npz

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own


def network(name="lenet5", shape=(28, 28, 1), classes=10):
    """A network whose every weight is a number of its own, batch normalisation's statistics too."""
    model, rng = build(name, shape, classes), np.random.default_rng(5)
    for variable in model.weights:
        noise = rng.uniform(0, 0.1, variable.shape).astype(np.float32)
        variable.assign(np.asarray(variable) + noise)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "best.npz"
    save_npz(network(), "lenet5", path)
    return path


def changed(saved, path, change):
    """The file's arrays, changed by change(arrays), as another file."""
    with np.load(saved) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    return path


def packed(saved, path, name, data, method=zipfile.ZIP_STORED):
    """The file with other bytes as one of its members."""
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            if member == name:
                new.writestr(member, data, method)
            else:
                new.writestr(member, old.read(member))
    return path


def npy(array, version=(1, 0)):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in ("googlenet", "vgg16", "best") else ())
        for name in ARCHITECTURES
    ],
)
@pytest.mark.parametrize(("shape", "classes"), [((28, 28, 1), 10), ((32, 40, 3), 7)])
def test_the_network_comes_back(tmp_path, name, shape, classes):
    """Every architecture: each weight, and the .keras file's predictions, bit for bit."""
    model = network(name, shape, classes)
    model.save(tmp_path / "best.keras")
    save_npz(model, name, tmp_path / "best.npz")
    expected, found = (load_model(tmp_path / f"best.{kind}") for kind in ("keras", "npz"))
    pictures = np.random.default_rng(1).random((4, *shape), np.float32)
    answers = expected.predict_on_batch(pictures)
    assert answers.shape == (4, classes)
    assert np.asarray(found.predict_on_batch(pictures)).tobytes() == np.asarray(answers).tobytes()
    assert all(np.array_equal(a, b) for a, b in zip(found.get_weights(), model.get_weights(), strict=True))
    layers, others = (
        [layer.get_config() for layer in each.layers if not isinstance(layer, keras.layers.InputLayer)]
        for each in (found, expected)
    )
    assert layers == others


def test_the_file_is_numbers_and_a_name(saved):
    """NumPy reads it without pickles: what network it is, then LAYER/VARIABLE."""
    with np.load(saved, allow_pickle=False) as file:
        arrays = dict(file)
    assert str(arrays.pop("architecture")) == "lenet5"
    assert arrays.pop("input_shape").tolist() == [28, 28, 1]
    assert int(arrays.pop("classes")) == 10
    assert list(arrays)[:2] == ["c1/kernel", "c1/bias"]
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_a_packed_file_comes_back_too(saved, tmp_path):
    """An .npz that was compressed is the same model."""
    with np.load(saved) as file:
        np.savez_compressed(tmp_path / "small.npz", **file)
    pairs = zip(load_npz(tmp_path / "small.npz").get_weights(), load_npz(saved).get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("architecture", None, 'its "architecture" is missing or wrong; give the best.npz'),
        ("classes", None, 'its "classes" is missing'),
        ("architecture", np.array(["fast"]), 'its "architecture" is missing or wrong'),
        ("architecture", np.array("fast" * 50), 'its "architecture" is missing or wrong'),
        ("architecture", np.array(print), 'its "architecture" is missing or wrong'),
        ("input_shape", np.array([28, 28]), 'its "input_shape" is missing or wrong'),
        ("classes", np.array(10.0), 'its "classes" is missing or wrong'),
        ("architecture", np.array("slow\n"), r"""the architecture "'slow\\n'", which is not here"""),
        ("architecture", np.array("os"), 'the architecture "os", which is not here'),
        (
            "input_shape",
            np.array([1025, 28, 1]),
            "made for pictures of 1025×28×1 and 10 classes, more than",
        ),
        ("input_shape", np.array([28, 2**62, 1]), "more than 1024×1024×4"),
        ("input_shape", np.array([28, 28, 5]), "pictures of 28×28×5"),
        ("classes", np.array(10_001), "10001 classes, more than"),
        ("input_shape", np.array([28, -28, 1]), "takes pictures of"),
        ("input_shape", np.array([28, 28, 0]), "takes pictures of"),
        ("input_shape", np.array([8, 8, 1]), "lenet5 needs pictures of at least"),
        ("classes", np.array(1), "needs at least 2 classes"),
        ("classes", np.array(-3), "needs at least 2 classes"),
    ],
)
def test_other_networks_are_refused(saved, tmp_path, name, value, words):
    """An .npz that doesn't say which network it is of, or says one that isn't here or can't be; exit 2."""

    def change(arrays):
        arrays[name] = value
        if value is None:
            del arrays[name]

    path = changed(saved, tmp_path / "w.npz", change)
    with pytest.raises(FilterError, match=f"w.npz: .*{words}"):
        load_model(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arrays: arrays.pop("c1/kernel"), 'lacks "c1/kernel"'),
        (lambda arrays: arrays.update(more=np.zeros(1)), 'holds "more"'),
        (lambda arrays: arrays.update({"../../evil": np.zeros(1)}), 'holds "../../evil"'),
        (lambda arrays: arrays.update({"output/bias": np.zeros(9, np.float32)}), r'"output/bias" is float32 \(9,\)'),
        (lambda arrays: arrays.update({"output/bias": np.zeros(10)}), r'"output/bias" is float64 \(10,\)'),
        (lambda arrays: arrays.update({"output/bias": np.array([print] * 10)}), '"output/bias" is object'),
        (lambda arrays: arrays.update(classes=np.array(7)), r"the network's is float32 \(84, 7\)"),
        (lambda arrays: arrays.update(input_shape=np.array([28, 28, 3])), r'"c1/kernel" is float32 \(5, 5, 1, 6\), the .* \(5, 5, 3, 6\)'),
        (lambda arrays: arrays.update(architecture=np.array("article")), 'lacks "conv1/kernel"'),
    ],
)  # fmt: skip
def test_weights_of_another_network_are_refused(saved, tmp_path, change, words):
    """A missing, extra, misshapen or pickled array, or weights for other classes, pictures or layers; exit 1."""
    with pytest.raises(DataError, match=words):
        load_model(changed(saved, tmp_path / "w.npz", change))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_a_huge_network_is_refused_before_it_is_built(tmp_path, monkeypatch):
    """Of 8.9 GB: more than any file may hold. Of 4 GB: its arrays are not there. No memory is asked for."""
    import resource

    monkeypatch.setattr(weights, "available_memory", lambda: None)

    def claim(name):
        model, path = build(name), tmp_path / f"{name}.npz"
        save_npz(model, name, path)
        return changed(path, path, lambda held: held.update(input_shape=np.array([1024, 1024, 1])))

    paths = [claim("vgg16"), claim("alexnet")]
    assert sum(form.nbytes for form in Network("vgg16", (1024, 1024, 1), 10).forms().values()) > 8e9
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB
    with pytest.raises(DataError, match="too large for the memory"):
        load_model(paths[0])
    with pytest.raises(DataError, match='"conv1/kernel" is float32'):
        load_model(paths[1])
    with keras.StatelessScope():
        pass  # at its end Keras gives values to whatever variables have none yet
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


def test_the_memory_is_asked_about_first(saved, monkeypatch):
    """A network for which the free memory would not do is refused; where the system doesn't say, it is tried."""
    monkeypatch.setattr(weights, "available_memory", lambda: 100_000)
    with pytest.raises(DataError, match="best.npz: too large for the memory here"):
        load_model(saved)
    monkeypatch.setattr(weights, "available_memory", lambda: None)
    assert load_model(saved).name == "lenet5"


def test_forms_are_those_of_the_network():
    """What `forms` says without building is what is built."""
    for name in ARCHITECTURES:
        said = Network(name, (40, 33, 3), 6).forms()
        real = named_weights(build(name, (40, 33, 3), 6))
        assert {key: (shape, dtype.name) for key, (shape, dtype) in said.items()} == {
            key: (tuple(variable.shape), variable.dtype) for key, variable in real.items()
        }


def test_a_zip_bomb(saved, tmp_path):
    """A member that would unpack to a hundred times its size is not unpacked, be it a weight or an entry."""
    zeros = b"\0" * (32 * 2**20)
    for name in ("output/bias.npy", "classes.npy"):
        path = packed(saved, tmp_path / "w.npz", name, zeros, zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < 500_000
        with pytest.raises(DataError, match=f'"{name}" would unpack to 33,554,432 bytes'):
            load_model(path)


def test_too_many_arrays(saved, monkeypatch):
    """An archive of more arrays than any network has."""
    monkeypatch.setattr(weights, "MAX_ARRAYS", 3)
    with pytest.raises(DataError, match="arrays are too many"):
        load_model(saved)


def test_a_name_twice(saved, tmp_path):
    """Two arrays of one name, of which one could be looked at and the other be read."""
    path = tmp_path / "w.npz"
    path.write_bytes(saved.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("classes.npy", npy(np.array(10)))
    with pytest.raises(DataError, match="made for another network"):
        load_model(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello", "damaged or cut short"),
        (npy(np.zeros(10, np.float32))[:-4], r'"output/bias" has 36 bytes, not 40'),
        (npy(np.zeros(10, np.float32)) + b"more", r'"output/bias" has 44 bytes, not 40'),
        (
            npy(np.zeros(10, np.float32), (2, 0)),
            r"damaged or cut short \(output/bias: npy version \(2, 0\)\)",
        ),
    ],
)
def test_broken_arrays(saved, tmp_path, data, words):
    """No array, one cut short, one with something behind it, and one of a later format; exit 1."""
    with pytest.raises(DataError, match=words):
        load_model(packed(saved, tmp_path / "w.npz", "output/bias.npy", data))


def test_broken_files(saved, tmp_path):
    """Missing, no archive, cut short, and with a flipped bit in a weight."""
    path, data = tmp_path / "w.npz", saved.read_bytes()
    with pytest.raises(DataError, match="No such file"):
        load_model(path)
    with pytest.raises(DataError, match="No such file"):
        load_npz(path)
    for broken in (b"", b"PK\x03\x04", data[: len(data) // 2]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="no archive, or one cut short"):
            load_model(path)
    place = data.index(b"c5/kernel.npy") + 1000
    path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    with pytest.raises(DataError, match="damaged or cut short.*CRC"):
        load_model(path)


def test_a_data_set_is_no_model(tmp_path, convfilter):
    """An .npz of pictures is told apart, on the command line too."""
    np.savez("digits.npz", x_train=np.zeros((2, 28, 28), np.uint8), y_train=np.arange(2))
    done = convfilter("evaluate", "digits.npz")
    assert done.code == 2
    assert 'digits.npz: an .npz, but no model of convfilter: its "architecture" is missing' in done.err
