"""Gains: the largest and smallest result, against all corners of the input, linear programs and search."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import expit, log_expit

from convfilter.filters.bounds import Bounds, bounds
from convfilter.filters.catalogue import files, load_kernel
from convfilter.filters.conv import Conv
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline, chain
from convfilter.filters.settings import Settings

# Keras' definitions, one number at a time.
ACTIVATIONS = {
    "linear": lambda x: x,
    "abs": np.abs,
    "relu": lambda x: np.where(x > 0, x, 0),
    "relu6": lambda x: np.minimum(np.where(x > 0, x, 0), 6),
    "leaky_relu": lambda x: np.where(x > 0, x, x * 0.2),
    "sigmoid": expit,
    "hard_sigmoid": lambda x: np.where(x < -3, 0, np.where(x > 3, 1, x / 6 + 0.5)),
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.where(x < -1, -1, np.where(x > 1, 1, x)),
    "softplus": lambda x: -log_expit(-x),
    "softsign": lambda x: x / (np.abs(x) + 1),
}
COMBINES = {
    "none": lambda v: v,
    "magnitude": lambda v: np.hypot.reduce(v, axis=1),
    "max": lambda v: v.max(1),
    "absmax": lambda v: abs(v).max(1),
    "sum": lambda v: v.sum(1),
    "mean": lambda v: v.mean(1),
}


def results(kernel, inputs, full=1.0):
    """The results (points[, filters]) of windows (points, kh·kw·in), written out."""
    linear = inputs @ kernel.weights.reshape(-1, kernel.filters) + kernel.bias * full
    return COMBINES[kernel.combine](ACTIVATIONS[kernel.activation](linear))


def gain(kernel, full=1.0):
    return bounds(chain([kernel], Settings(pad="valid")), full)


def corners(taps):
    return np.array(list(itertools.product((0.0, 1.0), repeat=taps)))


def highest_is_exact(kernel):
    """Where `high` must be reached and not only hold: everything but what the filters cannot all reach at
    once. A sum of filters is one linear filter until each has been bent by an activation."""
    bent = kernel.activation != "linear"
    if kernel.combine == "magnitude":
        return kernel.activation in ("linear", "abs", "relu", "leaky_relu")
    return not (bent and kernel.combine in ("sum", "mean")) or kernel.filters == 1


@st.composite
def small_kernels(draw):
    """Banks of small whole numbers, with up to 8 taps."""
    kh, kw, into = draw(st.sampled_from([(1, 1, 1), (1, 3, 1), (2, 2, 1), (2, 3, 1), (2, 4, 1), (2, 2, 2)]))
    filters = draw(st.integers(1, 4))
    numbers = st.lists(
        st.integers(-3, 3), min_size=kh * kw * into * filters, max_size=kh * kw * into * filters
    )
    biases = st.lists(st.sampled_from([-2, -0.5, 0, 0, 1]), min_size=filters, max_size=filters)
    return make_kernel(
        np.reshape(draw(numbers), (kh, kw, into, filters)).astype(float),
        bias=draw(biases),
        activation=draw(st.sampled_from(sorted(ACTIVATIONS))),
        combine=draw(st.sampled_from(sorted(COMBINES))),
    )


@settings(deadline=None, max_examples=600)
@given(small_kernels(), st.sampled_from([1.0, 255.0]))
def test_the_gain_is_what_the_corners_give(kernel, full):
    """Of all 2^n corners of the input: the largest result is `high`; none is below `low`, which is reached
    where the bounds are said to be exact. Points within the box stay inside, too."""
    found = gain(kernel, full)
    taps = kernel.weights[..., 0].size
    inside = np.random.default_rng(0).random((200, taps))
    at_corners = results(kernel, corners(taps) * full, full)
    near = {"rel": 1e-9, "abs": 1e-9}
    assert results(kernel, inside * full, full).min() >= found.low - 1e-9 * full
    assert results(kernel, inside * full, full).max() <= found.high + 1e-9 * full
    assert at_corners.min() >= found.low - 1e-9 * full
    assert at_corners.max() <= found.high + 1e-9 * full
    if found.exact or highest_is_exact(kernel):
        assert at_corners.max() == pytest.approx(found.high, **near)
    if found.exact and not (
        kernel.activation == "abs" and kernel.combine == "none"
    ):  # |x| is 0 between corners
        assert at_corners.min() == pytest.approx(found.low, **near)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=4, max_size=4), st.sampled_from([-2, -0.5, 0, 1]))
def test_the_gain_of_an_absolute_value(weights, bias):
    """|x| is smallest where x is 0, if it can be, and at an end otherwise."""
    found = gain(make_kernel([weights], bias=bias, activation="abs"))
    low = sum(w for w in weights if w < 0) + bias
    high = sum(w for w in weights if w > 0) + bias
    assert (found.low, found.high) == (max(low, -high, 0), max(abs(low), abs(high)))
    assert found.exact


@pytest.mark.parametrize("name", sorted(COMBINES))
def test_one_linear_filter_is_always_exact(name):
    """Without an activation a single filter's bounds are sums of its weights, however "combined"."""
    found = gain(make_kernel([[[1, -2], [3, -4]]], combine=name))
    expected = {"magnitude": (0, 6), "absmax": (0, 6)}.get(name, (-6, 4))
    assert found == Bounds(*expected, exact=True)


