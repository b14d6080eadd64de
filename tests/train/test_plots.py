"""A run's pictures, through what the figures hold before they are saved."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from convfilter.errors import ConvfilterError, DataError, FilterError
from convfilter.train.data.dataset import Data, Dataset
from convfilter.train.plots import write_all
from convfilter.train.plots.curves import draw_learning_curves
from convfilter.train.plots.data import draw_augmented, draw_label_counts, draw_sample_digits
from convfilter.train.plots.errors import draw_confusion_matrix, draw_worst_errors, rank_errors
from convfilter.train.plots.figures import save
from convfilter.train.plots.kernels import draw_first_kernels, first_conv

HISTORY = [
    {"epoch": 1, "rate": 1e-3, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.3, "val_accuracy": 0.9},
    {"epoch": 2, "rate": 1e-3, "loss": 0.3, "accuracy": 0.9, "val_loss": 0.2, "val_accuracy": 0.96},
    {"epoch": 3, "rate": 5e-4, "loss": 0.2, "accuracy": 0.95, "val_loss": 0.25, "val_accuracy": 0.94},
]
FLIP = SimpleNamespace(__name__="recipes.flip", batch=lambda images, rng: images[:, :, ::-1])
MEMBERS = ("label-counts", "sample-digits", "augmented", "learning-curves", "confusion-matrix")
ALL = [f"{name}.png" for name in (*MEMBERS, "worst-errors", "first-kernels")]


@pytest.fixture(scope="module")
def data() -> Data:
    """scikit-learn's 1,797 digits of 8×8: the first 1,000 to train on, 300 more as the test."""
    images, labels = load_digits(return_X_y=True)
    images = np.round(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    labels = labels.astype(np.int64)
    train, test = Dataset(images[:1000], labels[:1000]), Dataset(images[1000:1300], labels[1000:1300])
    return Data("digits", tuple("0123456789"), train, test, None, "digits")


def network(channels=1, filters=6, size=3):
    """A convolution with weights of its own numbers, and a softmax."""
    from convfilter.model.boot import keras

    keras.utils.set_random_seed(3)
    conv = keras.layers.Conv2D(filters, size, name="conv1")
    flat = [keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((8, 8, channels)), conv, *flat])


def tile(axes, row: int, column: int, side: int) -> np.ndarray:
    """The tile of a mosaic whose centre is at (column, row), without the gap around it."""
    image = np.asarray(axes.images[0].get_array().filled(np.nan))
    left, right, bottom, top = axes.images[0].get_extent()
    height, width = round(image.shape[0] / (bottom - top)), round(image.shape[1] / (right - left))
    gap = (height - side) // 2
    y, x = row * height + gap, column * width + (width - side) // 2
    return image[y : y + side, x : x + side]


def opened(path) -> np.ndarray:
    """The pixels of a PNG, (H, W, 3)."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_label_counts_are_the_lengths_of_the_bars(data):
    """The bars of both panels are as long as the classes have pictures, and follow the data."""
    for each in (data, replace(data, train=data.train.take(np.arange(100)))):
        panels = draw_label_counts(each).axes
        for axes, part in zip(panels, (each.train, each.test), strict=True):
            lengths = [bar.get_width() for bar in axes.patches]
            assert lengths == [int((part.labels == label).sum()) for label in range(10)]
            assert f"{len(part):,} pictures" in axes.get_title(loc="left")
            assert [text.get_text() for text in axes.texts] == [str(int(n)) for n in lengths]


def test_label_counts_without_test_labels_have_one_panel(data):
    """Pictures without labels are not counted."""
    assert len(draw_label_counts(replace(data, test=None)).axes) == 1
    unlabelled = replace(data, test=Dataset(data.test.images, None))
    assert len(draw_label_counts(unlabelled).axes) == 1


def test_sample_digits_show_each_class_in_its_row(data):
    """Every tile is a picture of its row's class, and tiles that a class has no picture for are white."""
    few = data.train.take(np.flatnonzero((data.train.labels != 4) | (np.arange(1000) < 30)))
    fours = int((few.labels == 4).sum())
    assert 0 < fours < 12
    axes = draw_sample_digits(few, data.classes).axes[0]
    for label in range(10):
        own = few.images[few.labels == label][..., 0] / np.float32(255)
        for column in range(12):
            shown = tile(axes, label, column, 8)
            if label == 4 and column >= fours:
                assert (shown == 1).all()
            else:
                assert (shown == own).all((1, 2)).any()
    assert [text.get_text() for text in axes.get_yticklabels()] == list(data.classes)


