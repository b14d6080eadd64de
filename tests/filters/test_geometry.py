"""Sizes, receptive fields and what moves along with a pipeline, against NumPy and perturbed pixels."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy_layers import MODES, conv, run

from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import (
    Field,
    flat_response,
    impulse_pipeline,
    receptive_fields,
    resolve_padding,
    sizes,
)
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline, chain
from convfilter.filters.settings import Settings

SIDES = [(1, 1), (2, 2), (3, 3), (2, 3), (5, 4), (1, 6)]
DILATIONS = [(1, 1), (2, 2), (1, 3)]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("dilation", DILATIONS)
def test_same_keeps_size_and_place(side, dilation):
    """ "same" keeps the size, and an impulse at the anchor leaves the picture where it is."""
    for anchor in itertools.product(range(side[0]), range(side[1])):
        weights = np.zeros(side)
        weights[anchor] = 1
        made = chain([make_kernel(weights, anchor=list(anchor))], Settings(dilation=dilation))
        picture = np.random.default_rng(1).random((7, 8, 1))
        assert sizes(made, (7, 8))[-1] == (7, 8)
        assert np.array_equal(run(made, picture), picture)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("dilation", DILATIONS)
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
@pytest.mark.parametrize("pad", ["same", "valid", (0, 0), (2, 2), (1, 3)])
def test_the_sizes_are_those_numpy_finds(side, dilation, strides, pad):
    """Rows and columns after every layer, for each padding, as the calculation in NumPy has them."""
    kernel = make_kernel(np.ones((2, *side)), combine="sum")
    settings = Settings(pad=pad, dilation=dilation, strides=strides, pool=(2, 1))
    made = chain([kernel], settings)
    for size in [(14, 19), (15, 16)]:
        found = sizes(made, size)
        for count in range(1, len(made.layers) + 1):
            picture = run(Pipeline(made.layers[:count]), np.ones((*size, 1)))
            assert found[count] == picture.shape[:2]
        assert found[0] == size
    if pad in ("valid", (0, 0)):
        assert not any(isinstance(layer, Pad) for layer in made.layers)
    elif pad != "same":
        assert made.layers[0] == Pad(pad[0], pad[0], pad[1], pad[1])


@pytest.mark.parametrize("border", MODES)
def test_the_border_reaches_the_pad(border):
    """The setting becomes the layer's, whichever way the amount is given."""
    kernel = make_kernel([[1, 2, 3]])
    for pad in ("same", (1, 2)):
        assert chain([kernel], Settings(pad=pad, border=border)).layers[0].border == border
    assert chain([kernel], Settings(pad="cover", border=border)).layers[0] == CoverPad(border)


def reached(length, pad, extent, stride):
    """Which pixels of a row some window reaches, `pad` pixels before and after it."""
    total = length + sum(pad)
    pixels = np.zeros(total, bool)
    for start in range(0, total - extent + 1, stride):
        pixels[start : start + extent] = True
    return pixels[pad[0] : pad[0] + length]


# Windows whose stride is larger leave gaps however they are padded.
COVERS = [
    (side, dilation, stride)
    for side, dilation, stride in itertools.product((1, 2, 3, 4, 7), (1, 2), (1, 2, 3, 5))
    if stride <= (side - 1) * dilation + 1
]


@pytest.mark.parametrize(("side", "dilation", "stride"), COVERS)
def test_cover_reaches_every_pixel_and_no_less_would_do(side, dilation, stride):
    """Every pixel lies in some window, and with one row or column less one would not, or none would fit."""
    extent = (side - 1) * dilation + 1
    layer = conv((side, side), (stride, stride), (dilation, dilation))
    for rows, columns in itertools.product(range(1, 14), (6, 11)):
        pad, _ = resolve_padding(Pipeline((CoverPad(), layer)), (rows, columns)).layers
        for length, (before, after) in (
            (rows, (pad.top, pad.bottom)),
            (columns, (pad.left, pad.right)),
        ):
            assert 0 <= after - before <= 1
            assert reached(length, (before, after), extent, stride).all()
            for less in [(before - 1, after), (before, after - 1)]:
                if min(less) >= 0:
                    assert not reached(length, less, extent, stride).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((9, 9), (0, 0, 0, 0)), ((10, 9), (1, 1, 0, 0)), ((9, 11), (0, 0, 0, 1)), ((1, 2), (1, 1, 0, 1))],
)
def test_cover_puts_the_odd_row_at_the_bottom_or_right(size, expected):
    """3×3 windows with strides of 3 fit 9 pixels; of what is missing, the smaller half goes first."""
    pipeline = Pipeline((CoverPad("edge"), conv((3, 3), (3, 3))))
    assert resolve_padding(pipeline, size).layers[0] == Pad(*expected, "edge")


