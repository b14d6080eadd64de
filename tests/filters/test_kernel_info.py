"""What is said of a kernel: rank, symmetry, sums, and the objects the command line prints as JSON."""

import json

import numpy as np
import pytest

from convfilter.filters.catalogue import files, load_kernel
from convfilter.filters.kernel_file import make_kernel
from convfilter.filters.kernel_info import effective, gain, ranks, summary, symmetries

NAMES = sorted(files())


@pytest.mark.parametrize("name", NAMES)
def test_the_rank_is_the_number_of_singular_values(name):
    """Each filter's rank is how many of its singular values are not 0, in units of the largest."""
    kernel = load_kernel(name)
    for number, rank in enumerate(ranks(kernel)):
        singular = np.linalg.svd(kernel.weights[:, :, 0, number], compute_uv=False)
        assert rank == (singular > 1e-10 * singular[0]).sum()


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([[1, 2, 1], [2, 4, 2], [1, 2, 1]], [1]),
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], [2]),
        ([[0, 0], [0, 0]], [0]),
        ([[[1, 0], [0, 1]], [[1, 1], [1, 1]]], [2, 1]),
        ([[1, 2, 3]], [1]),
    ],
)
def test_ranks_known_by_hand(weights, expected):
    """1 is separable, and a bank has one rank per filter."""
    assert ranks(make_kernel(weights)) == expected


def test_the_rank_of_several_channels_is_that_of_the_channels_side_by_side():
    """Two channels of rank 1 with different columns need rank 2."""
    weights = np.zeros((2, 2, 2, 1))
    weights[:, :, 0, 0] = [[1, 1], [0, 0]]
    weights[:, :, 1, 0] = [[0, 0], [1, 1]]
    assert ranks(make_kernel(weights)) == [2]
    column, rows = [1, 2, 3], [[1, 0], [0, 1]]  # one column for both channels: rank 1
    weights = np.einsum("y,cx->yxc", column, rows)[..., None]
    assert ranks(make_kernel(weights)) == [1]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "odd left-right, even top-bottom, odd half-turn"),
        ([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], "even left-right, odd top-bottom, odd half-turn"),
        ([[1, 2, 1], [2, 4, 2], [1, 2, 1]], "even left-right, even top-bottom, even half-turn"),
        ([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]], "odd half-turn"),
        ([[1, 2], [2, 1]], "even half-turn"),
        ([[1, 1], [2, 2]], "even left-right"),
        ([[1, 2], [-1, -2]], "odd top-bottom"),
        ([[1, 2], [3, 5]], "none"),
        ([[0.1 + 0.2, 0.3]], "even left-right, even top-bottom, even half-turn"),
    ],
)
def test_the_symmetry(weights, expected):
    """Even or odd from left to right, from top to bottom and by half a turn, rounding aside."""
    assert symmetries(make_kernel(weights)) == [expected]


@pytest.mark.parametrize("name", NAMES)
def test_the_symmetry_of_a_shipped_kernel_holds(name):
    """Every word said of a shipped filter is true, and none that is true is left out."""
    kernel = load_kernel(name)
    for number, said in enumerate(symmetries(kernel)):
        matrix = kernel.weights[:, :, 0, number]
        turned = {
            "left-right": np.fliplr(matrix),
            "top-bottom": np.flipud(matrix),
            "half-turn": np.rot90(matrix, 2),
        }
        for way, other in turned.items():
            assert (f"even {way}" in said) == np.allclose(matrix, other, atol=1e-12)
            assert (f"odd {way}" in said) == np.allclose(matrix, -other, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_what_kernels_show_prints(name):
    """The promised fields, in plain JSON, with the numbers of the kernel itself."""
    kernel = load_kernel(name)
    facts = json.loads(json.dumps(effective(kernel), allow_nan=False))
    assert {
        "name",
        "weights",
        "bias",
        "activation",
        "combine",
        "gain",
        "sum",
        "rank",
        "symmetry",
        "source",
    } <= set(facts)
    assert (facts["name"], facts["source"]) == (name, kernel.source)
    assert facts["layout"] == "kh,kw,in,out"
    assert np.array_equal(facts["weights"], kernel.weights)
    assert np.array_equal(np.broadcast_to(facts["bias"], kernel.filters), kernel.bias)
    assert (facts["activation"], facts["combine"]) == (kernel.activation, kernel.combine)
    assert facts["gain"] == {"min": gain(kernel).low, "max": gain(kernel).high, "exact": gain(kernel).exact}
    assert facts["sum"] == pytest.approx(kernel.weights.sum(), abs=1e-12)
    assert facts["sums"] == pytest.approx([w.sum() for w in np.moveaxis(kernel.weights, 3, 0)], abs=1e-12)
    assert len(facts["rank"]) == len(facts["symmetry"]) == kernel.filters
    assert (tuple(facts["anchor"]), tuple(facts["size"])) == (kernel.anchor, kernel.size)


def test_the_row_of_kernels_list():
    """Exactly the promised fields."""
    row = json.loads(json.dumps(summary(load_kernel("sobel"))))
    assert list(row) == ["name", "description", "size", "filters", "tags", "source"]
    assert (row["name"], row["size"], row["filters"]) == ("sobel", [3, 3], 2)
    assert "edge" in row["tags"]


def test_the_effective_kernel_is_after_divisor_and_flip():
    """Weights, sum and anchor are those the network has, not those the file has; notes are reported."""
    facts = effective(make_kernel([[1, 2], [3, 4]], divisor=2, flip=True, bias=0.5, anchor=[0, 0]))
    assert np.squeeze(facts["weights"]).tolist() == [[2, 1.5], [1, 0.5]]
    assert (facts["sum"], facts["sums"], facts["bias"], facts["anchor"]) == (5, [5], 0.5, [1, 1])
    assert facts["gain"] == {"min": 0.5, "max": 5.5, "exact": True}
    assert effective(make_kernel([[1, -1]], divisor="sum"))["notes"] == [
        'divisor "sum": the sum is 0, so 1 is used'
    ]
    assert effective(make_kernel([[[1]], [[1]]], bias=[1, 2]))["bias"] == [1, 2]


def test_an_activation_without_bounds_has_no_gain():
    """The gain is null, not wrong."""
    assert gain(make_kernel([[1]], activation="gelu")) is None
    assert effective(make_kernel([[1]], activation="gelu"))["gain"] is None


def test_the_gain_of_sobel():
    """√20: the magnitude included, for inputs in [0, 1]."""
    assert effective(load_kernel("sobel"))["gain"] == {"min": 0, "max": pytest.approx(20**0.5), "exact": True}
