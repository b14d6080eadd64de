"""Whether what was found in a picture can be digits that somebody wrote on paper.

Any picture has dark spots that could be digits, each for itself. A page of digits differs from a
landscape in what they have in common: bare paper around them, strokes of a pen, and about one size.
"""

import numpy as np

from convfilter.digits.strokes import Part, grown, stroke_width, widened
from convfilter.errors import PictureError

_NEAR = 0.5  # digits' heights around a digit that must be paper
_PAPER = 1 / 3  # of the ink's level: what differs more from the paper is something else
_OTHER = 0.05  # the largest share of something else around the digits; most pages have none
_FILLED = 0.42  # a stroke's width by the digit's longer side, above which it is a patch; MNIST's are 0.1–0.3
_UNEVEN, _SEVERAL = 0.25, 4  # how far heights may be from their median, most of them; of at least so many
_SOFT = 3  # pixels around a digit that are neither ink nor paper


def check_page(ink: np.ndarray, labels: np.ndarray, parts: list[Part]) -> None:
    """Raise PictureError where the parts are no digits on a page, all of them looked at together.

    ink: (H, W), 0 on paper, positive on ink. labels: the numbered components that the parts are made of.
    """
    heights = np.array([box[2] - box[0] for box, _ in parts])
    usual = float(np.median(heights))
    other = _not_paper(ink, labels, parts, usual)
    if other > _OTHER:
        raise _no_page(parts, f"{other:.0%} of the space around is not plain paper")
    widths = [
        stroke_width(np.isin(labels[widened(box, 0)], numbers)) / max(box[2] - box[0], box[3] - box[1])
        for box, numbers in parts
    ]
    if np.median(widths) > _FILLED:
        raise _no_page(parts, "filled in, not drawn with strokes of a pen")
    if len(parts) >= _SEVERAL and np.median(np.abs(heights / usual - 1)) > _UNEVEN:
        raise _no_page(parts, "of all sizes")


def _not_paper(ink: np.ndarray, labels: np.ndarray, parts: list[Part], usual: float) -> float:
    """The share of the digits' surroundings that is neither digits nor paper, 0–1."""
    near = np.zeros(ink.shape, bool)
    for box, _ in parts:
        near[widened(box, max(_SOFT, int(_NEAR * usual)))] = True
    own = np.zeros(labels.max() + 1, bool)
    own[[number for _, numbers in parts for number in numbers]] = True
    around = np.abs(ink[near & ~grown(own[labels], _SOFT)])
    levels = [_level(ink, labels, part) for part in parts]
    return float((around > _PAPER * np.median(levels)).mean()) if around.size else 0.0


def _level(ink: np.ndarray, labels: np.ndarray, part: Part) -> float:
    """How far the ink of a digit is from paper."""
    box, numbers = part
    here = widened(box, 0)
    return float(np.percentile(ink[here][np.isin(labels[here], numbers)], 80))


def _no_page(parts: list[Part], why: str) -> PictureError:
    things = f"{len(parts)} dark or bright spots" if len(parts) > 1 else "one dark or bright spot"
    return PictureError(f"no page of digits: {things} found, but {why}; cut the picture down to the digits")