def test_settling_goes_through_all_layers():
    """Each cover padding is resolved for the size that reaches it; the rest is left as it is."""
    first, second = conv((3, 3), (2, 2)), conv((2, 2), (3, 3))
    pipeline = Pipeline(
        (CoverPad(), first, Activation("relu"), CoverPad("wrap"), second, Pool((2, 2))), "p", "abs"
    )
    settled = resolve_padding(pipeline, (20, 10))  # → 21×11 → 10×5 → 11×5 → 4×2 → 2×1
    pads = (Pad(0, 1, 0, 1), Pad(0, 1, 0, 0, "wrap"))
    assert settled.layers == (pads[0], first, Activation("relu"), pads[1], second, Pool((2, 2)))
    assert sizes(settled, (20, 10)) == [(20, 10), (21, 11), (10, 5), (10, 5), (11, 5), (4, 2), (2, 1)]
    assert (settled.name, settled.range, settled.needs_size, pipeline.needs_size) == ("p", "abs", False, True)
    assert settled.digest != pipeline.digest
    assert resolve_padding(settled, (30, 30)) is settled


@pytest.mark.parametrize(
    ("layer", "size", "says"),
    [
        (
            conv((3, 5)),
            (2, 9),
            r"the kernel random \(3×5\) is larger than what it gets \(2×9\); use a larger",
        ),
        (
            conv((3, 5)),
            (9, 4),
            r"the kernel random \(3×5\) is larger than what it gets \(9×4\); use a larger",
        ),
        (
            conv((3, 3), dilation=(2, 1)),
            (4, 4),
            r"the kernel random \(5×3\) is larger than what it gets \(4×4\)",
        ),
        (Pool((2, 3)), (2, 2), r"the pool \(2×3\) is larger than what it gets \(2×2\); use a larger picture"),
    ],
)
def test_a_picture_that_is_too_small_is_told(layer, size, says):
    """A kernel or a pool that finds no place is an error, in sizes and in resolve_padding."""
    pipeline = Pipeline((layer,))
    for measure in (sizes, resolve_padding):
        with pytest.raises(FilterError, match=says):
            measure(pipeline, size)
    extent = layer.extent if isinstance(layer, Conv) else layer.size
    assert sizes(pipeline, extent)[-1] == (1, 1)


STACKS = {
    "one": (conv(),),
    "padded": (Pad(2, 1, 0, 3), conv((3, 2))),
    "two": (conv(), Activation("linear"), conv((5, 3))),
    "strided": (conv(strides=(2, 3)), conv((3, 3), (2, 1)), conv((2, 2))),
    "dilated": (conv(dilation=(2, 3)), conv((2, 3), dilation=(3, 1))),
    "pooled": (conv(), Pool((2, 3), "average"), conv((3, 2)), Pool((2, 2), "average")),
    "all": (
        Pad(1, 1, 1, 1),
        conv((3, 3), (2, 2), (2, 1), 2),
        Combine("sum"),
        Pool((2, 1), "average"),
        conv((2, 4)),
    ),
}


def extent_of(mask):
    """First and last true index."""
    found = np.flatnonzero(mask)
    return int(found[0]), int(found[-1])


@pytest.mark.parametrize("name", STACKS)
def test_receptive_fields_are_what_perturbing_pixels_shows(name):
    """An output sees as many rows and columns as there are pixels whose change it feels, and the next
    output sees those `stride` further on."""
    for count in range(1, len(STACKS[name]) + 1):
        pipeline = Pipeline(STACKS[name][:count])
        picture = np.zeros((40, 42, 1))
        blank = run(pipeline, picture)
        middle = blank.shape[0] // 2 - 1, blank.shape[1] // 2 - 1
        felt = np.zeros((3, 40, 42), bool)  # by an output, the one below it, the one to its right
        for pixel in np.ndindex(40, 42):
            changed = picture.copy()
            changed[pixel] = 1
            difference = (run(pipeline, changed) != blank).any(2)
            row, column = middle
            felt[(slice(None), *pixel)] = difference[[row, row + 1, row], [column, column, column + 1]]
        (top, bottom), (left, right) = extent_of(felt[0].any(1)), extent_of(felt[0].any(0))
        below, beside = extent_of(felt[1].any(1))[0], extent_of(felt[2].any(0))[0]
        expected = Field((bottom - top + 1, right - left + 1), (below - top, beside - left))
        assert receptive_fields(pipeline)[-1] == expected


