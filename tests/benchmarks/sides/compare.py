"""python compare.py A B: the largest difference between two TIFFs of one size and 8 bits."""

import sys

import numpy as np
import tifffile

ROWS = 1024


def main(*paths: str) -> None:
    first, second = (tifffile.imread(path) for path in paths)
    assert first.shape == second.shape
    strips = ((first[top : top + ROWS], second[top : top + ROWS]) for top in range(0, len(first), ROWS))
    print(max(int((np.maximum(here, there) - np.minimum(here, there)).max()) for here, there in strips))


if __name__ == "__main__":
    main(*sys.argv[1:])
