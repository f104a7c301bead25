"""Cluster vectors on disk, without their crops, within a memory budget.

Flow: memory-map vectors -> search neighbors, kept on disk -> the clustering, such as DBSCAN on sparse Jaccard
distances or bottom-up merging -> similarity of each row to its cluster -> a CSV file in the order of the vectors.

The budget is divided into a fixed part, a part per row, and the rest for blocks of vectors.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from reseen.cluster import Membership, measure_among_neighbors
from reseen.cluster.clusterings import ClusteringContext, DbscanClustering
from reseen.errors import SettingsError, StorageError
from reseen.features.mapped_vectors import VectorFile, map_vectors, open_vector_file
from reseen.files import check_output, write_atomically, write_text
from reseen.locks import exclusive_writer
from reseen.neighbors.out_of_core import Scratch, nearest_mapped, stage_key
from reseen.reading import free_bytes
from reseen.records import NOISE, PseudoLabels
from reseen.runs.console import Progress, RunView
from reseen.runs.process_memory import MemoryStage, MemoryWatch, own_bytes, parse_memory, show_memory
from reseen.tasks.clustering.cluster_result import counted, number_by_size
from reseen.tasks.clustering.cluster_settings import VectorClusterSettings, vector_settings
from reseen.text import spreadsheet_cell

_SHARE_OF_FREE = 0.75
_UNKNOWN_BUDGET = 4 * 10**9
"""Budget in bytes if the free memory is unknown."""
_LIBRARIES = 160_000_000
"""Bytes that compiled loops, FAISS and buffers of matrix products allocate at first use, and that the allocator
retains."""
_UNKNOWN_START = 550_000_000
"""Bytes of a process with all libraries loaded, if its memory use is unknown."""
_LABELS_PER_ROW = 90
"""Bytes per row: labels, their sorted copies, and memberships."""
_WRITING = 30_000_000


@dataclass(frozen=True)
class MemoryPlan:
    """Memory plan of the process, in bytes, without memory-mapped pages."""

    budget: int
    """The memory limit."""
    start: int
    """Memory used regardless of the number of rows."""
    least: int
    """The minimum limit."""

    @property
    def room(self) -> int:
        """Memory left for the blocks of search and measuring."""
        return max(0, self.budget - self.start)


def memory_budget(memory: int | str | None) -> int:
    """The memory limit in bytes: `memory`, or three quarters of the free memory plus the memory already in use.

    Raises:
        SettingsError: the text is not an amount of memory.
    """
    if memory is not None:
        return parse_memory(memory) if isinstance(memory, str) else memory
    free = free_bytes()
    return int(_SHARE_OF_FREE * free) + (own_bytes() or 0) if free is not None else _UNKNOWN_BUDGET


def plan_memory(budget: int, rows: int, dimension: int, settings: VectorClusterSettings) -> MemoryPlan:
    """Plan the memory of clustering `rows` vectors within the budget.

    Raises:
        SettingsError: the budget is too low; the message gives the minimum.
    """
    now = own_bytes()
    start = (_UNKNOWN_START if now is None else now) + _LIBRARIES
    clustering, threads = settings.clustering, torch.get_num_threads()
    k = clustering.neighbors
    search = settings.search.least_memory(rows, dimension, k)
    growing = clustering.out_of_core_bytes(rows, dimension, threads)
    measuring = rows * _LABELS_PER_ROW + 256 * 4 * (dimension + 4) * (k + 2) + _WRITING
    least = start + max(search, growing, measuring)
    least += -least % 10_000_000
    if budget < least:
        raise SettingsError(
            f"--memory {show_memory(budget)}: clustering {rows:,} vectors of dimension {dimension} by "
            f"{clustering.name} needs at least {show_memory(least)}, of which {show_memory(start)} do not depend on "
            "the vectors; raise the limit, or use "
            + (
                "fewer vectors"
                if DbscanClustering().out_of_core_bytes(rows, dimension, threads) >= growing
                else "--method dbscan, which needs less per row"
            )
        )
    return MemoryPlan(budget, start, least)


COLUMNS = ("camera", "cluster", "similarity", "other_cluster", "other_similarity")
"""Columns after the first, which is `path`, or `row` for a .npy array."""

_BLOCK = 1 << 26
"""Bytes per block of measuring; larger ones are not faster."""


@dataclass(frozen=True)
class VectorClusters:
    """A clustering of vectors, with clusters numbered from 0, largest first."""

    labels: PseudoLabels
    """Cluster of each row; -1 for noise and rows of dissolved clusters."""
    membership: Membership
    """Similarity of each row to its own and to the nearest other cluster among those of its neighbors."""
    settings: VectorClusterSettings
    notes: tuple[str, ...]
    """How neighbors were searched, and how the number of clusters was determined."""
    stages: Mapping[str, MemoryStage]
    """Time and peak memory of each stage."""
    disk_bytes: int
    """Temporary disk space that was used for memory-mapped arrays."""
    csv: Path
    summary: Path
    """JSON file of settings, notes and stages."""


def cluster_vectors(
    source: str | Path,
    out: str | Path,
    *,
    memory: int | str | None = None,
    settings: VectorClusterSettings | Sequence[str] = (),
    method: str | None = None,
    smallest: int = 1,
    quiet: bool = False,
) -> VectorClusters:
    """Cluster the vectors of a .npy file, a Parquet file or a folder of partitions, and write a CSV file.

    Vectors, neighbors and sparse distances are memory-mapped from a folder next to `out`. If interrupted, repeat the
    call to resume with the neighbors found so far.

    Args:
        source: the file or folder of vectors.
        out: the CSV file to write; a JSON file of the same name records settings, time and memory.
        memory: memory limit of the process, in bytes or as text such as `4GB`, without memory-mapped pages; three
            quarters of the free memory when None.
        settings: settings of the clustering, or flags such as `--clustering.clusters`, `300`.
        method: name of the clustering, such as `dbscan`; `hierarchy` if None. Only with flags.
        smallest: minimum cluster size; smaller clusters become noise (-1).
        quiet: hide progress.

    Raises:
        DataError: `source` holds no vectors.
        SettingsError: a flag is invalid, or the memory limit is too low; the message gives the minimum.
        ClusteringError: a vector is zero or not finite.
        StorageError: the disk is full, `out` cannot be written, or another process is writing it.

    Example:
        >>> reseen.cluster_vectors("embeddings.parquet", "clusters.csv", memory="4GB").labels.cluster_count
    """
    file, out = open_vector_file(Path(source).expanduser()), Path(out).expanduser()
    if smallest < 1:
        raise SettingsError(f"smallest must be at least 1, got {smallest}")
    if out.is_dir() or out.suffix == ".json" or out.resolve() == file.path.resolve():
        raise StorageError(f"{out}: give the name of a CSV file to write, such as clusters.csv")
    if not isinstance(settings, VectorClusterSettings):
        settings = vector_settings(settings, method)
    check_output(out.with_suffix(".json"))
    plan = plan_memory(memory_budget(memory), file.rows, file.dimension, settings)
    with exclusive_writer(out), RunView(0, quiet) as view, MemoryWatch() as watch:
        scratch = Scratch(out.with_name(f".{out.name}.work"))
        features = map_vectors(file, scratch, view.phase("vectors", file.rows))
        watch.finish("vectors")
        note = settings.search.describe(file.rows)
        view.say(note)
        k = settings.clustering.neighbors
        key = stage_key(file.key, {"k": k, **settings.search.model_dump()})
        progress = view.phase("neighbors", settings.search.work(file.rows))
        neighbors = nearest_mapped(features, k, scratch, settings.search, plan.room, key, progress)
        watch.finish("search")
        context = ClusteringContext(phase=view.phase, allocate=scratch.unnamed, finish_stage=watch.finish)
        clustering = settings.clustering.cluster_neighbors(features, neighbors, context)
        notes = [*clustering.notes]
        labels, dissolved = number_by_size(clustering.labels.labels, smallest)
        if dissolved:
            notes.append(f"{counted(dissolved, 'cluster')} of fewer than {smallest} rows dissolved")
        progress, room = view.phase("measuring", file.rows), min(_BLOCK, plan.room // 2)
        membership = measure_among_neighbors(features, labels, neighbors, scratch.unnamed, room, progress)
        watch.finish("measuring")
        progress = view.phase("writing", file.rows)
        write_atomically(out, lambda path: _write_csv(path, file, labels, membership, progress))
        watch.finish("writing")
        result = VectorClusters(
            labels,
            membership,
            settings,
            (note, *notes),
            watch.stages,
            scratch.taken,
            out,
            out.with_suffix(".json"),
        )
        write_text(result.summary, json.dumps(_summary(result, file, plan), indent=1) + "\n")
        scratch.remove()
    return result


def _write_csv(
    path: Path, file: VectorFile, labels: PseudoLabels, membership: Membership, progress: Progress
) -> None:
    """Write one row per vector, in the order of the vectors; empty cells for unknown values."""
    begin = 0
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((file.first_column, *COLUMNS))
        for names, cameras in file.names():
            part = slice(begin, begin + len(names))
            columns = (
                [spreadsheet_cell(name) for name in names],
                ["" if camera is None else spreadsheet_cell(camera) for camera in cameras],
                labels.labels[part].tolist(),
                _format_cosines(membership.similarity[part]),
                ["" if other == NOISE else other for other in membership.other[part].tolist()],
                _format_cosines(membership.other_similarity[part]),
            )
            writer.writerows(zip(*columns, strict=True))
            begin += len(names)
            progress(len(names))


def _format_cosines(values: np.ndarray) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.4f}" for value in values.tolist()]


def _summary(result: VectorClusters, file: VectorFile, plan: MemoryPlan) -> dict[str, object]:
    """The content of the JSON file: size, settings, notes, memory and stages."""
    return {
        "vectors": str(file.path),
        "rows": file.rows,
        "dimension": file.dimension,
        "clusters": result.labels.cluster_count,
        "in_none": int((result.labels.labels == NOISE).sum()),
        "notes": list(result.notes),
        "memory": {"budget_bytes": plan.budget, "least_bytes": plan.least, "start_bytes": plan.start},
        "stages": {name: asdict(stage) for name, stage in result.stages.items()},
        "settings": result.settings.model_dump(mode="json"),
    }
