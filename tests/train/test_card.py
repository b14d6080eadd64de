"""The model card: its numbers by SciPy and published tables, its Markdown by a parser."""

import numpy as np
import pytest
from markdown_it import MarkdownIt
from scipy.stats import binomtest

from convfilter.train.card import escaped, model_card, wilson

HISTORY = [
    {"epoch": 1, "rate": 1e-3, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.3, "val_accuracy": 0.9},
    {"epoch": 2, "rate": 1e-3, "loss": 0.3, "accuracy": 0.9, "val_loss": 0.2, "val_accuracy": 0.96},
    {"epoch": 3, "rate": 5e-4, "loss": 0.2, "accuracy": 0.95, "val_loss": 0.25, "val_accuracy": 0.94},
]


# Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
@pytest.mark.parametrize(
    ("right", "total", "interval"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0000, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_interval_is_the_published_one(right, total, interval):
    """The interval is Newcombe's table's, to its four digits, and its mirror image for the errors."""
    low, high = wilson(right, total)
    assert (round(low, 4), round(high, 4)) == interval
    assert wilson(total - right, total) == pytest.approx((1 - high, 1 - low))


def test_wilson_interval_is_scipys():
    """The interval agrees with SciPy's to 1e-12 over a grid of shares, MNIST's 10,000 included."""
    for right, total in [(9967, 10_000), (10_000, 10_000), (0, 1), (1, 1), (7, 13), (500, 1000)]:
        found = binomtest(right, total).proportion_ci(method="wilson")
        assert wilson(right, total) == pytest.approx((found.low, found.high), abs=1e-12)


@pytest.mark.parametrize(("right", "total"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_interval_of_nonsense_is_an_error(right, total):
    """More right answers than pictures, or no pictures, is a ValueError."""
    with pytest.raises(ValueError, match="no share"):
        wilson(right, total)


def config(**data):
    plan = {"recipe": "article", "architecture": "lenet5", "epochs": 40, "batch_size": 100, "seed": 7}
    known = {"name": "letters", "sha256": "ab" * 32, "classes": ["a", "b"], "train": 6000, "test": 200}
    return {
        "plan": {**plan, "validation": 0.1, "limit": None},
        "data": {**known, **data},
        "environment": {"keras": "3.15.1", "cores": 2},
    }


REPORT = {
    "parameters": 60850,
    "epochs": 3,
    "seconds": 12.3,
    "best": HISTORY[1],
    "test": {"loss": 0.05, "accuracy": 0.975, "images": 200},
    "confusion": [[98, 2], [3, 97]],
}


def rendered(card: str) -> str:
    """The card as HTML, by a CommonMark parser with GitHub's tables."""
    html: str = MarkdownIt("commonmark").enable("table").render(card)
    return html


def rows(html: str) -> list[list[str]]:
    """The cells of every table row."""
    found = []
    for row in html.split("<tr>")[1:]:
        cells = row.split("</tr>")[0].replace("</td>", "").replace("</th>", "").split("\n")
        found.append([cell.partition(">")[2] for cell in cells if cell.startswith(("<td", "<th"))])
    return found


def test_card_has_the_runs_numbers():
    """Accuracy with its interval, recall a class, data, settings and environment are all in the card."""
    html = rendered(model_card(config(), REPORT, HISTORY, ["learning-curves.png"]))
    low, high = wilson(195, 200)
    assert "Test accuracy 97.50 %" in html
    assert "195 of 200 pictures right, 5 wrong" in html
    assert f"{100 * low:.2f} %–{100 * high:.2f} %" in html
    found = rows(html)
    assert ["a", "100", "98", "98.00 %", "b", "2"] in found
    assert ["b", "100", "97", "97.00 %", "a", "3"] in found
    for row in (
        ["training, validation included", "6,000 pictures"],
        ["test", "200 pictures"],
        ["parameters", "60,850"],
        ["epochs", "3 of 40"],
        ["seed", "7"],
        ["keras", "3.15.1"],
    ):
        assert row in found
    assert "ab" * 32 in html
    assert "from epoch 2" in html
    assert "96.00 %" in html
    assert '<img src="learning-curves.png" alt="Learning curves"' in html


def test_card_says_how_to_use_it_its_limits_and_that_a_model_is_code():
    """The commands, the photographs' preparation and the safety sentence are there."""
    card = model_card(config(), REPORT, HISTORY)
    assert "convfilter predict best.keras photo.png" in card
    assert "convfilter kernels extract best.keras --layer" in card
    assert "A model file is code" in card
    assert "`best.npz` holds the weights of `best.keras` as numbers only" in card
    assert "20×20" in card
    assert "Kaggle" not in card  # letters are not MNIST


def test_card_of_mnist_tells_of_label_errors_and_kaggle():
    """MNIST by its hash has its limits told as facts, digits of unknown origin conditionally."""
    digits = list("0123456789")
    report = {**REPORT, "confusion": (np.eye(10, dtype=int) * 20).tolist()}
    sha = "91fd7a250495ac6742489b2a01919e8774cf195fed7282a7ecc63d849f99a9e1"
    whole = model_card(config(classes=digits, sha256=sha), report, HISTORY)
    assert "MNIST's test set has known label errors" in whole
    assert "this model has seen many of them" in whole
    other = model_card(config(classes=digits), report, HISTORY)
    assert "If these are MNIST's digits" in other
    assert "this model has seen" not in other


def test_card_without_test_or_validation():
    """A run with neither says that nothing is known of new data and that the last epoch was kept."""
    report = {key: value for key, value in REPORT.items() if key not in ("best", "test", "confusion")}
    plain = [{k: v for k, v in row.items() if not k.startswith("val")} for row in HISTORY]
    card = model_card(config(), report, plain)
    assert "nothing is known about unseen data" in card
    assert "last epoch's model" in card
    assert "Per class" not in card


def test_card_shows_awkward_names_as_they_are():
    """Names that are Markdown or HTML come out as text: no tag, link, emphasis, code or extra column."""
    evil = ["<script>x</script>|`*b*`", "[a](http://e) _c_ ~~d~~ &amp; # e\n\n# f"]
    html = rendered(model_card(config(name="**n** | <b>", classes=evil), REPORT, HISTORY))
    for tag in ("<script", "<a ", "<b>", "<del", "<em"):
        assert tag not in html
    assert html.count("<h1>") == 1
    table = [row for row in rows(html) if "98.00 %" in row]
    assert [len(row) for row in table] == [6]
    assert table[0][0] == "&lt;script&gt;x&lt;/script&gt;|`*b*`"
    assert "<strong>Test accuracy" in html
    assert html.count("<strong>") == 1
    assert escaped("a\x00\u202eb") == "a b"
