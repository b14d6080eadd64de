"""Every shipped kernel and every layer option against SciPy, OpenCV, scikit-image and NumPy.

The oracles read the JSON files with plain json and calculate in float64; none of the package's own code is
in them. Where all sums are whole numbers that float32 holds (below 2**24), the results are bit-exact.
"""

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from scipy import ndimage, special
from skimage.measure import block_reduce

import convfilter

ROOT = Path(__file__).parents[2]
FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "kernels").glob("*.json"))
    if not path.name.endswith(".schema.json")
}
SCIPY = {
    "zero": "constant",
    "edge": "nearest",
    "reflect": "mirror",
    "symmetric": "reflect",
    "wrap": "grid-wrap",
}
OPENCV = {
    "zero": cv2.BORDER_CONSTANT,
    "edge": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT_101,
    "symmetric": cv2.BORDER_REFLECT,
}
FORMATS = ("channels_last", "channels_first")
EXACT = 2**24  # float32 holds every whole number up to here
BOUND = 5e-6  # of full scale times the kernel's gain: what float32 may lose

CAMERA = skimage.data.camera()
PHOTO = CAMERA[70:197, 150:301]  # odd sides (127, 151): no stride or pool fits by luck
DEEP = PHOTO.astype(np.uint16) * 256 + np.random.default_rng(7).integers(0, 256, PHOTO.shape, np.uint16)


def apply(what, picture, *, engine=None, **options):
    """convfilter.apply with the channels last by the default engine, with the channels first by Keras,
    unless told otherwise: both are judged."""
    first = options.get("data_format") == "channels_first"
    return convfilter.apply(what, picture, engine=engine or ("keras" if first else "auto"), **options)


ASYMMETRIC = np.array([[1, -2, 3], [-4, 5, -6], [7, 8, -9]])
EVEN = np.array([[3, -1, 4, 1, -5], [9, 2, -6, 5, 3], [-5, 8, 9, -7, 9], [3, 2, -3, 8, 4]])
LARGE = np.random.default_rng(1).integers(-9, 10, (7, 7))
UNEQUAL = np.random.default_rng(2).integers(-9, 10, (2, 5))
INLINE = {
    "3x3": (ASYMMETRIC, (1, 1)),
    "4x5": (EVEN, (2, 2)),
    "4x5 anchored top right": (EVEN, (0, 4)),
    "4x5 anchored bottom left": (EVEN, (3, 0)),
    "7x7": (LARGE, (3, 3)),
    "2x5": (UNEQUAL, (1, 2)),
}


def kernel_of(matrix, anchor=None, **fields):
    """The package's kernel of an integer matrix."""
    fields |= {"anchor": list(anchor)} if anchor else {}
    return convfilter.make_kernel(np.asarray(matrix), **fields)


