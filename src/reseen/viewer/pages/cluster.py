"""Page of one cluster (crops, nearest clusters, dendrogram), and pages of outliers and unclustered crops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from markupsafe import Markup

from reseen.cluster.hierarchy import HierarchySettings, whole_tree
from reseen.gallery.collection import NOISE, UNCLUSTERED
from reseen.pages.album import Picture
from reseen.pages.dendrogram import dendrogram
from reseen.viewer.assignment import assignment_of
from reseen.viewer.clusters import Cluster
from reseen.viewer.templating import ViewerDep, page_slice, render
from reseen.viewer.unclustered import nearest_clusters
from reseen.viewer.viewer import Snapshot

router = APIRouter(include_in_schema=False)

_PAGE_SIZE = 120
"""Crops on a page."""
_NEAREST = 6
"""Nearest clusters that are shown."""
_STRIP = 5
"""Crops shown of each of them."""
_SPECIAL = {"none": NOISE, "new": UNCLUSTERED}


@router.get("/clusters/{name}")
def cluster_page(request: Request, viewer: ViewerDep, name: str, tree: bool = False) -> Response:
    """The page of a cluster by its number; `none` for outliers, `new` for crops that were never clustered."""
    snapshot = viewer.snapshot
    if name in _SPECIAL:
        return _unassigned_page(request, viewer, snapshot, name)
    if not name.isdecimal() or len(name) > 18 or int(name) not in snapshot.clusters:
        raise HTTPException(404, f"There is no cluster {name}. It may have been merged into another one.")
    cluster = snapshot.clusters[int(name)]
    part = page_slice(request, cluster.rows.tolist(), _PAGE_SIZE)
    nearest = snapshot.clusters.nearest(cluster.center, _NEAREST, exclude=cluster.number)
    similarity = dict(zip(cluster.rows.tolist(), cluster.similarities.tolist(), strict=True))
    misfits = _misfits(snapshot, part.items, similarity, [other.number for other, _ in nearest])
    keys = [snapshot.collection.keys[row] for row in part.items]
    keys += [snapshot.collection.keys[row] for other, _ in nearest for row in other.rows[:_STRIP]]
    viewer.thumbnails.prefetch(keys)
    return render(
        request, "cluster.html.j2", snapshot=snapshot, cluster=cluster, part=part, similarity=similarity,
        misfits=misfits, nearest=nearest, shown=_STRIP, tree=cluster_tree(snapshot, cluster) if tree else None,
        neighbors=_adjacent_numbers(snapshot, cluster.number),
    )  # fmt: skip


def _misfits(
    snapshot: Snapshot, rows: Sequence[int], similarity: dict[int, float], numbers: list[int]
) -> dict[int, int]:
    """Crops more similar to another center than to their own, with the number of the most similar cluster."""
    if not numbers or not rows:
        return {}
    centers = np.stack([snapshot.clusters[number].center for number in numbers])
    others = snapshot.collection.vectors[rows].astype(np.float32) @ centers.T
    return {
        row: numbers[int(line.argmax())]
        for row, line in zip(rows, others, strict=True)
        if float(line.max()) > similarity[row]
    }


def _adjacent_numbers(snapshot: Snapshot, number: int) -> tuple[int | None, int | None]:
    """Numbers of the previous and the next cluster; None at the ends."""
    numbers = [cluster.number for cluster in snapshot.clusters.all()]
    index = numbers.index(number)
    return (
        numbers[index - 1] if index else None,
        numbers[index + 1] if index + 1 < len(numbers) else None,
    )


def _unassigned_page(request: Request, viewer: ViewerDep, snapshot: Snapshot, name: str) -> Response:
    rows = np.flatnonzero(snapshot.collection.clusters == _SPECIAL[name])
    part = page_slice(request, rows.tolist(), _PAGE_SIZE)
    shown = np.array(part.items, np.int64)
    nearest: dict[int, tuple[int, float]] = {}
    if len(snapshot.clusters) and len(shown):
        numbers, similarity = nearest_clusters(snapshot, shown)
        nearest = dict(zip(part.items, zip(numbers.tolist(), similarity.tolist(), strict=True), strict=True))
    viewer.thumbnails.prefetch(snapshot.collection.keys[row] for row in part.items)
    return render(
        request, "unassigned.html.j2", snapshot=snapshot, part=part, nearest=nearest, name=name,
        assignment=assignment_of(viewer, snapshot),
    )  # fmt: skip


_MAX_LEAVES = 60
_MAX_CROPS = 2000
"""Larger clusters have no dendrogram: it would take too long to compute during a request."""
_WIDTH, _HEIGHT = 64, 128
_IMAGE = Markup(
    '<image id="{}" href="/thumbnails/{}.jpg" width="{}" height="{}" preserveAspectRatio="xMidYMid slice"/>'
)


@dataclass(frozen=True)
class Tree:
    """A dendrogram, or the reason why there is none."""

    drawing: Markup | None
    """SVG."""
    note: str
    """Caption, or the reason."""


def cluster_tree(snapshot: Snapshot, cluster: Cluster) -> Tree:
    """The dendrogram of a cluster's crops by average linkage of squared Euclidean distances, cut at 60 leaves."""
    if cluster.size < 2:
        return Tree(None, "A cluster of one crop has no dendrogram.")
    if cluster.size > _MAX_CROPS:
        return Tree(
            None,
            f"Dendrograms are limited to {_MAX_CROPS:,} crops; this cluster has {cluster.size:,}.",
        )
    vectors = snapshot.collection.vectors[cluster.rows].astype(np.float32)
    tree = whole_tree(
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        HierarchySettings(regularizer="none"),
        _MAX_LEAVES,
    )
    rows = [cluster.rows[tree.leaves == leaf] for leaf in range(len(tree.matrix) + 1)]
    leaves, images = [], []
    for leaf, members in enumerate(rows):
        entry, name = snapshot.collection.entries[members[0]], f"leaf-{leaf}"
        leaves.append(
            (Picture(name, _WIDTH, _HEIGHT, entry.image), f"×{len(members)}" if len(members) > 1 else "")
        )
        images.append(_IMAGE.format(name, snapshot.collection.keys[members[0]], _WIDTH, _HEIGHT))
    definitions = Markup('<svg class="unseen" aria-hidden="true"><defs>{}</defs></svg>').format(
        Markup("").join(images)
    )
    drawing = dendrogram(tree.matrix, leaves, "distance")
    note = "Average linkage; the axis is the mean squared distance."
    if cluster.size > len(rows):
        note += f" The {cluster.size} crops are first merged into {len(rows)} leaves."
    return Tree(definitions + drawing, note)
