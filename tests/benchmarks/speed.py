"""convfilter's speed beside its peers', both sides in turn in one sitting.

    python tests/benchmarks/speed.py [--repeat N] [--json FILE] [--quick] [ROW ...]

Every row runs all of its sides N times, interleaved, and prints the median time of each, its ratio to the
row's first peer, and the peak memory of whole processes. Peers that are not installed are left out: OpenCV,
Pillow, scikit-image and pyvips from PyPI, vips and ImageMagick as commands. --quick takes small pictures:
it shows that everything runs, not how fast.

This process imports nothing large, since Linux counts a parent's memory as its child's.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PY = sys.executable
APPLY = [PY, "-m", "convfilter", "apply", "sobel"]
MiB = 2**20
# Installed packages are compiled: so is what runs from a checkout, from its second run on.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

# Peers: what their users would write. IN and OUT are the first two arguments.

OPENCV = """
import sys, cv2, numpy as np
gray = cv2.imread(sys.argv[1], cv2.IMREAD_GRAYSCALE)
kernel = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
x = cv2.filter2D(gray, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)
y = cv2.filter2D(gray, cv2.CV_32F, kernel.T, borderType=cv2.BORDER_CONSTANT)
cv2.imwrite(sys.argv[2], cv2.convertScaleAbs(cv2.magnitude(x, y)))
"""
PILLOW = """
import sys
from PIL import Image, ImageFilter
gray = Image.open(sys.argv[1]).convert("L")
gray.filter(ImageFilter.Kernel((3, 3), [-1, 0, 1, -2, 0, 2, -1, 0, 1], 1)).save(sys.argv[2], quality=95)
"""
SKIMAGE = """
import sys
from skimage import io, filters, color
edges = filters.sobel(color.rgb2gray(io.imread(sys.argv[1])))
io.imsave(sys.argv[2], (edges.clip(0, 1) * 255).astype("uint8"))
"""
KERAS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
from PIL import Image
gray = np.asarray(Image.open(sys.argv[1]).convert("L"), "float32")[None, ..., None]
model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.ZeroPadding2D(1),
                          keras.layers.Conv2D(2, 3, use_bias=False)])
kernel = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
model.set_weights([np.stack([kernel, kernel.T], -1)[:, :, None]])
edges = np.sqrt((model.predict(gray, verbose=0)[0] ** 2).sum(-1))
Image.fromarray(edges.clip(0, 255).round().astype("uint8")).save(sys.argv[2], quality=95)
"""
PYVIPS = """
import sys, pyvips
pyvips.Image.new_from_file(sys.argv[1], access="sequential").sobel().write_to_file(sys.argv[2])
"""

# Rows inside one process: each prints the seconds of a run, its imports and a first run left out.

BATCH = """
import sys, time, os
from concurrent.futures import ThreadPoolExecutor
folder, out, side = sys.argv[1:4]
names = sorted(os.listdir(folder))
os.makedirs(out, exist_ok=True)
def ours(names):
    from convfilter.processing.batch import WriteOptions, run
    from convfilter.engines import choose_engine
    from convfilter.processing.apply import PixelOptions
    from convfilter.filters.load import make_pipeline
    from convfilter.processing.jobs import plan
    jobs = plan([f"{folder}/{n}" for n in names], out, recursive=False, format_name=None, pages=1)
    engine = choose_engine(device="cpu")
    at_once = engine.threads
    for done in run(jobs, make_pipeline("sobel"), PixelOptions(), WriteOptions(), engine.sharing(at_once), at_once):
        assert done.status == "written", done
def opencv(names):
    import cv2, numpy as np
    cv2.setNumThreads(1)
    kernel = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    def one(name):
        gray = cv2.imread(f"{folder}/{name}", cv2.IMREAD_GRAYSCALE)
        x = cv2.filter2D(gray, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)
        y = cv2.filter2D(gray, cv2.CV_32F, kernel.T, borderType=cv2.BORDER_CONSTANT)
        cv2.imwrite(f"{out}/{name}", cv2.convertScaleAbs(cv2.magnitude(x, y)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, names))
def pillow(names):
    from PIL import Image, ImageFilter
    kernel = ImageFilter.Kernel((3, 3), [-1, 0, 1, -2, 0, 2, -1, 0, 1], 1)
    for name in names:
        image = Image.open(f"{folder}/{name}")
        image.draft("L", image.size)
        image.convert("L").filter(kernel).save(f"{out}/{name}", quality=95)
def pyvips(names):
    import pyvips
    for name in names:
        image = pyvips.Image.new_from_file(f"{folder}/{name}", access="sequential").colourspace("b-w")
        image.sobel().write_to_file(f"{out}/{name}[Q=95]")
run_side = {"convfilter": ours, "OpenCV": opencv, "Pillow": pillow, "pyvips": pyvips}[side]
run_side(names[:2])
start = time.perf_counter()
run_side(names)
print(time.perf_counter() - start)
"""

