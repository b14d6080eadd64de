"""The rows of speed.py: for each, both sides with the same work and the same quality."""

import functools
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sides import peers
from sitting import PY, Failed, Row, Side, have, process, said, script, whole

CONVFILTER = [PY, "-m", "convfilter"]
HD = ("1080", "1920")
MANY = {1: 60, 4: 240, 16: 960}  # the folder of 60 pictures so many times


@dataclass(frozen=True)
class Place:
    """Where sides/pictures.py put the pictures, and whether they are small ones."""

    folder: Path
    quick: bool

    def __getitem__(self, name: str) -> str:
        return str(self.folder / name)

    def many(self, times: int) -> str:
        """A folder that holds every picture of many/ so many times, as links."""
        made = self.folder / f"many-{times}"
        if not made.is_dir():
            made.mkdir()
            for path, copy in itertools.product((self.folder / "many").iterdir(), range(times)):
                os.link(path, made / f"{path.stem}-{copy:02}.jpg")
        return str(made)


def apply(*arguments: str) -> list[str]:
    return [*CONVFILTER, "apply", *arguments]


def installed(*sides: tuple[str, str, str], arguments: tuple[str, str]) -> list[Side]:
    """Sides that are Python programs (name, module, source), of those the ones whose module is here."""
    return [whole(name, PY, "-c", code, *arguments) for name, module, code in sides if have(module)]


def magick() -> str | None:
    """ImageMagick's command, version 7's or 6's."""
    for name in ("magick", "convert"):
        if shutil.which(name):
            about = subprocess.run([name, "-version"], capture_output=True, text=True).stdout
            if "ImageMagick" in about:
                return name
    return None


def help_(place: Place) -> Row:
    sides = [whole("convfilter", *CONVFILTER, "--help"), whole("import click", PY, "-c", "import click")]
    return Row("`convfilter --help`", sides)


def jpeg(place: Place) -> Row:
    source, out = files = place["photo.jpg"], place["out.jpg"]
    sides = [whole("convfilter", *apply("sobel", source, out))]
    sides += installed(
        ("OpenCV", "cv2", peers.OPENCV),
        ("Pillow (one kernel)", "PIL", peers.PILLOW),
        ("scikit-image", "skimage", peers.SKIMAGE),
        arguments=files,
    )
    if shutil.which("vips"):
        sides.append(whole("vips (in colour)", "vips", "sobel", source, out + "[Q=95]"))
    if command := magick():
        work = ["-colorspace", "Gray", "-morphology", "Convolve", "Sobel", "-quality", "95"]
        sides.append(whole("ImageMagick (one kernel)", command, source, *work, out))
    return Row("one JPEG of 2.5 megapixels to JPEG, `sobel`, whole process", sides, check=sizes(sides, out))


def edited(place: Place) -> Row:
    source, out = files = place["photo.jpg"], place["out.jpg"]
    kernel, numbers = place.folder / "mine.json", itertools.count(1)

    def ours():
        weights = f"[[-1, 0, {next(numbers)}], [-2, 0, 2], [-1, 0, 1]]"
        kernel.write_text(f'{{"weights": {weights}, "range": "abs"}}')
        return process(apply(str(kernel), source, out))[0]

    sides = [Side("convfilter", ours)]
    sides += installed(("OpenCV", "cv2", peers.OPENCV_ONE_KERNEL), arguments=files)
    return Row(
        "the same, one kernel of a file whose numbers were just edited", sides, check=sizes(sides, out)
    )


def first(filter_: str, work: str, place: Place, *more: Side) -> Row:
    """A filter where the cache is empty, beside a later run of the same."""
    command = apply(filter_, place["photo.jpg"], place["out.jpg"])

    def fresh():
        with tempfile.TemporaryDirectory(dir=place.folder) as empty:
            return process(command, {"XDG_CACHE_HOME": empty})[0]

    later = whole("a later run", *command)
    return Row(f"first run ever of {work}, whole process", [Side("convfilter", fresh), later, *more],
               check=warm([later]))  # fmt: skip


def first_sobel(place: Place) -> Row:
    files = place["photo.jpg"], place["out.jpg"]
    return first(
        "sobel", "`sobel`", place, *installed(("plain Keras", "keras", peers.KERAS), arguments=files)
    )


