"""Laws that hold for every picture: hypothesis draws pictures of up to 16×16 and a few fixed filters.

Pixels and weights are whole numbers, so both sides of an equation are the same to the last bit. Each new
filter costs a new network, which is why they are few.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import convfilter
from convfilter.processing.apply import apply

MATRICES = {
    "3×3": np.array([[1, -2, 3], [-4, 5, -6], [7, 8, -9]]),
    "2×3": np.array([[3, -1, 4], [1, -5, 9]]),
    "5×4": np.random.default_rng(1).integers(-9, 10, (5, 4)),
    "1×1": np.array([[-3]]),
}
ANCHORS = {"3×3": (1, 1), "2×3": (0, 2), "5×4": (4, 1), "1×1": (0, 0)}
KERNELS = {
    name: convfilter.make_kernel(matrix, name=name, anchor=list(ANCHORS[name]))
    for name, matrix in MATRICES.items()
}
BORDERS = ("zero", "edge", "reflect", "symmetric", "wrap")
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.sampled_from(sorted(KERNELS))
borders = st.sampled_from(BORDERS)
sizes = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16)


def pictures(shape=sizes, dtype=np.uint8):
    """Pictures of bytes; few levels now and then, so that flat areas and black ones turn up."""
    levels = st.one_of(st.integers(0, 255), st.sampled_from([0, 255]))
    return arrays.arrays(dtype, shape, elements=levels, fill=st.nothing())


def raw(what, picture, **chosen):
    return apply(what, picture, range="raw", **chosen)


@few
@given(data=st.data(), name=names, border=borders, a=st.integers(-3, 3), b=st.integers(-3, 3))
def test_linearity(data, name, border, a, b):
    """F(a·x + b·y) = a·F(x) + b·F(y), under every border."""
    shape = data.draw(sizes)
    x, y = (np.float32(data.draw(pictures(shape))) for _ in range(2))
    expected = a * raw(KERNELS[name], x, border=border) + b * raw(KERNELS[name], y, border=border)
    assert np.array_equal(raw(KERNELS[name], a * x + b * y, border=border), expected)


@few
@given(picture=pictures(), name=names, down=st.integers(-20, 20), right=st.integers(-20, 20))
def test_shift_equivariance(picture, name, down, right):
    """With a border that wraps, filtering the shifted picture shifts the filtered one."""
    shifted = np.roll(picture, (down, right), (0, 1))
    expected = np.roll(raw(KERNELS[name], picture, border="wrap"), (down, right), (0, 1))
    assert np.array_equal(raw(KERNELS[name], shifted, border="wrap"), expected)


@few
@given(data=st.data(), down=st.integers(0, 3), right=st.integers(0, 3))
def test_strided_shift_equivariance(data, down, right):
    """A shift by whole strides (2, 3) of a wrapped picture shifts the strided result by as many pixels."""
    rows, columns = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    picture = data.draw(pictures((2 * rows, 3 * columns)))
    chosen = {"border": "wrap", "strides": (2, 3)}
    shifted = np.roll(picture, (2 * down, 3 * right), (0, 1))
    expected = np.roll(raw(KERNELS["3×3"], picture, **chosen), (down, right), (0, 1))
    assert np.array_equal(raw(KERNELS["3×3"], shifted, **chosen), expected)


@few
@given(
    picture=st.one_of(
        pictures(),
        arrays.arrays(np.uint16, sizes, elements=st.integers(0, 65535)),
        arrays.arrays(np.float32, sizes, elements=st.floats(-8, 8, width=32, allow_subnormal=False)),
    ),
    border=borders,
)
def test_identity(picture, border):
    """The identity gives the same array back, in any depth and under any border."""
    found = apply("identity", picture, border=border)
    assert found.dtype == picture.dtype
    assert np.array_equal(found, picture)


FLIPS = {"up-down": np.s_[::-1], "left-right": np.s_[:, ::-1], "half turn": np.s_[::-1, ::-1]}


@few
@given(
    picture=pictures(),
    name=st.sampled_from(["3×3", "5×4"]),
    how=st.sampled_from(sorted(FLIPS)),
    border=borders,
)
def test_flip_symmetry(picture, name, how, border):
    """Flipping picture and kernel (and its anchor) flips the result."""
    flip, matrix = FLIPS[how], MATRICES[name]
    where = np.zeros(matrix.shape, bool)
    where[ANCHORS[name]] = True
    anchor = [int(axis[0]) for axis in np.nonzero(where[flip])]
    flipped = convfilter.make_kernel(matrix[flip], anchor=anchor)
    expected = raw(KERNELS[name], picture, border=border)[flip]
    assert np.array_equal(raw(flipped, picture[flip], border=border), expected)


@few
@given(picture=pictures(), name=names, border=borders)
def test_transposition(picture, name, border):
    """Transposing picture, kernel and anchor transposes the result: rows and columns are treated alike."""
    turned = convfilter.make_kernel(MATRICES[name].T, anchor=list(ANCHORS[name][::-1]))
    expected = raw(KERNELS[name], picture, border=border).T
    assert np.array_equal(raw(turned, picture.T, border=border), expected)


@few
@given(picture=pictures(), name=names, border=borders)
def test_convolution_is_correlation_with_the_turned_kernel(picture, name, border):
    """flip: true of the turned matrix is the kernel itself; of the matrix, it filters the turned picture."""
    matrix, anchor = MATRICES[name], ANCHORS[name]
    turned = [side - 1 - place for side, place in zip(matrix.shape, anchor, strict=True)]
    again = convfilter.make_kernel(matrix[::-1, ::-1], anchor=turned, flip=True)
    assert np.array_equal(raw(again, picture, border=border), raw(KERNELS[name], picture, border=border))
    convolution = convfilter.make_kernel(matrix, anchor=list(anchor), flip=True)
    expected = raw(KERNELS[name], picture[::-1, ::-1], border=border)[::-1, ::-1]
    assert np.array_equal(raw(convolution, picture, border=border), expected)


@few
@given(picture=pictures(arrays.array_shapes(min_dims=2, max_dims=2, min_side=8, max_side=16)))
def test_two_kernels_commute_in_the_interior(picture):
    """Where no border is seen, the order of two linear filters doesn't matter; with wrap, nowhere."""
    one, other = KERNELS["3×3"], KERNELS["5×4"]
    valid = raw([one, other], picture, pad="valid")
    assert valid.shape == (picture.shape[0] - 6, picture.shape[1] - 5)
    assert np.array_equal(valid, raw([other, one], picture, pad="valid"))
    wrapped = raw([one, other], picture, border="wrap")
    assert np.array_equal(wrapped, raw([other, one], picture, border="wrap"))
    assert np.array_equal(wrapped[5:-5, 4:-4], raw([one, other], picture)[5:-5, 4:-4])


