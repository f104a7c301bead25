"""What a person said of pairs, put into a clustering: some crops must share a cluster, some cannot.

The rule: crops that are linked, directly or through others, are one block. Clusters that a block touches become one; a
block all in noise becomes a cluster. Then each cluster with crops that cannot be together is split: its blocks in
conflict get parts, in row order, each the first part without an enemy; all other crops of the cluster go to the part
with the nearest mean direction, blocks as a whole. Nothing else changes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from reseen.errors import DataError
from reseen.records import NOISE, Features, PseudoLabels, contiguous


@dataclass(frozen=True)
class Constraints:
    """Pairs of rows among `count`.

    Raises:
        DataError: two rows cannot be together that links make one.
    """

    must: Int64[np.ndarray, "m 2"]
    """Rows of one person."""
    cannot: Int64[np.ndarray, "k 2"]
    """Rows of two people."""
    count: int
    names: tuple[str, ...] = ()
    """What to call the rows in a message; their numbers where not given."""

    def __post_init__(self) -> None:
        block = self.blocks
        clash = np.flatnonzero(block[self.cannot[:, 0]] == block[self.cannot[:, 1]])
        if len(clash):
            first, second = (self.names[row] if self.names else row for row in self.cannot[clash[0]].tolist())
            raise DataError(
                f"answers contradict each other: {first} and {second} are said to be different, and other answers "
                "make them one person; correct one of them"
            )

    @cached_property
    def blocks(self) -> Int64[np.ndarray, " n"]:
        """The block of every row; one that is not linked is a block by itself."""
        ones = np.ones(len(self.must), np.int8)
        links = csr_array((ones, (self.must[:, 0], self.must[:, 1])), shape=(self.count, self.count))
        return connected_components(links, directed=False)[1].astype(np.int64)


def constrain(
    features: Features, labels: PseudoLabels, constraints: Constraints
) -> tuple[PseudoLabels, tuple[int, int]]:
    """The labels under constraints, and how many clusters were merged away and how many parts were split off.

    Raises:
        ValueError: constraints of another number of rows.
    """
    if constraints.count != len(labels):
        raise ValueError(f"constraints of {constraints.count} rows, labels of {len(labels)}")
    merged = _merge(labels, constraints)
    split = _split(features, merged, constraints)
    known = len(np.unique(labels.labels[labels.labels != NOISE]))
    left = len(np.unique(merged[merged != NOISE]))
    done = contiguous(split)
    return done, (max(known - left, 0), done.cluster_count - left)


def _merge(labels: PseudoLabels, constraints: Constraints) -> Int64[np.ndarray, " n"]:
    """Clusters joined by links; a node for every row and every cluster, an edge for membership and link."""
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
    cannot, blocks = constraints.cannot, constraints.blocks
    both = (merged[cannot[:, 0]] == merged[cannot[:, 1]]) & (merged[cannot[:, 0]] != NOISE)
    result, free = merged.copy(), int(merged.max(initial=0)) + 1
    for cluster in np.unique(merged[cannot[both, 0]]).tolist():
        pairs = cannot[both & (merged[cannot[:, 0]] == cluster)]
        rows = np.flatnonzero(merged == cluster)
        part = _parts(features, rows, blocks, pairs)
        result[rows] = np.where(part == 0, cluster, free + part - 1)
        free += int(part.max())
    return result


def _parts(
    features: Features, rows: Int64[np.ndarray, " m"], blocks: Int64[np.ndarray, " n"], pairs: np.ndarray
) -> Int64[np.ndarray, " m"]:
    """The part of every row of a cluster, from 0."""
    enemies: dict[int, set[int]] = {}
    for first, second in blocks[pairs].tolist():
        enemies.setdefault(first, set()).add(second)
        enemies.setdefault(second, set()).add(first)
    part_of: dict[int, int] = {}
    for block in dict.fromkeys(blocks[rows].tolist()):  # in row order
        if block in enemies:
            taken = {part_of[enemy] for enemy in enemies[block] if enemy in part_of}
            part_of[block] = next(part for part in range(len(taken) + 1) if part not in taken)
    vectors = features.numpy[rows].astype(np.float64)
    part = np.array([part_of.get(block, NOISE) for block in blocks[rows].tolist()], dtype=np.int64)
    means = np.stack([vectors[part == number].sum(axis=0) for number in range(max(part_of.values()) + 1)])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    loose = np.flatnonzero(part == NOISE)
    _, block = np.unique(blocks[rows[loose]], return_inverse=True)
    sums = np.zeros((int(block.max(initial=-1)) + 1, vectors.shape[1]))
    np.add.at(sums, block, vectors[loose])
    part[loose] = (sums @ means.T).argmax(axis=1)[block] if len(loose) else 0
    return part
