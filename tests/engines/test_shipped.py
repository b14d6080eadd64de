"""What comes compiled with the package: enough that common filters never need Keras, and what Keras exports now."""

import json

import numpy as np
import pytest
from all_rows import to_array
from scipy import ndimage, special

from convfilter.choices import COMBINES
from convfilter.engines import compiled, ends, keras_engine, shipped
from convfilter.engines.base import of_array
from convfilter.engines.compiling import NotCompiled, export
from convfilter.engines.fingerprint import made_by
from convfilter.engines.form import Part, blank, filled, form_of
from convfilter.engines.litert import function
from convfilter.engines.pixels import Pixels, RangeMap
from convfilter.engines.ship_forms import forms
from convfilter.engines.stages import Bands, Convolve, Depthwise, Weights
from convfilter.filters.catalogue import files
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.load import make_pipeline
from convfilter.filters.whole_numbers import stays_whole

RNG = np.random.default_rng(8)
PICTURE = RNG.integers(0, 256, (1, 61, 83), np.uint8)
BYTES = [
    None,
    Pixels(RangeMap(), np.dtype(np.uint8), 255.0),
    Pixels(RangeMap(absolute=True), np.dtype(np.uint8), 255.0),
]


@pytest.fixture
def nothing_else(monkeypatch, tmp_path):
    """A process on a machine that has never run convfilter, where Keras can't be used."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "_kept", {})
    monkeypatch.setattr(compiled, "_refused", {})

    def refuse(form):
        raise NotCompiled(f"{form} is to be compiled")

    monkeypatch.setattr(compiled, "export", refuse)
    for cached in (compiled._run_of, compiled._stages_of, compiled._pieces):
        cached.cache_clear()
    yield
    for cached in (compiled._run_of, compiled._stages_of, compiled._pieces):
        cached.cache_clear()


def computed(filters, **options):
    """The results, floats and both kinds of bytes."""
    pipeline = make_pipeline(filters, **options)
    source = of_array(np.repeat(PICTURE, pipeline.in_channels, axis=0))
    return [to_array(compiled.open_compiled(pipeline, source, 255.0, "auto", pixels)) for pixels in BYTES]


def check(filters, **options):
    """Bytes are the floats', clipped and rounded, halves to even."""
    floats, clipped, absolute = computed(filters, **options)
    assert np.array_equal(clipped, np.rint(np.clip(floats, 0, 255)))
    assert np.array_equal(absolute, np.rint(np.clip(np.abs(floats), 0, 255)))


@pytest.mark.parametrize("name", files())
def test_every_kernel_with_a_name(nothing_else, name):
    check(name)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in files()] + ["sobel"])
def test_they_are_keras_own(nothing_else, name):
    """Exactly where whole numbers stay whole, else within 1e-4 of full scale or of the largest result."""
    pipeline = make_pipeline(name)
    floats = computed(name)[0]
    batch = np.float32(np.repeat(PICTURE, pipeline.in_channels, axis=0)).transpose(1, 2, 0)[None]
    wanted = keras_engine.run(pipeline, batch, 255.0, "cpu")[0].transpose(2, 0, 1)
    exact = stays_whole(pipeline, 255.0, 255.0)
    assert np.abs(floats - wanted).max() <= (0 if exact else 1e-4 * max(255.0, np.abs(wanted).max()))


@pytest.mark.parametrize("how", COMBINES)
@pytest.mark.parametrize("filters", [1, 3, 8])
@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "softmax", "log_softmax"])
def test_pieces_are_numpys(nothing_else, how, filters, activation):
    """Put together from pieces: sums by SciPy, activation and combination by NumPy, in float64."""
    weights = RNG.integers(-3, 4, (filters, 3, 3))
    floats, clipped, _ = computed(make_kernel(weights / 64), combine=how, activation=activation)
    sums = np.stack(
        [ndimage.correlate(np.float64(PICTURE[0]), each / 64, mode="constant") for each in weights]
    )
    done = {
        "linear": sums,
        "relu": np.maximum(sums, 0),
        "tanh": np.tanh(sums),
        "softmax": special.softmax(sums, axis=0),
        "log_softmax": special.log_softmax(sums, axis=0),
    }[activation]
    wanted = {
        "none": done,
        "magnitude": np.sqrt((done**2).sum(0))[None],
        "max": done.max(0)[None],
        "absmax": np.abs(done).max(0)[None],
        "sum": done.sum(0)[None],
        "mean": done.mean(0)[None],
    }[how]
    assert np.abs(floats - wanted).max() <= 1e-4
    assert np.abs(clipped - np.rint(np.clip(wanted, 0, 255))).max() <= 1
    assert np.array_equal(clipped, np.rint(np.clip(floats, 0, 255)))


