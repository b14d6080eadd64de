"""Kernel files: what the fields mean, and what is reported of wrong ones.

In the texts below @ stands right before the place the error must name.
"""

import json
import time

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from convfilter.errors import FilterError
from convfilter.filters.json_document import Document
from convfilter.filters.kernel import MAX_SIDE, MAX_WEIGHTS, Kernel
from convfilter.filters.kernel_file import kernel_from_document, make_kernel, read_kernel
from convfilter.filters.kernel_schema import KernelFile


def load(text):
    return kernel_from_document(Document(text, "k.json"), "k")


def marked(text):
    """The text without its @, and the line:column where it stood."""
    before, mark, after = text.partition("@")
    assert mark
    return before + after, f"{before.count(chr(10)) + 1}:{len(before.rsplit(chr(10), 1)[-1]) + 1}"


def correlate(picture, kernel):
    """The picture under the kernel's one filter, zeros around it: the definition, by the anchor."""
    (kh, kw), (row, column) = kernel.size, kernel.anchor
    padded = np.pad(picture, ((row, kh - 1 - row), (column, kw - 1 - column)))
    return np.einsum("yxij,ij->yx", sliding_window_view(padded, (kh, kw)), kernel.weights[:, :, 0, 0])


# --- mistakes ------------------------------------------------------------------------------------