def correlate(picture, matrix, anchor, border="zero"):
    """SciPy's correlation in float64, with the weight at `anchor` on the output pixel."""
    origin = [position - length // 2 for position, length in zip(anchor, matrix.shape, strict=True)]
    return ndimage.correlate(np.float64(picture), np.float64(matrix), mode=SCIPY[border], origin=origin)


def valid(picture, matrix, strides=(1, 1), dilation=(1, 1)):
    """SciPy's correlation where no border is needed; the dilated matrix is written out with zeros."""
    spread = np.zeros([(side - 1) * step + 1 for side, step in zip(matrix.shape, dilation, strict=True)])
    spread[:: dilation[0], :: dilation[1]] = matrix
    rows, columns = (have - need + 1 for have, need in zip(picture.shape, spread.shape, strict=True))
    return correlate(picture, spread, (0, 0))[:rows, :columns][:: strides[0], :: strides[1]]


def combined(results, how):
    """A bank's results as one picture, by NumPy."""
    stack = np.stack(results)
    return {
        "magnitude": lambda: np.sqrt((stack**2).sum(0)),
        "max": lambda: stack.max(0),
        "absmax": lambda: np.abs(stack).max(0),
        "sum": lambda: stack.sum(0),
        "mean": lambda: stack.mean(0),
        "none": lambda: np.moveaxis(stack, 0, -1) if len(stack) > 1 else stack[0],
    }[how]()


def facts(name):
    """A file's matrices in float64, anchor, bias and combination, read without the package."""
    file = FILES[name]
    weights = np.array(file["weights"], np.float64)
    matrices = list(weights if weights.ndim == 3 else weights[None])
    if file.get("divisor") == "sum":
        matrices = [matrix / (matrix.sum() or 1) for matrix in matrices]
    else:
        matrices = [matrix / file.get("divisor", 1) for matrix in matrices]
    shape = matrices[0].shape
    anchor = tuple(file.get("anchor") or (shape[0] // 2, shape[1] // 2))
    if file.get("flip"):
        matrices = [matrix[::-1, ::-1] for matrix in matrices]
        anchor = tuple(side - 1 - place for side, place in zip(shape, anchor, strict=True))
    return matrices, anchor, file.get("bias", 0), file.get("combine", "none")


def gain(matrices):
    return max(np.abs(matrix).sum() for matrix in matrices)


def is_exact(name, full):
    """Whether every partial sum is a multiple of 1/256 that float32 holds, up to the combination."""
    matrices, _, _, how = facts(name)
    fractions = all((matrix * 256 == np.rint(matrix * 256)).all() for matrix in matrices)
    unit = 1 if all((matrix == np.rint(matrix)).all() for matrix in matrices) else 256
    return how != "magnitude" and fractions and gain(matrices) * full * unit < EXACT


@cache
def filtered(name, border, data_format="channels_last", depth=8, engine=None):
    """The package's float result for a shipped kernel."""
    picture = DEEP if depth == 16 else PHOTO
    result = apply(name, picture, range="raw", border=border, data_format=data_format, engine=engine)
    assert result.dtype == np.float32
    return result


@cache
def oracle(name, border, depth=8):
    """SciPy's result, combined by NumPy."""
    picture, full = (PHOTO, 255) if depth == 8 else (DEEP, 65535)
    matrices, anchor, bias, how = facts(name)
    expected = combined([correlate(picture, m, anchor, border) + bias * full for m in matrices], how)
    assert expected.std() > 0  # a flat oracle would prove nothing
    return expected


def difference(name, border, data_format, depth=8, engine=None):
    """Largest difference between the package and SciPy, as a share of full scale times gain."""
    result, expected = filtered(name, border, data_format, depth, engine), oracle(name, border, depth)
    assert result.shape == expected.shape
    scale = (255 if depth == 8 else 65535) * gain(facts(name)[0])
    return float(np.abs(result - expected).max()) / scale


def tried(border, data_format="channels_last"):
    """The shipped kernels tried: all under zero and reflect, a third each under the other borders, since
    every new network costs time; with the channels first all under reflect."""
    every = ("zero", "reflect") if data_format == "channels_last" else ("reflect",)
    names = list(FILES)
    return names if border in every else names[{"symmetric": 1, "wrap": 2}.get(border, 0) :: 3]


# Every shipped kernel


def test_all_shipped_kernels_are_looped_over():
    """The loop finds the catalogue; most of it is judged bit for bit."""
    assert len(FILES) >= 60
    assert sum(is_exact(name, 255) for name in FILES) >= 35
    assert {"sobel", "laplacian", "box-3", "kirsch", "roberts"} <= FILES.keys()


@pytest.mark.parametrize(("border", "name"), [(border, name) for border in SCIPY for name in tried(border)])
def test_kernel_equals_scipy_in_8_bits(name, border):
    """A shipped kernel on an 8-bit photo is SciPy's correlation: bit for bit if whole numbers, else to 5e-6
    of full scale times gain."""
    assert difference(name, border, "channels_last") <= (0 if is_exact(name, 255) else BOUND)


@pytest.mark.parametrize("engine", ["compiled", "keras"])
@pytest.mark.parametrize("name", FILES)
def test_kernel_equals_scipy_in_16_bits(name, engine):
    """16 bits with noise in the low byte: bit for bit as long as the sums stay below 2**24."""
    found = difference(name, "zero", "channels_last", 16, engine)
    assert found <= (0 if is_exact(name, 65535) else BOUND)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_kernel_equals_scipy_channels_first(name):
    """A network with the channels first gives the same numbers, on the CPU too."""
    assert difference(name, "reflect", "channels_first") <= (0 if is_exact(name, 255) else BOUND)


@pytest.mark.parametrize("name", FILES)
def test_kernel_equals_opencv(name):
    """cv2.filter2D in float64 with the kernel's anchor agrees as SciPy does (1e-9 is OpenCV's own, which takes
    9×9 kernels through the Fourier transform)."""
    matrices, anchor, bias, how = facts(name)
    border = next(border for border in ("edge", "symmetric", "reflect") if name in tried(border))
    results = [
        cv2.filter2D(np.float64(PHOTO), -1, matrix, anchor=anchor[::-1], borderType=OPENCV[border])
        + bias * 255
        for matrix in matrices
    ]
    bound = 1e-9 if is_exact(name, 255) else BOUND * 255 * gain(matrices)
    assert np.abs(filtered(name, border) - combined(results, how)).max() <= bound


@pytest.mark.parametrize("name", ["sobel-x", "laplacian-8", "emboss", "kirsch", "box-9", "roberts-y"])
def test_whole_photo(name):
    """The whole 512×512 photo, not only the crop."""
    matrices, anchor, bias, how = facts(name)
    expected = combined([correlate(CAMERA, matrix, anchor) + bias * 255 for matrix in matrices], how)
    bound = 0 if is_exact(name, 255) else BOUND * 255
    assert np.abs(apply(name, CAMERA, range="raw", border="zero") - expected).max() <= bound


def test_sobel_is_opencvs_magnitude():
    """`sobel` as uint8 is OpenCV's gradient magnitude, saturated, to one count."""
    x, y = (
        cv2.Sobel(CAMERA, cv2.CV_64F, *order, borderType=cv2.BORDER_CONSTANT) for order in ((1, 0), (0, 1))
    )
    expected = cv2.magnitude(x, y).clip(0, 255).round()
    result = apply("sobel", CAMERA)
    assert result.dtype == np.uint8
    assert np.abs(result - expected).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("border", SCIPY)
def test_summary(border, data_format):
    """The largest difference over all shipped kernels is within the bound, and 0 for whole numbers.

    `pytest tests/test_oracle.py -rP -k summary` prints it for each border and data format.
    """
    found = {name: difference(name, border, data_format) for name in tried(border, data_format)}
    whole = max(found[name] for name in found if is_exact(name, 255))
    worst = max(found, key=lambda name: found[name])
    print(
        f"{border:9} {data_format:14} {len(found)} kernels: {found[worst]:.1e} ({worst}), whole numbers {whole:g}"
    )
    assert whole == 0
    assert found[worst] <= BOUND


# Borders


@pytest.mark.slow
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize("case", INLINE)
def test_border_of_any_kernel_equals_scipy(case, border, data_format):
    """Asymmetric, even and large kernels under every border are SciPy's to the last bit: nothing is flipped,
    and the anchor is where the file says."""
    matrix, anchor = INLINE[case]
    result = apply(kernel_of(matrix, anchor), PHOTO, range="raw", border=border, data_format=data_format)
    assert np.array_equal(result, correlate(PHOTO, matrix, anchor, border))


@pytest.mark.parametrize("border", OPENCV)
@pytest.mark.parametrize("case", INLINE)
def test_border_of_any_kernel_equals_opencv(case, border):
    """The same against cv2.filter2D, which has no wrap."""
    matrix, anchor = INLINE[case]
    expected = cv2.filter2D(
        np.float64(PHOTO), -1, np.float64(matrix), anchor=anchor[::-1], borderType=OPENCV[border]
    )
    assert np.array_equal(apply(kernel_of(matrix, anchor), PHOTO, range="raw", border=border), expected)


def test_flip_is_true_convolution():
    """flip: true gives SciPy's convolve, which differs from correlate for this kernel."""
    result = apply(kernel_of(ASYMMETRIC, flip=True), PHOTO, range="raw")
    assert np.array_equal(
        result, ndimage.convolve(np.float64(PHOTO), np.float64(ASYMMETRIC), mode="constant")
    )
    assert not np.array_equal(result, correlate(PHOTO, ASYMMETRIC, (1, 1)))


# Strides, dilation, padding


@pytest.mark.slow
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    ("strides", "dilation"),
    [
        ((2, 2), (1, 1)),
        ((1, 3), (1, 1)),
        ((3, 2), (1, 1)),
        ((1, 1), (2, 2)),
        ((1, 1), (1, 3)),
        ((2, 2), (2, 2)),
        ((3, 2), (2, 5)),
        ((1, 2), (4, 1)),
    ],
)
@pytest.mark.parametrize("case", ["3x3", "4x5 anchored top right"])
def test_strides_and_dilation(case, strides, dilation, data_format):
    """Strides take every n-th pixel of the full result and dilation spreads the kernel, both together and
    unequal, where Keras itself refuses the two at once."""
    matrix, anchor = INLINE[case]
    kernel = kernel_of(matrix, anchor)
    chosen = {"strides": strides, "dilation": dilation, "data_format": data_format, "range": "raw"}
    spread = np.zeros([(side - 1) * step + 1 for side, step in zip(matrix.shape, dilation, strict=True)])
    spread[:: dilation[0], :: dilation[1]] = matrix
    place = tuple(np.multiply(anchor, dilation))
    for border in ("zero", "reflect"):
        expected = correlate(PHOTO, spread, place, border)[:: strides[0], :: strides[1]]
        assert np.array_equal(apply(kernel, PHOTO, border=border, **chosen), expected)
    expected = valid(PHOTO, matrix, strides, dilation)
    assert np.array_equal(apply(kernel, PHOTO, pad="valid", **chosen), expected)


@pytest.mark.parametrize("border", ["zero", "wrap"])
@pytest.mark.parametrize("pad", [(0, 0), (1, 1), (2, 2), (4, 0), (0, 3), (9, 5)])
@pytest.mark.parametrize("case", ["3x3", "4x5"])
def test_padding_by_numbers(case, pad, border):
    """`pad=(rows, columns)` puts that much on both sides, whatever the kernel's size."""
    matrix, anchor = INLINE[case]
    mode = {"zero": "constant", "wrap": "wrap"}[border]
    padded = np.pad(PHOTO, ((pad[0], pad[0]), (pad[1], pad[1])), mode=mode)
    result = apply(kernel_of(matrix, anchor), PHOTO, range="raw", pad=pad, border=border)
    assert np.array_equal(result, valid(padded, matrix))


@pytest.mark.parametrize("case", INLINE)
def test_valid_keeps_what_needs_no_border(case):
    """`pad="valid"` is the inner part of the result, free of any border."""
    matrix, anchor = INLINE[case]
    rows, columns = matrix.shape
    bottom, right = PHOTO.shape[0] - rows + 1 + anchor[0], PHOTO.shape[1] - columns + 1 + anchor[1]
    full = correlate(PHOTO, matrix, anchor, "edge")
    result = apply(kernel_of(matrix, anchor), PHOTO, range="raw", pad="valid")
    assert np.array_equal(result, full[anchor[0] : bottom, anchor[1] : right])


@pytest.mark.parametrize(
    ("size", "pads", "strides", "dilation"),
    [
        ((9, 9), ((0, 0), (0, 0)), (3, 3), (1, 1)),
        ((10, 11), ((1, 1), (0, 1)), (3, 3), (1, 1)),
        ((10, 12), ((1, 1), (1, 2)), (3, 4), (1, 1)),
        ((8, 9), ((0, 1), (1, 1)), (2, 3), (1, 2)),
        ((2, 3), ((0, 1), (0, 0)), (2, 2), (1, 1)),
        ((7, 7), ((0, 0), (0, 0)), (1, 1), (1, 1)),
    ],
)
def test_cover_reaches_every_pixel(size, pads, strides, dilation):
    """`pad="cover"` adds just what strided windows need to reach the last pixel, the odd row or column below
    or to the right; the expected padding is written down here by hand."""
    picture = PHOTO[: size[0], : size[1]]
    result = apply(
        kernel_of(ASYMMETRIC), picture, range="raw", pad="cover", strides=strides, dilation=dilation
    )
    assert np.array_equal(result, valid(np.pad(picture, pads), ASYMMETRIC, strides, dilation))


def test_cover_of_a_larger_photo_with_a_border():
    """On the photo (127×151), 3×3 windows with strides 4 need no row and no column: 3 + 31·4 = 127; with
    strides 5 they need 1 (3 + 25·5 = 128) and 2 (3 + 30·5 = 153)."""
    for border, mode in (("zero", "constant"), ("edge", "edge"), ("wrap", "wrap")):
        chosen = {"range": "raw", "pad": "cover", "border": border}
        result = apply(kernel_of(ASYMMETRIC), PHOTO, strides=(4, 4), **chosen)
        assert np.array_equal(result, valid(PHOTO, ASYMMETRIC, (4, 4)))
        result = apply(kernel_of(ASYMMETRIC), PHOTO, strides=(5, 5), **chosen)
        padded = np.pad(PHOTO, ((0, 1), (1, 1)), mode=mode)
        assert np.array_equal(result, valid(padded, ASYMMETRIC, (5, 5)))


# Pools, activations, bias, combinations


@pytest.mark.slow
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(("mode", "function"), [("max", np.max), ("average", np.mean)])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (4, 4), (3, 2), (1, 7)])
def test_pool_equals_block_reduce(size, mode, function, data_format):
    """A pool is scikit-image's block_reduce over the whole blocks; what is left over is dropped."""
    full = correlate(PHOTO, ASYMMETRIC, (1, 1))
    rows, columns = (length // step * step for length, step in zip(full.shape, size, strict=True))
    expected = block_reduce(full[:rows, :columns], size, function)
    result = apply(
        kernel_of(ASYMMETRIC), PHOTO, range="raw", pool=size, pool_mode=mode, data_format=data_format
    )
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= (0 if mode == "max" else 1e-6 * 45 * 255)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("linear", lambda x: x),
        ("abs", np.abs),
        ("relu", lambda x: np.maximum(x, 0)),
        ("sigmoid", special.expit),
        ("tanh", np.tanh),
        ("softplus", lambda x: np.logaddexp(x, 0)),
    ],
)
@pytest.mark.parametrize("values", ["stored", "unit"])
def test_activation_equals_numpy(name, function, values):
    """An activation is applied to the result as it is, negative where the edge falls."""
    full = correlate(PHOTO, ASYMMETRIC, (1, 1)) / (255 if values == "unit" else 1)
    assert full.min() < 0 < full.max()
    result = apply(kernel_of(ASYMMETRIC), PHOTO, range="raw", activation=name, values=values)
    exact = values == "stored" and name in ("linear", "abs", "relu")
    assert np.abs(result - function(full)).max() <= (0 if exact else 2e-6 * max(np.abs(full).max(), 1))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["magnitude", "max", "absmax", "sum", "mean", "none"])
