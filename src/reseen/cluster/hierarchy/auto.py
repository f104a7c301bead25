"""How many clusters, told without labels: where halves of the features agree.

Merging goes on to the end, a share of the clusters left per step, once with all features and a few times with a random
half of their dimensions each. Too fine, and which of a person's images are together is chance; too coarse, and so is
which people are. Between the two the halves agree best with the whole: there merging stops. Counts at which one
cluster holds more than half of the images are looked at only where there are no others: everybody in one heap beside a
few strays is stable, and nothing is told apart.

Stability under resampling as a measure of the number of clusters: Ben-Hur et al., "A stability based method for
discovering structure in clustered data", 2002.
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
"""How many times merging goes all the way."""
_SEED = 0
_ALIKE = 0.005
"""Agreements this close are taken for equal; then the fewest clusters are chosen."""
_SAME = 1e-6
"""Numbers of unit rows this close are equal but for rounding."""
_LARGEST_SHARE = 0.5
"""Of all images, in the largest cluster."""
_SMALLEST_MEAN, _FEWEST = 2, 2
"""Counts looked at: from half as many clusters as images down to two."""


def choose_count(
    rows: Float32[np.ndarray, "n d"],
    start: Int64[np.ndarray, " n"],
    settings: HierarchySettings,
    progress: Progress = no_progress,
    allocate: Allocate = in_memory,
    neighbors: Neighbors | None = None,
) -> tuple[list[Pairs], str]:
    """The merges of the steps up to the count chosen, and a sentence that says what was chosen and why.

    The halves are drawn with a fixed seed, so that the same rows give the same count. `allocate` and `neighbors`, those
    of whole rows, are as in `grow_hierarchy`.
    """
    share = settings.share or 0.0
    if _all_alike(rows):
        whole = merge_steps(
            rows, start, settings, lambda _, clusters: max(1, clusters // 2) if clusters > 1 else 0, progress, allocate,
            neighbors,
        )  # fmt: skip
        return whole, f"auto: all {len(rows):,} images have the same vector, so nothing tells them apart"

    def plan(_: int, clusters: int) -> int:
        return max(1, int(share * clusters)) if clusters > _FEWEST else 0

    whole = merge_steps(rows, start, settings, plan, progress, allocate, neighbors)
    counts = len(np.unique(start)) - np.cumsum([len(cost) for _, _, cost in whole], dtype=np.int64)
    merged = sum(len(cost) for _, _, cost in whole)
    looked_at = np.flatnonzero(counts <= len(rows) / _SMALLEST_MEAN)
    if len(looked_at) == 0:
        return (
            whole,
            f"auto: too few images to compare, merged as far as {len(np.unique(start)) - merged} clusters",
        )
    largest = np.array([np.bincount(names).max() for names in _labels(start, whole, looked_at)])
    balanced = largest <= _LARGEST_SHARE * len(rows)
    looked_at = looked_at[balanced] if balanced.any() else looked_at
    generator = np.random.default_rng(_SEED)
    agreement = np.zeros(len(looked_at))
    for _ in range(_HALVES):
        half = _half(rows, settings, generator, allocate)
        merges = merge_steps(half, start, settings, plan, progress, allocate)
        both = _labels(start, whole, looked_at), _labels(start, merges, looked_at)
        agreement += _agreement(*both) / _HALVES
    costs = np.array([cost.mean() for _, _, cost in whole])
    best = int(np.flatnonzero(agreement >= agreement.max() - _ALIKE)[-1])
    step = int(looked_at[best])
    note = (
        f"auto: {counts[step]} clusters, where halves of the features agree best with the whole "
        f"({agreement[best]:.2f}; {len(looked_at)} counts from {counts[looked_at[0]]} to {counts[looked_at[-1]]} "
        f"compared); merges up to there cost {costs[step]:.3f}, {_after(costs, step)}"
    )
    if best == 0 and len(looked_at) > 1:
        note += (
            "; no larger number was compared, which can mean that the features do not tell people apart yet"
        )
    return whole[: step + 1], note


def _all_alike(rows: Float32[np.ndarray, "n d"]) -> bool:
    """Whether all rows are one but for rounding; in most clusterings the first rows say that they are not."""
    blocks = (rows[begin : begin + _ROWS_AT_ONCE] for begin in range(0, len(rows), _ROWS_AT_ONCE))
    return len(rows) > 1 and all(np.abs(block - rows[0]).max(initial=0) <= _SAME for block in blocks)


def _after(costs: Float64[np.ndarray, " s"], step: int) -> str:
    return f"the next {costs[step + 1]:.3f}" if step + 1 < len(costs) else "and nothing was left to merge"


def _half(
    rows: Float32[np.ndarray, "n d"],
    settings: HierarchySettings,
    generator: np.random.Generator,
    allocate: Allocate,
) -> Float32[np.ndarray, "n h"]:
    """Half of the dimensions, at random, unit again on the sphere."""
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
    """Names of every row's cluster after each of these steps, ascending; after the last merges nothing changes.

    One partition is in memory at a time.
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
