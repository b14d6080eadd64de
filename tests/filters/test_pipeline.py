"""Chains of kernels, the rules for rows of layers, and when two pipelines are equal."""

from dataclasses import replace

import numpy as np
import pytest

from convfilter.errors import FilterError
from convfilter.filters.conv import Conv
from convfilter.filters.geometry import (
    resolve_padding,
)
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.layers import Activation, Combine, Pool
from convfilter.filters.padding import CoverPad, Pad
from convfilter.filters.pipeline import Pipeline, chain, channels
from convfilter.filters.settings import Settings


def conv(size=(3, 3), strides=(1, 1), dilation=(1, 1), filters=1, into=1, seed=0, **fields):
    """A convolution with positive random weights, none of them 0, so that every pixel matters."""
    weights = np.random.default_rng(seed).uniform(0.5, 1, (*size, into, filters))
    made = Conv(
        "random", weights, np.zeros(filters), (size[0] // 2, size[1] // 2), "linear", strides, dilation
    )
    return replace(made, **fields)


def test_a_kernel_becomes_pad_conv_and_combine():
    """A bank that is combined is padded, convolved and combined, in this order."""
    kernel = make_kernel([[[1, 2, 3]], [[4, 5, 6]]], name="k", combine="max", activation="abs", bias=[1, 2])
    pad, made, combine = chain([kernel]).layers
    assert (pad, combine) == (Pad(0, 0, 1, 1), Combine("max"))
    assert made.weights is kernel.weights
    assert (made.name, made.activation, made.bias.tolist()) == ("k", "abs", [1, 2])
    assert (made.anchor, made.strides, made.dilation) == ((0, 1), (1, 1), (1, 1))


def test_a_chain_keeps_the_order_and_the_pool_comes_last():
    """Kernels and pipelines one after the other; settings hold for every kernel, not for pipelines."""
    first, last = (
        make_kernel([[1, 2, 3]], name="a", range="abs"),
        make_kernel([[1], [2]], name="c", range="gain"),
    )
    middle = Pipeline((conv(),), name="b", values="unit", range="signed", data_format="channels_first")
    made = chain(
        [first, middle, last], Settings(pad="valid", strides=(2, 2), pool=(3, 1), pool_mode="average")
    )
    assert [layer.name for layer in made.convs] == ["a", "random", "c"]
    assert [layer.strides for layer in made.convs] == [(2, 2), (1, 1), (2, 2)]
    assert made.layers[-1] == Pool((3, 1), "average")
    assert (made.name, made.range, made.values) == ("a + b + c", "gain", "unit")
    assert made.data_format == "channels_last"


def test_settings_override_the_kernel():
    """Activation, bias, combine, values and data format of the settings win over the kernel's own."""
    kernel = make_kernel(
        [[[1]], [[2]]], activation="abs", bias=0.5, combine="max", data_format="channels_first"
    )
    changes = {
        "activation": "relu",
        "bias": 1,
        "combine": "sum",
        "values": "unit",
        "data_format": "channels_last",
    }
    made = chain([kernel], Settings(**changes))
    assert (made.convs[0].activation, made.convs[0].bias.tolist()) == ("relu", [1, 1])
    assert (made.layers[-1], made.values, made.data_format) == (Combine("sum"), "unit", "channels_last")
    assert not chain([kernel], Settings(bias=0)).convs[0].bias.any()
    assert chain([kernel], Settings(combine="none")).out_channels == 2
    assert (chain([kernel]).values, chain([kernel]).data_format) == ("stored", "channels_first")


def test_an_empty_chain_is_an_error():
    """There is nothing to filter with."""
    with pytest.raises(FilterError, match="no filter; give at least one"):
        chain([])
    with pytest.raises(FilterError, match="pipeline: no layers; add at least one"):
        Pipeline(())


@pytest.mark.parametrize(
    "layers", [(CoverPad(),), (CoverPad(), Pool((2, 2))), (conv(), CoverPad(), CoverPad(), conv())]
)
def test_cover_stands_before_a_convolution(layers):
    """There is nothing to cover for otherwise."""
    with pytest.raises(FilterError, match='"cover" must stand right before a convolution'):
        resolve_padding(Pipeline(layers), (20, 20))


def test_channels_are_counted():
    """Filters multiply the channels, combine makes one of them, everything else keeps them."""
    layers = (
        Pad(1, 1, 1, 1), conv(into=3, filters=4), Pool((2, 2)), conv(into=4, filters=2), Activation("relu"),
        Combine("sum"), conv(filters=5),
    )  # fmt: skip
    pipeline = Pipeline(layers)
    assert channels(pipeline) == [3, 3, 4, 4, 2, 2, 1, 5]
    assert (pipeline.in_channels, pipeline.out_channels) == (3, 5)
    assert Pipeline((Pool((2, 2)),)).in_channels == 1


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (
            (conv(filters=2), conv()),
            r"p: layer 2: random takes 1 channels but gets 2; combine the filters",
        ),
        ((conv(), Pad(1, 1, 1, 1), conv(into=3)), r"p: layer 3: random takes 3 channels but gets 1"),
        ((Combine("max"), conv(into=3)), r"p: layer 2: random takes 3 channels but gets 1"),
    ],
)
def test_channels_that_do_not_fit_are_told(layers, says):
    """A convolution that gets another number of channels than it takes is an error when it is made."""
    with pytest.raises(FilterError, match=says):
        Pipeline(layers, "p")


