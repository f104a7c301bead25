"""Cluster a folder of crops and write down what came of it, for a person to look at and to correct."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reseen.cluster import Membership, measure_membership
from reseen.cluster.hierarchy import Hierarchy, HierarchySettings, grow_hierarchy, most_merges
from reseen.data.crops import Crops, open_crops
from reseen.data.pixels import PixelStore
from reseen.data.table import ImageTable
from reseen.errors import DataError, SettingsError, StorageError
from reseen.features.extract import extract
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
from reseen.tasks.clustering.cluster_settings import hierarchy_settings
from reseen.text import spreadsheet_cell

COLUMNS = ("path", "camera", "cluster", "similarity", "other_cluster", "other_similarity")


@dataclass(frozen=True)
class CropClusters:
    """Crops in clusters, numbered from 0, the largest first; row i of all columns is crop i of the table."""

    table: ImageTable
    labels: PseudoLabels
    """-1 for crops in clusters that were too small."""
    membership: Membership
    """How well each crop sits in its cluster, and how spread the clusters are."""
    settings: HierarchySettings
    """What they were clustered with."""
    chosen: str
    """How the number of clusters came about."""
    csv: Path
    page: Path
    trees: tuple[Path, ...]
    """Pages of single clusters, as asked for."""


def cluster_crops(
    source: Run | str | Path,
    data: str | Path | ImageTable,
    out: str | Path,
    *,
    settings: HierarchySettings | Sequence[str] = (),
    smallest: int = 1,
    dendrograms: Sequence[int] = (),
    camera_pattern: str | None = None,
    quiet: bool = False,
) -> CropClusters:
    """Cluster crops bottom-up and write `out`, a CSV file, and a page of the same name in HTML beside it.

    `source` is a run, whose encoder looks at the crops, or the file of vectors that `embed` wrote, which must be of
    these crops. `settings` are those of the clustering, or flags such as `--hierarchy.clusters`, `300` on top of
    what the run's recipe says, where its method has a hierarchy; then the number of clusters is chosen without
    labels, unless a flag says when to stop.
    Clusters of fewer than `smallest` crops are dissolved: -1. For each of the `dendrograms`, numbers of clusters, a
    page `cluster-N.html` shows every crop and how they were joined.
    `camera_pattern` says where a bare folder names its cameras, as in `embed`; vectors know them already.

    Raises:
        RunError: `source` is a folder, but no run.
        DataError: the vectors or the data cannot be read, or do not belong together.
        SettingsError: a flag that does not fit, or a dendrogram of a cluster that there is not.
        ClusteringError: a vector is zero or not finite.
        StorageError: `out` cannot be written, or another process is writing it.
    """
    out = Path(out).expanduser()
    if smallest < 1:
        raise SettingsError(f"smallest: wanted 1 crop or more, got {smallest}")
    opened = _opened(source)
    _check_place(out, opened, dendrograms)
    if not isinstance(settings, HierarchySettings):
        settings = hierarchy_settings(opened.recipe if isinstance(opened, Run) else None, settings)
    with exclusive_writer(out), RunView(0, quiet) as view:
        if isinstance(opened, Run):
            material = _by_run(opened, data, camera_pattern, view, quiet)
        else:
            material = _by_vectors(opened, data, camera_pattern, view)
        outcome = load_cluster_input(material, settings, smallest, view)
        wrong = [number for number in dendrograms if not 0 <= number < outcome.labels.cluster_count]
        write_text(out, as_csv(outcome))
        page, trees = write_pages(out, outcome, [one for one in dendrograms if one not in wrong], view)
    if wrong:
        raise SettingsError(
            f"no cluster {wrong[0]} to draw: there are {outcome.labels.cluster_count}, numbered from 0, the "
            f"largest first; {out} and {page} are written"
        )
    return CropClusters(
        material.crops.table, outcome.labels, outcome.membership, settings, outcome.chosen, out, page, trees
    )


def _check_place(out: Path, opened: Run | Path, dendrograms: Sequence[int]) -> None:
    """Refuse a name that is taken, or that another file of the same call gets."""
    if isinstance(opened, Path) and out.resolve() == opened.resolve():
        raise StorageError(f"{out}: holds the vectors; give the name of a CSV file, such as clusters.csv")
    if out.suffix == ".html" or out.stem in {f"cluster-{number}" for number in dendrograms}:
        raise StorageError(f"{out}: a page gets this name; give the name of a CSV file, such as clusters.csv")
    for page in (
        out.with_suffix(".html"),
        *(out.with_name(f"cluster-{number}.html") for number in dendrograms),
    ):
        check_output(page)


def _opened(source: Run | str | Path) -> Run | Path:
    """The run, or the place of a file of vectors or of their partitions."""
    if isinstance(source, Run):
        return source
    place = Path(source).expanduser()
    if is_partitioned(place):
        return place
    if place.is_dir():
        return open_run(place)
    if not place.is_file():
        raise DataError(f"{place}: is not there; give a run folder, or the file that `reseen embed` wrote")
    return place


def _by_run(
    run: Run, data: str | Path | ImageTable, camera_pattern: str | None, view: RunView, quiet: bool
) -> ClusterInput:
    table = load_other_table(run.recipe, data, camera_pattern)
    encoder, device = run.encoder(), scoring_device(run)
    crops = open_crops(table, run.reading, encoder.height, encoder.width, progress=not quiet)
    view.say(*crops.notes)
    features = extract(encoder.to(device), crops, device, view.phase("features", len(crops)))
    return ClusterInput(crops, features, f"by the encoder of {run.folder}, {run.rounds_done} rounds")


def _by_vectors(
    file: Path, data: str | Path | ImageTable, camera_pattern: str | None, view: RunView
) -> ClusterInput:
    if camera_pattern is not None:
        raise SettingsError(
            f"a camera pattern is for a run; {file} holds the cameras already, embed again to change them"
        )
    vectors = read_vectors(file)
    table, note = match_table(vectors, data)
    view.say(*([note] if note else []))
    store = PixelStore(table, vectors.size, None, {})  # only crops that a page shows are decoded
    return ClusterInput(
        Crops(table, store, to_index_tensor(np.arange(len(table)))), vectors.features, f"the file {file}"
    )


def load_cluster_input(
    material: ClusterInput, settings: HierarchySettings, smallest: int, view: RunView
) -> ClusterResult:
    """Grow clusters, number them, the largest first, and measure how well each crop sits in its own."""
    features = material.features
    progress = view.phase("clustering", most_merges(len(features), settings))
    hierarchy = grow_hierarchy(features.numpy, settings, progress=progress)
    labels, dissolved = number_by_size(hierarchy.labels.labels, smallest)
    membership = measure_membership(features, labels, view.phase("measuring", len(features)))
    chosen = hierarchy.notes[0] if hierarchy.notes else _stopped(hierarchy, settings)
    if dissolved:
        chosen += f"; {counted(dissolved, 'cluster')} of fewer than {smallest} crops dissolved"
    return ClusterResult(material, settings, hierarchy, labels, membership, chosen)


def _stopped(hierarchy: Hierarchy, settings: HierarchySettings) -> str:
    """Why merging ended where nothing was chosen."""
    clusters = counted(hierarchy.labels.cluster_count, "cluster")
    steps = int(hierarchy.step.max(initial=0))
    text = {
        "clusters": f"merged until {clusters} were left, as asked",
        "distance": f"merged what costs {settings.distance:g} or less, as asked, to {clusters}",
        "steps": f"merged in {counted(steps, 'step')}, as asked, to {clusters}",
    }[settings.stop]
    return f"{text}; the dearest merge cost {hierarchy.cost.max():.3f}" if len(hierarchy.cost) else text


def as_csv(outcome: ClusterResult) -> str:
    """The file's text: one row per crop, cluster by cluster, the most central first; empty where nothing is known."""
    table, labels, found = outcome.material.crops.table, outcome.labels.labels, outcome.membership
    last = np.where(labels == NOISE, outcome.labels.cluster_count, labels)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in np.lexsort((-found.similarity, last)).tolist():
        other = int(found.other[row])
        writer.writerow(
            (
                spreadsheet_cell(table.texts[row]),
                spreadsheet_cell(outcome.camera(row)),
                int(labels[row]),
                _cosine(found.similarity[row]),
                "" if other == NOISE else other,
                _cosine(found.other_similarity[row]),
            )
        )
    return text.getvalue()


def _cosine(value: np.float32) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"