def first_gaussian(place: Place) -> Row:
    return first("gaussian:sigma=2.7", "`gaussian:sigma=2.7`", place)


def first_bank(place: Place) -> Row:
    kernel = place.folder / "bank.json"
    bank = [[[(7 * n + 3 * y * x + x) % 19 / 10 - 0.9 for x in range(9)] for y in range(9)] for n in range(8)]
    kernel.write_text(json.dumps({"weights": bank, "divisor": 20, "combine": "absmax", "range": "abs"}))
    return first(str(kernel), "a kernel file of 8 filters of 9×9", place)


def batch(case: str, work: str, place: Place) -> Row:
    """Many JPEGs, in one process each; its start is left out."""
    names = ["convfilter", *(["OpenCV"] if have("cv2") else [])]
    if case == "clip":
        names += [name for name, module in (("Pillow", "PIL"), ("pyvips", "pyvips")) if have(module)]
    sides = [
        script(name, "batch.py", name, case, place["many"], place[f"out-{case}-{name}"]) for name in names
    ]

    def check() -> dict[str, float]:
        warm(sides)()
        if "OpenCV" not in names:
            return {}
        ours, theirs = (held(place.folder / f"out-{case}-{name}") for name in names[:2])
        return {"difference": said("batch.py", "check", case, place["photo.jpg"]), "bytes": ours / theirs}

    return Row(f"60 JPEGs of 2.5 megapixels, {work}", sides, check=check)


def scale(times: int, cores: int, place: Place) -> Row:
    """Many more JPEGs, whole processes, on so many cores."""
    folder, out = place.many(times), place["out-scale"]
    side = str(Path(__file__).parent / "sides" / "batch.py")
    ours = apply("sobel-x", folder, out + "/", "--recursive", "--range", "clip", "--quiet")
    sides = [whole("convfilter", *ours, cores=cores)]
    if have("cv2"):
        sides.append(whole("OpenCV", PY, side, "OpenCV", "clip", folder, out + "-OpenCV", "0", cores=cores))
    work = f"{MANY[times]} JPEGs, `sobel-x --range clip`, whole process on {cores} core{'s' * (cores > 1)}"
    return Row(work, sides)


def shard(place: Place) -> Row:
    """A shard of one picture: its seconds are those until a shard's first picture is there."""
    folder, out = place.many(16), place["out-shard"]
    count = len(os.listdir(folder))
    options = ["--range", "clip", "--quiet"]
    part = apply("sobel-x", folder, out + "/", "--recursive", *options, "--shard", f"1/{count}")
    alone = apply("sobel-x", place["photo.jpg"], place["out.jpg"], *options)
    return Row(
        "the first picture of a shard of 960, whole process",
        [whole("convfilter", *part), whole("the picture alone", *alone)],
    )


def large(name: str, filter_: list[str], peer: list[str], work: str, place: Place) -> Row:
    """A tiled TIFF to a tiled TIFF, beside vips. filter_: our filter and options; peer: vips' command."""
    source, out, theirs = place[name], place["out.tif"], place["out-vips.tif"]
    command = apply(filter_[0], source, out, *filter_[1:])
    try:
        process(command)
    except Failed:  # it asks for trust in so large a picture
        command += ["--max-pixels", str(10**10)]
    sides = [whole("convfilter", *command)]
    if shutil.which("vips"):
        sides.append(whole("vips", "vips", peer[0], source, theirs + "[tile]", *peer[1:]))
    return Row(work, sides, check=agree(len(sides) > 1, sides, "compare.py", out, theirs))


def tiff(place: Place) -> Row:
    """vips' own sobel adds |x| and |y| where ours takes the root, and repeats the edge: no equal work."""
    work = "one tiled TIFF of 400 megapixels, `sobel` (vips: a sum of magnitudes)"
    row = large("large.tif", ["sobel"], ["sobel"], work, place)
    files = place["large.tif"], place["out-vips.tif"] + "[tile]"
    sides = [*row.sides, *installed(("pyvips", "pyvips", peers.PYVIPS), arguments=files)]
    return Row(work, sides, check=warm(sides))


def clipped(name: str, work: str, place: Place) -> Row:
    """Equal to the last bit: vips repeats the edge."""
    matrix = place.folder / "sobel-x.mat"
    matrix.write_text("3 3 1 0\n-1 0 1\n-2 0 2\n-1 0 1\n")
    ours = ["sobel-x", "--range", "clip", "--border", "edge"]
    return large(name, ours, ["conv", str(matrix), "--precision", "integer"], work, place)


