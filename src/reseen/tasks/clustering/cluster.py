"""Cluster a folder of crops, and write a CSV file and HTML pages for review."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reseen.cluster import Clustering, Membership, measure_membership
from reseen.cluster.clusterings import AbstractClustering, ClusteringContext
from reseen.data.crops import Crops, open_crops
from reseen.data.pixels import PixelStore
from reseen.data.table import ImageTable
from reseen.errors import DataError, SettingsError, StorageError
from reseen.features.extract import extract
from reseen.features.feature_cache import FEATURE_CACHE_GIGABYTES, cache_notes, open_feature_cache
from reseen.features.partitions import is_partitioned
from reseen.features.vector_file import match_table, read_vectors
from reseen.files import check_output, write_text
from reseen.locks import exclusive_writer
from reseen.records import NOISE, PseudoLabels, to_index_tensor
from reseen.runs.console import RunView
from reseen.runs.device import scoring_device
from reseen.runs.load_table import load_other_table
from reseen.runs.run import Run, open_run
from reseen.tasks.clustering.cluster_pages import write_pages
from reseen.tasks.clustering.cluster_result import ClusterInput, ClusterResult, counted, number_by_size
from reseen.tasks.clustering.cluster_settings import cluster_settings
from reseen.text import spreadsheet_cell

COLUMNS = ("path", "camera", "cluster", "similarity", "other_cluster", "other_similarity")


@dataclass(frozen=True)
class CropClusters:
    """A clustering of crops, with clusters numbered from 0, largest first; row i is crop i of the table."""

    table: ImageTable
    labels: PseudoLabels
    """Cluster of each crop; -1 for crops of dissolved clusters."""
    membership: Membership
    """Similarity of each crop to its own and to the nearest other cluster, and the spread of clusters."""
    settings: AbstractClustering
    """The clustering and its settings."""
    chosen: str
    """How the number of clusters was determined."""
    csv: Path
    page: Path
    trees: tuple[Path, ...]
    """Dendrogram pages of the requested clusters."""


def cluster_crops(
    source: Run | str | Path,
    data: str | Path | ImageTable,
    out: str | Path,
    *,
    settings: AbstractClustering | Sequence[str] = (),
    method: str | None = None,
    smallest: int = 1,
    dendrograms: Sequence[int] = (),
    camera_pattern: str | None = None,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> CropClusters:
    """Cluster crops; write a CSV file `out`, and an HTML page of the same name next to it.

    Args:
        source: a run, whose encoder embeds the crops, or a file of vectors of these crops written by `embed`.
        data: a folder of crops, a manifest, shards, or a table.
        out: the CSV file to write.
        settings: the clustering, or flags of its settings such as `--clustering.clusters`, `300`. Flags override the
            clustering of the run's recipe, if it is of the same name; hierarchical clustering without a stopping
            criterion among them chooses the number of clusters without labels.
        method: name of the clustering, such as `dbscan`; `hierarchy` if None. Only with flags.
        smallest: minimum cluster size; smaller clusters become noise (-1).
        dendrograms: numbers of clusters; for each, a page `cluster-N.html` shows its crops and its dendrogram.
        camera_pattern: where paths name the camera, as for `embed`; not with vectors, which hold the cameras.
        feature_cache: size limit in gigabytes of the cache of features; 0 for none.
        quiet: hide progress.

    Raises:
        RunError: `source` is a folder, but not a run.
        DataError: the vectors or the data cannot be read, or do not match.
        TrainingError: the clustering finds fewer than two clusters.
        SettingsError: a flag is invalid, or a cluster of `dendrograms` does not exist.
        ClusteringError: a vector is zero or not finite.
        StorageError: `out` cannot be written, or another process is writing it.

    Example:
        >>> flags = ["--clustering.clusters", "300"]
        >>> reseen.cluster_crops("runs/market", "crops", "clusters.csv", settings=flags).labels.cluster_count
        300
    """
    out = Path(out).expanduser()
    if smallest < 1:
        raise SettingsError(f"smallest must be at least 1, got {smallest}")
    opened = _open_source(source)
    _check_outputs(out, opened, dendrograms)
    if not isinstance(settings, AbstractClustering):
        settings = cluster_settings(opened.recipe if isinstance(opened, Run) else None, settings, method)
    with exclusive_writer(out), RunView(0, quiet) as view:
        if isinstance(opened, Run):
            inputs = _embed_with_run(opened, data, camera_pattern, feature_cache, view, quiet)
        else:
            inputs = _load_vectors(opened, data, camera_pattern, view)
        result = run_clustering(inputs, settings, smallest, view)
        missing = [number for number in dendrograms if not 0 <= number < result.labels.cluster_count]
        write_text(out, as_csv(result))
        page, trees = write_pages(
            out, result, [number for number in dendrograms if number not in missing], view
        )
    if missing:
        raise SettingsError(
            f"no cluster {missing[0]} to draw: there are {result.labels.cluster_count}, numbered from 0, the "
            f"largest first; {out} and {page} are written"
        )
    return CropClusters(
        inputs.crops.table, result.labels, result.membership, settings, result.chosen, out, page, trees
    )


def _check_outputs(out: Path, opened: Run | Path, dendrograms: Sequence[int]) -> None:
    """Refuse an output name that is an input, or that another output of the same call has."""
    if isinstance(opened, Path) and out.resolve() == opened.resolve():
        raise StorageError(f"{out}: holds the vectors; give the name of a CSV file, such as clusters.csv")
    if out.suffix == ".html" or out.stem in {f"cluster-{number}" for number in dendrograms}:
        raise StorageError(f"{out}: is the name of a page; give the name of a CSV file, such as clusters.csv")
    for page in (
        out.with_suffix(".html"),
        *(out.with_name(f"cluster-{number}.html") for number in dendrograms),
    ):
        check_output(page)


def _open_source(source: Run | str | Path) -> Run | Path:
    """The run, or the path of a file or folder of vectors."""
    if isinstance(source, Run):
        return source
    path = Path(source).expanduser()
    if is_partitioned(path):
        return path
    if path.is_dir():
        return open_run(path)
    if not path.is_file():
        raise DataError(f"{path}: does not exist; give a run folder, or a file written by `reseen embed`")
    return path


def _embed_with_run(
    run: Run,
    data: str | Path | ImageTable,
    camera_pattern: str | None,
    feature_cache: float,
    view: RunView,
    quiet: bool,
) -> ClusterInput:
    table = load_other_table(run.recipe, data, camera_pattern)
    device = scoring_device(run)
    encoder = run.encoder().to(device)
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=not quiet)
    view.say(*crops.notes)
    cache = open_feature_cache(run, encoder, crops, device, feature_cache)
    features = extract(encoder, crops, device, view.phase("features", len(crops)), cache=cache)
    view.say(*cache_notes(cache, len(crops)))
    return ClusterInput(crops, features, f"by the encoder of {run.folder}, {run.rounds_done} rounds")


def _load_vectors(
    file: Path, data: str | Path | ImageTable, camera_pattern: str | None, view: RunView
) -> ClusterInput:
    if camera_pattern is not None:
        raise SettingsError(
            f"--camera-pattern is only for runs; {file} already holds the cameras, embed again to change them"
        )
    vectors = read_vectors(file)
    table, note = match_table(vectors, data)
    view.say(*([note] if note else []))
    store = PixelStore(table, vectors.size, None, {})  # only crops that a page shows are decoded
    return ClusterInput(
        Crops(table, store, to_index_tensor(np.arange(len(table)))), vectors.features, f"the file {file}"
    )


def run_clustering(
    inputs: ClusterInput, settings: AbstractClustering, smallest: int, view: RunView
) -> ClusterResult:
    """Cluster the features, number clusters by size, and measure the similarity of each crop to its cluster."""
    features = inputs.features
    clustering = settings.cluster(features, ClusteringContext(phase=view.phase))
    labels, dissolved = number_by_size(clustering.labels.labels, smallest)
    membership = measure_membership(features, labels, view.phase("measuring", len(features)))
    chosen = clustering.notes[-1] if clustering.notes else _by_settings(settings, clustering)
    if dissolved:
        chosen += f"; {counted(dissolved, 'cluster')} of fewer than {smallest} crops dissolved"
    return ClusterResult(inputs, settings, labels, membership, chosen, clustering.merge_costs)


def _by_settings(settings: AbstractClustering, clustering: Clustering) -> str:
    eps = "" if clustering.eps is None else f" with eps {clustering.eps:g}"
    return f"{counted(clustering.labels.cluster_count, 'cluster')} found by {settings.name}{eps}"


def as_csv(result: ClusterResult) -> str:
    """The CSV text: one row per crop, by cluster and most central first, noise last; empty cells for unknown values."""
    table, labels, membership = result.inputs.crops.table, result.labels.labels, result.membership
    noise_last = np.where(labels == NOISE, result.labels.cluster_count, labels)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in np.lexsort((-membership.similarity, noise_last)).tolist():
        other = int(membership.other[row])
        writer.writerow(
            (
                spreadsheet_cell(table.texts[row]),
                spreadsheet_cell(result.camera(row)),
                int(labels[row]),
                _format_cosine(membership.similarity[row]),
                "" if other == NOISE else other,
                _format_cosine(membership.other_similarity[row]),
            )
        )
    return text.getvalue()


def _format_cosine(value: np.float32) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"
