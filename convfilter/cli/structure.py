"""What `describe --save` draws: the layers of a pipeline or a network."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convfilter.filters.pipeline import Pipeline


def network_file(text: str) -> Path | None:
    """The model file that a FILTER names, be it of a run by its folder; None for a filter."""
    from convfilter.networks.load import SUFFIXES

    path = Path(text)
    if path.suffix.lower() in SUFFIXES:
        return path
    return next((path / name for name in ("best.npz", "best.keras") if (path / name).is_file()), None)


def save_network(path: Path, target: Path) -> None:
    """Draw a network's layers. Raises FilterError and DataError as load_model does."""
    from convfilter.cli.train_progress import open_model
    from convfilter.images.structure import save_structure
    from convfilter.networks.structure import in_a_row, rows_of

    model = open_model(str(path))
    note = "" if in_a_row(model) else "; its layers in order, its branches are not drawn"
    save_structure(f"{model.name}, {model.count_params():,} parameters{note}", rows_of(model), target)


def save_pipeline(pipeline: "Pipeline", size: tuple[int, int] | None, target: Path) -> None:
    """Draw a pipeline's layers, for pictures of a size or of any."""
    from convfilter.filters.layer_table import table
    from convfilter.images.structure import Row, save_structure

    found = table(pipeline, size)
    rows: list[Row] = [("input", (*(size or (None, None)), pipeline.in_channels), 0)]
    rows += [(f"{row.layer} {row.what}", row.shape, row.parameters) for row in found]
    save_structure(pipeline.name, rows, target, [(1, 1), *(row.stride for row in found)])