@pytest.mark.parametrize("data_format", FORMATS)
def test_combination_of_a_bank(how, data_format):
    """Three filters, each with its bias and abs taken before, are combined as NumPy does; without a
    combination there is one plane a filter, in the file's order."""
    bank = np.stack([ASYMMETRIC, ASYMMETRIC.T, -ASYMMETRIC[::-1]])
    kernel = convfilter.make_kernel(bank, bias=[0.0, 1.0, -2.0], combine="sum")
    results = [correlate(PHOTO, m, (1, 1)) + b for m, b in zip(bank, (0, 255, -510), strict=True)]
    expected = combined(results, how)
    result = apply(kernel, PHOTO, range="raw", combine=how, data_format=data_format)
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= (1e-6 * 45 * 255 if how in ("magnitude", "mean") else 0)
    reversed_bank = combined(results[::-1], how)
    assert np.array_equal(expected, reversed_bank) == (how != "none")


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_bias_is_a_fraction_of_full_scale(dtype, full):
    """A bias of 0.5 adds half of white, whatever the depth, before the activation."""
    picture = {np.uint8: PHOTO, np.uint16: DEEP, np.float32: PHOTO / np.float32(256)}[dtype]
    matrix = np.array([[0, -1, 1]])
    result = apply(kernel_of(matrix), picture, range="raw", bias=0.5, activation="relu")
    expected = np.maximum(correlate(picture, matrix, (0, 1)) + full / 2, 0)
    assert np.abs(result - expected).max() <= (1e-6 if dtype == np.float32 else 0)
    unit = apply(kernel_of(matrix), picture, range="raw", bias=0.5, activation="relu", values="unit")
    assert np.abs(unit - expected / full).max() <= 1e-6


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("border", SCIPY)
def test_several_input_channels(border, data_format):
    """A kernel for three channels sums SciPy's correlation of each with its own matrix; two filters."""
    picture = skimage.data.astronaut()[40:131, 160:263]
    weights = np.random.default_rng(3).integers(-9, 10, (3, 4, 3, 2))
    kernel = convfilter.make_kernel(weights)
    expected = [
        sum(correlate(picture[..., c], weights[:, :, c, f], (1, 2), border) for c in range(3)) for f in (0, 1)
    ]
    result = apply(kernel, picture, range="raw", border=border, data_format=data_format)
    assert np.array_equal(result, np.stack(expected, axis=-1))