FORMULAS = (
    "gaussian:sigma=0.3", "gaussian:sigma=2.7", "gaussian:sigma=20", "gaussian:size=99", "dog:sigma=2.2",
    "log:sigma=3.3", "log:size=5", "motion:length=15,angle=30", "motion:length=60,angle=12", "disk:radius=1",
    "disk:radius=13", "gabor", "gabor:theta=33,gamma=1", "gabor-bank:orientations=5,size=15",
    "gabor-bank:orientations=16,gamma=1,size=21", "leung-malik:size=13", "unsharp:sigma=3",
)  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_at_any_size(nothing_else, text):
    check(text)


@pytest.mark.parametrize("rows", range(1, 10))
@pytest.mark.parametrize("filters", [1, 2, 5, 8])
def test_kernel_files_up_to_nine_by_nine(nothing_else, rows, filters):
    weights = RNG.normal(size=(filters, rows, RNG.integers(1, 10)))
    check(make_kernel(weights / np.abs(weights).sum()))


@pytest.mark.parametrize("how", COMBINES)
@pytest.mark.parametrize("filters", [1, 2, 3, 5, 8])
def test_combinations(nothing_else, how, filters):
    check(make_kernel(RNG.integers(-4, 5, (filters, 3, 5))), combine=how)


@pytest.mark.parametrize(
    "options",
    [
        {"pool": 2},
        {"pool": (3, 2), "pool_mode": "average"},
        {"strides": 2},
        {"dilation": 2},
        {"dilation": (1, 5), "pool": 2},
        {"strides": (3, 2), "pad": "cover"},
        {"activation": "relu"},
        {"activation": "sigmoid"},
        {"activation": "softmax"},
        {"border": "wrap"},
        {"pad": "valid"},
    ],
)
@pytest.mark.parametrize("name", ["sobel", "box-5", "kirsch"])
def test_options(nothing_else, name, options):
    check(name, **options)


@pytest.mark.parametrize("divisor", [1, 2, 3, 4, 5, 6, 9, 10, 12, 16, 25, 100, 256])
def test_ties_of_divisors(nothing_else, divisor):
    """Whatever ties a divisor makes: the float32 sum of the float32 weights, rounded once."""
    weights = RNG.integers(-9, 10, (3, 3))
    check(make_kernel(weights, divisor=divisor))


@pytest.mark.parametrize("width", [1, 2, 15, 16, 17, 31, 211])
@pytest.mark.parametrize("height", [1, 2, 70])
@pytest.mark.parametrize("border", ["zero", "edge", "reflect", "symmetric", "wrap"])
def test_pictures_of_any_size_to_the_last_bit(nothing_else, width, height, border):
    """Whole numbers: SciPy's, clipped; by strips of any height the same."""
    weights = np.array([[-1, 0, 2], [-2, 0, 3], [-1, 1, 1]])
    picture = RNG.integers(0, 256, (1, height, width), np.uint8)
    pipeline = make_pipeline(make_kernel(weights), border=border)
    result = compiled.open_compiled(pipeline, of_array(picture), 255.0, "auto", BYTES[1])
    mode = {
        "zero": "constant",
        "edge": "nearest",
        "reflect": "mirror",
        "symmetric": "reflect",
        "wrap": "grid-wrap",
    }
    wanted = ndimage.correlate(np.int64(picture[0]), weights, mode=mode[border]).clip(0, 255)
    if border == "reflect" and 1 in (width, height):
        wanted = None  # SciPy mirrors a single pixel otherwise than NumPy pads it
    whole = result.rows(0, height)
    assert wanted is None or np.array_equal(whole[0], wanted)
    rows = [result.rows(top, top + 1) for top in range(height)]
    assert np.array_equal(np.concatenate(rows, axis=1), whole)


# The file


def test_the_file_is_small_and_says_how_it_was_made():
    data = shipped.FILE.read_bytes()
    assert len(data) < 10**6
    made = json.loads(data.partition(b"\n")[0])["made by"]
    assert made.startswith("Keras 3.")
    assert ", TensorFlow 2." in made


def test_every_form_is_in_the_file():
    """All that are listed, but those that LiteRT can't run."""
    missing = [form for form in forms() if not shipped.has(form)]
    for form in missing:
        with pytest.raises(NotCompiled):
            export(form)
    assert len(missing) < 5


@pytest.mark.slow
def test_keras_exports_the_same_forms_now():
    """With the versions that the file was made with, byte for byte, weights aside; with others, a model of the same
    results."""
    import keras
    import tensorflow

    made = json.loads(shipped.FILE.read_bytes().partition(b"\n")[0])["made by"]
    same = made == f"Keras {keras.__version__}, TensorFlow {tensorflow.__version__}"
    for form in [form for form in forms() if shipped.has(form)][::7]:
        now, then = blank(export(form), form), shipped.read(form)
        if same:
            assert (now.places, now.model) == (then.places, then.model), form
        assert np.array_equal(result_of(now, form), result_of(then, form)), form


