"""The two sides of a comparison, a run or the weights that it started with, and what differs without labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reseen.audit import Probe, Verdict, judge
from reseen.data.crops import Crops, open_crops
from reseen.data.table import ImageTable
from reseen.errors import SettingsError
from reseen.features.feature_cache import FEATURE_CACHE_GIGABYTES, cache_notes, open_feature_cache
from reseen.features.probe_encoder import probe_encoder, probed_rows, spaced_rows
from reseen.models import Encoder
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run

UNTRAINED = "untrained"
"""The name of the starting weights of the other side."""


@dataclass(frozen=True)
class Side:
    """An encoder to be compared."""

    name: str
    run: Run
    untrained: bool = False
    """Whether it is the encoder before the first training step of the run."""

    def encoder(self) -> Encoder:
        """The encoder, in evaluation mode on the CPU, not whitened: verdicts were not checked on whitened vectors."""
        return self.run.encoder(untrained=self.untrained, whitened=False)


def open_sides(first: Run | str | Path, second: Run | str | Path) -> tuple[Side, Side]:
    """Both sides; either may be `untrained`, the starting weights of the other.

    Raises:
        RunError: a folder is no run, or holds no starting weights where they are asked for.
        SettingsError: both are `untrained`.
    """
    if first == second == UNTRAINED:
        raise SettingsError("both sides are untrained; give the folder of at least one run")
    if first == UNTRAINED or second == UNTRAINED:
        run = _open(second if first == UNTRAINED else first)
        run.check_start()
        untrained, trained = Side(UNTRAINED, run, True), Side(_name(run), run)
        return (untrained, trained) if first == UNTRAINED else (trained, untrained)
    runs = _open(first), _open(second)
    names = [_name(run) for run in runs]
    if names[0] == names[1]:
        names = [str(run.folder) for run in runs]
    return Side(names[0], runs[0]), Side(names[1], runs[1])


def _open(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else open_run(run)


def _name(run: Run) -> str:
    return run.folder.resolve().name


def compare_without_labels(
    first: Side,
    second: Side,
    data: str | Path | ImageTable,
    *,
    camera_pattern: str | None = None,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> Verdict:
    """How the second side compares with the first on unlabeled crops; cameras are read as the second run reads them.

    Raises:
        DataError: the data cannot be read.
        RunError: a side's weights are missing or damaged.
    """
    table = load_other_table(second.run.recipe, data, camera_pattern)
    table = table.select(spaced_rows(len(table)))  # before anything is decoded
    encoder = second.encoder()
    crops = open_crops(table, second.run.reading, encoder.height, encoder.width, progress=not quiet)
    with RunView(0, quiet) as view:
        table = crops.table.select(probed_rows(crops, view.phase("near-copies", len(crops))))
        before, after = (
            probe_side(side, table, view, quiet, feature_cache=feature_cache) for side in (first, second)
        )
        return judge(before, after)


def probe_side(
    side: Side,
    table: ImageTable,
    view: RunView,
    quiet: bool = True,
    *,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
) -> Probe:
    """What a side makes of all crops of a table, each at the input size of its own encoder.

    `feature_cache` is the size limit in gigabytes of the cache of features.
    """
    device = scoring_device(side.run)
    encoder = side.encoder().to(device)
    crops: Crops = open_crops(table, side.run.reading, encoder.height, encoder.width, progress=not quiet)
    cache = open_feature_cache(side.run, encoder, crops, device, feature_cache)
    progress = view.phase(f"{side.name}: features", len(crops))
    probe = probe_encoder(encoder, crops, device, progress=progress, rows=np.arange(len(crops)), cache=cache)
    view.say(*cache_notes(cache, len(crops), side.name))
    return probe
