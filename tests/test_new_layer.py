"""A new kind of layer touches three places: filters/layers.py, model/build.py and, for its step, engines/stages.py.

`Offset` is added through the first two alone; a layer without a step is run by Keras.
"""

import json
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest
from PIL import Image

from convfilter.engines.keras_engine import run
from convfilter.engines.rewrites import direct
from convfilter.engines.stages import NoStep, cut
from convfilter.filters.bounds import bounds
from convfilter.filters.geometry import impulse_pipeline, receptive_fields
from convfilter.filters.intervals import Box
from convfilter.filters.kernel_writer import file_text
from convfilter.filters.layer import Layer
from convfilter.filters.layers import KINDS
from convfilter.filters.load import load
from convfilter.filters.whole_numbers import stays_whole
from convfilter.model.boot import layers
from convfilter.model.build import KERAS_LAYERS, build


@dataclass(frozen=True)
class Offset(Layer):
    """Adds a constant to each number, as stored."""

    keras_name = "Rescaling"

    value: float

    @property
    def description(self):
        return f"adds {self.value:g}"

    def bounds(self, box, full_scale):
        return Box(box.low + self.value, box.high + self.value, box.exact, box.mixed)

    @classmethod
    def file_fields(cls):
        """A constant added to each number."""
        from pydantic import Field

        return {"offset": (Annotated[float, Field(ge=-1e6, le=1e6)], ...)}

    @classmethod
    def from_file(cls, fields):
        return cls(fields.offset)

    def file_data(self, following):
        return {"offset": self.value}


def keras_offset(offset, data_format, following):
    return layers.Rescaling(1.0, offset.value, dtype="float32")


@pytest.fixture
def pipeline(monkeypatch, tmp_path):
    """A pipeline with the new layer, from its file."""
    monkeypatch.setitem(KINDS, "offset", Offset)
    monkeypatch.setitem(KERAS_LAYERS, Offset, keras_offset)
    path = tmp_path / "brighter.json"
    path.write_text('{"layers": [{"conv": "box-3"}, {"offset": 30}, {"pool": 2}]}')
    return load(path)


def test_it_is_read_and_written(pipeline, tmp_path, convfilter):
    """The file holds it, its schema describes it, a mistake in it is reported at its place."""
    assert pipeline.layers[1] == Offset(30.0)
    (tmp_path / "again.json").write_text(file_text(pipeline))
    assert load(tmp_path / "again.json") == pipeline
    schema = json.loads(convfilter("kernels", "schema", "--pipeline").out)
    assert schema["$defs"]["OffsetSpec"]["description"] == "A constant added to each number."
    (tmp_path / "wrong.json").write_text('{"layers": [{"offset": "x"}]}')
    done = convfilter("kernels", "check", "wrong.json")
    assert (done.code, done.err) == (
        2,
        'wrong.json:1:24: layers 1 offset must be a number, not the text "x"\n',
    )


def test_it_is_described(pipeline, convfilter):
    """The table has its row; sizes, channels and fields are those of its neighbours."""
    done = convfilter("describe", "brighter.json", "--size", "9x9", "--json")
    rows = json.loads(done.out)["layers"]
    assert [row["layer"] for row in rows] == ["Conv2D", "Rescaling", "MaxPooling2D"]
    assert rows[1] == {**rows[0], "layer": "Rescaling", "what": "adds 30", "parameters": 0}
    assert receptive_fields(pipeline)[1] == receptive_fields(pipeline)[0]


def test_what_follows_from_it(pipeline):
    """Bounds as it says; of what it doesn't say, that nothing is known, or that it moves no pixel."""
    found = bounds(pipeline, 255.0)
    assert (found.low, found.high) == pytest.approx((30, 285))
    assert len(impulse_pipeline(pipeline).layers) == 2
    assert not stays_whole(pipeline, 255.0, 255.0)


def test_keras_runs_it(pipeline, convfilter, tmp_path):
    """Built, applied to a picture by name of the engine and without, and refused by strips with a reason."""
    picture = np.random.default_rng(3).integers(0, 200, (20, 16), np.uint8)
    batch = np.float32(picture)[None, :, :, None]
    expected = run(pipeline, batch, 255.0)
    assert np.array_equal(build(pipeline, 255.0).predict_on_batch(batch), expected)
    Image.fromarray(picture).save(tmp_path / "picture.png")
    for engine in (["--engine", "keras"], []):
        done = convfilter("apply", "brighter.json", "picture.png", "out.png", *engine)
        assert done.code == 0, done.err
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), np.rint(expected[0, :, :, 0]))
    with pytest.raises(NoStep, match="only Keras runs Rescaling"):
        cut(pipeline, 255.0, lambda conv, _: direct(conv))
