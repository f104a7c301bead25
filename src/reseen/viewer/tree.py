"""The tree of one cluster's crops, as a drawing that asks for thumbnails by key."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reseen.cluster.hierarchy import HierarchySettings, whole_tree
from reseen.pages.album import Picture
from reseen.pages.dendrogram import dendrogram
from reseen.viewer.clusters import Cluster
from reseen.viewer.viewer import Snapshot

_LEAVES = 60
_MOST = 2000
"""Crops of a larger cluster are too many for a tree that is drawn while somebody waits."""
_WIDTH, _HEIGHT = 64, 128
_IMAGE = Markup(
    '<image id="{}" href="/thumbnails/{}.jpg" width="{}" height="{}" preserveAspectRatio="xMidYMid slice"/>'
)


@dataclass(frozen=True)
class Tree:
    """A drawing, or the reason why there is none."""

    drawing: Markup | None
    note: str


def tree_of(now: Snapshot, cluster: Cluster) -> Tree:
    """How the crops of a cluster join, by average linkage of squared Euclidean distances."""
    if cluster.size < 2:
        return Tree(None, "A single crop has no tree.")
    if cluster.size > _MOST:
        return Tree(None, f"A tree is drawn of up to {_MOST:,} crops; this cluster has {cluster.size:,}.")
    vectors = now.collection.vectors[cluster.rows].astype(np.float32)
    tree = whole_tree(
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        HierarchySettings(regularizer="none"),
        _LEAVES,
    )
    rows = [cluster.rows[tree.leaves == leaf] for leaf in range(len(tree.matrix) + 1)]
    feet, images = [], []
    for leaf, members in enumerate(rows):
        entry, name = now.collection.entries[members[0]], f"leaf-{leaf}"
        feet.append(
            (Picture(name, _WIDTH, _HEIGHT, entry.image), f"×{len(members)}" if len(members) > 1 else "")
        )
        images.append(_IMAGE.format(name, now.collection.keys[members[0]], _WIDTH, _HEIGHT))
    defined = Markup('<svg class="unseen" aria-hidden="true"><defs>{}</defs></svg>').format(
        Markup("").join(images)
    )
    drawn = dendrogram(tree.matrix, feet, "distance")
    less = f" {cluster.size} crops joined first to {len(rows)} branches." if cluster.size > len(rows) else ""
    return Tree(defined + drawn, f"Squared distance at which crops join, on average.{less}")