def test_layouts_of_one_layer_agree():
    """Keras' order and PyTorch's order of the same layer give the same picture."""
    picture = skimage.data.astronaut()[:40, :50]
    weights = np.random.default_rng(4).integers(-9, 10, (3, 2, 3, 2))
    keras = apply(convfilter.make_kernel(weights), picture, range="raw")
    torch = convfilter.make_kernel(weights.transpose(3, 2, 0, 1), layout="out,in,kh,kw")
    assert np.array_equal(keras, apply(torch, picture, range="raw"))
    assert np.array_equal(
        keras[..., 1], sum(correlate(picture[..., c], weights[:, :, c, 1], (1, 1)) for c in range(3))
    )


@pytest.mark.parametrize("order", ["C", "F", "strided", "read-only"])
def test_memory_layout_does_not_matter(order):
    """Views, column-major and read-only arrays give the numbers of their contiguous copies."""
    picture = {
        "C": PHOTO.copy(),
        "F": np.asfortranarray(PHOTO),
        "strided": np.repeat(np.repeat(PHOTO, 2, 0), 3, 1)[::2, ::3],
        "read-only": np.frombuffer(PHOTO.tobytes(), np.uint8).reshape(PHOTO.shape),
    }[order]
    before = picture.copy()
    assert np.array_equal(
        apply(kernel_of(ASYMMETRIC), picture, range="raw"), correlate(PHOTO, ASYMMETRIC, (1, 1))
    )
    assert np.array_equal(picture, before)


