"""`reseen cluster`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from reseen.records import PseudoLabels


def cluster(
    source: Annotated[Path, Parameter(name="run-or-vectors")],
    *settings: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    out: Path,
    data: Path | None = None,
    memory: str | None = None,
    smallest: int = 1,
    dendrogram: Annotated[list[int] | None, Parameter(negative=())] = None,
    camera_pattern: str | None = None,
    quiet: bool = False,
) -> None:
    """Cluster a folder of crops; write a CSV file and a page to look at.

    Any setting of the clustering may follow as a flag, such as --hierarchy.clusters 300 or --hierarchy.linkage single.
    Without one that says when to stop, the number of clusters is chosen where halves of the features agree best.
    Without --data vectors alone are clustered, more than fit into memory if need be, and no page is written; settings
    are then also --algorithm dbscan, --dbscan.eps 0.5, --jaccard.k1 20 and --search.mode exact.

    Parameters
    ----------
    source
        A run folder, or the vectors that `reseen embed` wrote, one file or a folder; without --data also a .npy file.
    out
        The CSV file to write; the page gets the same name in .html. Files that are there are replaced.
    data
        The folder of crops or the manifest.
    memory
        The most memory that clustering vectors alone may take, such as 4GB; three quarters of what is free when not
        given. Mapped files, whose pages the system can drop, do not count.
    smallest
        Clusters of fewer crops are dissolved; their crops get the number -1.
    dendrogram
        Also write cluster-N.html, with every crop of cluster N and how they were joined; may be given again.
    camera_pattern
        Where a bare folder names its cameras; the run's own pattern when not given, none when empty.
    quiet
        Show no progress.
    """
    from reseen.cli.setting_flags import check_names

    options = ("data", "out", "memory", "smallest", "dendrogram", "camera-pattern", "quiet")
    check_names(settings, options, () if data is not None else ("algorithm",))
    if data is None:
        _alone(source, out, settings, memory, smallest, dendrogram, camera_pattern, quiet)
        return
    from reseen.errors import SettingsError
    from reseen.tasks.clustering.cluster import cluster_crops

    if memory is not None:
        raise SettingsError(
            "--memory is for vectors alone; leave out --data, and look at the clusters with `reseen index --clusters` "
            "and `reseen view`"
        )
    made = cluster_crops(
        source,
        data,
        out,
        settings=settings,
        smallest=smallest,
        dendrograms=dendrogram or (),
        camera_pattern=camera_pattern,
        quiet=quiet,
    )
    print(made.chosen)
    _say(made.csv, made.labels, "crops")
    print(f"Open {made.page} in a browser")
    for page in made.trees:
        print(f"Tree written to {page}")


def _alone(
    source: Path,
    out: Path,
    settings: tuple[str, ...],
    memory: str | None,
    smallest: int,
    dendrogram: list[int] | None,
    camera_pattern: str | None,
    quiet: bool,
) -> None:
    """Vectors without crops."""
    from reseen.errors import SettingsError
    from reseen.runs.process_memory import show_memory
    from reseen.tasks.clustering.cluster_vectors import cluster_vectors

    for name, given in (("--dendrogram", dendrogram), ("--camera-pattern", camera_pattern)):
        if given is not None:
            raise SettingsError(f"{name} needs crops to look at; add --data")
    made = cluster_vectors(source, out, memory=memory, settings=settings, smallest=smallest, quiet=quiet)
    for note in made.notes:
        print(note)
    _say(made.csv, made.labels, "vectors")
    took = [
        f"{name} {stage.seconds:.1f} s"
        + (f" and {show_memory(stage.peak_bytes)}" if stage.peak_bytes else "")
        for name, stage in made.stages.items()
    ]
    print(f"Seconds and peak memory: {', '.join(took)}; in {made.summary}")


def _say(csv: Path, labels: "PseudoLabels", noun: str) -> None:
    left = int((labels.labels < 0).sum())
    print(
        f"{csv}: {len(labels):,} {noun} in {labels.cluster_count:,} clusters"
        + (f", the largest of {labels.sizes[0]:,}" if labels.cluster_count else "")
        + (f"; {left:,} in none" if left else "")
    )
