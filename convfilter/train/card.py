"""The model card of a run: a README for its folder that says what the model is and what it is not."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from convfilter.train.data.dataset import Row

Z95 = 1.959963984540054  # the normal distribution's 97.5 % point
# Dataset.sha256 of MNIST's 60,000 training pictures
MNIST = "91fd7a250495ac6742489b2a01919e8774cf195fed7282a7ecc63d849f99a9e1"
DIGITS = [str(digit) for digit in range(10)]


def model_card(
    config: dict[str, Any], report: dict[str, Any], history: Sequence[Row], pictures: Sequence[str] = ()
) -> str:
    """Markdown from config.json, report.json and history; `pictures` are files of the folder to show."""
    sections = [
        _head(config, report),
        _result(report),
        _classes(config["data"]["classes"], report),
        _data(config["data"]),
        _training(config["plan"], report, history),
        _table("Environment", ("what", "version or value"), list(config["environment"].items())),
        _USE,
        _limits(config),
        _SAFETY,
        _gallery(pictures),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def wilson(right: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for a share of `right` out of `total`; 95 % by default.

    Unlike p ± z √(p (1 - p) / n) it stays within 0 and 1 and holds near both.
    """
    if not 0 <= right <= total or total == 0:
        raise ValueError(f"{right} of {total} is no share")
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def escaped(text: object) -> str:
    """One line of Markdown that shows `text` as it is, in a paragraph, a heading or a table."""
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in str(text))).strip()
    return re.sub(r"([\\`*_{}\[\]()<>#|~!&$:@])", r"\\\1", line)


def _head(config: dict[str, Any], report: dict[str, Any]) -> str:
    plan, data = config["plan"], config["data"]
    return (
        f"# {escaped(plan['architecture'])} on {escaped(data['name'])}\n\n"
        f"A convolutional network that sorts pictures into {len(data['classes'])} classes: the architecture "
        f"{escaped(plan['architecture'])} ({report['parameters']:,} parameters), trained by convfilter's "
        f"recipe {escaped(plan['recipe'])} with seed {escaped(plan['seed'])}."
    )


def _result(report: dict[str, Any]) -> str:
    lines = ["## Result"]
    if "test" in report:
        total = int(report["test"]["images"])
        right = int(np.trace(np.asarray(report["confusion"])))
        low, high = wilson(right, total)
        lines.append(
            f"**Test accuracy {_percent(right / total)}** ({right:,} of {total:,} pictures right, "
            f"{total - right:,} wrong), 95 % interval {_percent(low)}–{_percent(high)} (Wilson), "
            f"loss {report['test']['loss']:.4f}."
        )
        lines.append(
            "The interval says how far chance in the choice of test pictures goes. It leaves out how much "
            "the result changes from seed to seed: for that, train with several."
        )
    else:
        lines.append("There were no labelled test pictures, so nothing is known about unseen data.")
    if "best" in report:
        best = report["best"]
        lines.append(
            f"`best.keras` is from epoch {best['epoch']:.0f}, the best on the validation pictures "
            f"({_percent(best['val_accuracy'])}), which is optimistic, as it was chosen by them. "
            "The test pictures had no part in the choice."
        )
    else:
        lines.append("Nothing was kept for validation: `best.keras` is the last epoch's model.")
    return "\n\n".join(lines)


def _classes(classes: Sequence[str], report: dict[str, Any]) -> str:
    """One row per class: its pictures, its recall, and what it is most often taken for."""
    if "confusion" not in report:
        return ""
    counts = np.asarray(report["confusion"])
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    rows = []
    for i, name in enumerate(classes):
        total, right, most = int(counts[i].sum()), int(counts[i, i]), int(wrong[i].argmax())
        recall = _percent(right / total) if total else "–"
        taken = (classes[most], f"{wrong[i, most]:,}") if wrong[i].any() else ("–", "–")
        rows.append((name, f"{total:,}", f"{right:,}", recall, *taken))
    head = ("class", "test pictures", "right", "recall", "most often taken for", "times")
    return _table("Per class", head, rows, "| :-- | --: | --: | --: | :-- | --: |")