MISTAKES = [
    ("@3", "expected an object in braces, not 3"),
    ('@"sobel"', 'expected an object in braces, not the text "sobel"'),
    ("@null", "expected an object in braces, not null"),
    ('@{"name": "x"}', 'no "weights"; add it'),
    # shape
    ('{"weights": [[1, 2],\n @[3]]}', "row 2 holds 1 number, row 1 holds 2 numbers; make them equal"),
    ("[[1],\n [2],\n @[3, 4]]", "row 3 holds 2 numbers, row 1 holds 1 number; make them equal"),
    ("[[[1, 2]],\n @[[1], [2]]]", "item 2 holds 2×1 numbers, item 1 holds 1×2 numbers; make them equal"),
    ("[[[1, 2], @[3]]]", "row 2 holds 1 number, row 1 holds 2 numbers; make them equal"),
    ("[[[[1], [2]], @[[3]]]]", "item 2 holds 1×1 numbers, item 1 holds 2×1 numbers; make them equal"),
    ("[[[[1], @[2, 3]]]]", "row 2 holds 2 numbers, row 1 holds 1 number; make them equal"),
    ("[[[[[1, 2], @[3]]]]]", "row 2 holds 1 number, row 1 holds 2 numbers; make them equal"),
    ("@[]", "weights holds 0; it needs at least 1"),
    ("[@[]]", "weights, row 1 holds 0; it needs at least 1"),
    ("[[1],\n @[]]", "weights, row 2 holds 0; it needs at least 1"),
    ("[[@[]]]", "weights, item 1, row 1 holds 0; it needs at least 1"),
    ("[@1]", "weights, row 1 must be a list, not 1"),
    ("[[1], @2]", "weights, row 2 must be a list, not 2"),
    ("[[[1]], @2]", "weights, item 2 must be a list, not 2"),
    ("[[1, @[2]]]", "weights, row 1, number 2 must be a number, not a list"),
    ("[[[[[@[1]]]]]]", "weights, item 1, item 1, item 1, row 1, number 1 must be a number, not a list"),
    ("[[[[[1]]]],\n @[[[[2]]]]]", "weights holds more than 1; remove the rest"),
    ('{"weights": [[[[[1]]]],\n @[[[[2]]]]]}', "weights holds more than 1; remove the rest"),
    ('{"weights": @{}}', "weights must be a list, not an object"),
    ('{"weights": @"x"}', 'weights must be a list, not the text "x"'),
    # numbers
    ('[[1, @"2"]]', 'weights, row 1, number 2 must be a number, not the text "2"'),
    ("[[1],\n[@true]]", "weights, row 2, number 1 must be a number, not true"),
    ("[[@false]]", "weights, row 1, number 1 must be a number, not false"),
    ("[[@null]]", "weights, row 1, number 1 must be a number, not null"),
    ("[[@{}]]", "weights, row 1, number 1 must be a number, not an object"),
    ('[[[1], [@"a"]]]', 'weights, item 1, row 2, number 1 must be a number, not the text "a"'),
    ("[[1,\n@1e999]]", "weights, row 1, number 2 is too large for a number; use a finite one"),
    ("[[1,\n@-1e999]]", "weights, row 1, number 2 is too large for a number; use a finite one"),
    ("[[1, @" + "9" * 400 + "]]", "weights, row 1, number 2 is too large for a number; use a smaller one"),
    ("[[1, 2],\n[3, @1e39]]", "a weight too large for 32-bit floats; use smaller numbers"),
    ('{"weights": [[[[[1], [@-4e38]]]]]}', "a weight too large for 32-bit floats; use smaller numbers"),
    # fields
    ('{"weights": [[1]],\n "divsor": @2}', 'unknown field "divsor"; did you mean "divisor"?'),
    ('{"weights": [["a"]],\n "Bias": @2}', 'unknown field "Bias"; did you mean "bias"?'),
    ('{"weights": [[1]], "zzz": @{"a": 1}}', 'unknown field "zzz"; remove it'),
    ('{"weights": [[1]], "schema_": @"x"}', 'unknown field "schema_"; did you mean "$schema"?'),
    ('{"weights": [[1]], "a\\nb": @1}', 'unknown field "a?b"; remove it'),
    ('{"weights": [[1]],\n "divisor": @0}', 'divisor is 0; use another number, or "sum"'),
    ('{"weights": [[1]], "divisor": @-0.0}', 'divisor is 0; use another number, or "sum"'),
    ('{"weights": [[1]], "divisor": @"sun"}', "divisor must be 'sum', not the text \"sun\"; did you mean"),
    ('{"weights": [[1]], "divisor": @true}', "divisor must be a number, not true"),
    ('{"weights": [[1]], "divisor": @{}}', "divisor must be a number, not an object"),
    ('{"weights": [[1]], "divisor": @1e999}', "divisor is too large for a number"),
    ('{"weights": [[1]], "divisor": @1e-320}', "divisor makes a weight too large for 32-bit floats"),
    ('{"weights": [[1e30]], "divisor": @1e-30}', "divisor makes a weight too large for 32-bit floats"),
    ('{"weights": [[1e38, -1e38, 1]], "divisor": @1e-1}', "divisor makes a weight too large"),
    ('{"weights": [[1]],\n "anchor": @[1, 0]}', "anchor [1, 0] lies outside the 1×1 kernel"),
    ('{"weights": [[1, 2]], "anchor": @[0, 2]}', "anchor [0, 2] lies outside the 1×2 kernel"),
    ('{"weights": [[1]], "anchor": [0, @-1]}', "anchor 2: input should be greater than or equal to 0"),
    ('{"weights": [[1]], "anchor": [@0.5, 0]}', "anchor 1 must be a whole number, not 0.5"),
    ('{"weights": [[1]], "anchor": @[0]}', "anchor holds 1; it needs at least 2"),
    ('{"weights": [[1]], "anchor": [0, 0, @0]}', "anchor holds more than 2; remove the rest"),
    ('{"weights": [[1]], "anchor": @0}', "anchor must be a list, not 0"),
    ('{"weights": [[[1]], [[2]]],\n "bias": @[1, 2, 3]}', "3 biases for 2 filters; give one, or one per"),
    ('{"weights": [[1]], "bias": @[]}', "bias holds 0; it needs at least 1"),
    ('{"weights": [[1]], "bias": [@"a"]}', 'bias 1 must be a number, not the text "a"'),
    ('{"weights": [[1]], "bias": @"a"}', 'bias must be a number, not the text "a"'),
    ('{"weights": [[1]], "bias": @1e300}', "bias: input should be less than or equal to 1000000"),
    ('{"weights": [[1]], "bias": [@-1e300]}', "bias 1: input should be greater than or equal to -1000000"),
    ('{"weights": [[1]], "flip": @1}', "flip must be true or false, not 1"),
    ('{"weights": [[1]], "name": @3}', "name must be text, not 3"),
    ('{"weights": [[1]], "name": @"' + "x" * 101 + '"}', "name: string should have at most 100 characters"),
    ('{"weights": [[1]], "tags": ["a", @1]}', "tags 2 must be text, not 1"),
    ('{"weights": [[1]], "tags": @"a"}', 'tags must be a list, not the text "a"'),
    ('{"weights": [[1]], "activation": @"rleu"}', "activation must be "),
    ('{"weights": [[1]], "combine": @"magnitud"}', "combine must be "),
    ('{"weights": [[1]], "range": @"signd"}', "range must be "),
    ('{"weights": [[1]], "range": @3}', "range must be "),
    ('{"weights": [[1]], "layout": @"kh,kw,out,in"}', "layout must be "),
    ('{"weights": [[1]], "data_format": @"channels_frist"}', "data_format must be "),
    # caps
    (f"@[[{','.join('1' * (MAX_SIDE + 1))}]]", "a filter of 1×1024; at most 1023 a side"),
    (f"@[{','.join(['[1]'] * (MAX_SIDE + 1))}]", "a filter of 1024×1; at most 1023 a side"),
]


