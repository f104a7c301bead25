"""Cluster vectors alone, as many as a disk holds, within a budget of memory.

Flow: vectors mapped from disk -> neighbors, kept on disk until the end -> sparse Jaccard distances and DBSCAN, or
merging bottom-up -> how well each row sits in its cluster -> a table, row by row as the vectors come.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from reseen.cluster import Membership, choose_eps, dbscan, measure_among_neighbors
from reseen.cluster.hierarchy import grow_hierarchy, most_merges
from reseen.cluster.jaccard_dbscan import CANDIDATES
from reseen.errors import SettingsError, StorageError
from reseen.features.mapped_vectors import VectorFile, map_vectors, open_vector_file
from reseen.files import check_output, write_atomically, write_text
from reseen.locks import sole_writer
from reseen.neighbors.jaccard import PASSES, jaccard_rows
from reseen.neighbors.out_of_core import Scratch, key_of, nearest_mapped
from reseen.records import NOISE, Features, Neighbors, PseudoLabels
from reseen.runs.console import Progress, RunView
from reseen.runs.process_memory import MemoryStage, MemoryWatch
from reseen.tasks.clustering.cluster_result import counted, number_by_size
from reseen.tasks.clustering.cluster_settings import VectorClusterSettings, vector_settings
from reseen.tasks.clustering.memory_plan import MemoryPlan, memory_budget, plan_memory
from reseen.text import spreadsheet_cell

COLUMNS = ("camera", "cluster", "similarity", "other_cluster", "other_similarity")
"""After `path`, or `row` where the vectors have no names."""

_BLOCK = 1 << 26
"""Bytes beyond which larger blocks are not measured faster."""


@dataclass(frozen=True)
class VectorClusters:
    """Rows in clusters, numbered from 0, the largest first."""

    labels: PseudoLabels
    """-1 for rows in no cluster, or in one that was too small."""
    membership: Membership
    """How well each row sits in its cluster; others are looked for among the clusters of its neighbors."""
    settings: VectorClusterSettings
    notes: tuple[str, ...]
    """How neighbors were found and how the number of clusters came about."""
    stages: Mapping[str, MemoryStage]
    """What each part of the work took."""
    disk_bytes: int
    """Disk that the work has taken for mapped arrays, which are gone again."""
    csv: Path
    summary: Path
    """Settings, notes and what each stage took, in JSON."""


def cluster_vectors(
    source: str | Path,
    out: str | Path,
    *,
    memory: int | str | None = None,
    settings: VectorClusterSettings | Sequence[str] = (),
    smallest: int = 1,
    quiet: bool = False,
) -> VectorClusters:
    """Cluster the vectors of a .npy file, a Parquet file or a folder of partitions, and write a CSV file.

    `memory` is the most that the process may take of its own, in bytes or as `4GB`; three quarters of what is free
    where nothing is given. Vectors, neighbors and sparse distances are mapped from a folder beside `out`, whose pages
    the system drops when memory is short; the same call after an interruption goes on with the neighbors found.
    `settings` may be flags such as `--algorithm`, `dbscan`. Clusters of fewer than `smallest` rows are dissolved: -1.

    Raises:
        DataError: there are no vectors.
        SettingsError: a flag that does not fit, or a budget that is too small; the message says how much does.
        ClusteringError: a vector is zero or not finite.
        StorageError: the disk is full, `out` cannot be written, or another process is writing it.
    """
    file, out = open_vector_file(Path(source).expanduser()), Path(out).expanduser()
    if smallest < 1:
        raise SettingsError(f"smallest: wanted 1 row or more, got {smallest}")
    if out.is_dir() or out.suffix == ".json" or out.resolve() == file.path.resolve():
        raise StorageError(f"{out}: give the name of a CSV file that is to be written, such as clusters.csv")
    if not isinstance(settings, VectorClusterSettings):
        settings = vector_settings(settings)
    check_output(out.with_suffix(".json"))
    plan = plan_memory(memory_budget(memory), file.rows, file.dimension, settings)
    with sole_writer(out), RunView(0, quiet) as view, MemoryWatch() as watch:
        scratch = Scratch(out.with_name(f".{out.name}.work"))
        features = map_vectors(file, scratch, view.phase("vectors", file.rows))
        watch.finish("vectors")
        note = settings.search.describe(file.rows)
        view.say(note)
        k = settings.neighbors
        key = key_of(file.key, {"k": k, **settings.search.model_dump()})
        progress = view.phase("neighbors", settings.search.work(file.rows))
        neighbors = nearest_mapped(features, k, scratch, settings.search, plan.room, key, progress)
        watch.finish("search")
        cluster = _by_density if settings.algorithm == "dbscan" else _by_merging
        found, notes = cluster(features, neighbors, settings, scratch, view, watch)
        labels, dissolved = number_by_size(found.labels, smallest)
        if dissolved:
            notes.append(f"{counted(dissolved, 'cluster')} of fewer than {smallest} rows dissolved")
        progress, room = view.phase("measuring", file.rows), min(_BLOCK, plan.room // 2)
        membership = measure_among_neighbors(features, labels, neighbors, scratch.unnamed, room, progress)
        watch.finish("measuring")
        progress = view.phase("writing", file.rows)
        write_atomically(out, lambda place: _write(place, file, labels, membership, progress))
        watch.finish("writing")
        made = VectorClusters(
            labels,
            membership,
            settings,
            (note, *notes),
            watch.stages,
            scratch.taken,
            out,
            out.with_suffix(".json"),
        )
        write_text(made.summary, json.dumps(_summary(made, file, plan), indent=1) + "\n")
        scratch.remove()
    return made


def _by_density(
    features: Features,
    neighbors: Neighbors,
    settings: VectorClusterSettings,
    scratch: Scratch,
    view: RunView,
    watch: MemoryWatch,
) -> tuple[PseudoLabels, list[str]]:
    """DBSCAN on sparse Jaccard distances."""
    eps, notes = settings.dbscan.eps, []
    threshold = CANDIDATES[-1] if eps == "auto" else eps
    progress = view.phase("Jaccard distances", PASSES * len(features))
    distances = jaccard_rows(
        features, neighbors, settings.jaccard, threshold, allocate=scratch.unnamed, progress=progress
    )
    watch.finish("jaccard")
    view.phase("DBSCAN", 1)
    if eps == "auto":
        choice = choose_eps(distances, settings.dbscan.min_samples)
        notes.append(str(choice))
        eps = choice.eps
    labels = dbscan(distances, eps, settings.dbscan.min_samples)
    notes.append(f"DBSCAN with eps {eps:g} and min_samples {settings.dbscan.min_samples}")
    watch.finish("dbscan")
    return labels, notes


def _by_merging(
    features: Features,
    neighbors: Neighbors,
    settings: VectorClusterSettings,
    scratch: Scratch,
    view: RunView,
    watch: MemoryWatch,
) -> tuple[PseudoLabels, list[str]]:
    """Merging bottom-up from single rows."""
    chosen = settings.hierarchy
    hierarchy = grow_hierarchy(
        features.numpy,
        chosen,
        progress=view.phase("merging", most_merges(len(features), chosen)),
        allocate=scratch.unnamed,
        neighbors=neighbors,
    )
    labels = hierarchy.labels
    watch.finish("hierarchy")
    return labels, [
        *hierarchy.notes,
        f"merged {len(features):,} rows into {counted(labels.cluster_count, 'cluster')}",
    ]


def _write(
    place: Path, file: VectorFile, labels: PseudoLabels, found: Membership, progress: Progress
) -> None:
    """One row per vector, in the order of the vectors; empty where something is not known."""
    begin = 0
    with place.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((file.first_column, *COLUMNS))
        for names, cameras in file.names():
            part = slice(begin, begin + len(names))
            columns = (
                [spreadsheet_cell(name) for name in names],
                ["" if camera is None else spreadsheet_cell(camera) for camera in cameras],
                labels.labels[part].tolist(),
                _cosines(found.similarity[part]),
                ["" if other == NOISE else other for other in found.other[part].tolist()],
                _cosines(found.other_similarity[part]),
            )
            writer.writerows(zip(*columns, strict=True))
            begin += len(names)
            progress(len(names))


def _cosines(values: np.ndarray) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.4f}" for value in values.tolist()]


def _summary(made: VectorClusters, file: VectorFile, plan: MemoryPlan) -> dict[str, object]:
    """What there is to say besides the table."""
    return {
        "vectors": str(file.path),
        "rows": file.rows,
        "dimension": file.dimension,
        "clusters": made.labels.cluster_count,
        "in_none": int((made.labels.labels == NOISE).sum()),
        "notes": list(made.notes),
        "memory": {"budget_bytes": plan.budget, "least_bytes": plan.least, "start_bytes": plan.start},
        "stages": {name: asdict(stage) for name, stage in made.stages.items()},
        "settings": made.settings.model_dump(mode="json"),
    }