@pytest.mark.parametrize(
    ("name", "square"),
    [("sobel", 20), ("prewitt", 10), ("scharr", 356), ("roberts", 2)],
)
def test_the_gain_of_a_gradient(name, square):
    """The magnitude's two directions are never at their largest at once: √20 for sobel, not √32."""
    found = gain(load_kernel(name))
    assert found.high == pytest.approx(square**0.5, rel=1e-12)
    assert (found.low, found.exact) == (0, True)
    assert found.largest == found.high


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.sampled_from([(1, 3), (2, 2), (3, 3)]))
def test_the_smallest_maximum_is_that_of_a_linear_program(seed, filters, size):
    """combine "max", whose minimum lies inside of the box: `low` never exceeds what linprog finds, and is
    that where exact; `high` is the largest of the filters'."""
    random = np.random.default_rng(seed)
    weights, bias = (
        random.integers(-3, 4, (filters, *size)).astype(float),
        random.integers(-1, 2, filters).astype(float),
    )
    found = gain(make_kernel(weights, combine="max", bias=bias.tolist()))
    taps = size[0] * size[1]
    # minimise t with weights·x + bias ≤ t
    solved = linprog(
        [0] * taps + [1],
        A_ub=np.column_stack([weights.reshape(filters, -1), -np.ones(filters)]),
        b_ub=-bias,
        bounds=[(0, 1)] * taps + [(None, None)],
    )
    assert found.low <= solved.fun + 1e-7
    if found.exact:
        assert found.low == pytest.approx(solved.fun, abs=1e-7)
    assert found.high == max(w[w > 0].sum() + b for w, b in zip(weights, bias, strict=True))


def search(kernel, seed, sign):
    """The largest (sign 1) or smallest (−1) result that a search over corners comes to: from black, white,
    the corners of the weights' signs and random ones, by turning the best single pixel again and again."""
    random = np.random.default_rng(seed)
    weights = kernel.weights.reshape(-1, kernel.filters)
    flat = np.array([[False], [True]]).repeat(len(weights), 1)
    starts = [flat, weights.T > 0, weights.T < 0, random.random((4, len(weights))) < 0.5]
    best = []
    for point in np.concatenate(starts).astype(float):
        value = (sign * results(kernel, point[None])).max()
        while True:
            turned = np.where(np.eye(len(point), dtype=bool), 1 - point, point)
            values = sign * results(kernel, turned)
            values = values.max(1) if values.ndim == 2 else values
            if values.max() <= value + 1e-12:
                break
            point, value = turned[values.argmax()], values.max()
        best.append(value)
    return sign * max(best)


