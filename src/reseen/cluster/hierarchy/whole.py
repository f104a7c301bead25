"""The tree of one cluster, to be drawn: one pair at a time down to one, with heights that never fall."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.cluster.hierarchy.grow import grow_hierarchy
from reseen.cluster.hierarchy.settings import HierarchySettings

_SHARE = 0.07
_ROUNDING = 1e-7
_BY_DISTANCE = (
    "drawn by squared distances, since within one cluster other neighbors are shared than among all crops"
)


@dataclass(frozen=True)
class WholeTree:
    """A tree over k leaves, each of them one row or several that are drawn as one."""

    matrix: Float64[np.ndarray, "k_minus_1 4"]
    """SciPy's linkage matrix; heights are merge costs and never fall."""
    leaves: Int64[np.ndarray, " n"]
    """The leaf of every row, 0 to k - 1."""
    settings: HierarchySettings
    """What the heights cost."""
    note: str
    """How the tree differs from the merging it explains; empty where it does not."""


def whole_tree(
    vectors: Float32[np.ndarray, "n d"], settings: HierarchySettings, most_leaves: int
) -> WholeTree:
    """Grow the rows of one cluster anew, one pair at a time, under the costs of `settings`.

    Rows beyond `most_leaves` are joined in steps first, and what they were joined to are the leaves. Where heights
    would fall, as a regularizer can make them, the tree is grown without it; where they still would, as those of
    means do, by average linkage. Neighbors that are shared among all rows are others than those within one cluster, so
    where the metric is `jaccard` squared distances are drawn.

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
    np.maximum.accumulate(heights, out=heights)  # rounding can put one just below the one before
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
            f"drawn without the regularizer {settings.regularizer}, with which later merges can cost less than "
            "earlier ones",
        )
    update = {"regularizer": "none", "linkage": "average", "engine": "auto"}
    yield (
        one_by_one.model_copy(update=update),
        f"drawn by average linkage alone, since with {settings.linkage} linkage later merges can cost less than "
        "earlier ones",
    )