KERNELS = """
import sys, time
import numpy as np
side, case, rows, columns = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(0)
from convfilter.filters import formulas
if case == "random-15":
    weights = rng.normal(size=(1, 15, 15))
elif case == "gaussian-31":
    weights = formulas.gaussian(5, 31).weights[:, :, 0, 0][None]
else:
    weights = np.moveaxis(formulas.gabor_bank(16, 5, 10, 1, 0, 31).weights[:, :, 0], 2, 0)
picture = rng.integers(0, 256, (rows, columns), np.uint8)
if side == "OpenCV":
    import cv2
    kernels = [np.float32(kernel) for kernel in weights]
    def work():
        return [cv2.filter2D(picture, cv2.CV_32F, k, borderType=cv2.BORDER_REFLECT_101) for k in kernels]
else:
    from convfilter import make_kernel, make_pipeline
    from convfilter.engines import choose_engine
    from convfilter.processing.apply import LazyPicture, in_order, strips
    from convfilter.engines.raster import of_array
    pipeline = make_pipeline(make_kernel(weights / np.abs(weights).sum((1, 2), keepdims=True)), border="reflect")
    engine = choose_engine(device="cpu", plan="direct" if side == "direct" else "auto")
    found = np.empty((len(weights), rows, columns), np.float32)
    def work():
        result = engine.open(pipeline, of_array(picture[None]), 255.0)
        class shape: size, pages = result.size, len(weights)
        def one(strip):
            found[:, slice(*strip)] = result.rows(*strip)
        for _ in in_order(one, strips(shape), engine.threads):
            pass
work()
times = []
for _ in range(3):
    start = time.perf_counter()
    work()
    times.append(time.perf_counter() - start)
print(min(times))
"""

