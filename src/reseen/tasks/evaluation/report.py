"""Build the HTML report of a run: scores, curves, clusters and ranked lists."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from reseen.audit import verdict_lines
from reseen.data.crops import Crops
from reseen.evaluate.metrics import RetrievalScore, score
from reseen.evaluate.ranking import top_ranked
from reseen.pages import ClusterSheet, RankedAnswer, RankedList, ReportContent, write_report
from reseen.pages.album import camera_label, evenly_spaced, pictures
from reseen.records import NOISE
from reseen.runs.cluster_file import read_clusters
from reseen.runs.run import Run
from reseen.runs.run_outcome import read_outcome
from reseen.tasks.evaluation.insights import insights
from reseen.tasks.evaluation.retrieval import Retrieval

_SHEETS = 12
_SHEET_IMAGES = 24
_LISTS = 8
"""Ranked lists evenly spaced by average precision; the easiest and the hardest query are two of them."""
_ANSWERS = 10


def report_run(
    path: Path,
    run: Run,
    training: Crops | None,
    retrieval: Retrieval,
    scores: Mapping[str, RetrievalScore],
    title: str,
) -> None:
    """Write the HTML report of a run.

    Args:
        path: the file to write.
        run: the run.
        training: its training crops, to show clusters; None if they are not available.
        retrieval: query and gallery, to show ranked lists.
        scores: scores by name, oldest first.
        title: title of the page.

    Raises:
        StorageError: `path` cannot be written.
    """
    write_report(
        path,
        ReportContent(
            title=title,
            settings=run.recipe.to_yaml(),
            facts=run_facts(run),
            verdict=verdict_sentences(run),
            rounds=run.log,
            scores={name: score.to_json() for name, score in scores.items()},
            sheets=[] if training is None else _sheets(run, training),
            ranked=_ranked(retrieval),
            insights=insights(run, retrieval),
        ),
    )


def verdict_sentences(run: Run) -> list[str]:
    """How the run's encoder compares with its starting weights without labels, alarms, and why training ended early."""
    outcome = read_outcome(run.folder)
    if outcome is None or outcome.rounds != run.rounds_done:
        return []
    lines = [] if outcome.verdict is None else verdict_lines(outcome.verdict, "untrained", run.folder.name)
    lines += [] if outcome.stopped is None else [str(outcome.stopped), *outcome.stopped.notes]
    alarms = [
        f"Round {row['round']}: {note}"
        for row in run.log
        for note in row.get("notes", [])
        if note.startswith(("warning: ", "clustered again"))
    ]
    return [*lines, *alarms]


def run_facts(run: Run) -> dict[str, str]:
    """The facts of a run that its report lists, such as hardware, versions and command."""
    facts = run.facts
    hardware, versions = facts["hardware"], facts["versions"]
    processor = hardware.get("gpu" if facts["device"] == "cuda" else "processor", "unknown")
    return {
        "crops": f"{facts.get('images', 0):,} unlabeled, {facts['height']} x {facts['width']} pixels",
        "cameras": str(facts["cameras"]) if facts["cameras"] else "none used",
        "encoder": "; ".join(facts["encoder"]),
        "trainable": f"{facts.get('parameters', 0) / 1e6:.1f} M parameters",
        "hardware": f"{processor}, {hardware.get('torch_threads', 'unknown')} threads",
        "versions": ", ".join(
            f"{name} {versions.get(name, 'unknown')}" for name in ("reseen", "torch", "timm", "python")
        ),
        "command": facts["command"],
    }


def _sheets(run: Run, training: Crops) -> list[ClusterSheet]:
    """Large, medium and small clusters, and noise, with evenly spaced crops of each."""
    rows = {path: row for row, path in enumerate(training.table.texts)}
    members = read_clusters(run.folder)
    clusters = [cluster for cluster in members if cluster != NOISE]
    # Large clusters show merged people, medium ones the usual case, small ones fragments.
    third = _SHEETS // 3
    middle = len(clusters) // 2
    selections = {
        "large": clusters[:third],
        "medium": clusters[max(middle - third // 2, third) : middle + third // 2],
        "small": clusters[-third:] if len(clusters) > 2 * third else [],
    }
    sheets = []
    for kind, selected in selections.items():
        for cluster in selected:
            paths = [path for path in members[cluster] if path in rows]
            title = f"cluster {cluster}, {kind}: {len(paths)} crops"
            sheets.append(
                ClusterSheet(
                    title, pictures(training, evenly_spaced([rows[path] for path in paths], _SHEET_IMAGES))
                )
            )
    noise = [rows[path] for path in members.get(NOISE, []) if path in rows]
    if noise:
        sheets.append(
            ClusterSheet(
                f"noise, in no cluster: {len(noise)} crops",
                pictures(training, evenly_spaced(noise, _SHEET_IMAGES)),
            )
        )
    return sheets


def _ranked(retrieval: Retrieval) -> list[RankedList]:
    """Ranked lists of an easy, a typical and a hard query; then of others, from the highest average precision down."""
    task = retrieval.refined
    precision = score(task).per_query_average_precision
    levels = query_levels(precision)
    query_rows = np.array(list(levels), dtype=np.int64)
    ranking = top_ranked(task, query_rows, _ANSWERS)
    queries = pictures(retrieval.query, query_rows.tolist())
    lists = []
    for index, query in enumerate(query_rows):
        rows = [int(row) for row in ranking.gallery_rows[index] if row >= 0]
        crops, crop_rows = _crops_of(retrieval, rows)
        cameras = [camera_label(crop, row) for crop, row in zip(crops, crop_rows, strict=True)]
        images = [pictures(crop, [row])[0] for crop, row in zip(crops, crop_rows, strict=True)]
        answers = [
            RankedAnswer(image, bool(right), camera)
            for image, right, camera in zip(images, ranking.right[index], cameras, strict=False)
        ]
        title = f"average precision {precision[query]:.0%}"
        camera = camera_label(retrieval.query, int(query))
        level = levels[int(query)]
        first = index == 0 or levels[int(query_rows[index - 1])]
        lists.append(
            RankedList(
                queries[index],
                answers,
                f"{title}, {camera}" if camera else title,
                heading=f"{level} query" if level else "More queries" if first else "",
            )
        )
    return lists


def query_levels(precision: Float64[np.ndarray, " q"]) -> dict[int, str]:
    """Queries to show in order, as rows, each with its level: `Easy`, `Typical`, `Hard`, or empty for further ones.

    By definition, easy is the highest average precision, hard the lowest, and typical the median (the lower of two
    middle ones). Queries without a match, whose precision is NaN, are left out. Two queries are easy and hard; a single
    one has no level.
    """
    valid = np.flatnonzero(~np.isnan(precision))
    ordered = valid[np.argsort(-precision[valid], kind="stable")].tolist()
    if len(ordered) < 2:
        return dict.fromkeys(ordered, "")
    levels = {ordered[0]: "Easy"}
    if len(ordered) > 2:
        levels[ordered[len(ordered) // 2]] = "Typical"
    levels[ordered[-1]] = "Hard"
    places = np.linspace(0, len(ordered) - 1, min(len(ordered), _LISTS)).round().astype(int).tolist()
    return levels | {ordered[place]: "" for place in places if ordered[place] not in levels}


def _crops_of(retrieval: Retrieval, rows: list[int]) -> tuple[list[Crops], list[int]]:
    """The crops, and the row in them, of each gallery row; queries added to the gallery come after its own rows."""
    count = len(retrieval.gallery)
    crops = [retrieval.gallery if row < count else retrieval.query for row in rows]
    return crops, [row if row < count else row - count for row in rows]
