"""Fine-tuning: a trained network on other classes or data, its layers kept where name and shape agree.

The same network is also trained from scratch on the same pictures with the same seed, so that the report
says what the old weights were worth.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from convfilter.errors import DataError, FilterError
from convfilter.model.boot import keras
from convfilter.system.atomic import make_folder
from convfilter.system.values import dataclass
from convfilter.train.data.dataset import Data, Dataset, Row
from convfilter.train.evaluation import evaluate
from convfilter.train.plan import Plan
from convfilter.train.run import Watcher, train
from convfilter.train.run_folder import CONFIG, describe_data, environment, write_json


@dataclass(frozen=True)
class Rates:
    """A recipe for `train`: Adam with one rate for the reused layers and one for the new."""

    new: float
    reused: float
    reused_layers: frozenset[str]

    def compile(self, model: Any) -> None:
        made = {
            rate: keras.optimizers.Adam(rate, name=f"adam_{n}")
            for n, rate in enumerate({self.new, self.reused})
        }
        own = {variable.path: layer.name for layer in model.layers for variable in layer.trainable_variables}

        def choose(variable: Any) -> Any:
            return made[self.reused if own[variable.path] in self.reused_layers else self.new]

        optimizer = keras.optimizers.MultiOptimizer(choose) if len(made) > 1 else made[self.new]
        model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])

    def batch(self, images: np.ndarray, rng: np.random.Generator) -> Any:
        return images

    def rate(self, epoch: float, epochs: int, history: Sequence[Row]) -> None:
        """The optimisers keep their own rates."""


def fresh_copy(model: Any, classes: int, keep_head: bool = False) -> Any:
    """The same network with new weights and, unless `keep_head`, a new last Dense layer for `classes`.

    Raises FilterError where the last layer is not Dense.
    """
    head = model.layers[-1]
    if not isinstance(head, keras.layers.Dense):
        raise FilterError(f"the last layer, {head.name}, is not Dense; only such networks get a new head")
    if keep_head and head.units != classes:
        raise FilterError(f"the head has {head.units} classes, the data has {classes}; don't keep it")

    def copy(layer: Any) -> Any:
        config = layer.get_config() | {"trainable": True}
        if layer is head and not keep_head:
            config.update(units=classes, name=f"{head.name}_new")
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=copy)


def reuse(model: Any, trained: Any) -> list[str]:
    """Copy the weights of layers of the same name and shapes into `model`; their names."""
    old = {layer.name: layer for layer in trained.layers if layer.weights}
    reused = []
    for layer in model.layers:
        other = old.get(layer.name)
        if other and [w.shape for w in layer.weights] == [w.shape for w in other.weights]:
            layer.set_weights(other.get_weights())
            reused.append(layer.name)
    return reused


def few(dataset: Dataset, each: int | None, seed: int) -> Dataset:
    """At most `each` pictures per class, drawn by `seed`. Raises DataError where a class has none."""
    if each is None:
        return dataset
    assert dataset.labels is not None
    rng = np.random.default_rng(seed)
    classes = range(int(dataset.labels.max()) + 1)
    chosen = [rng.permutation(np.flatnonzero(dataset.labels == label))[:each] for label in classes]
    if any(len(part) == 0 for part in chosen):
        raise DataError("a class without pictures; give some of each")
    return dataset.take(np.concatenate(chosen))


@dataclass(frozen=True)
class Tuning:
    """How a network is fine-tuned, besides the plan.

    rate_new, rate_reused: Adam's learning rates for new layers and for those that keep their weights.
    frozen: layers that stay as they are. each: pictures per class; None takes all. keep_head: whether the
    last layer keeps its weights too.
    """

    rate_new: float
    rate_reused: float
    frozen: tuple[str, ...] = ()
    each: int | None = None
    keep_head: bool = False


def finetune(
    trained: Any, data: Data, plan: Plan, tuning: Tuning, folder: Path, watcher: Watcher, model_hash: str = ""
) -> dict[str, Any]:
    """Train the network fine-tuned and from scratch; returns the report.

    The models are written to folder/finetuned and folder/scratch. A run that was
    cut off goes on when all is given as before. model_hash: SHA-256 of the trained network's file.
    Raises DataError without labelled training and test pictures, or where `folder` holds another run,
    FilterError for a network that can't be fine-tuned.
    """
    if data.train is None or data.test is None or data.train.labels is None or data.test.labels is None:
        raise DataError(
            f"{data.source}: fine-tuning needs labelled pictures for training and "
            "for the test; give a folder that holds train and test"
        )
    chosen = few(data.train, tuning.each, plan.seed)
    reusable = reuse(fresh_copy(trained, len(data.classes), tuning.keep_head), trained)
    for name in tuning.frozen:
        if name not in reusable:
            raise FilterError(f'no layer "{name}" whose weights are kept; kept are {", ".join(reusable)}')
    _claim(folder, {"plan": asdict(plan), "tuning": asdict(tuning), "model": model_hash,
                    "data": describe_data(data), "environment": environment()})  # fmt: skip
    report: dict[str, Any] = {"images": len(chosen.images), "seed": plan.seed}
    for name in ("scratch", "finetuned"):
        keras.utils.set_random_seed(plan.seed)
        model = fresh_copy(trained, len(data.classes), tuning.keep_head)
        reused = reuse(model, trained) if name == "finetuned" else []
        for kept in tuning.frozen if reused else ():
            model.get_layer(kept).trainable = False
        recipe = Rates(tuning.rate_new, tuning.rate_reused, frozenset(reused))
        make_folder(folder / name)
        train(model, recipe, plan, chosen, None, folder / name, watcher)
        report[name] = {**evaluate(model, data.test), "reused": reused}
    report["gain"] = report["finetuned"]["accuracy"] - report["scratch"]["accuracy"]
    return report


def _claim(folder: Path, config: dict[str, Any]) -> None:
    """Write `config` to the folder. Raises DataError where the folder has another run's."""
    path, text = folder / CONFIG, json.loads(json.dumps(config))
    if path.exists():
        try:
            same = json.loads(path.read_text()) == text
        except (OSError, ValueError):
            same = False
        if not same:
            raise DataError(f'{folder}: holds another run; choose another out="FOLDER"')
        return
    make_folder(folder)
    write_json(path, config)