def test_augmented_shows_the_original_beside_the_recipes_batch(data):
    """The first column is the data's own picture and the last ten are what recipe.batch returns."""
    axes = draw_augmented(FLIP, data.train, seed=1).axes[0]
    for row in range(10):
        own = data.train.images[np.argmax(data.train.labels == row), ..., 0] / np.float32(255)
        assert np.array_equal(tile(axes, row, 0, 8), own)
        for column in range(2, 12):
            assert np.array_equal(tile(axes, row, column, 8), own[:, ::-1])
    assert "flip" in axes.get_title(loc="left")


def test_augmented_by_the_article_depends_on_the_seed_alone(data):
    """The article's recipe makes the same versions for the same seed, others for another, each its own."""
    from convfilter.train.recipes import article

    drawn = [draw_augmented(article, data.train, seed).axes[0] for seed in (1, 1, 2)]
    first, again, other = (np.asarray(axes.images[0].get_array()) for axes in drawn)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(tile(drawn[0], 3, 2, 8), tile(drawn[0], 3, 3, 8))


def test_learning_curves_are_the_history():
    """The lines are the history's columns; the ring is at the best validation accuracy; rates are on a log axis."""
    loss, accuracy, rate = draw_learning_curves(HISTORY).axes
    for axes, keys in (
        (loss, ("loss", "val_loss")),
        (accuracy, ("accuracy", "val_accuracy")),
        (rate, ("rate",)),
    ):
        for line, key in zip(axes.lines, keys, strict=False):
            assert list(line.get_xdata()) == [1, 2, 3]
            assert list(line.get_ydata()) == [row[key] for row in HISTORY]
    assert list(accuracy.lines[2].get_xydata()[0]) == [2, 0.96]
    assert "96.00 % in epoch 2" in accuracy.lines[2].get_label()
    assert (rate.get_yscale(), loss.get_yscale()) == ("log", "linear")


@pytest.mark.parametrize("rate", [1e-3, 0.0])
def test_learning_curves_of_one_epoch_without_validation(tmp_path, rate):
    """One epoch without validation has one point a panel and whole epochs on its axis, at any rate."""
    history = [{"epoch": 1, "rate": rate, "loss": 0.5, "accuracy": 0.8}]
    figure = draw_learning_curves(history)
    assert [len(axes.lines) for axes in figure.axes] == [1, 1, 1]
    figure.draw_without_rendering()
    assert [tick for tick in figure.axes[2].get_xticks() if 0.5 <= tick <= 1.5] == [1]
    save(figure, tmp_path / "curves.png")
    assert opened(tmp_path / "curves.png").shape[1] > 600


def test_learning_curves_of_a_diverged_run_are_drawn(tmp_path):
    """A loss of NaN leaves a hole in the curve, not an exception."""
    save(
        draw_learning_curves([*HISTORY, {**HISTORY[0], "epoch": 4, "loss": np.nan}]), tmp_path / "curves.png"
    )


def test_learning_curves_of_no_epoch_are_an_error():
    """Without a history there is nothing to draw, and the error says so."""
    with pytest.raises(DataError, match="no epoch"):
        draw_learning_curves([])


def test_confusion_matrix_numbers_and_colours():
    """Errors are coloured by their share of the row, right answers masked out; the numbers are the counts."""
    counts = np.array([[8, 2, 0], [1, 0, 3], [0, 0, 0]])
    axes = draw_confusion_matrix(counts, ["a", "b", "c"]).axes[0]
    errors, diagonal = (mesh.get_array() for mesh in axes.collections)
    assert errors.filled(-1).tolist() == [[-1, 0.2, -1], [0.25, -1, 0.75], [-1, -1, -1]]
    assert axes.collections[0].get_clim() == (0, 0.75)
    assert (~np.ma.getmaskarray(diagonal)).tolist() == np.eye(3, dtype=bool).tolist()
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert {place: cells.get(place) for place in [(0, 0), (1, 0), (0, 1), (2, 1), (2, 2)]} == {
        (0, 0): "8",
        (1, 0): "2",
        (0, 1): "1",
        (2, 1): "3",
        (2, 2): None,
    }
    assert [cells.get((3.2, row)) for row in range(3)] == ["80.0 %", "0.0 %", None]
    assert axes.get_title(loc="left") == "6 errors among 14 pictures"


