"""What config.json says of a run."""

from dataclasses import replace
from pathlib import Path


def test_data_by_name_is_recorded_by_name(digits, tmp_path, monkeypatch):
    """Whatever lies in the current folder: a resume asks Keras' loader again, or the same file."""
    from convfilter.train import run

    monkeypatch.chdir(tmp_path)
    Path("mnist").mkdir()
    named = replace(digits, name="mnist", source="keras.datasets.mnist")
    assert run.describe_data(named)["source"] == "mnist"
    assert run.describe_data(replace(digits, source="a.npz"))["source"] == str(Path("a.npz").resolve())
