"""The arithmetic of the page that stands alone, in a browser, against the engine's float32 results, bit by bit."""

import numpy as np
import pytest

import convfilter
from convfilter.choices import ACTIVATIONS
from convfilter.filters.kernel_writer import file_text
from convfilter.filters.load import load
from convfilter.play.bundle import script
from convfilter.play.share import _HERE

SIZE = (61, 83)
CASES = [  # work, and how far from the engine it may be. Whole numbers: float32 holds every sum, in any order
    ({"filter": ["sobel-x"]}, 0),
    ({"filter": ["laplacian"], "border": "edge"}, 0),
    ({"filter": ["laplacian"], "border": "reflect"}, 0),
    ({"filter": ["laplacian"], "border": "symmetric"}, 0),
    ({"filter": ["laplacian"], "border": "wrap"}, 0),
    ({"filter": ["sobel-7-y"], "border": "wrap"}, 0),
    ({"filter": ["sobel-x"], "pad": "valid"}, 0),
    ({"filter": ["sobel-x"], "pad": "cover", "strides": [3, 2]}, 0),
    ({"filter": ["sobel-x"], "pad": [2, 5], "border": "reflect"}, 0),
    ({"filter": ["sobel-x"], "dilation": [2, 3]}, 0),
    ({"filter": ["sobel-x"], "strides": [2, 3]}, 0),
    ({"filter": ["sobel-x"], "pool": [2, 2]}, 0),
    ({"filter": ["sobel-x"], "pool": [2, 3], "pool_mode": "max"}, 0),
    ({"filter": ["sobel-x", "laplacian"], "border": "edge"}, 0),
    ({"filter": ["sobel-x"], "activation": "relu", "bias": 0.25}, 0),
    ({"filter": ["sobel"], "combine": "absmax"}, 0),
    ({"filter": ["sobel"], "combine": "max"}, 0),
    ({"filter": ["sobel"], "combine": "sum"}, 0),
    ({"filter": ["sobel"], "combine": "mean"}, 0),
    ({"filter": ["sobel"], "combine": "none"}, 0),
    # Kernels of fractions: every bit equal on a machine with fused multiply-add (AVX-512), where the order of
    # taps was found; magnitudes, averages of ten and more, and curved activations differ in the last bit or two.
    ({"filter": ["gaussian:sigma=2"]}, 2e-6),
    ({"filter": ["log:sigma=2"]}, 2e-6),
    ({"filter": ["box-3"]}, 2e-6),
    ({"filter": ["farid-x"]}, 2e-6),
    ({"filter": ["gabor"]}, 2e-6),
    ({"filter": ["gabor-bank"]}, 2e-6),
    ({"filter": ["gaussian:sigma=2"], "strides": [2, 2], "dilation": [1, 1]}, 2e-6),
    ({"filter": ["gaussian:sigma=0.8"], "dilation": [2, 2]}, 2e-6),
    ({"filter": ["sobel"]}, 2e-6),
    ({"filter": ["box-3"], "pool": [2, 2], "pool_mode": "average"}, 2e-6),
    ({"filter": ["box-3"], "pool": [3, 2], "pool_mode": "average"}, 2e-6),
    ({"filter": ["box-3"], "pool": [4, 4], "pool_mode": "average"}, 2e-6),
    ({"filter": ["box-3", "laplacian"]}, 2e-6),
    *(
        ({"filter": ["laplacian"], "activation": name, "values": "unit"}, 2e-6)
        for name in ACTIVATIONS
        if name in _HERE
    ),
]
RUN = """([work, rows, size, full]) => {
  const pipeline = page.pipelineOf(work, size);
  const planes = { channels: 1, height: size[0], width: size[1], data: Float32Array.from(rows.flat()) };
  const { channels, height, width, data } = page.run(pipeline.layers, planes, full).at(-1);
  return { shape: [channels, height, width], bits: Array.from(new Uint32Array(data.buffer)) };
}"""


@pytest.fixture(scope="module")
def arithmetic(chromium):
    """arithmetic(work, pixels, full) → (channels, rows, columns) of float32, computed in a browser."""
    page = chromium.new_page()
    code = script("local_explain.js") + "globalThis.page = { ...module_pipeline, ...module_run };"
    page.add_script_tag(content=code)

    def run(work, pixels, full):
        found = page.evaluate(RUN, [work, pixels.tolist(), list(pixels.shape), full])
        return np.array(found["bits"], np.uint32).view(np.float32).reshape(found["shape"])

    yield run
    page.close()


def texts(work):
    """The work as a page has it: filters as the text of their files."""
    return {**work, "filter": [file_text(load(name)) for name in work["filter"]]}


def engines(work, pixels):
    """The engine's float32 results, (channels, rows, columns), with no convolution rewritten."""
    first, *then = work["filter"]
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in work.items()}
    del options["filter"]
    filters = first if not then else [first, *then]
    found = convfilter.apply(filters, pixels, range="raw", plan="direct", **options)
    return np.moveaxis(found, -1, 0) if found.ndim == 3 else found[None]


@pytest.mark.slow
@pytest.mark.parametrize(("work", "allowed"), CASES, ids=lambda case: str(case))
def test_the_page_adds_as_the_engine_does(arithmetic, record_property, work, allowed):
    """On 5063 random bytes: every bit for kernels of whole numbers; else at most `allowed` of the largest apart,
    which a page says and shows the engine's."""
    pixels = np.random.default_rng(7).integers(0, 256, SIZE, dtype=np.uint8)
    wanted = engines(work, pixels)
    unit = work.get("values") == "unit"
    entering = (pixels / np.float32(255)).astype(np.float32) if unit else pixels
    found = arithmetic(texts(work), entering, 1 if unit else 255)
    assert found.shape == wanted.shape
    equal = int((found.view(np.uint32) == wanted.view(np.uint32)).sum())
    record_property("equal", f"{equal} of {wanted.size}")
    print(f"EQUAL {equal:6d} of {wanted.size:6d}  apart {np.abs(found - wanted).max():.2e}  {work}")
    if allowed:
        np.testing.assert_allclose(found, wanted, rtol=0, atol=allowed * np.abs(wanted).max())
    else:
        np.testing.assert_array_equal(found, wanted)
