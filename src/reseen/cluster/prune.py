"""Leaves crops out of the clusters of a round: those of small clusters, and those nearer to another cluster."""

from dataclasses import replace

import numpy as np

from reseen.cluster.clustering import Clustering
from reseen.cluster.membership import measure_membership
from reseen.errors import TrainingError
from reseen.records import NOISE, Features, PseudoLabels


def prune(
    features: Features, clustering: Clustering, smallest: int = 1, drop_doubtful: bool = False
) -> Clustering:
    """A clustering whose clusters of fewer than `smallest` images are noise.

    With `drop_doubtful`, ambiguous images become noise first: those nearer to the mean direction of another cluster
    than to that of their own.

    Raises:
        TrainingError: fewer than two clusters of that size remain.

    Example:
        kept = prune(features, merge_features(features, HierarchySettings()), smallest=4)
    """
    labels, notes = clustering.labels.labels, clustering.notes
    ambiguous = np.zeros(len(labels), dtype=bool)
    if drop_doubtful:
        membership = measure_membership(features, clustering.labels)
        ambiguous = membership.other_similarity > membership.similarity
        share = f"{ambiguous.mean():.0%}"
        notes = (*notes, f"{share} of the crops are nearer to another cluster and excluded as ambiguous")
    sizes = np.bincount(labels[~ambiguous & (labels != NOISE)], minlength=clustering.labels.cluster_count)
    kept = np.flatnonzero(sizes >= smallest)
    if len(kept) < 2:
        raise TrainingError(
            f"expected at least two clusters of {smallest} images or more, got {len(kept)} of {len(sizes)} clusters of "
            f"{len(features)} images; change method.clustering (with hierarchy, merge less or more: share, steps), or "
            "lower method.smallest_cluster"
        )
    number = np.full(len(sizes) + 1, NOISE)  # the last element is for noise, -1
    number[kept] = np.arange(len(kept))
    kept_labels = np.where(ambiguous, NOISE, number[labels])
    return replace(clustering, labels=PseudoLabels(kept_labels), notes=notes)