# The article's experiment


def article(picture, pool):
    """Pad 2, Sobel-x, ReLU, pad 1, Sobel-x, ReLU, max-pool, with windows and loops of NumPy."""
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    state = picture.astype(np.int64)
    for pad in (2, 1):
        padded = np.zeros([side + 2 * pad for side in state.shape], np.int64)
        padded[pad:-pad, pad:-pad] = state
        rows, columns = padded.shape[0] - 2, padded.shape[1] - 2
        state = np.zeros((rows, columns), np.int64)
        for row in range(3):
            for column in range(3):
                state += sobel[row, column] * padded[row : row + rows, column : column + columns]
        state[state < 0] = 0
    pooled = np.zeros((state.shape[0] // pool, state.shape[1] // pool), np.int64)
    for row in range(pooled.shape[0]):
        for column in range(pooled.shape[1]):
            block = state[row * pool : (row + 1) * pool, column * pool : (column + 1) * pool]
            pooled[row, column] = block.max()
    return pooled


@pytest.mark.parametrize(("sample", "pool", "side"), [("article", 1, 258), ("article-pool2", 2, 129)])
def test_article(sample, pool, side):
    """The article's network on 256×256 pixels is the NumPy calculation, bit for bit: 258×258, or 129×129
    with a pool of 2; as 8-bit pixels it is that, cut off at white."""
    picture = CAMERA[100:356, 100:356]
    expected = article(picture, pool)
    path = ROOT / "samples" / f"{sample}.json"
    result = apply(path, picture, range="raw")
    assert result.shape == (side, side)
    assert np.array_equal(result, expected)
    assert expected.max() > 255
    assert np.array_equal(apply(path, picture), np.minimum(expected, 255))
