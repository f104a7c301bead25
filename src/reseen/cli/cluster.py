"""`reseen cluster`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from reseen.records import PseudoLabels
    from reseen.tasks.clustering.cluster_vectors import VectorClusters


def cluster(
    source: Annotated[Path, Parameter(name="run-or-vectors")],
    *settings: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    out: Path,
    data: Path | None = None,
    method: str | None = None,
    memory: str | None = None,
    smallest: int = 1,
    dendrogram: Annotated[list[int] | None, Parameter(negative=())] = None,
    camera_pattern: str | None = None,
    feature_cache: float = 4.0,
    quiet: bool = False,
) -> None:
    """Cluster a folder of crops; write a CSV file and an HTML page.

    Every setting of the clustering is also a flag, such as --clustering.clusters 300, --clustering.linkage single, or
    --method dbscan --clustering.eps 0.5 --clustering.jaccard.k1 20. Hierarchical clustering without a stopping
    criterion chooses the number of clusters where the clusterings of two halves of the features agree best. Without
    --data, precomputed vectors are clustered, out of core if they do not fit into memory, and no page is written;
    --search.mode exact is then a setting, too.

    Parameters
    ----------
    source
        A run folder, or vectors written by `reseen embed` (a file or a folder); without --data also a .npy file.
    out
        The CSV file to write; the page gets the same name with the suffix .html. Existing files are overwritten.
    data
        A folder of crops or a manifest.
    method
        The clustering: hierarchy (default), dbscan, hdbscan, or one of a plug-in.
    memory
        Memory limit for clustering vectors without --data, such as 4GB; default: three quarters of the free memory.
        Memory-mapped files do not count.
    smallest
        Minimum cluster size; smaller clusters become noise (-1).
    dendrogram
        Also write cluster-N.html, with the dendrogram and every crop of cluster N. Repeatable.
    camera_pattern
        Where paths name the camera; default: the run's own pattern; empty: no cameras.
    feature_cache
        Size limit, in gigabytes, of the cache of features, so that other commands need not embed the same crops again;
        0: no cache.
    quiet
        Hide progress.
    """
    from reseen.cli.setting_flags import check_names
    from reseen.errors import SettingsError

    options = (
        "data",
        "out",
        "method",
        "memory",
        "smallest",
        "dendrogram",
        "camera-pattern",
        "feature-cache",
        "quiet",
    )
    check_names(settings, options, ())
    if data is None:
        from reseen.tasks.clustering.cluster_vectors import cluster_vectors

        for name, value in (("--dendrogram", dendrogram), ("--camera-pattern", camera_pattern)):
            if value is not None:
                raise SettingsError(f"{name} needs the crops; add --data")
        _print_vectors(
            cluster_vectors(
                source, out, memory=memory, settings=settings, method=method, smallest=smallest, quiet=quiet
            )
        )
        return
    from reseen.tasks.clustering.cluster import cluster_crops

    if memory is not None:
        raise SettingsError(
            "--memory is only for clustering vectors; leave out --data, and view the clusters with "
            "`reseen index --clusters` and `reseen view`"
        )
    clustered = cluster_crops(
        source,
        data,
        out,
        settings=settings,
        method=method,
        smallest=smallest,
        dendrograms=dendrogram or (),
        camera_pattern=camera_pattern,
        feature_cache=feature_cache,
        quiet=quiet,
    )
    print(clustered.chosen)
    _print_summary(clustered.csv, clustered.labels, "crops")
    print(f"Open {clustered.page} in a browser")
    for page in clustered.trees:
        print(f"Dendrogram written to {page}")


def _print_vectors(clustered: "VectorClusters") -> None:
    from reseen.runs.process_memory import show_memory

    for note in clustered.notes:
        print(note)
    _print_summary(clustered.csv, clustered.labels, "vectors")
    costs = [
        f"{name} {stage.seconds:.1f} s"
        + (f" and {show_memory(stage.peak_bytes)}" if stage.peak_bytes else "")
        for name, stage in clustered.stages.items()
    ]
    print(f"Time and peak memory: {', '.join(costs)}; written to {clustered.summary}")


def _print_summary(csv: Path, labels: "PseudoLabels", noun: str) -> None:
    outliers = int((labels.labels < 0).sum())
    print(
        f"{csv}: {len(labels):,} {noun} in {labels.cluster_count:,} clusters"
        + (f", the largest of {labels.sizes[0]:,}" if labels.cluster_count else "")
        + (f"; {outliers:,} in none" if outliers else "")
    )