@pytest.mark.parametrize("name", sorted(files()))
def test_no_input_leaves_a_shipped_kernels_gain(name):
    """Random inputs and those a local search finds stay within the bounds; where these are said to be
    exact, and for every single filter, the search reaches both."""
    kernel = load_kernel(name)
    found = gain(kernel)
    taps = kernel.weights[..., 0].size
    random = np.random.default_rng(7)
    slack = 1e-9 * found.largest
    for inputs in (random.random((500, taps)), (random.random((500, taps)) < 0.5).astype(float)):
        values = results(kernel, inputs)
        assert found.low - slack <= values.min()
        assert values.max() <= found.high + slack
    highest, lowest = search(kernel, 1, 1), search(kernel, 2, -1)
    assert found.low - slack <= lowest
    assert highest <= found.high + slack
    if found.exact or kernel.filters == 1:
        assert found.exact
        assert highest == pytest.approx(found.high, rel=1e-6)
        assert lowest == pytest.approx(found.low, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in sorted(files()) if load_kernel(name).filters == 1])
def test_a_single_filter_is_at_its_bounds_in_the_corner_of_its_signs(name):
    """White where the weight is positive gives the largest result, white where it is negative the smallest."""
    kernel = load_kernel(name)
    weights = kernel.weights.ravel()
    found = gain(kernel)
    assert results(kernel, (weights > 0)[None].astype(float)).item() == pytest.approx(found.high, rel=1e-12)
    assert results(kernel, (weights < 0)[None].astype(float)).item() == pytest.approx(found.low, rel=1e-12)


def test_the_gain_of_a_large_pair_is_found_at_once():
    """Two filters of 200×200 need no more than a sort: the vertices of a zonotope."""
    weights = np.random.default_rng(0).standard_normal((2, 200, 200))
    found = gain(make_kernel(weights, combine="magnitude"))
    angles = np.linspace(0, 2 * np.pi, 361)
    directions = np.stack([np.cos(angles), np.sin(angles)], 1)  # the largest push in each direction
    pushes = np.maximum(directions @ weights.reshape(2, -1), 0).sum(1)
    assert pushes.max() <= found.high * (1 + 1e-12)
    assert found.high == pytest.approx(pushes.max(), rel=1e-4)


@pytest.mark.parametrize(
    ("weights", "high"),
    [
        ([[[0, 0]], [[0, 0]]], 0),  # nothing at all
        ([[[1, 0]], [[0, 0]]], 1),  # one filter without weights
        ([[[1, -1]], [[1, -1]]], 2**0.5),  # equal filters: the edges are parallel
        ([[[1, -1]], [[-1, 1]]], 2**0.5),
        ([[[1, 1]], [[0, 0]]], 2),
        ([[[3, 0]], [[0, 4]]], 5),
    ],
)
def test_the_magnitude_of_degenerate_pairs(weights, high):
    """Empty, equal and opposite filters, and edges along the axes."""
    assert gain(make_kernel(weights, combine="magnitude")).high == pytest.approx(high, rel=1e-12)


# --- pipelines -----------------------------------------------------------------------------------


def conv(weights, **fields):
    kernel = make_kernel(weights)
    bias = np.broadcast_to(np.float64(fields.pop("bias", 0)), (kernel.filters,))
    return Conv("k", kernel.weights, bias, kernel.anchor, **fields)