@few
@given(picture=pictures(), border=borders)
def test_a_chain_is_one_after_the_other(picture, border):
    """Filters in a row are one network that gives what each gives on the raw result before it."""
    row = [KERNELS["2×3"], "sobel-x", KERNELS["1×1"]]
    expected = picture
    for what in row:
        expected = raw(what, expected, border=border)
    assert np.array_equal(raw(row, picture, border=border), expected)
    pooled = raw(row, np.pad(picture, 1), border=border, pool=(2, 2))
    steps = np.pad(picture, 1)
    for what in row[:-1]:
        steps = raw(what, steps, border=border)
    assert np.array_equal(pooled, raw(row[-1], steps, border=border, pool=(2, 2)))


@pytest.mark.slow
@few
@given(
    level=st.integers(0, 255),
    shape=arrays.array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=16),
    mode=st.sampled_from(["max", "average"]),
)
def test_pools_of_a_constant(level, shape, mode):
    """A pool of a constant picture is the constant, in as many pixels as whole blocks fit."""
    picture = np.full(shape, level, np.uint8)
    found = raw("identity", picture, pool=(3, 2), pool_mode=mode)
    assert found.shape == (shape[0] // 3, shape[1] // 2)
    assert (found == level).all()


@few
@given(picture=pictures(arrays.array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=16)))
def test_pools_bound_each_other(picture):
    """The largest of a block is no less than its average, and a max-pool of the negative is minus the
    smallest."""
    largest, average = (raw("identity", picture, pool=(3, 2), pool_mode=mode) for mode in ("max", "average"))
    assert (largest >= average - 1e-4).all()
    negative = raw("identity", -np.float32(picture), pool=(3, 2))
    assert (-negative <= average + 1e-4).all()
    assert set(np.unique(largest)) <= set(np.unique(picture))


@few
@given(level=st.integers(0, 255), shape=sizes, name=names, border=st.sampled_from(BORDERS[1:]))
def test_a_constant_picture_becomes_the_kernels_sum(level, shape, name, border):
    """Under a border that goes on with the picture, a constant is multiplied by the kernel's sum, everywhere."""
    found = raw(KERNELS[name], np.full(shape, level, np.uint8), border=border)
    assert (found == level * MATRICES[name].sum()).all()


@few
@given(name=names, border=st.sampled_from(["zero", "wrap"]), data=st.data())
def test_an_impulse_shows_the_kernel(name, border, data):
    """A white pixel becomes the kernel turned by 180° about its anchor, the definition of a correlation."""
    matrix, anchor = MATRICES[name], ANCHORS[name]
    row, column = data.draw(st.integers(5, 10)), data.draw(st.integers(5, 10))
    picture = np.zeros((16, 16), np.uint8)
    picture[row, column] = 1
    expected = np.zeros((16, 16))
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            expected[row - i + anchor[0], column - j + anchor[1]] = matrix[i, j]
    assert np.array_equal(raw(KERNELS[name], picture, border=border), expected)


@few
@given(picture=pictures(), border=borders)
def test_a_magnitude_is_blind_to_the_sign(picture, border):
    """`sobel` of the negative is `sobel` of the picture, and never below either direction."""
    negative = 255 - np.float32(picture)
    found = raw("sobel", np.float32(picture), border=border)
    if border != "zero":
        assert np.array_equal(found, raw("sobel", negative, border=border))
    for name in ("sobel-x", "sobel-y"):
        assert (found >= np.abs(raw(name, np.float32(picture), border=border)) * (1 - 1e-6)).all()


@pytest.mark.slow
@pytest.mark.parametrize("border", BORDERS)
@few
@given(picture=pictures())
def test_data_formats_agree(border, picture):
    """channels_first and channels_last are one result, a bank included."""
    last, first = (
        raw("kirsch", picture, border=border, combine="none", data_format=data_format)
        for data_format in ("channels_last", "channels_first")
    )
    assert last.shape == (*picture.shape, 8)
    assert np.array_equal(last, first)
