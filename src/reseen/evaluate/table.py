"""Scores side by side for the terminal, in percent, with the gain of the last over the first."""

from collections.abc import Mapping

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from reseen.evaluate.metrics import RetrievalScore


def score_table(
    scores: Mapping[str, RetrievalScore],
    title: str = "Retrieval",
    change: str = "gain",
) -> Group:
    """One row per named score (such as before and after); with two or more, what the last differs by.

    The caption says what was done to the features, and whether the data is of another domain.

    Raises:
        ValueError: no score is given.
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
        table.add_row(name, *cells, style="bold" if last and len(shown) > 1 else None, end_section=last)
    if len(shown) > 1:
        pairs = zip(shares(shown[0]), shares(shown[-1]), strict=True)
        table.add_row(Text(change, style="dim"), *(_gain(100 * (after - before)) for before, after in pairs))
    # A caption of the table would be folded to the width of the table.
    return Group(table, Text(_caption(shown[-1]), style="dim"))


def shares(score: RetrievalScore) -> list[float]:
    """The reported shares, 0 to 1, in the order of the table: mAP, CMC@k, mINP."""
    return [score.mean_average_precision, *score.cmc.values(), score.mean_inverse_negative_penalty]


def _gain(points: float) -> Text:
    rounded = round(points, 1)
    style = "green" if rounded > 0 else "red" if rounded < 0 else "dim"
    return Text(f"{rounded:+.1f}" if rounded else "0.0", style=style)


def _caption(score: RetrievalScore) -> str:
    skipped = score.queries - score.valid_queries
    noun = "query" if score.valid_queries == 1 else "queries"
    note = f" ({skipped:,} skipped: no match under another camera)" if skipped else ""
    done = score.preparation
    more = [
        "cross-domain" if score.extra_rules.get("domain") == "cross-domain" else "",
        "" if score.average_precision_rule == "step" else f"AP by the {score.average_precision_rule}",
        "" if done.tracklets == "none" else f"tracklets: {done.tracklets}",
        "queries in the gallery" if done.queries_in_gallery else "",
        "mirrored features" if done.mirrored else "",
        "" if done.query_expansion == "none" else f"query expansion: {done.query_expansion}",
        "" if done.reranking == "none" else f"re-ranked: {done.reranking}",
    ]
    text = (
        f"percent · protocol {score.protocol} · {score.valid_queries:,} {noun}{note} · "
        f"{score.gallery:,} gallery images"
    )
    return " · ".join([text, *(words for words in more if words)])
