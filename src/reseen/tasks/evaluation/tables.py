"""Tables of scores and of their details for the terminal, in percent."""

import math
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from reseen.evaluate.bootstrap import LEVEL
from reseen.evaluate.details import CameraPairs
from reseen.evaluate.metrics import RetrievalScore
from reseen.text import printable


def score_table(
    scores: Mapping[str, RetrievalScore],
    title: str = "Retrieval",
    change: str = "gain",
) -> Group:
    """A table of one row per named score, in percent; with two or more, also the difference of the last to the first.

    The caption names the processing of the features, and whether the evaluation is cross-domain; the notes of the
    last score follow.

    Raises:
        ValueError: `scores` is empty.
    """
    if not scores:
        raise ValueError("score_table needs at least one score")
    shown = list(scores.values())
    table = Table(title=title, box=box.ROUNDED, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in ("mAP", *(f"Rank-{k}" for k in shown[0].cmc), "mINP"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, score in scores.items():
        last = score is shown[-1]
        cells = [f"{100 * share:.1f}" for share in shares(score)]
        table.add_row(
            Text(printable(name)), *cells, style="bold" if last and len(shown) > 1 else None, end_section=last
        )
    if len(shown) > 1:
        pairs = zip(shares(shown[0]), shares(shown[-1]), strict=True)
        table.add_row(Text(change, style="dim"), *(_gain(100 * (after - before)) for before, after in pairs))
    # A caption of the table would be folded to the width of the table.
    notes = [Text(f"warning: {note}", style="yellow") for note in shown[-1].notes]
    return Group(table, Text(_caption(shown[-1]), style="dim"), *notes)


def shares(score: RetrievalScore) -> list[float]:
    """The metrics of a score, 0 to 1, in the order of the table: mAP, CMC@k, mINP."""
    return [score.mean_average_precision, *score.cmc.values(), score.mean_inverse_negative_penalty]


def _gain(points: float) -> Text:
    rounded = round(points, 1)
    style = "green" if rounded > 0 else "red" if rounded < 0 else "dim"
    return Text(f"{rounded:+.1f}" if rounded else "0.0", style=style)


def _caption(score: RetrievalScore) -> str:
    skipped = score.queries - score.valid_queries
    noun = "query" if score.valid_queries == 1 else "queries"
    note = f" ({skipped:,} skipped: no right answer left)" if skipped else ""
    preparation = score.preparation
    extras = [
        "cross-domain" if score.extra_rules.get("domain") == "cross-domain" else "",
        "" if score.average_precision_rule == "step" else f"AP by the {score.average_precision_rule}",
        "" if preparation.tracklets == "none" else f"tracklets: {preparation.tracklets}",
        "" if preparation.camera_centering == "none" else "cameras centered",
        "queries in the gallery" if preparation.queries_in_gallery else "",
        "mirrored features" if preparation.mirrored else "",
        "whitened features" if preparation.whitened else "",
        "" if preparation.query_expansion == "none" else f"query expansion: {preparation.query_expansion}",
        "" if preparation.reranking == "none" else f"re-ranked: {preparation.reranking}",
    ]
    text = (
        f"percent · protocol {score.protocol} · {score.valid_queries:,} {noun}{note} · "
        f"{score.gallery:,} gallery images"
    )
    return " · ".join([text, *(extra for extra in extras if extra)])


_MOST_CAMERAS = 12
"""Columns that fit into a terminal; the JSON file has all."""


def detail_tables(score: RetrievalScore, cameras: Sequence[str] = ()) -> list[Table | Text]:
    """The details of a score for the terminal; empty without details. `cameras` are the names by number, if known."""
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
        shown.append(Text(f"true positive rate at false positive rate: {'; '.join(rates)}", style="dim"))
    if details.camera_pairs is not None:
        shown.append(_pairs(details.camera_pairs, cameras))
    return shown


def _pairs(pairs: CameraPairs, names: Sequence[str]) -> Table | Text:
    if max(len(pairs.query_cameras), len(pairs.gallery_cameras)) > _MOST_CAMERAS:
        return Text(
            f"{len(pairs.gallery_cameras)} cameras: the table of all camera pairs is in --json", style="dim"
        )
    table = Table(
        title="mAP, and Rank-1 below it, by query camera (row) and gallery camera (column)",
        title_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("", style="dim")
    for camera in pairs.gallery_cameras:
        table.add_column(
            Text(printable(names[camera])) if names else str(camera), justify="right", no_wrap=True
        )
    for row, camera in enumerate(pairs.query_cameras):
        cells = zip(pairs.mean_average_precision[row], pairs.rank_1[row], strict=True)
        table.add_row(
            Text(printable(names[camera])) if names else str(camera),
            *("" if math.isnan(mean) else f"{_percent(mean)}\n{_percent(hit)}" for mean, hit in cells),
        )
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