def result_of(entry, form):
    """What the form makes of whole numbers by whole weights, the same in every call."""
    rng = np.random.default_rng(1)
    weights = []
    for step in form.steps:
        if isinstance(step, Convolve | Depthwise):
            wide = isinstance(step, Convolve)
            made = step.filters if wide else step.channels * step.copies
            shape = (*step.size, step.channels, made) if wide else (*step.size, made, 1)
            weights += [Weights(np.float32(rng.integers(-3, 4, each))) for each in (shape, (made,))]
    part = Part(form.steps, tuple(weights), form.channels)
    x = rng.integers(0, 256, (1, 9, 16, 7) if Bands() in form.steps else (1, 9, 7, form.channels))
    return function(filled(entry, part))(x.shape, lambda into: np.copyto(into, x, "unsafe"), np.copy)


@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "foreign", "a number", "a bit"])
def test_a_file_that_is_not_whole_counts_as_none(monkeypatch, tmp_path, harm):
    """Filters are compiled then, as those that are not in it."""
    data = shipped.FILE.read_bytes()
    place = tmp_path / "forms.bin"
    if harm != "missing":
        place.write_bytes(
            {
                "empty": b"",
                "cut": data[: len(data) // 2],
                "foreign": b"\x7fELF\n{}",
                "a number": data.replace(b"[0, ", b"[1, ", 1),
                "a bit": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
            }[harm]
        )
        assert place.read_bytes() != data
    monkeypatch.setattr(shipped, "FILE", place)
    shipped._contents.cache_clear()
    try:
        assert not shipped.has(forms()[0])
        assert ends.bytes_as_in_numpy.__wrapped__()
    finally:
        shipped._contents.cache_clear()


def test_a_machine_that_rounds_otherwise_gets_floats(monkeypatch):
    """If LiteRT rounded halves up, as it does on none that was seen, no stage would give bytes."""
    true = ends.function

    def rounds_up(model):
        run = true(model)
        return lambda shape, fill, take: run(shape, fill, take) + 1

    monkeypatch.setattr(ends, "function", rounds_up)
    assert not ends.bytes_as_in_numpy.__wrapped__()


NUMBERS = [((1, 1), (1, 1)), ((2, 3), (1, 1)), ((1, 1), (2, 1)), ((1, 1), (1, 3)), ((1, 1), (2, 2))]


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (4, 5)])
@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("filters", [1, 8, 24])
@pytest.mark.parametrize(("strides", "dilation"), NUMBERS)
def test_one_form_at_many_sizes(size, channels, filters, strides, dilation):
    """A convolution whose numbers were written into the shipped form is NumPy's."""
    weights = RNG.integers(-3, 4, (*size, channels, filters)).astype(np.float32)
    bias = RNG.integers(-9, 10, filters).astype(np.float32)
    step = Convolve(size, channels, filters, strides, dilation)
    x = RNG.integers(0, 9, (1, 12, 14, channels)).astype(np.float32)
    found = of_one_step(step, weights, bias, x)
    wanted = np.einsum("hwcij,ijcf->hwf", windows(x[0], size, strides, dilation), weights) + bias
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("size", [(1, 1), (5, 1), (3, 4)])
@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (1, 3), (2, 2)])
def test_channels_each_by_itself_at_many_sizes(size, copies, dilation):
    """The same of a DepthwiseConv2D: the channels one after the other, `copies` times."""
    weights = RNG.integers(-3, 4, (*size, 8 * copies, 1)).astype(np.float32)
    bias = RNG.integers(-9, 10, 8 * copies).astype(np.float32)
    x = RNG.integers(0, 9, (1, 12, 14, 8)).astype(np.float32)
    found = of_one_step(Depthwise(size, 8, copies, dilation), weights, bias, x)
    seen = np.concatenate([windows(x[0], size, (1, 1), dilation)] * copies, axis=2)
    assert np.array_equal(found, np.einsum("hwcij,ijc->hwc", seen, weights[..., 0]) + bias)


def of_one_step(step, weights, bias, x):
    """(H, W, filters) of a step by its shipped form."""
    part = Part((step,), (Weights(weights), Weights(bias)), x.shape[3])
    run = function(filled(shipped.read(form_of(part)), part))
    return run(x.shape, lambda into: np.copyto(into, x), np.copy)[0]


def windows(x, size, strides, dilation):
    """(H, W, C, kh, kw): the pixels that each result of a valid convolution sees."""
    extent = tuple((taps - 1) * apart + 1 for taps, apart in zip(size, dilation, strict=True))
    found = np.lib.stride_tricks.sliding_window_view(x, extent, (0, 1))
    return found[:: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]


def test_the_versions_decide_nothing_of_what_is_shipped(nothing_else, monkeypatch):
    """The rule: shipped forms are used with every version that convfilter allows."""
    monkeypatch.setattr("convfilter.engines.fingerprint.versions", lambda: ("keras-99.dist-info",))
    made_by.cache_clear()
    check("sobel")
    made_by.cache_clear()