EDGE = [[-1, 1]]
PIPELINES = {
    "input": ((Pool((2, 2)),), Bounds(0, 1, True)),
    "pooled input": ((Pool((2, 2), "average"), conv(EDGE)), Bounds(-1, 1, True)),
    "pad and conv": ((Pad(1, 1, 1, 1), conv(EDGE)), Bounds(-1, 1, True)),
    "pad of edge": ((Pad(1, 1, 1, 1, "edge"), conv(EDGE)), Bounds(-1, 1, True)),
    "pad after": ((conv([[2]], bias=3), Pad(1, 1, 1, 1)), Bounds(0, 5, False)),
    "cover after": ((conv([[-2]], bias=-3), CoverPad(), conv([[1]])), Bounds(-5, 0, False)),
    "edge after": ((conv([[2]], bias=3), Pad(1, 1, 1, 1, "edge")), Bounds(3, 5, True)),
    "pool after": ((conv(EDGE), Pool((2, 2))), Bounds(-1, 1, False)),
    "pool of 1": ((conv(EDGE), Pool((1, 1))), Bounds(-1, 1, True)),
    "activation after": ((conv(EDGE), Activation("abs")), Bounds(0, 1, True)),
    "activation before": ((Activation("tanh"), conv(EDGE)), Bounds(-np.tanh(1), np.tanh(1), True)),
    "lifted border": (
        (Activation("sigmoid"), Pad(1, 1, 1, 1), conv([[1]])),
        Bounds(0, 1 / (1 + np.exp(-1)), False),
    ),
    "two convs": ((conv(EDGE), conv(EDGE)), Bounds(-2, 2, False)),
    "combine apart": ((conv([EDGE, EDGE]), Activation("relu"), Combine("sum")), Bounds(0, 2, False)),
    "combine alone": ((Combine("magnitude"),), Bounds(0, 1, False)),
    "combine of input": ((Combine("max"), conv(EDGE)), Bounds(-1, 1, False)),
    "combine absmax": ((conv([EDGE, EDGE]), Activation("linear"), Combine("absmax")), Bounds(0, 1, False)),
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("full", [1.0, 255.0])
def test_the_bounds_of_a_pipeline(name, full):
    """Layer by layer: true bounds always, exact ones only where no pixel is used twice; biases are
    fractions of full scale."""
    layers, expected = PIPELINES[name]
    found = bounds(Pipeline(layers), full)
    if any(isinstance(layer, Activation) and layer.function in ("tanh", "sigmoid") for layer in layers):
        function = {"activation before": np.tanh, "lifted border": ACTIVATIONS["sigmoid"]}[name]
        top = function(full)
        expected = Bounds(-top if name == "activation before" else 0, top, expected.exact)
        full = 1.0
    assert (found.low, found.high) == pytest.approx((expected.low * full, expected.high * full))
    assert found.exact == expected.exact


@pytest.mark.parametrize("activation", ["gelu", "swish", "softmax", "exponential", "tanh_shrink"])
def test_other_activations_have_no_known_bounds(activation):
    """Fused or a layer of its own, last or in the middle: None, and not a guess."""
    assert bounds(Pipeline((conv(EDGE, activation=activation),))) is None
    assert bounds(Pipeline((conv(EDGE), Activation(activation), conv(EDGE)))) is None


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from([
            Pad(1, 0, 1, 1), Pool((1, 2)), Pool((2, 1), "average"), Activation("relu"), Activation("abs"),
            Activation("tanh"), conv([[1, -2]]), conv([[1], [3]], bias=-1, activation="leaky_relu"),
            conv([[2, -1, 0]], bias=0.5, strides=(1, 2)),
        ]),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_no_picture_leaves_a_pipelines_bounds(layers, seed):
    """Black and white noise through random pipelines, layer by layer in NumPy, stays within the bounds."""
    found = bounds(Pipeline(tuple(layers)))
    random = np.random.default_rng(seed)
    x = (random.random((64, 50, 60)) < 0.5).astype(float)
    for layer in layers:
        if isinstance(layer, Pad):
            x = np.pad(x, ((0, 0), (layer.top, layer.bottom), (layer.left, layer.right)))
        elif isinstance(layer, Activation):
            x = ACTIVATIONS[layer.function](x)
        else:
            size, strides = (
                (layer.extent, layer.strides) if isinstance(layer, Conv) else (layer.size, layer.size)
            )
            windows = np.lib.stride_tricks.sliding_window_view(x, size, (1, 2))[
                :, :: strides[0], :: strides[1]
            ]
            if isinstance(layer, Conv):
                linear = np.einsum("nyxij,ij->nyx", windows, layer.weights[:, :, 0, 0]) + layer.bias
                x = ACTIVATIONS[layer.activation](linear)
            else:
                x = (np.max if layer.mode == "max" else np.mean)(windows, axis=(3, 4))
    assert found.low - 1e-9 <= x.min()
    assert x.max() <= found.high + 1e-9


def test_nearly_reached_is_not_exact():
    """The bound 510.0005 is a millionth above what the two corners reach, 510: that is not called exact."""
    kernel = make_kernel(
        [[[0]], [[0]], [[1]], [[-1]]], bias=[-2, -2, 1, 0], activation="softplus", combine="magnitude"
    )
    found = gain(kernel, 255.0)
    reached = max(
        np.sqrt(np.logaddexp([-510, -510, x + 255, -x], 0) @ np.logaddexp([-510, -510, x + 255, -x], 0))
        for x in (0.0, 255.0)
    )
    assert reached == pytest.approx(510.0, abs=1e-9)
    assert found.high > reached + 1e-4
    assert not found.exact