def _data(data: dict[str, Any]) -> str:
    words = {"train": "training, validation included", "test": "test", "unlabelled": "unlabelled"}
    rows = [(words[part], f"{data[part]:,} pictures") for part in words if part in data]
    names = ", ".join(map(escaped, data["classes"]))
    text = f"Data set {escaped(data['name'])}, classes {names}. SHA-256 of its training pictures and labels:"
    return f"{_table('Data', ('part', 'size'), rows)}\n\n{text} `{_code(data['sha256'])}`"


def _training(plan: dict[str, Any], report: dict[str, Any], history: Sequence[Row]) -> str:
    done, planned = len(history), plan["epochs"]
    rows = [
        ("recipe", plan["recipe"]),
        ("architecture", plan["architecture"]),
        ("parameters", f"{report['parameters']:,}"),
        ("epochs", str(done) if done == planned else f"{done} of {planned}"),
        ("batch size", plan["batch_size"]),
        ("seed", plan["seed"]),
        ("kept for validation", f"{plan['validation'] * 100:g} %"),
        ("pictures used at most", "all" if plan.get("limit") is None else f"{plan['limit']:,}"),
        ("time", f"{report['seconds']:,.0f} s"),
    ]
    if history:
        first, last = history[0], history[-1]
        rows.append(("learning rate, first and last epoch", f"{first['rate']:.3g} and {last['rate']:.3g}"))
        rows.append(("training loss, last epoch", f"{last['loss']:.4f}"))
        rows.append(("training accuracy, last epoch", _percent(last["accuracy"])))
    return _table("Training", ("setting", "value"), rows) + "\n\nEvery epoch is in `history.csv`."


_USE = """\
## Use

In this folder:

```sh
convfilter predict best.keras photo.png
convfilter kernels extract best.keras --layer NAME --out kernels
```

The first says which class a picture shows. The second writes a layer's kernels as filter files, which
`convfilter apply` runs on any picture."""


def _limits(config: dict[str, Any]) -> str:
    plan, data = config["plan"], config["data"]
    full = data["sha256"] == MNIST
    lines = [
        "It answers with one of its classes whatever the picture shows, and its probabilities are not "
        "calibrated.",
        "Its accuracy holds for pictures made as its data were. Photographs need the same preparation "
        "first: for digits, white on black, fitted to 20×20 pixels and centred by mass in 28×28, as "
        "`convfilter predict` does.",
    ]
    if list(data["classes"]) == DIGITS:
        known = full or data["name"] == "mnist"
        begin = "MNIST's test set" if known else "If these are MNIST's digits: its test set"
        lines.append(
            f"{begin} has known label errors, 15 of 10,000 as checked by people (Northcutt et al. 2021): "
            "accuracies above about 99.85 % say little."
        )
        model = "this model has" if full else "a model trained on all of MNIST has"
        lines.append(
            "The test.csv of Kaggle's Digit Recognizer lies inside MNIST's 70,000 pictures: "
            f"{model} seen many of them with their labels, so its score there is no fair one."
        )
    if plan.get("limit") is not None:
        lines.append(f"It saw a part of the data only, at most {plan['limit']:,} pictures.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


_SAFETY = """\
## Safety

A model file is code: loading one can run what its author put in. Load `.keras` files only from people you
trust, leave Keras' `safe_mode` on, and compare their SHA-256 with what those people published.

`best.npz` holds the weights of `best.keras` as numbers only: every convfilter command takes it in its place,
builds the network itself and puts them in, so that file can run nothing."""


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], rule: str = "") -> str:
    lines = [f"| {' | '.join(head)} |", rule or "| :-- " * len(head) + "|"]
    lines += [f"| {' | '.join(map(escaped, row))} |" for row in rows]
    return f"## {title}\n\n" + "\n".join(lines)


def _percent(share: float) -> str:
    return f"{share * 100:.2f} %"


def _code(text: object) -> str:
    """For a code span, where nothing can be escaped."""
    return re.sub(r"[^\w.-]", "?", str(text))


def _gallery(pictures: Sequence[str]) -> str:
    titles = [name.rpartition(".")[0].replace("-", " ").capitalize() for name in pictures]
    images = [f"![{escaped(title)}]({name})" for title, name in zip(titles, pictures, strict=True)]
    return "\n\n".join(["## Pictures", *images]) if images else ""