PREPARE = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image
folder, megapixels, count, tiff_side = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
photo = Image.fromarray(load_sample_image("china.jpg")).resize((width, width * 3 // 4), Image.Resampling.LANCZOS)
photo.save(folder / "photo.jpg", quality=92)
(folder / "many").mkdir()
for number in range(count):
    photo.rotate(number / 10).save(folder / "many" / f"{number:03}.jpg", quality=92)
from convfilter.images.tiff_writer import TiffRows
from convfilter.images.picture import Metadata
gray = np.asarray(photo.convert("L"))
band = np.tile(gray, (256 // len(gray) + 1, -(-tiff_side // gray.shape[1])))[:256, :tiff_side]
with open(folder / "large.tif", "wb") as file:
    writer = TiffRows(file, (tiff_side, tiff_side), 1, np.dtype("uint8"), False, Metadata())
    for top in range(0, tiff_side, 256):
        writer.write(top, band[: min(256, tiff_side - top)])
    writer.close()
"""


@dataclass(frozen=True)
class Side:
    """One side of a row: `run` returns seconds and bytes of peak memory, or None for it."""

    name: str
    run: Callable[[], tuple[float, int | None]]


def process(arguments: list[str], env: dict[str, str] | None = None) -> tuple[float, int]:
    """Seconds and peak memory of a whole process, which doesn't wait for what others left to the disk."""
    os.sync()
    start = time.perf_counter()
    child = subprocess.Popen(arguments, env={**ENVIRONMENT, **(env or {})}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{arguments} failed")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def printed(code: str, *arguments: str) -> tuple[float, None]:
    """Seconds that a script prints."""
    done = subprocess.run([PY, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]), None


def have(module: str) -> bool:
    """Whether a Python package can be imported."""
    return subprocess.run([PY, "-c", f"import {module}"], capture_output=True).returncode == 0


def magick() -> str | None:
    """ImageMagick's command, version 7's or 6's."""
    for name in ("magick", "convert"):
        if shutil.which(name):
            said = subprocess.run([name, "-version"], capture_output=True, text=True).stdout
            if "ImageMagick" in said:
                return name
    return None


def scripts(source: str, out: str, **named: str) -> Iterator[Side]:
    """Sides that are Python scripts."""
    modules = {"OpenCV": "cv2", "scikit-image": "skimage", "pyvips": "pyvips", "Pillow": "PIL"}
    for name, code in named.items():
        shown = name.replace("_", " ").replace("scikit image", "scikit-image")
        if shown not in modules or have(modules[shown]):
            yield Side(shown, lambda code=code: process([PY, "-c", code, source, out]))  # type: ignore[misc]


def row_jpeg(folder: Path, quick: bool) -> list[Side]:
    """One JPEG of 2.5 MP to JPEG, whole process, second and later runs"""
    source, out = str(folder / "photo.jpg"), str(folder / "out.jpg")
    process([*APPLY, source, out])
    sides = [
        Side("convfilter", lambda: process([*APPLY, source, out])),
        *scripts(source, out, OpenCV=OPENCV, Pillow=PILLOW, scikit_image=SKIMAGE),
    ]
    if shutil.which("vips"):
        sides.append(Side("vips", lambda: process(["vips", "sobel", source, out])))
    if command := magick():
        arguments = [command, source, "-colorspace", "Gray", "-morphology", "Convolve", "Sobel", out]
        sides.append(Side("ImageMagick", lambda: process(arguments)))
    return sides


def row_edited(folder: Path, quick: bool) -> list[Side]:
    """The same with a kernel file whose numbers were just edited"""
    source, out, kernel = str(folder / "photo.jpg"), str(folder / "out.jpg"), folder / "mine.json"
    counter = iter(range(1, 10**6))

    def ours() -> tuple[float, int]:
        n = next(counter)
        kernel.write_text(f'{{"weights": [[-1, 0, {n}], [-2, 0, 2], [-1, 0, 1]], "range": "abs"}}')
        return process([PY, "-m", "convfilter", "apply", str(kernel), source, out])

    ours()
    return [Side("convfilter", ours), *scripts(source, out, OpenCV=OPENCV)]


def row_first(folder: Path, quick: bool) -> list[Side]:
    """The same, first run ever"""
    source, out = str(folder / "photo.jpg"), str(folder / "out.jpg")

    def ours() -> tuple[float, int]:
        with tempfile.TemporaryDirectory() as empty:
            return process([*APPLY, source, out], {"XDG_CACHE_HOME": empty})

    return [Side("convfilter", ours), *scripts(source, out, plain_Keras=KERAS)]


def row_batch(folder: Path, quick: bool) -> list[Side]:
    """60 JPEGs of 2.5 MP in and out, process start left out"""
    modules = {"convfilter": "convfilter", "OpenCV": "cv2", "pyvips": "pyvips", "Pillow": "PIL"}
    names = [name for name, module in modules.items() if have(module)]
    return [
        Side(name, lambda name=name: printed(BATCH, str(folder / "many"), str(folder / "out"), name))  # type: ignore[misc]
        for name in names
    ]


def row_tiff(folder: Path, quick: bool) -> list[Side]:
    """One tiled TIFF of 400 MP, sobel, whole process"""
    source, out = str(folder / "large.tif"), str(folder / "out.tif")
    sides = [Side("convfilter", lambda: process([*APPLY, source, out, "--max-pixels", str(10**10)]))]
    if shutil.which("vips"):
        sides.append(Side("vips", lambda: process(["vips", "sobel", source, out + "[tile]"])))
    return [*sides, *scripts(source, out + "[tile]", pyvips=PYVIPS)]


def row_kernels(case: str, size: tuple[int, int], quick: bool) -> list[Side]:
    rows, columns = (200, 300) if quick else size
    names = ["convfilter", *(["OpenCV"] if have("cv2") else []), "direct"]
    return [
        Side(name, lambda name=name: printed(KERNELS, name, case, str(rows), str(columns)))  # type: ignore[misc]
        for name in names
    ]


def row_random15(folder: Path, quick: bool) -> list[Side]:
    """A random 15×15 kernel, 8 MP"""
    return row_kernels("random-15", (2448, 3264), quick)


def row_gaussian31(folder: Path, quick: bool) -> list[Side]:
    """Gaussian 31×31, 8 MP"""
    return row_kernels("gaussian-31", (2448, 3264), quick)


def row_gabor16(folder: Path, quick: bool) -> list[Side]:
    """16 Gabor filters 31×31, 1080p"""
    return row_kernels("gabor-16", (1080, 1920), quick)


def row_help(folder: Path, quick: bool) -> list[Side]:
    """convfilter --help beside importing click"""
    return [
        Side("convfilter", lambda: process([PY, "-m", "convfilter", "--help"])),
        Side("import click", lambda: process([PY, "-c", "import click"])),
    ]


ROWS = {
    "help": row_help,
    "jpeg": row_jpeg,
    "edited": row_edited,
    "first": row_first,
    "batch": row_batch,
    "tiff": row_tiff,
    "random15": row_random15,
    "gaussian31": row_gaussian31,
    "gabor16": row_gabor16,
}


def measure(name: str, folder: Path, quick: bool, repeat: int) -> dict[str, object]:
    """A row's medians."""
    sides = ROWS[name](folder, quick)
    found: dict[str, list[tuple[float, int | None]]] = {side.name: [] for side in sides}
    for _ in range(repeat):
        for side in sides:
            found[side.name].append(side.run())
    medians = {side: statistics.median(seconds for seconds, _ in runs) for side, runs in found.items()}
    peaks = {side: max((memory or 0) for _, memory in runs) for side, runs in found.items()}
    peer = next((side for side in medians if side != "convfilter"), None)
    return {
        "row": name,
        "work": (ROWS[name].__doc__ or "").strip(),
        "seconds": medians,
        "peak_bytes": {side: peak for side, peak in peaks.items() if peak},
        "ratio": medians["convfilter"] / medians[peer] if peer else None,
        "peer": peer,
    }


def show(row: dict[str, object]) -> str:
    """One line of Markdown."""
    seconds, peaks = row["seconds"], row["peak_bytes"]
    assert isinstance(seconds, dict)
    assert isinstance(peaks, dict)
    texts = [
        f"{side} {value:.3f} s" + (f" ({peaks[side] / MiB:.0f} MiB)" if side in peaks else "")
        for side, value in seconds.items()
    ]
    ratio = f"{row['ratio']:.2f} × {row['peer']}" if row["peer"] else "–"
    return f"| {row['work']} | {' · '.join(texts)} | {ratio} |"


def machine() -> dict[str, object]:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": model or platform.machine(), "cores": cores, "python": platform.python_version()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all unless given")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="runs of each side [7]")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    parser.add_argument("--quick", action="store_true", help="small pictures, to see that all runs")
    given = parser.parse_args()
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}; the rows are {', '.join(ROWS)}")
    sizes = ("0.05", "4", "700") if given.quick else ("2.5", "60", "20000")
    results = []
    with tempfile.TemporaryDirectory(prefix="convfilter-speed-") as place:
        subprocess.run([PY, "-c", PREPARE, place, *sizes], check=True)
        about = machine()
        print(
            f"{time.strftime('%Y-%m-%d')}, {about['cpu']}, {about['cores']} cores, Python {about['python']}\n"
        )
        print("| work | medians (peak memory) | ratio |\n|---|---|---|", flush=True)
        for name in given.rows or ROWS:
            results.append(measure(name, Path(place), given.quick, given.repeat))
            print(show(results[-1]), flush=True)
    if given.json:
        Path(given.json).write_text(json.dumps({"machine": about, "rows": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