@pytest.mark.parametrize(("text", "says"), MISTAKES, ids=lambda value: ascii(value[:40]))
def test_a_mistake_is_told_with_its_place_and_mend(text, says):
    """Every wrong value is reported in one line: file, line, column, field and what would be right."""
    text, place = marked(text)
    with pytest.raises(FilterError) as caught:
        load(text)
    assert str(caught.value).startswith(f"k.json:{place}: {says}")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("field", "wrong", "meant"),
    [
        ("activation", "rleu", "relu"),
        ("combine", "magnitud", "magnitude"),
        ("range", "signd", "signed"),
        ("layout", "out,in,kw,kh", "out,in,kh,kw"),
        ("data_format", "channels_frist", "channels_first"),
    ],
)
def test_a_wrong_word_gets_the_right_one(field, wrong, meant):
    """A near miss of a choice gets "did you mean"."""
    with pytest.raises(FilterError) as caught:
        make_kernel([[1]], **{field: wrong})
    assert str(caught.value).endswith(f'not the text "{wrong}"; did you mean "{meant}"?')


@pytest.mark.parametrize(("count", "right"), [(MAX_WEIGHTS, True), (MAX_WEIGHTS + 1, False)])
def test_the_cap_on_weights(count, right):
    """MAX_WEIGHTS weights are allowed, one more is an error."""
    weights = np.ones((1, 1, 1, count))
    if right:
        assert make_kernel(weights).filters == MAX_WEIGHTS
    else:
        with pytest.raises(FilterError, match=r"1,048,577 weights; at most 1,048,576 are allowed"):
            make_kernel(weights)


def test_a_filter_of_the_largest_side_is_allowed():
    """MAX_SIDE rows or columns are no mistake, in either layout; longer axes of channels neither."""
    assert make_kernel(np.ones((1, MAX_SIDE))).size == (1, MAX_SIDE)
    assert make_kernel(np.ones((2000, 1, 1, 3)), layout="out,in,kh,kw").filters == 2000


@pytest.mark.slow
@pytest.mark.parametrize("item", ["[]", "{}", '["a"]', "[null]"])
def test_a_million_mistakes_are_told_at_once(item):
    """The first mistake is reported without collecting the rest, in seconds and in little memory."""
    text = "[" + ",".join([item] * 400_000) + "]"
    start = time.process_time()
    with pytest.raises(FilterError, match=r"^k\.json:1:[23]: weights, row 1"):
        load(text)
    assert time.process_time() - start < 10


def test_the_python_call_names_the_kernel_in_place_of_a_file():
    """make_kernel has no line to name; it names the kernel and the number."""
    with pytest.raises(FilterError, match=r"^mine: weights, row 1, number 2 must be a number, not the text"):
        make_kernel([[1, "a"]], name="mine")


# --- anything else -------------------------------------------------------------------------------

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**400, 1e38, 1e-320, "sum", "relu", "none", "same"])
)
MATRICES = st.lists(st.lists(st.floats(-1e40, 1e40) | st.integers(-3, 3), min_size=2, max_size=2), min_size=1)
FIELDS = [field.alias or name for name, field in KernelFile.model_fields.items()]
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
KERNELS = st.fixed_dictionaries(
    {"weights": MATRICES}, optional={field: LEAVES | VALUES for field in FIELDS if field != "weights"}
)


def kernel_or_error(text):
    """A Kernel whose numbers 32-bit floats hold, or a FilterError of one line; nothing else."""
    try:
        kernel = load(text)
    except FilterError as error:
        assert str(error).startswith("k.json:")
        assert str(error).isprintable()
    else:
        assert isinstance(kernel, Kernel)
        assert np.isfinite(kernel.weights.astype(np.float32)).all()
        assert np.isfinite((kernel.bias * 65535).astype(np.float32)).all()
        assert kernel.anchor < kernel.size


