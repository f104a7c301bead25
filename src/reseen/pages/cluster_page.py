"""A page of clusters: how many, how large, how spread, and crops of some of them to judge by."""

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
    """One number at the top of the page, and what it counts."""

    name: str
    figure: str
    meaning: str


class SheetGroup(NamedTuple):
    """Clusters that are shown for one reason."""

    name: str
    """A word or two."""
    note: str
    """Why these, and what to look for."""
    sheets: Sequence[ClusterSheet]


@dataclass(frozen=True)
class ClustersContent:
    """Everything on the page; an empty part is left out of it."""

    title: str
    note: str = ""
    """How the number of clusters came about."""
    figures: Sequence[Figure] = ()
    sizes: Sequence[int] = ()
    """Images in each cluster."""
    square_errors: Sequence[float] = ()
    """Sum of squares around the mean of each cluster."""
    merges: Sequence[tuple[int, float]] = ()
    """Merges made and what the dearest of them cost, after each step."""
    groups: Sequence[SheetGroup] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    """As YAML."""


@dataclass(frozen=True)
class TreeContent:
    """A page of one cluster: its tree, and every crop with a caption."""

    title: str
    sheet: ClusterSheet
    """All crops of the cluster, with words that are shown below each, and the tree."""
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    """As YAML."""


def write_clusters_page(path: Path, content: ClustersContent) -> None:
    """Write the page, whole or not at all.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    write_text(path, render_clusters(content))


def render_clusters(content: ClustersContent) -> str:
    """The page as text."""
    album = Album()
    groups = [(group.name, group.note, cluster_sheets(album, group.sheets)) for group in content.groups]
    return fill("clusters.html.j2", album, content=content, charts=_charts(content), groups=groups)


def write_tree_page(path: Path, content: TreeContent) -> None:
    """Write the page, whole or not at all.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    write_text(path, render_tree(content))


def render_tree(content: TreeContent) -> str:
    """The page as text."""
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
        numbers, costs = [made for made, _ in shown], [cost for _, cost in shown]
        drawn = line_chart("Merge cost", numbers, [Series("cost", costs)], name="merge")
        charts.append(Chart("Merge cost", f"{short(costs[-1])} at the end", drawn, []))
    return charts