def test_confusion_matrix_of_many_classes_has_no_numbers(tmp_path):
    """Thirty classes are drawn by colour alone, and a matrix without errors is drawn too."""
    figure = draw_confusion_matrix(np.eye(30, dtype=int), [f"class {i}" for i in range(30)])
    assert not figure.axes[0].texts
    save(figure, tmp_path / "c.png")
    assert max(opened(tmp_path / "c.png").shape) < 2500


def test_errors_are_ranked_by_confidence():
    """The ranking is Python's stable sort of the wrong answers by falling probability."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 300)
    probabilities = np.round(rng.dirichlet(np.ones(4), 300), 1)  # rounded: many equals
    wrong = [i for i in range(300) if list(probabilities[i]).index(max(probabilities[i])) != labels[i]]
    expected = sorted(wrong, key=lambda i: -max(probabilities[i]))
    assert rank_errors(labels, probabilities).tolist() == expected


def test_worst_errors_name_true_predicted_and_probability(data):
    """Pictures and titles are those of the ranking, at most `count` of them."""
    probabilities = np.random.default_rng(2).dirichlet(np.ones(10), 300)
    figure = draw_worst_errors(data.test, probabilities, data.classes, count=8)
    ranked = rank_errors(data.test.labels, probabilities)
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 8
    for axes, i in zip(shown, ranked, strict=False):
        answer = probabilities[i].argmax()
        said = f"{data.test.labels[i]} → {answer}\n{100 * probabilities[i, answer]:.1f} %"
        assert axes.get_title() == said
        assert np.array_equal(
            axes.images[0].get_array(), data.test.images[i, ..., 0].astype(np.float32) / np.float32(255)
        )
    assert figure.get_suptitle().startswith(f"The 8 surest of {len(ranked)} errors among 300")


def test_no_errors_and_one_error(data, tmp_path):
    """A perfect model gets a picture that says so; one error is called one."""
    perfect = np.eye(10)[data.test.labels]
    figure = draw_worst_errors(data.test, perfect, data.classes)
    assert figure.get_suptitle() == "No errors among 300 pictures"
    save(figure, tmp_path / "none.png")
    assert opened(tmp_path / "none.png").min() < 100
    perfect[7] = np.roll(perfect[7], 1)
    said = draw_worst_errors(data.test, perfect, data.classes).get_suptitle()
    assert said.startswith("One error among 300 pictures")


def test_first_kernels_are_the_layers_weights():
    """Each tile is a kernel in the layer's order, each weight a block, on a scale symmetric about 0."""
    model = network()
    weights = np.asarray(model.get_layer("conv1").kernel)  # (3, 3, 1, 6)
    axes = draw_first_kernels(model).axes[0]
    most = np.abs(weights).max()
    assert axes.images[0].get_clim() == pytest.approx((-most, most))
    columns = round(axes.get_xlim()[1] + 0.5)
    for k in range(6):
        shown = tile(axes, k // columns, k % columns, 12)
        assert np.array_equal(shown, np.kron(weights[..., 0, k], np.ones((4, 4))))


def test_first_kernels_of_colour_stand_side_by_side():
    """A kernel of three channels is three squares with a white line between."""
    model = network(channels=3, filters=1)
    weights = np.asarray(model.get_layer("conv1").kernel)
    axes = draw_first_kernels(model).axes[0]
    image = np.asarray(axes.images[0].get_array().filled(np.nan))
    drawn = image[~np.isnan(image).all(1)]
    drawn = drawn[:, ~np.isnan(drawn).all(0)]
    expected = np.hstack([np.kron(weights[..., c, 0], np.ones((4, 4))) for c in range(3)])
    assert np.array_equal(drawn, expected)
    assert np.isnan(image).all(0).sum() == 2 + 2  # a gap on both sides, two lines within


def test_first_kernels_of_many_channels_are_their_mean():
    """Of more than four channels the mean is drawn, and the title says so."""
    model = network(channels=8, filters=2)
    axes = draw_first_kernels(model).axes[0]
    mean = np.asarray(model.get_layer("conv1").kernel).astype(float).mean(2)[..., 1]
    assert np.allclose(tile(axes, 0, 1, 12)[::4, ::4], mean)
    assert "mean of 8 channels" in axes.get_title(loc="left")


def test_first_conv_is_found_within_a_model_and_its_absence_told():
    """A Conv2D in a model within a model counts; a model without one is a FilterError."""
    from convfilter.model.boot import keras

    outer = keras.Sequential([keras.Input((8, 8, 1)), network()])
    assert first_conv(outer).name == "conv1"
    dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(FilterError, match="no Conv2D"):
        draw_first_kernels(dense)


def test_awkward_class_names_are_drawn_without_a_warning(data, tmp_path):
    """Dollars stay dollars, long names are cut, and a name that the font lacks becomes its number."""
    names = ("$a$ $", "数字", "line\nbreak", "", "a name that goes on and on", r"\$", "^_{", "7", "8", "9")
    figure = draw_label_counts(replace(data, classes=names))
    save(figure, tmp_path / "names.png")
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown[:5] == [r"\$a\$ \$", "#1", "#2", "#3", "a name that g…"]
    save(draw_confusion_matrix(np.eye(10, dtype=int), names), tmp_path / "c.png")
    probabilities = np.roll(np.eye(10)[data.test.labels], 1, axis=1)
    save(draw_worst_errors(data.test, probabilities, names), tmp_path / "w.png")


def report_of(model, data):
    from convfilter.train.evaluation import assess

    return {"confusion": assess(model, data.test, 10)[1]}


@pytest.mark.slow
def test_write_all_writes_every_picture_and_all_follow_the_data(data, tmp_path):
    """Seven PNGs of at most 200 kB; another run's are all different."""
    model = network()
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    written = write_all(first, data, model, FLIP, HISTORY, report_of(model, data), 1)
    assert [path.name for path in written] == ALL
    assert sorted(path.name for path in first.iterdir()) == sorted(ALL)
    other = replace(data, train=data.train.take(np.arange(1, 1000)))
    kernel = model.get_layer("conv1").kernel
    kernel.assign(np.asarray(kernel)[..., ::-1])
    write_all(second, other, model, FLIP, HISTORY[:2], report_of(model, data), 1)
    for name in ALL:
        assert (first / name).read_bytes() != (second / name).read_bytes()
        assert (first / name).stat().st_size <= 200_000
        pixels = opened(first / name)
        assert pixels.shape[1] >= 300
        assert len(np.unique(pixels @ [1, 256, 65536])) > 20  # colours


def test_write_all_leaves_out_what_the_run_has_nothing_for(data, tmp_path):
    """Without labelled test pictures there are no errors to draw."""
    written = write_all(tmp_path, replace(data, test=None), network(), FLIP, HISTORY, {}, 1)
    assert [path.name for path in written] == [*ALL[:4], ALL[6]]


def test_an_error_is_not_hidden_and_leaves_no_half_set(data, tmp_path):
    """A report without the confusion matrix raises before anything is written."""
    with pytest.raises(KeyError):
        write_all(tmp_path, data, network(), FLIP, HISTORY, {}, 1)
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_error_says_how_to_get_it(data, tmp_path, monkeypatch):
    """A missing matplotlib is a ConvfilterError that names pip install, and nothing is written."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConvfilterError, match="pip install matplotlib"):
        write_all(tmp_path, data, None, FLIP, HISTORY, {}, 1)
    with pytest.raises(ConvfilterError, match="pip install matplotlib"):
        draw_label_counts(data)
    assert not list(tmp_path.iterdir())


def test_matplotlibs_global_state_is_untouched(data, tmp_path, monkeypatch):
    """Neither rcParams nor pyplot is touched."""
    import matplotlib

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    before = dict(matplotlib.rcParams)
    save(draw_label_counts(data), tmp_path / "labels.png")
    assert dict(matplotlib.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules
