"""Pages of a clustering: all clusters with statistics and sample crops, and one cluster with its dendrogram."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from reseen.files import write_text
from reseen.pages.album import Album
from reseen.pages.axes import Chart, short
from reseen.pages.bar_charts import histogram
from reseen.pages.content import ClusterSheet
from reseen.pages.line_charts import Series, line_chart
from reseen.pages.render import fill
from reseen.pages.sheets import cluster_sheets

_MOST_POINTS = 100


class Figure(NamedTuple):
    """One key figure at the top of the page, with its meaning."""

    name: str
    figure: str
    meaning: str


class SheetGroup(NamedTuple):
    """A group of clusters under one heading."""

    name: str
    """The heading."""
    note: str
    """How they were selected."""
    sheets: Sequence[ClusterSheet]


@dataclass(frozen=True)
class ClustersContent:
    """Content of the page of all clusters; empty parts are omitted."""

    title: str
    note: str = ""
    """How the number of clusters was determined."""
    figures: Sequence[Figure] = ()
    sizes: Sequence[int] = ()
    """Number of crops in each cluster."""
    square_errors: Sequence[float] = ()
    """Sum of squared errors of each cluster."""
    merges: Sequence[tuple[int, float]] = ()
    """For each step, the number of merges so far and the highest cost of its merges."""
    groups: Sequence[SheetGroup] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    """As YAML."""


@dataclass(frozen=True)
class TreeContent:
    """Content of the page of one cluster: its dendrogram, and every crop with a caption."""

    title: str
    sheet: ClusterSheet
    """All crops of the cluster, with captions and the dendrogram."""
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    """As YAML."""


def write_clusters_page(path: Path, content: ClustersContent) -> None:
    """Write the page atomically.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    write_text(path, render_clusters(content))


def render_clusters(content: ClustersContent) -> str:
    """The page as HTML text."""
    album = Album()
    groups = [(group.name, group.note, cluster_sheets(album, group.sheets)) for group in content.groups]
    return fill("clusters.html.j2", album, content=content, charts=_charts(content), groups=groups)


def write_tree_page(path: Path, content: TreeContent) -> None:
    """Write the page atomically.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    write_text(path, render_tree(content))


def render_tree(content: TreeContent) -> str:
    """The page as HTML text."""
    album = Album()
    return fill("tree.html.j2", album, content=content, sheet=cluster_sheets(album, [content.sheet])[0])


def _charts(content: ClustersContent) -> list[Chart]:
    charts = []
    if content.sizes:
        charts.append(histogram("Crops in a cluster", content.sizes, "clusters", whole=True))
    if content.square_errors:
        charts.append(histogram("Sum of squares (SSE)", content.square_errors, "clusters"))
    if len(content.merges) > 1:
        every = -(-len(content.merges) // _MOST_POINTS)
        shown = [*content.merges[:-1:every], content.merges[-1]]
        merges, costs = [count for count, _ in shown], [cost for _, cost in shown]
        svg = line_chart("Merge cost", merges, [Series("cost", costs)], name="merge")
        charts.append(Chart("Merge cost", f"{short(costs[-1])} at the end", svg, []))
    return charts