@pytest.mark.parametrize("pad", ["same", "valid", (2, 1)])
@pytest.mark.parametrize("side", [(3, 3), (2, 4)])
def test_the_geometry_moves_a_plane_along(pad, side):
    """The geometry gives each output the input pixel under the anchors: rows and columns of a ramp."""
    kernel = make_kernel(np.ones((2, *side)), combine="magnitude", activation="relu", bias=0.5, anchor=[1, 0])
    made = chain([kernel, kernel], Settings(pad=pad, strides=(2, 1), dilation=(1, 2), values="unit"))
    moved = impulse_pipeline(made)
    rows, columns = np.mgrid[100:120, 200:225]
    steps, starts = (4, 1), (0, 0)
    if pad == "valid":  # the first window's anchor: 1 row down, then 1 more at the first stride
        starts = (1 + 2 * 1, 0)
    elif pad == (2, 1):
        starts = (1 - 2 + 2 * (1 - 2), -1 - 1)
    result = run(moved, np.stack([rows], 2).astype(float)), run(moved, np.stack([columns], 2).astype(float))
    size = sizes(made, (20, 25))[-1]
    wanted = 100 + starts[0] + steps[0] * np.arange(size[0]), 200 + starts[1] + steps[1] * np.arange(size[1])
    inside = np.outer((wanted[0] >= 100) & (wanted[0] < 120), (wanted[1] >= 200) & (wanted[1] < 225))
    assert inside.any()
    assert result[0].shape == (*size, 1)
    assert np.array_equal(result[0][inside, 0], np.repeat(wanted[0][:, None], size[1], 1)[inside])
    assert np.array_equal(result[1][inside, 0], np.repeat(wanted[1][None], size[0], 0)[inside])
    assert (moved.in_channels, moved.out_channels, moved.values) == (1, 1, "stored")


def test_the_geometry_keeps_sizes_and_leaves_functions_out():
    """Pads, pools and strides stay, pools average; activations, combines, biases and channels go."""
    layers = (CoverPad("wrap"), conv(into=3, filters=2, strides=(2, 2), activation="relu"), Activation("tanh"),
              Combine("max"), Pad(1, 2, 3, 4, "edge"), Pool((2, 3)))  # fmt: skip
    pipeline = Pipeline(layers, data_format="channels_first")
    moved = impulse_pipeline(pipeline)
    assert [type(layer) for layer in moved.layers] == [CoverPad, Conv, Pad, Pool]
    assert (moved.layers[2:], moved.data_format) == (
        (Pad(1, 2, 3, 4, "edge"), Pool((2, 3), "average")),
        "channels_last",
    )
    assert moved.convs[0].activation == "linear"
    size = (30, 31)
    assert sizes(resolve_padding(moved, size), size)[-1] == sizes(resolve_padding(pipeline, size), size)[-1]


def test_the_geometry_of_functions_alone_changes_nothing():
    """A pipeline that moves no pixel still has one, so that alpha can go along."""
    plane = np.random.default_rng(0).random((4, 5, 1))
    assert np.array_equal(run(impulse_pipeline(Pipeline((Activation("relu"), Combine("max")))), plane), plane)


@pytest.mark.parametrize("name", STACKS)
def test_the_flat_response_is_that_of_a_white_picture(name):
    """What a linear pipeline makes of ones, far from the borders."""
    pipeline = Pipeline(STACKS[name])
    white = run(pipeline, np.ones((60, 60, pipeline.in_channels)))
    inside = white[white.shape[0] // 2, white.shape[1] // 2]
    assert flat_response(pipeline) == pytest.approx(inside)


def test_the_flat_response_of_a_bank_is_its_sums():
    """One number per filter, over all input channels; mean and sum combine them."""
    layer = conv(into=2, filters=3)
    sums = layer.weights.sum((0, 1, 2))
    assert flat_response(Pipeline((layer,))) == pytest.approx(sums)
    assert flat_response(Pipeline((layer, Combine("sum")))) == pytest.approx([sums.sum()])
    assert flat_response(Pipeline((layer, Combine("mean")))) == pytest.approx([sums.mean()])


@pytest.mark.parametrize(
    "layers",
    [(conv(activation="relu"),), (conv(bias=np.ones(1)),), (conv(), Activation("tanh")), (conv(), Pool((2, 2))),
     (conv(filters=2), Combine("magnitude")), (conv(filters=2), Combine("max"))],
)  # fmt: skip
def test_what_is_not_linear_has_no_flat_response(layers):
    """Activations, biases, maxima and magnitudes are not linear."""
    assert flat_response(Pipeline(layers)) is None


BASE = Pipeline((Pad(1, 1, 1, 1), conv(filters=2), Activation("relu"), Combine("max"), Pool((2, 2))))


def changed(number, **fields):
    layers = list(BASE.layers)
    layers[number] = replace(layers[number], **fields)
    return replace(BASE, layers=tuple(layers))
