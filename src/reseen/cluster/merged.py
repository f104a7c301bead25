"""One clustering of one round by merging from single crops on."""

import numpy as np

from reseen.cluster.clustering import Clustering
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.errors import TrainingError
from reseen.records import NOISE, Features, PseudoLabels


def merge_features(features: Features, settings: HierarchySettings, smallest: int = 1) -> Clustering:
    """Grow clusters bottom-up; those with fewer than `smallest` images become noise.

    Raises:
        TrainingError: fewer than two clusters of that size are left.
    """
    hierarchy = grow_hierarchy(features.numpy, settings)
    found = hierarchy.labels.labels
    sizes = np.bincount(found, minlength=1)
    kept = np.flatnonzero(sizes >= smallest)
    if len(kept) < 2:
        raise TrainingError(
            f"wanted at least two clusters of {smallest} images or more, merging {len(features)} images into "
            f"{hierarchy.labels.cluster_count} clusters left {len(kept)}; merge less or more "
            "(method.hierarchy.share, method.hierarchy.steps), or lower method.smallest_cluster"
        )
    number = np.full(len(sizes), NOISE)
    number[kept] = np.arange(len(kept))
    merges = len(hierarchy.cost)
    dearest = f", the last at cost {hierarchy.cost[-1]:.3f}" if merges else ""
    note = f"merged {len(found)} crops into {len(sizes)} clusters{dearest}"
    return Clustering(PseudoLabels(number[found]), notes=(*hierarchy.notes, note))
