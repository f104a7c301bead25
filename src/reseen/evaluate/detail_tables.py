"""Intervals, verification and pairs of cameras for the terminal, in percent."""

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from reseen.evaluate.camera_pairs import CameraPairs
from reseen.evaluate.confidence import LEVEL
from reseen.evaluate.metrics import RetrievalScore

_MOST_CAMERAS = 12
"""Columns that a terminal has room for; a file has them all."""


def detail_tables(score: RetrievalScore, cameras: Sequence[str] = ()) -> list[Table | Text]:
    """What there is to show; nothing for a score without details. `cameras` are names by number, where known."""
    details = score.details
    if details is None:
        return []
    names = {"mAP": "mAP", "rank_1": "Rank-1"}
    intervals = [
        f"{names[name]} {100 * interval.low:.1f} to {100 * interval.high:.1f}"
        for name, interval in details.intervals.items()
    ]
    shown: list[Table | Text] = [
        Text(f"{LEVEL:.0%} intervals, bootstrap over people: {'; '.join(intervals)}", style="dim")
    ]
    rates = [
        f"{_percent(share)} at {rate:g}"
        for rate, share in details.true_positive_rates.items()
        if not math.isnan(share)
    ]
    if rates:
        shown.append(
            Text(f"true pairs accepted at a rate of false positives: {'; '.join(rates)}", style="dim")
        )
    if details.camera_pairs is not None:
        shown.append(_pairs(details.camera_pairs, cameras))
    return shown


def _pairs(pairs: CameraPairs, names: Sequence[str]) -> Table | Text:
    if max(len(pairs.query_cameras), len(pairs.gallery_cameras)) > _MOST_CAMERAS:
        return Text(
            f"{len(pairs.gallery_cameras)} cameras: --json has the table of all pairs of them", style="dim"
        )
    table = Table(
        title="mAP, and Rank-1 below it, from camera (row) to camera (column)",
        title_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("", style="dim")
    for camera in pairs.gallery_cameras:
        table.add_column(names[camera] if names else str(camera), justify="right", no_wrap=True)
    for row, camera in enumerate(pairs.query_cameras):
        cells = zip(pairs.mean_average_precision[row], pairs.rank_1[row], strict=True)
        table.add_row(
            names[camera] if names else str(camera),
            *("" if math.isnan(mean) else f"{_percent(mean)}\n{_percent(hit)}" for mean, hit in cells),
        )
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
