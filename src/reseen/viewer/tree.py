"""Dendrogram of the crops in one cluster, as an SVG that refers to thumbnails by key."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reseen.cluster.hierarchy import HierarchySettings, whole_tree
from reseen.pages.album import Picture
from reseen.pages.dendrogram import dendrogram
from reseen.viewer.clusters import Cluster
from reseen.viewer.viewer import Snapshot

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
