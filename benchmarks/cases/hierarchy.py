"""Hierarchical clustering against one k-NN search of the same features, and against a library's linkage."""

import statistics
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from cases.case import Case, Options, row, timed
from cases.memory import peak_bytes, reset_peak
from cases.mixture import Mixture, mixture
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.neighbors import jaccard_distance, nearest
from reseen.plan.sample import synthetic_features as people_like

_TREE = HierarchySettings(regularizer="none", share=None, stop="clusters", clusters=1)
_SCHEDULE_GOAL, _TREE_GOAL = 2.0, 1 / 8
_NEIGHBORS = 30


def _drawn(images: int, dimension: int, people: int, options: Options) -> Mixture:
    shrink = 16 if options.quick else 1
    grow_hierarchy(
        mixture(200, 8, 10).features.numpy, HierarchySettings()
    )  # libraries load before memory counts
    return mixture(images // shrink, dimension, people // shrink)


def _schedule(images: int, dimension: int, people: int, options: Options) -> dict[str, Any]:
    """The whole 13-step schedule."""
    drawn = _drawn(images, dimension, people, options)
    features, settings = drawn.features, HierarchySettings()
    before = reset_peak()
    labels = grow_hierarchy(features.numpy, settings).labels
    peak = peak_bytes()
    known = drawn.identities >= 0
    agreement = adjusted_rand_score(drawn.identities[known], labels.labels[known])
    search, ours = timed(
        options.repeat,
        lambda: nearest(features, _NEIGHBORS),
        lambda: grow_hierarchy(features.numpy, settings),
    )
    ratio = statistics.median(ours) / statistics.median(search)
    people = len(np.unique(drawn.identities[known]))
    note = (
        f"{labels.cluster_count:,} clusters of {people:,} people, adjusted Rand index {agreement:.3f}; "
        f"adds {(peak - before) / 1e9:.2f} GB, whole process {peak / 1e9:.2f} GB"
    )
    return {
        "rows": [
            row(
                f"13 steps of 7 % merged, {len(features):,} x {dimension:,}",
                ours,
                against=f"one exact search of {_NEIGHBORS} neighbors",
                against_seconds=search,
                limit=f"the search: {2 * len(features) ** 2 * dimension / 1e9:.0f} GFLOP",
                note=note,
                goal_met=None if options.quick else ratio <= _SCHEDULE_GOAL,
            )
        ],
        "memory": {"before_bytes": before, "peak_bytes": peak, "added_bytes": peak - before},
    }


def _tree(options: Options) -> dict[str, Any]:
    """The whole tree of average linkage."""
    import fastcluster

    features = _drawn(12_767, 256, 750, options).features.numpy
    rows = features.astype(np.float64)
    before = reset_peak()
    found = grow_hierarchy(features, _TREE)
    added = peak_bytes() - before
    before = reset_peak()
    fastcluster.linkage(rows, "average", "sqeuclidean")
    theirs_added = peak_bytes() - before
    theirs, ours = timed(
        options.repeat,
        lambda: fastcluster.linkage(rows, "average", "sqeuclidean"),
        lambda: grow_hierarchy(features, _TREE),
    )
    ratio = statistics.median(ours) / statistics.median(theirs)
    difference = np.abs(found.cost - fastcluster.linkage(rows, "average", "sqeuclidean")[:, 2]).max()
    met = ratio <= _TREE_GOAL and added <= theirs_added / 5
    return {
        "rows": [
            row(
                f"whole tree, average linkage, {len(rows):,} x {rows.shape[1]}",
                ours,
                against="fastcluster.linkage, average, sqeuclidean",
                against_seconds=theirs,
                limit="a search for each of the 2n - 1 clusters among those left",
                note=f"adds {added / 1e9:.2f} GB, fastcluster {theirs_added / 1e9:.2f} GB; "
                f"heights differ by {difference:.0e} at most",
                goal_met=None if options.quick else met,
            )
        ],
        "memory": {"added_bytes": added, "against_added_bytes": theirs_added},
    }


def _shared(options: Options) -> dict[str, Any]:
    """The 13-step schedule over shared neighbors."""
    import fastcluster

    settings, few = HierarchySettings(metric="jaccard"), people_like(300, 64)
    grow_hierarchy(few.numpy, settings)  # loops are compiled before seconds count
    features = people_like(12_936 // (16 if options.quick else 1), 2_048)

    def tree() -> None:
        jaccard = settings.jaccard
        distances = jaccard_distance(features, nearest(features, jaccard.columns), jaccard, 1 - 1e-6)
        dense = np.ones(distances.shape, np.float32)
        pairs = distances.tocoo()
        dense[pairs.row, pairs.col] = pairs.data
        fastcluster.linkage(dense[np.triu_indices(len(dense), 1)].astype(np.float64), "average")

    before = reset_peak()
    labels = grow_hierarchy(features.numpy, settings).labels
    added = peak_bytes() - before
    before = reset_peak()
    tree()
    theirs_added = peak_bytes() - before
    theirs, ours = timed(options.repeat, tree, lambda: grow_hierarchy(features.numpy, settings))
    return {
        "rows": [
            row(
                f"13 steps over shared neighbors, {len(features):,} x 2,048, distances included",
                ours,
                against="the same distances made dense, and fastcluster.linkage, average",
                against_seconds=theirs,
                limit="the distances themselves",
                note=f"{labels.cluster_count:,} clusters; adds {added / 1e9:.2f} GB, theirs {theirs_added / 1e9:.2f}",
            )
        ],
        "memory": {"added_bytes": added, "against_added_bytes": theirs_added},
    }


HIERARCHY_SHARED = Case("hierarchy-shared", "no goal was set", _shared)
HIERARCHY_MARKET = Case(
    "hierarchy-market",
    f"at most {_SCHEDULE_GOAL:.0f}x one k-NN search",
    lambda options: _schedule(12_936, 2_048, 751, options),
)
HIERARCHY_MSMT17 = Case(
    "hierarchy-msmt17",
    f"at most {_SCHEDULE_GOAL:.0f}x one k-NN search; within 3 GB",
    lambda options: _schedule(32_621, 2_048, 1_041, options),
)
HIERARCHY_TREE = Case("hierarchy-tree", "8 times as fast as fastcluster with a fifth of its memory", _tree)