@settings(deadline=None)
@given(st.text() | st.text(alphabet='{}[]:,"weightsbias 0123456789.eE+-\n'))
def test_any_text_is_a_kernel_or_a_clear_error(text):
    """No text brings another exception."""
    kernel_or_error(text)


@settings(deadline=None, max_examples=300)
@given(VALUES | KERNELS)
def test_any_json_is_a_kernel_or_a_clear_error(value):
    """No JSON value, however like a kernel, brings another exception, a warning or an infinity."""
    kernel_or_error(json.dumps(value))


# --- layouts -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hwio():
    """Distinct numbers, (kh, kw, in, out) of four different lengths."""
    return np.arange(2 * 3 * 4 * 5, dtype=float).reshape(2, 3, 4, 5)


def test_a_matrix_is_one_filter():
    """Two levels are rows and columns."""
    kernel = load("[[1, 2, 3], [4, 5, 6]]")
    assert kernel.weights.shape == (2, 3, 1, 1)
    assert kernel.weights[:, :, 0, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_list_of_matrices_is_a_bank(hwio):
    """Three levels are filters, rows and columns."""
    bank = hwio[:, :, 0].transpose(2, 0, 1)
    kernel = make_kernel(bank.tolist())
    assert kernel.weights.shape == (2, 3, 1, 5)
    for number, matrix in enumerate(bank):
        assert np.array_equal(kernel.weights[:, :, 0, number], matrix)


@pytest.mark.parametrize("layout", [{}, {"layout": "kh,kw,in,out"}])
def test_four_levels_are_in_keras_order(hwio, layout):
    """Four levels are rows, columns, input channels and filters unless `layout` says otherwise."""
    assert np.array_equal(make_kernel(hwio.tolist(), **layout).weights, hwio)


def test_four_levels_in_the_other_order(hwio):
    """`layout` "out,in,kh,kw", PyTorch's order, gives the same kernel."""
    weights = np.transpose(hwio, (3, 2, 0, 1))
    assert np.array_equal(make_kernel(weights.tolist(), layout="out,in,kh,kw").weights, hwio)


@pytest.mark.parametrize("wrap", [lambda weights: weights, lambda weights: {"weights": weights}])
def test_five_brackets_are_keras_weights(hwio, wrap):
    """The article's form, a list of one tensor, loads bare and as `weights`."""
    kernel = load(json.dumps(wrap([hwio.tolist()])))
    assert np.array_equal(kernel.weights, hwio)


def test_the_articles_own_text():
    """The five-bracket Sobel of the article is sobel-x."""
    text = "[[[[[-1]],[[0]],[[1]]],[[[-2]],[[0]],[[2]]],[[[-1]],[[0]],[[1]]]]]"
    assert load(text).weights[:, :, 0, 0].tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def test_an_array_is_taken_like_its_list(hwio):
    """make_kernel takes NumPy arrays, and does not keep hold of them."""
    array = hwio.copy()
    kernel = make_kernel(array)
    array[:] = 7
    assert np.array_equal(kernel.weights, hwio)


def test_a_kernel_is_read_only(hwio):
    """Weights and bias can't be changed in place, nor can the fields."""
    kernel = make_kernel(hwio)
    with pytest.raises(ValueError, match="read-only"):
        kernel.weights[0, 0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        kernel.bias[0] = 1
    with pytest.raises(AttributeError):
        kernel.name = "other"


# --- fields --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "anchor"),
    [((3, 3), None), ((2, 2), None), ((2, 3), None), ((4, 5), None), ((1, 4), None), ((2, 2), (0, 0)),
     ((2, 2), (1, 1)), ((2, 2), (0, 1)), ((3, 5), (0, 4)), ((4, 4), (3, 0)), ((5, 2), (1, 1))],
)  # fmt: skip
@pytest.mark.parametrize("flip", [False, True])
def test_flip_is_convolution(shape, anchor, flip):
    """A flipped kernel gives what scipy.ndimage.convolve gives, a plain one what its correlate gives, for
    odd and even sizes and any anchor."""
    random = np.random.default_rng(len(shape) + sum(shape))
    picture = random.integers(0, 256, (11, 9)).astype(float)
    weights = random.integers(-9, 10, shape).astype(float)
    fields = {"anchor": list(anchor)} if anchor else {}
    kernel = make_kernel(weights, flip=flip, **fields)
    row, column = anchor or (shape[0] // 2, shape[1] // 2)
    origin = (row - shape[0] // 2, column - shape[1] // 2)
    oracle = ndimage.convolve if flip else ndimage.correlate
    expected = oracle(picture, weights, mode="constant", origin=origin)
    assert np.array_equal(correlate(picture, kernel), expected)


def test_flip_turns_each_filter_and_keeps_the_channels(hwio):
    """Only rows and columns are turned."""
    assert np.array_equal(make_kernel(hwio, flip=True).weights, np.rot90(hwio, 2))


@pytest.mark.parametrize("divisor", [4, 0.5, -2, 1e-3])
def test_a_divisor_divides_the_weights(divisor):
    """A number divides every weight, and not the bias."""
    kernel = make_kernel([[1, 2], [3, -4]], divisor=divisor, bias=0.5)
    assert np.array_equal(kernel.weights[:, :, 0, 0], np.array([[1, 2], [3, -4]]) / divisor)
    assert kernel.bias.tolist() == [0.5]
    assert kernel.notes == ()


def test_divisor_sum_is_each_filters_own():
    """Every filter of a bank is divided by its own sum, over all its channels."""
    kernel = make_kernel([[[[1, 2], [3, 4]]]], divisor="sum")  # 1×1, two channels, two filters
    assert np.allclose(kernel.weights[0, 0], [[1 / 4, 2 / 6], [3 / 4, 4 / 6]])
    assert kernel.notes == ()


@pytest.mark.parametrize("weights", [[[1, -1]], [[0.1, 0.2, -0.3]], [[0]]])
def test_divisor_sum_of_zero_is_one_and_says_so(weights):
    """Where the sum is 0, rounding aside, the weights stay, and a note tells; beside a filter with a sum."""
    kernel = make_kernel([weights, np.full_like(weights, 2, dtype=float).tolist()], divisor="sum")
    assert np.array_equal(kernel.weights[..., 0, 0], weights)
    assert kernel.weights[..., 0, 1].sum() == pytest.approx(1)
    assert kernel.notes == ('divisor "sum": the sum is 0, so 1 is used',)


@pytest.mark.parametrize(
    ("bias", "expected"), [(0.5, [0.5, 0.5]), ([0.25], [0.25, 0.25]), ([1, -2], [1, -2])]
)
def test_a_bias_is_for_all_filters_or_for_each(bias, expected):
    """One number, a list of one, or a list of one per filter."""
    kernel = make_kernel([[[1]], [[2]]], bias=bias)
    assert kernel.bias.dtype == np.float64
    assert kernel.bias.tolist() == expected


def test_the_defaults(tmp_path):
    """The minimal file takes its name from the file's; everything else has the documented default."""
    path = tmp_path / "mine.json"
    path.write_text('{"weights": [[1, 2], [3, 4]]}')
    kernel = read_kernel(path)
    assert (kernel.name, kernel.anchor, kernel.bias.tolist()) == ("mine", (1, 1), [0])
    assert (kernel.activation, kernel.combine, kernel.range) == ("linear", "none", "clip")
    assert (kernel.data_format, kernel.description, kernel.source) == ("channels_last", "", "")
    assert (kernel.tags, kernel.notes) == ((), ())


def test_the_fields_are_kept():
    """Every field of the file arrives in the kernel; $schema is allowed and ignored."""
    kernel = load("""{"$schema": "kernel.schema.json", "name": "n", "description": "d", "source": "s",
        "tags": ["a", "b"], "weights": [[[1]], [[2]]], "activation": "abs", "combine": "max",
        "data_format": "channels_first", "range": "gain"}""")
    assert (kernel.name, kernel.description, kernel.source, kernel.tags) == ("n", "d", "s", ("a", "b"))
    assert (kernel.activation, kernel.combine, kernel.range) == ("abs", "max", "gain")
    assert (kernel.data_format, kernel.size, kernel.channels, kernel.filters) == (
        "channels_first", (1, 1), 1, 2,
    )  # fmt: skip


def test_the_activations_are_those_of_keras():
    """The names are Keras' public activations, less glu, which halves the channels, and threshold, which
    must know where; plus abs."""
    import inspect
    from typing import get_args

    import keras

    from convfilter.choices import Activation

    public = {name for name, value in vars(keras.activations).items() if inspect.isfunction(value)}
    assert set(get_args(Activation)) == public - {"glu", "threshold", "get", "serialize", "deserialize"} | {
        "abs"
    }
