"""`reseen cluster`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def cluster(
    source: Annotated[Path, Parameter(name="run-or-vectors")],
    *settings: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    data: Path,
    out: Path,
    smallest: int = 1,
    dendrogram: Annotated[list[int] | None, Parameter(negative=())] = None,
    camera_pattern: str | None = None,
    quiet: bool = False,
) -> None:
    """Cluster a folder of crops; write a CSV file and a page to look at.

    Any setting of the clustering may follow as a flag, such as --hierarchy.clusters 300 or --hierarchy.linkage single.
    Without one that says when to stop, the number of clusters is chosen where halves of the features agree best.

    Parameters
    ----------
    source
        A run folder, or the file of vectors that `reseen embed` wrote for these crops.
    data
        The folder of crops or the manifest.
    out
        The CSV file to write; the page gets the same name in .html. Files that are there are replaced.
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
    from reseen.engine.cluster import cluster_crops

    check_names(settings, ("data", "out", "smallest", "dendrogram", "camera-pattern", "quiet"), ())
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
    labels = made.labels
    left = int((labels.labels < 0).sum())
    print(made.chosen)
    print(
        f"{made.csv}: {len(labels):,} crops in {labels.cluster_count:,} clusters"
        + (f", the largest of {labels.sizes[0]:,}" if labels.cluster_count else "")
        + (f"; {left:,} in none" if left else "")
    )
    print(f"Open {made.page} in a browser")
    for page in made.trees:
        print(f"Tree written to {page}")
