"""The dendrogram of one cluster: merging one pair at a time down to one, with monotonic heights."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.cluster.hierarchy.grow import grow_hierarchy
from reseen.cluster.hierarchy.settings import HierarchySettings

_SHARE = 0.07
_ROUNDING = 1e-7
_BY_DISTANCE = "drawn with squared Euclidean distances: within one cluster, crops share other neighbors"


@dataclass(frozen=True)
class WholeTree:
    """A dendrogram over k leaves; a leaf is one row, or several that are drawn as one."""

    matrix: Float64[np.ndarray, "k_minus_1 4"]
    """SciPy's linkage matrix; heights are merge costs and never decrease."""
    leaves: Int64[np.ndarray, " n"]
    """The leaf of every row, 0 to k - 1."""
    settings: HierarchySettings
    """Settings of the merge costs that are the heights."""
    note: str
    """How the tree differs from the clustering that it explains; empty if it does not."""


def whole_tree(
    vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings, most_leaves: int
) -> WholeTree:
    """The dendrogram of the rows of one cluster, merged one pair at a time with the costs of `settings`.

    More than `most_leaves` rows are first merged in steps into that number of leaves. If heights would decrease, as a
    regularizer can cause, the tree is built without it; if they still would, as with centroid linkage, by average
    linkage. Shared neighbors within one cluster differ from those among all rows, so metric `jaccard` is replaced by
    squared Euclidean distances.

    Raises:
        ClusteringError: a row is not finite or, on the sphere, zero; a cost is not finite.
    """
    shared = settings.metric == "jaccard"
    plain = settings.model_copy(update={"metric": "sqeuclidean"}) if shared else settings
    leaves = _branches(vectors, plain, most_leaves)
    trees = (
        WholeTree(
            grow_hierarchy(vectors, changed, leaves).linkage_matrix(),
            leaves,
            changed,
            "; ".join(filter(None, (_BY_DISTANCE if shared else "", note))),
        )
        for changed, note in _attempts(plain)
    )
    tree = next(tree for tree in trees if bool((np.diff(tree.matrix[:, 2]) >= -_ROUNDING).all()))
    heights = tree.matrix[:, 2]
    np.maximum.accumulate(heights, out=heights)  # rounding errors can decrease a height slightly
    return tree


def _branches(
    vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings, most: int
) -> Int64[np.ndarray, " n"]:
    if len(vectors) <= most:
        return np.arange(len(vectors))
    update = {"stop": "clusters", "clusters": most, "share": settings.share or _SHARE}
    return grow_hierarchy(vectors, settings.model_copy(update=update)).labels.labels


def _attempts(settings: HierarchySettings) -> Iterator[tuple[HierarchySettings, str]]:
    one_by_one = settings.model_copy(update={"share": None, "stop": "clusters", "clusters": 1})
    yield one_by_one, ""
    if settings.linkage != "none" and settings.regularizer != "none":
        yield (
            one_by_one.model_copy(update={"regularizer": "none"}),
            f"drawn without the regularizer {settings.regularizer}, since with it later merges can cost less than "
            "earlier ones",
        )
    update = {"regularizer": "none", "linkage": "average", "engine": "auto"}
    yield (
        one_by_one.model_copy(update=update),
        f"drawn with average linkage only, since with {settings.linkage} linkage later merges can cost less than "
        "earlier ones",
    )