def tiff_clip(place: Place) -> Row:
    return clipped("large.tif", "the same, `sobel-x --range clip --border edge`", place)


def wide(columns: int, place: Place) -> Row:
    side = columns * 700 // 20000 if place.quick else columns
    return clipped(f"wide-{side}.tif", f"a TIFF {columns:,} columns wide and 4,000 high", place)


def arrays(case: str, cores: str, work: str, place: Place) -> Row:
    """The same array again and again: seconds a call."""
    size = ("96", "160") if place.quick else HD
    names = ["convfilter", *(["OpenCV"] if have("cv2") else [])]
    sides = [script(name, "arrays.py", name, case, cores, *size) for name in names]
    check = agree("OpenCV" in names, sides, "arrays.py", "check", case, cores, *size)
    on = "one core" if cores == "1" else "all cores"
    return Row(f"`convfilter.apply` on a 1080p array, {work}, {on}", sides, 20, check=check)


def kernels(case: str, size: tuple[str, str], work: str, place: Place) -> Row:
    size = ("200", "300") if place.quick else size
    names = ["convfilter", *(["OpenCV"] if have("cv2") else [])]
    sides = [script(name, "kernels.py", name, case, *size) for name in names]
    return Row(work, sides, check=agree("OpenCV" in names, sides, "kernels.py", "check", case, *size))


def held(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def warm(sides: list[Side]) -> Callable[[], dict[str, float]]:
    """Run every side once: what is compiled once is compiled, and files are in memory."""

    def run() -> dict[str, float]:
        for side in sides:
            side.run()
        return {}

    return run


def agree(peer: bool, sides: list[Side], *asked: str) -> Callable[[], dict[str, float]]:
    """Run every side once, then ask a script of sides/ for the largest difference if there is a peer."""

    def run() -> dict[str, float]:
        warm(sides)()
        return {"difference": said(*asked)} if peer else {}

    return run


def sizes(sides: list[Side], out: str) -> Callable[[], dict[str, float]]:
    """Run ours and the first peer, which write the same file; how its sizes compare."""

    def run() -> dict[str, float]:
        found = []
        for side in sides[:2]:
            side.run()
            found.append(os.path.getsize(out))
        return {"bytes": found[0] / found[-1]}

    return run


bind = functools.partial
ROWS: dict[str, Callable[[Place], Row]] = {
    "batch-clip": bind(batch, "clip", "`sobel-x --range clip`"),
    "batch-abs": bind(batch, "abs", "`sobel-x --range abs`"),
    "batch-magnitude": bind(batch, "magnitude", "`sobel`"),
    "batch-gaussian": bind(batch, "gaussian", "`gaussian:sigma=1.5 --color each`"),
    "batch-sharpen": bind(batch, "sharpen", "`sharpen --color each`"),
    "jpeg": jpeg,
    "edited": edited,
    "first-sobel": first_sobel,
    "first-gaussian": first_gaussian,
    "first-bank": first_bank,
    "tiff": tiff,
    "tiff-clip": tiff_clip,
    "wide-20000": bind(wide, 20_000),
    "wide-40000": bind(wide, 40_000),
    "api-clip-1": bind(arrays, "clip", "1", "`sobel-x`, range clip"),
    "api-clip-all": bind(arrays, "clip", "all", "`sobel-x`, range clip"),
    "api-binomial5-1": bind(arrays, "binomial5", "1", "`binomial-5`"),
    "api-binomial5-all": bind(arrays, "binomial5", "all", "`binomial-5`"),
    "random15": bind(kernels, "random-15", ("2448", "3264"), "a random 15×15 kernel, 8 megapixels"),
    "gaussian31": bind(kernels, "gaussian-31", ("2448", "3264"), "Gaussian 31×31, 8 megapixels"),
    "gabor16-15": bind(kernels, "gabor-15", HD, "16 Gabor filters of 15×15, 1080p"),
    "gabor16": bind(kernels, "gabor-31", HD, "16 Gabor filters of 31×31, 1080p"),
    **{f"scale-{MANY[t]}-{cores}": bind(scale, t, cores) for t in MANY for cores in (1, 2)},
    "shard": shard,
    "help": help_,
}
