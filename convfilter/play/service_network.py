"""What the page's questions about a network are answered with."""

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.digits.find import SIDE, drawn_digit
from convfilter.digits.photo import takes_digits
from convfilter.errors import FilterError, printable
from convfilter.features import Output, every_output
from convfilter.filters.kernel_writer import format_json
from convfilter.networks.convolution import convolutions
from convfilter.networks.extract import extract, extract_each, source_of
from convfilter.networks.layer_names import named_layers
from convfilter.networks.predict import predict
from convfilter.play.layer_views import drawn
from convfilter.play.pictures import data_address
from convfilter.play.run import Run, mistaken
from convfilter.play.work import Refusal
from convfilter.train.data.dataset import Dataset, labels_of

MOST_KERNELS = 64  # of a layer
MOST_PICTURES = 64  # of one cell of the confusion matrix
MOST_SIDE = 1024  # of a drawing


class NetworkService:
    """Answers about one network, and the run that made it if its file lies in the run's folder."""

    def __init__(self, model: Any, path: Path):
        self._model = model
        self._path = path
        self._run = Run(path.parent)
        self._computing = threading.Lock()
        self.name = printable(self._run.name or path.name)

    def facts(self) -> dict[str, Any]:
        """The network as a whole: layers, learned kernels, and how its training went."""
        return {
            **self._about,
            "curves": self._run.curves(),
            "confusion": self._run.confusion,
            "test": self._run.test,
        }

    def digit(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the network makes of a drawing: what it was given, its answers, and every layer."""
        if not takes_digits(self._model):
            raise Refusal(f"{self.name} takes no digits of {SIDE}×{SIDE} pixels")
        prepared = drawn_digit(_drawing(asked.get("pixels")))
        if prepared is None:
            return {"empty": True}
        with self._computing:
            outputs = self._outputs(prepared)
        answers = outputs[-1][1].ravel().tolist()
        named = zip(self._classes, answers, strict=True)
        return {
            "prepared": prepared.tolist(),
            "predictions": [{"class": name, "probability": answer} for name, answer in named],
            "layers": [_drawn(name, maps) for name, maps in outputs],
        }

    def mistakes(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The test pictures of one class that the network took for another, each as a PNG."""
        truth, taken = (_class(asked.get(key), len(self._classes)) for key in ("truth", "taken"))
        with self._computing:
            pictures, answers = self._tested
        chosen = mistaken(labels_of(pictures), answers, truth, taken)[:MOST_PICTURES]
        return {"pictures": [data_address(_pixels(pictures.images[number])) for number in chosen]}

    @cached_property
    def _about(self) -> dict[str, Any]:
        layers = named_layers(self._model)
        return {
            "name": self.name,
            "classes": self._classes,
            "parameters": self._model.count_params(),
            "layers": [_row(name, layer) for name, layer in layers.items()],
            "kernels": [{"layer": name, "files": self._files(name)} for name in convolutions(self._model)],
        }

    @cached_property
    def _classes(self) -> list[str]:
        count = int(self._model.output_shape[-1])
        known = self._run.classes
        return known if known and len(known) == count else [str(number) for number in range(count)]

    @cached_property
    def _outputs(self) -> Callable[[np.ndarray], list[Output]]:
        return every_output(self._model)

    @cached_property
    def _tested(self) -> tuple[Dataset, np.ndarray]:
        """The test pictures, and the class that the network takes each for."""
        pictures = self._run.test_pictures()
        return pictures, predict(self._model, pictures.images).argmax(1)

    def _files(self, layer: str) -> list[str]:
        """The kernels that a layer learned, each of one channel, as files; none where files can't."""
        try:
            source = source_of(self._path)
            bank = extract(self._model, layer, source)
            if np.array(bank["weights"]).shape[2] == 1:
                return [format_json(file) for file in extract_each(self._model, layer, source)[:MOST_KERNELS]]
        except FilterError:
            return []
        return [format_json(file) for file in _parts(bank)]


def _parts(bank: dict[str, Any]) -> list[dict[str, Any]]:
    """The first filters of several channels, a file for each channel: a photograph has no more to give."""
    weights = np.array(bank["weights"])  # (kh, kw, in, out)
    depth, count = weights.shape[2:]
    places = [(one, channel) for one in range(count) for channel in range(depth)][:MOST_KERNELS]
    about = {
        key: value for key, value in bank.items() if key not in ("layout", "bias", "activation", "anchor")
    }
    return [
        {
            **about,
            "name": f"{bank['name'][:80]}-{one + 1}-channel-{channel + 1}",
            "description": f"What filter {one + 1} makes of channel {channel + 1} of {depth}, which it adds.",
            "weights": weights[:, :, channel, one].tolist(),
        }
        for one, channel in places
    ]


def _row(name: str, layer: Any) -> dict[str, Any]:
    shape = getattr(layer, "output", None)
    sides = [] if shape is None or isinstance(shape, list) else [*shape.shape[1:]]
    return {
        "name": name, "kind": type(layer).__name__, "shape": sides, "parameters": layer.count_params(),
    }  # fmt: skip


def _drawn(name: str, maps: np.ndarray) -> dict[str, Any]:
    """A layer's output (H, W, C), its range and its first channels drawn."""
    return drawn({"name": name, "shape": [*maps.shape]}, np.moveaxis(maps, -1, 0))


def _drawing(pixels: Any) -> np.ndarray:
    """(H, W) uint8. Raises Refusal for what is no drawing."""
    try:
        found = np.array(pixels, np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.empty(0)
    sides = found.shape if found.ndim == 2 else (0, 0)
    if not 0 < min(sides) <= max(sides) <= MOST_SIDE or not ((found >= 0) & (found <= 255)).all():
        raise Refusal(f"a drawing is rows of numbers from 0 to 255, at most {MOST_SIDE} a side")
    return np.rint(found).astype(np.uint8)


def _class(value: Any, count: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < count:
        raise Refusal(f"a class is a whole number from 0 to {count - 1}")
    return value


def _pixels(image: np.ndarray) -> np.ndarray:
    """(H, W, 1) or (H, W, 3) as a PNG takes it."""
    return np.ascontiguousarray(image if image.shape[2] == 3 else image[..., 0])
