"""Must-link and cannot-link constraints, applied to a finished clustering.

Crops connected by must-links, directly or transitively, form a block. The clusters of a block are merged; a block that
is all noise becomes a cluster. Then each cluster with a violated cannot-link is split: its conflicting blocks are
assigned to parts greedily in row order, each to the first part without a conflict; all other crops of the cluster go to
the part with the nearest mean direction, blocks as a whole. Nothing else changes.

`tracklet_constraints` derives constraints from tracklets: one person within each, different people where two overlap in
time. Answers of a person count for more: what of the tracklets contradicts them is left out, and listed.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from reseen.data.overlaps import overlap_rows, overlapping_tracklets
from reseen.data.table import UNKNOWN_TRACKLET, ImageTable
from reseen.errors import DataError
from reseen.records import NOISE, Features, PseudoLabels, contiguous


@dataclass(frozen=True)
class Constraints:
    """Must-link and cannot-link pairs among `count` rows.

    Raises:
        DataError: a cannot-link pair is connected by must-links.
    """

    must: Int64[np.ndarray, "m 2"]
    """Must-link pairs: rows of the same person."""
    cannot: Int64[np.ndarray, "k 2"]
    """Cannot-link pairs: rows of different people."""
    count: int
    """Number of rows in the clustering."""
    names: tuple[str, ...] = ()
    """Names of the rows in error messages; row numbers by default."""

    def __post_init__(self) -> None:
        block = self.blocks
        violated = np.flatnonzero(block[self.cannot[:, 0]] == block[self.cannot[:, 1]])
        if len(violated):
            first, second = (
                self.names[row] if self.names else row for row in self.cannot[violated[0]].tolist()
            )
            raise DataError(
                f"contradictory answers: {first} and {second} are marked as different people, but other answers link "
                "them as one person; correct one of them"
            )

    @cached_property
    def blocks(self) -> Int64[np.ndarray, " n"]:
        """The block of every row; a row without must-links is a block of its own."""
        ones = np.ones(len(self.must), np.int8)
        links = csr_array((ones, (self.must[:, 0], self.must[:, 1])), shape=(self.count, self.count))
        return connected_components(links, directed=False)[1].astype(np.int64)


def constrain(
    features: Features, labels: PseudoLabels, constraints: Constraints
) -> tuple[PseudoLabels, tuple[int, int]]:
    """The labels after applying the constraints, and the number of clusters removed by merging and added by splitting.

    Raises:
        ValueError: constraints and labels have different numbers of rows.

    Example:
        must, cannot = np.array([[0, 7]]), np.array([[0, 3]])
        labels, (merged, split) = constrain(features, labels, Constraints(must, cannot, count=len(labels)))
    """
    if constraints.count != len(labels):
        raise ValueError(f"constraints for {constraints.count} rows, but {len(labels)} labels")
    merged = _merge(labels, constraints)
    split = _split(features, merged, constraints)
    before = len(np.unique(labels.labels[labels.labels != NOISE]))
    after_merge = len(np.unique(merged[merged != NOISE]))
    result = contiguous(split)
    return result, (max(before - after_merge, 0), result.cluster_count - after_merge)


def _merge(labels: PseudoLabels, constraints: Constraints) -> Int64[np.ndarray, " n"]:
    """Cluster of each row after must-links: connected components of rows and clusters, joined by membership or link."""
    n, clusters = len(labels), labels.cluster_count
    inside = np.flatnonzero(labels.labels != NOISE)
    first = np.concatenate([inside, constraints.must[:, 0]])
    second = np.concatenate([n + labels.labels[inside], constraints.must[:, 1]])
    shape = (n + clusters, n + clusters)
    edges = csr_array((np.ones(len(first), np.int8), (first, second)), shape=shape)
    component = connected_components(edges, directed=False)[1].astype(np.int64)[:n]
    linked = np.zeros(n, bool)
    linked[constraints.must.reshape(-1)] = True
    return np.where((labels.labels == NOISE) & ~linked, NOISE, component)


def _split(
    features: Features, merged: Int64[np.ndarray, " n"], constraints: Constraints
) -> Int64[np.ndarray, " n"]:
    """Cluster of each row after splitting the clusters that violate a cannot-link."""
    cannot, blocks = constraints.cannot, constraints.blocks
    violated = (merged[cannot[:, 0]] == merged[cannot[:, 1]]) & (merged[cannot[:, 0]] != NOISE)
    result, next_cluster = merged.copy(), int(merged.max(initial=0)) + 1
    for cluster in np.unique(merged[cannot[violated, 0]]).tolist():
        pairs = cannot[violated & (merged[cannot[:, 0]] == cluster)]
        rows = np.flatnonzero(merged == cluster)
        part = _parts(features, rows, blocks, pairs)
        result[rows] = np.where(part == 0, cluster, next_cluster + part - 1)
        next_cluster += int(part.max())
    return result


def _parts(
    features: Features, rows: Int64[np.ndarray, " m"], blocks: Int64[np.ndarray, " n"], pairs: np.ndarray
) -> Int64[np.ndarray, " m"]:
    """The part of every row of a cluster, numbered from 0."""
    conflicts: dict[int, set[int]] = {}
    for first, second in blocks[pairs].tolist():
        conflicts.setdefault(first, set()).add(second)
        conflicts.setdefault(second, set()).add(first)
    part_of: dict[int, int] = {}
    for block in dict.fromkeys(blocks[rows].tolist()):  # in row order
        if block in conflicts:
            taken = {part_of[other] for other in conflicts[block] if other in part_of}
            part_of[block] = next(part for part in range(len(taken) + 1) if part not in taken)
    vectors = features.numpy[rows].astype(np.float64)
    part = np.array([part_of.get(block, NOISE) for block in blocks[rows].tolist()], dtype=np.int64)
    means = np.stack([vectors[part == number].sum(axis=0) for number in range(max(part_of.values()) + 1)])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    unassigned = np.flatnonzero(part == NOISE)
    _, block = np.unique(blocks[rows[unassigned]], return_inverse=True)
    sums = np.zeros((int(block.max(initial=-1)) + 1, vectors.shape[1]))
    np.add.at(sums, block, vectors[unassigned])
    part[unassigned] = (sums @ means.T).argmax(axis=1)[block] if len(unassigned) else 0
    return part


TrackletRule = Literal["none", "cannot-link", "both"]
"""Which constraints are taken from tracklets; `both`: must-links too."""

_LISTED = 10

_NO_PAIRS = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class TrackletConstraints:
    """The constraints of tracklets, together with those that were known before."""

    constraints: Constraints
    must: int
    """Must-links that come from tracklets."""
    cannot: int
    """Cannot-links that come from tracklets."""
    overlaps: int
    """Pairs of tracklets that overlap in time."""
    conflicts: tuple[str, ...]
    """What was left out because answers say otherwise, in words."""

    @property
    def note(self) -> str:
        """A sentence for a person."""
        said = (
            f"tracklets: {self.must:,} must-links, {self.cannot:,} cannot-links of {self.overlaps:,} pairs of "
            "tracklets that overlap in time"
        )
        if not self.conflicts:
            return said
        shown = "; ".join(self.conflicts[:_LISTED]) + ("; ..." if len(self.conflicts) > _LISTED else "")
        return f"{said}; {len(self.conflicts):,} left out, since answers say otherwise: {shown}"


def tracklet_constraints(
    table: ImageTable, rule: TrackletRule, answers: Constraints | None = None
) -> TrackletConstraints:
    """The constraints of the tracklets of a table, added to those of a person.

    Args:
        table: the crops; what is not known of them constrains nothing.
        rule: whether tracklets give cannot-links alone, or must-links too.
        answers: constraints of a person on the same rows; they are kept as they are.
    """
    before = answers or Constraints(_NO_PAIRS, _NO_PAIRS, len(table), table.texts)
    must, owner = _chains(table) if rule == "both" else (_NO_PAIRS, np.zeros(0, dtype=np.int64))
    dropped, conflicts = _contradicted(before, must, owner, table)
    must = must[~dropped]
    linked = Constraints(np.concatenate([before.must, must]), before.cannot, len(table), table.texts)
    cannot = overlap_rows(table) if rule != "none" else _NO_PAIRS
    same = linked.blocks[cannot[:, 0]] == linked.blocks[cannot[:, 1]]
    conflicts += [
        f"{table.texts[first]} and {table.texts[second]} overlap in time, and were answered to be one person"
        for first, second in cannot[same].tolist()
    ]
    cannot = cannot[~same]
    whole = Constraints(linked.must, np.concatenate([before.cannot, cannot]), len(table), table.texts)
    overlaps = len(overlapping_tracklets(table)) if rule != "none" else 0
    return TrackletConstraints(whole, len(must), len(cannot), overlaps, tuple(conflicts))


def _chains(table: ImageTable) -> tuple[Int64[np.ndarray, "m 2"], Int64[np.ndarray, " m"]]:
    """Must-links from each crop of a tracklet to the next, and the tracklet of each."""
    if table.tracklets is None:
        return _NO_PAIRS, np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(table.tracklets != UNKNOWN_TRACKLET)
    rows = rows[np.argsort(table.tracklets[rows], kind="stable")]
    owner = table.tracklets[rows]
    joined = owner[1:] == owner[:-1]
    return np.stack([rows[:-1], rows[1:]], axis=1)[joined], owner[1:][joined]


def _contradicted(
    answers: Constraints, must: Int64[np.ndarray, "m 2"], owner: Int64[np.ndarray, " m"], table: ImageTable
) -> tuple[Bool[np.ndarray, " m"], list[str]]:
    """Which must-links to leave out: those of all tracklets through which two people would become one."""
    none = np.zeros((0, 2), dtype=np.int64)
    blocks = Constraints(np.concatenate([answers.must, must]), none, answers.count).blocks
    first, second = answers.cannot.T
    broken = np.unique(blocks[first[blocks[first] == blocks[second]]])
    dropped = np.isin(blocks[must[:, 0]], broken)
    named = [
        f"the tracklet of {table.texts[must[owner == tracklet][0, 0]]} holds people who were answered to be different"
        for tracklet in np.unique(owner[dropped]).tolist()
    ]
    return dropped, named
