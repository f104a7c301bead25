"""Compare two encoders by what can be measured without labels on the same crops."""

from pathlib import Path

from reseen.audit import Probe, Verdict, judge
from reseen.data.crops import Crops, open_crops
from reseen.data.table import ImageTable
from reseen.features.probe_encoder import probe_encoder, probed_rows
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.tasks.comparison.sides import Side


def compare_without_labels(
    first: Side,
    second: Side,
    data: str | Path | ImageTable,
    *,
    camera_pattern: str | None = None,
    quiet: bool = False,
) -> Verdict:
    """How the second side compares with the first on unlabeled crops; cameras are read as the second run reads them.

    Raises:
        DataError: the data cannot be read.
        RunError: a side's weights are missing or damaged.
    """
    table = load_other_table(second.run.recipe, data, camera_pattern)
    table = table.select(probed_rows(len(table)))  # before anything is decoded
    with RunView(0, quiet) as view:
        return judge(probe_side(first, table, view, quiet), probe_side(second, table, view, quiet))


def probe_side(side: Side, table: ImageTable, view: RunView, quiet: bool = True) -> Probe:
    """What a side makes of the crops of a table, each at the input size of its own encoder."""
    device = scoring_device(side.run)
    encoder = side.encoder().to(device)
    crops: Crops = open_crops(table, side.run.reading, encoder.height, encoder.width, progress=not quiet)
    progress = view.phase(f"{side.name}: features", len(crops))
    return probe_encoder(encoder, crops, device, progress=progress)
