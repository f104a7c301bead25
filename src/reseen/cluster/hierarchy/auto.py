"""Chooses the number of clusters without labels, by stability under random halves of the feature dimensions.

Merging is run to the end, with a fraction of the remaining clusters per step: once with all dimensions, and a few times
with a random half of them. In clusterings that are too coarse, it is random which people are merged, and the halves
agree less with the full dimensions. In those that are too fine, they agree well on the few images that are merged.
The chosen count maximizes the product of the agreement and the fraction of images that are not singletons, similar to
the settings of DBSCAN (`cluster/auto_settings.py`). Counts at which one cluster contains more than half of the images
are considered only if there are no others: one giant cluster and a few outliers are stable, but separate nothing.

Reference: Ben-Hur et al., "A stability based method for discovering structure in clustered data", 2002.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int64

from reseen.cluster.hierarchy.candidates import Pairs
from reseen.cluster.hierarchy.rules import Groups
from reseen.cluster.hierarchy.settings import HierarchySettings
from reseen.cluster.hierarchy.steps import Progress, merge_steps, no_progress
from reseen.neighbors.csr import Allocate, in_memory
from reseen.records import Neighbors

_HALVES = 4
_ROWS_AT_ONCE = 4096
PASSES = 1 + _HALVES
"""Number of complete merging runs."""
_SEED = 0
_ALIKE = 0.005
"""Values within this difference are ties; the fewest clusters are chosen."""
_SAME = 1e-6
"""Values of unit vectors within this difference are equal up to rounding."""
_LARGEST_SHARE = 0.5
"""Largest fraction of the images in one cluster."""
_SMALLEST_MEAN, _FEWEST = 2, 2
"""Range of counts compared: from half as many clusters as images down to two."""


def choose_count(
    rows: Float32[np.ndarray, "n d"],
    start: Int64[np.ndarray, " n"],
    settings: HierarchySettings,
    progress: Progress = no_progress,
    allocate: Allocate = in_memory,
    neighbors: Neighbors | None = None,
) -> tuple[list[Pairs], str]:
    """Choose the number of clusters.

    The halves are drawn with a fixed seed, so the same rows give the same count.

    Args:
        rows: vectors of n images.
        start: initial cluster of each row.
        settings: costs and schedule of the merging.
        progress: called with the number of merges just done.
        allocate: as in `grow_hierarchy`.
        neighbors: as in `grow_hierarchy`.

    Returns:
        The merges of each step down to the chosen number of clusters, and a message that explains the choice.
    """
    share = settings.share or 0.0
    if _all_alike(rows):
        whole = merge_steps(
            rows, start, settings, lambda _, clusters: max(1, clusters // 2) if clusters > 1 else 0, progress, allocate,
            neighbors,
        )  # fmt: skip
        return whole, f"auto: all {len(rows):,} images have the same vector and cannot be separated"

    def plan(_: int, clusters: int) -> int:
        return max(1, int(share * clusters)) if clusters > _FEWEST else 0

    whole = merge_steps(rows, start, settings, plan, progress, allocate, neighbors)
    counts = len(np.unique(start)) - np.cumsum([len(cost) for _, _, cost in whole], dtype=np.int64)
    merged = sum(len(cost) for _, _, cost in whole)
    compared = np.flatnonzero(counts <= len(rows) / _SMALLEST_MEAN)
    if len(compared) == 0:
        return (
            whole,
            f"auto: too few images to compare counts, merged down to {len(np.unique(start)) - merged} clusters",
        )
    sizes = [np.bincount(names) for names in _labels(start, whole, compared)]
    balanced = np.array([size.max() for size in sizes]) <= _LARGEST_SHARE * len(rows)
    together = np.array([size[size > 1].sum() / len(rows) for size in sizes])
    if balanced.any():
        compared, together = compared[balanced], together[balanced]
    generator = np.random.default_rng(_SEED)
    agreement = np.zeros(len(compared))
    for _ in range(_HALVES):
        half = _half(rows, settings, generator, allocate)
        merges = merge_steps(half, start, settings, plan, progress, allocate)
        both = _labels(start, whole, compared), _labels(start, merges, compared)
        agreement += _agreement(*both) / _HALVES
    costs = np.array([cost.mean() for _, _, cost in whole])
    value = agreement * together
    best = int(np.flatnonzero(value >= value.max() - _ALIKE)[-1])
    step = int(compared[best])
    note = (
        f"auto: {counts[step]} clusters, where clusterings of half of the dimensions agree best with that of all on "
        f"most images (adjusted Rand index {agreement[best]:.2f}, {together[best]:.0%} of the images not alone; "
        f"{len(compared)} counts from {counts[compared[0]]} to {counts[compared[-1]]} compared); the last merges cost "
        f"{costs[step]:.3f}, {_next_cost(costs, step)}"
    )
    if best == 0 and len(compared) > 1:
        note += "; this is the largest count compared, so the features may not separate people yet"
    return whole[: step + 1], note


def _all_alike(rows: Float32[np.ndarray, "n d"]) -> bool:
    """Whether all rows are equal up to rounding; stops at the first block that differs."""
    blocks = (rows[begin : begin + _ROWS_AT_ONCE] for begin in range(0, len(rows), _ROWS_AT_ONCE))
    return len(rows) > 1 and all(np.abs(block - rows[0]).max(initial=0) <= _SAME for block in blocks)


def _next_cost(costs: Float64[np.ndarray, " s"], step: int) -> str:
    return f"the next {costs[step + 1]:.3f}" if step + 1 < len(costs) else "and no further merge was possible"


def _half(
    rows: Float32[np.ndarray, "n d"],
    settings: HierarchySettings,
    generator: np.random.Generator,
    allocate: Allocate,
) -> Float32[np.ndarray, "n h"]:
    """A random half of the dimensions; for feature `sphere`, normalized again."""
    dimensions = rows.shape[1]
    chosen = np.sort(generator.permutation(dimensions)[: max(1, dimensions // 2)])
    half = allocate((len(rows), len(chosen)), np.float32)
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        block = slice(begin, begin + _ROWS_AT_ONCE)
        part = rows[block][:, chosen]
        if settings.feature == "raw":
            half[block] = part * np.float32(np.sqrt(dimensions / len(chosen)))
            continue
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        half[block] = np.where(
            lengths > 0, part / np.maximum(lengths, 1e-12), np.float32(len(chosen) ** -0.5)
        )
    return half


def _labels(
    start: Int64[np.ndarray, " n"], merges: Sequence[Pairs], steps: Int64[np.ndarray, " s"]
) -> Iterator[Int64[np.ndarray, " n"]]:
    """The cluster of every row after each of the given steps (ascending), one partition in memory at a time.

    Steps beyond the last merges repeat the final partition.
    """
    groups, done = Groups(len(start)), 0
    for step in steps.tolist():
        for first, second, _ in merges[done : step + 1]:
            for one, other in zip(first.tolist(), second.tolist(), strict=True):
                groups.join(one, other)
        done = step + 1
        yield groups.targets()[start]


def _agreement(
    ones: Iterator[Int64[np.ndarray, " n"]], others: Iterator[Int64[np.ndarray, " n"]]
) -> Float64[np.ndarray, " s"]:
    """Adjusted Rand index of each pair of partitions."""
    from sklearn.metrics import adjusted_rand_score

    return np.array([adjusted_rand_score(one, other) for one, other in zip(ones, others, strict=True)])