def test_filters_that_do_not_fit_cannot_be_chained():
    """A bank that is not combined gives more channels than the next kernel takes."""
    bank, single = make_kernel([[[1]], [[2]]], name="bank"), make_kernel([[1]], name="single")
    with pytest.raises(FilterError, match=r"bank \+ single: layer 2: single takes 1 channels but gets 2"):
        chain([bank, single])
    assert chain([bank, single], Settings(combine="sum")).out_channels == 1


BASE = Pipeline((Pad(1, 1, 1, 1), conv(filters=2), Activation("relu"), Combine("max"), Pool((2, 2))))


def changed(number, **fields):
    layers = list(BASE.layers)
    layers[number] = replace(layers[number], **fields)
    return replace(BASE, layers=tuple(layers))


DIFFERENT = {
    "pad": changed(0, top=2),
    "sides": changed(0, bottom=0, top=2),
    "border": changed(0, border="edge"),
    "cover": replace(BASE, layers=(CoverPad(), *BASE.layers[1:])),
    "cover border": replace(BASE, layers=(CoverPad("edge"), *BASE.layers[1:])),
    "weights": changed(1, weights=BASE.convs[0].weights + 1e-9),
    "order of the weights": changed(1, weights=BASE.convs[0].weights[::-1]),
    "shape of the weights": changed(1, weights=BASE.convs[0].weights.reshape(9, 1, 1, 2)),
    "bias": changed(1, bias=np.array([0, 1e-9])),
    "activation": changed(1, activation="relu"),
    "strides": changed(1, strides=(1, 2)),
    "dilation": changed(1, dilation=(1, 2)),
    "function": changed(2, function="abs"),
    "combine": changed(3, how="sum"),
    "pool": changed(4, size=(2, 1)),
    "pool mode": changed(4, mode="average"),
    "order": replace(BASE, layers=(BASE.layers[1], BASE.layers[0], *BASE.layers[2:])),
    "fewer": replace(BASE, layers=BASE.layers[:-1]),
    "values": replace(BASE, values="unit"),
    "data format": replace(BASE, data_format="channels_first"),
}


def test_what_decides_numbers_decides_equality():
    """Pipelines that differ in anything that changes a number are unequal, by digest and hash, too."""
    made = [BASE, *DIFFERENT.values()]
    assert len({pipeline.digest for pipeline in made}) == len(made)
    assert len({hash(pipeline) for pipeline in made}) == len(made)
    assert len(set(made)) == len(made)
    assert BASE.digest != BASE


def test_what_decides_no_number_does_not():
    """Equal pipelines made anew are equal; names make no difference."""
    same = [
        replace(BASE),
        replace(BASE, name="other"),
        changed(1, name="other", weights=BASE.convs[0].weights.copy(order="F")),
    ]
    assert {*same, BASE} == {BASE}
    assert all(pipeline.digest == BASE.digest and hash(pipeline) == hash(BASE) for pipeline in same)


def test_layers_and_pipelines_are_frozen():
    """No field of a layer or a pipeline can be set."""
    for thing in (BASE, *BASE.layers):
        with pytest.raises(AttributeError):
            thing.name = "other"
