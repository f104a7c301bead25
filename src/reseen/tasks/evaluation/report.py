"""Gather what the HTML page shows of a run: curves, clusters and ranked lists."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reseen.data.crops import Crops
from reseen.evaluate.metrics import RetrievalScore, score
from reseen.evaluate.ranking import top_ranked
from reseen.pages import ClusterSheet, RankedAnswer, RankedList, ReportContent, write_report
from reseen.pages.album import camera_words, evenly_spaced, pictures
from reseen.records import NOISE
from reseen.runs.cluster_file import read_clusters
from reseen.runs.run import Run
from reseen.tasks.evaluation.insights import insights
from reseen.tasks.evaluation.score import Retrieval

_SHEETS = 12
_SHEET_IMAGES = 24
_LISTS = 8
_ANSWERS = 10


def report_run(
    path: Path,
    run: Run,
    training: Crops | None,
    retrieval: Retrieval,
    scores: Mapping[str, RetrievalScore],
    title: str,
) -> None:
    """Write the page of a run; `training` are the crops it learned from, None when they are not at hand.

    Raises:
        StorageError: `path` cannot be written.
    """
    write_report(
        path,
        ReportContent(
            title=title,
            settings=run.recipe.to_yaml(),
            facts=run_facts(run),
            rounds=run.log,
            scores={name: score.to_json() for name, score in scores.items()},
            sheets=[] if training is None else _sheets(run, training),
            ranked=_ranked(retrieval),
            insights=insights(run, retrieval),
        ),
    )


def run_facts(run: Run) -> dict[str, str]:
    """What a page says of where and how a run was made, by its headings."""
    facts = run.facts
    hardware, versions = facts["hardware"], facts["versions"]
    place = hardware.get("gpu" if facts["device"] == "cuda" else "processor", "unknown")
    return {
        "crops": f"{facts.get('images', 0):,} unlabelled, {facts['height']} x {facts['width']} pixels",
        "cameras": str(facts["cameras"]) if facts["cameras"] else "none used",
        "encoder": "; ".join(facts["encoder"]),
        "learning": f"{facts.get('parameters', 0) / 1e6:.1f} M parameters",
        "hardware": f"{place}, {hardware.get('torch_threads', 'unknown')} threads",
        "versions": ", ".join(
            f"{name} {versions.get(name, 'unknown')}" for name in ("reseen", "torch", "timm", "python")
        ),
        "command": facts["command"],
    }


def _sheets(run: Run, training: Crops) -> list[ClusterSheet]:
    """The largest clusters and some noise; a sample of images from each."""
    rows = {path: row for row, path in enumerate(training.table.texts)}
    members = read_clusters(run.folder)
    clusters = [cluster for cluster in members if cluster != NOISE]
    # The largest tell of fused people, the middle of the usual case, the smallest of fragments.
    third = _SHEETS // 3
    middle = len(clusters) // 2
    picked = {
        "large": clusters[:third],
        "middling": clusters[max(middle - third // 2, third) : middle + third // 2],
        "small": clusters[-third:] if len(clusters) > 2 * third else [],
    }
    sheets = []
    for kind, chosen in picked.items():
        for cluster in chosen:
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
    """Queries over the whole range from the worst answered to the best, so that failures are seen too."""
    task = retrieval.refined
    precision = score(task).per_query_average_precision
    answered = np.flatnonzero(~np.isnan(precision))
    ordered = answered[np.argsort(precision[answered], kind="stable")]
    picked = ordered[np.linspace(0, len(ordered) - 1, min(len(ordered), _LISTS)).round().astype(int)]
    ranking = top_ranked(task, picked, _ANSWERS)
    queries = pictures(retrieval.query, picked.tolist())
    lists = []
    for place, query in enumerate(picked):
        rows = [int(row) for row in ranking.gallery_rows[place] if row >= 0]
        crops, places = _crops_of(retrieval, rows)
        cameras = [camera_words(crop, row) for crop, row in zip(crops, places, strict=True)]
        images = [pictures(crop, [row])[0] for crop, row in zip(crops, places, strict=True)]
        answers = [
            RankedAnswer(image, bool(right), camera)
            for image, right, camera in zip(images, ranking.right[place], cameras, strict=False)
        ]
        title = f"precision {precision[query]:.0%}"
        camera = camera_words(retrieval.query, int(query))
        lists.append(RankedList(queries[place], answers, f"{title}, {camera}" if camera else title))
    return lists


def _crops_of(retrieval: Retrieval, rows: list[int]) -> tuple[list[Crops], list[int]]:
    """Where the picture of each gallery row is; queries that were added to the gallery come after it."""
    whole = len(retrieval.gallery)
    crops = [retrieval.gallery if row < whole else retrieval.query for row in rows]
    return crops, [row if row < whole else row - whole for row in rows]
