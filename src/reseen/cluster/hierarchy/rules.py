"""Selects the pairs of clusters that merge in a step, greedily by cost."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64

Rule = Literal["chain", "absorb", "match"]

_ROWS_AT_ONCE = 2048


class Groups:
    """Disjoint sets of names (union-find with path halving); a group is named by its smallest member."""

    def __init__(self, count: int) -> None:
        self.parent = np.arange(count)

    def find(self, name: int) -> int:
        """The name of the group of `name`."""
        parent = self.parent
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = int(parent[name])
        return name

    def join(self, one: int, other: int) -> bool:
        """Join the groups of two names; returns False if they are already one."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return False
        self.parent[max(one, other)] = min(one, other)
        return True

    def targets(self) -> Int64[np.ndarray, " n"]:
        """The name of the group of every name."""
        parent = self.parent
        while not np.array_equal(parent, parent[parent]):
            parent = parent[parent]
        return parent


class MergePriority:
    """An order of clusters that does not depend on the order of rows: by size, then by their most central row.

    Attributes:
        ranks: priority by name, higher first; undefined for names without a cluster, (n,).
    """

    def __init__(self, rows: Float32[np.ndarray, "n d"], start: Int64[np.ndarray, " n"]) -> None:
        """Start with the clusters named in `start`; a row is the more central the nearer it is to the mean of all."""
        center = rows.sum(axis=0, dtype=np.float64) / max(1, len(rows))
        distance = np.empty(len(rows))
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            from_center = rows[begin : begin + _ROWS_AT_ONCE] - center
            distance[begin : begin + _ROWS_AT_ONCE] = np.einsum("nd,nd->n", from_center, from_center)
        distance = np.round(distance, 9)
        central = np.empty(len(rows), np.int64)
        central[np.argsort(distance, kind="stable")] = np.arange(len(rows))
        self._central, self._counts = central, np.ones(len(rows), np.int64)
        self.ranks = np.empty(0, np.int64)
        self.merge(start)

    def merge(self, target: Int64[np.ndarray, " n"]) -> None:
        """Merge clusters, as `Partition.merge` does."""
        absorbed = np.flatnonzero((target != np.arange(len(target))) & (self._counts > 0))
        np.add.at(self._counts, target[absorbed], self._counts[absorbed])
        np.minimum.at(self._central, target[absorbed], self._central[absorbed])
        self._counts[absorbed] = 0
        self.ranks = self._counts * len(target) - self._central


def select_merges(
    first: Int64[np.ndarray, " p"],
    second: Int64[np.ndarray, " p"],
    most: int,
    rule: Rule,
    priority: Int64[np.ndarray, " n"],
) -> Int64[np.ndarray, " m"]:
    """Indices of the pairs that merge, at most `most`, among pairs sorted by cost.

    Costs do not change within a step. `chain` accepts a pair whose clusters are not yet joined (BUC). `absorb` accepts
    a pair if neither was absorbed in this step; the cluster of higher `priority` absorbs the other and may absorb more
    (DBC, where the order of files decides). `match` accepts a pair if neither has merged in this step.
    """
    accepts = _CHOICES[rule](priority)
    indices: list[int] = []
    for index, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if len(indices) >= most:
            break
        if accepts(one, other):
            indices.append(index)
    return np.array(indices, dtype=np.int64)


def _chain(priority: Int64[np.ndarray, " n"]) -> Callable[[int, int], bool]:
    del priority  # the direction of a merge does not matter
    parent: dict[int, int] = {}

    def find(name: int) -> int:
        while (above := parent.get(name, name)) != name:
            parent[name] = parent.get(above, above)
            name = above
        return name

    def accepts(one: int, other: int) -> bool:
        one, other = find(one), find(other)
        parent[max(one, other)] = min(one, other)
        return one != other

    return accepts


def _absorb(priority: Int64[np.ndarray, " n"]) -> Callable[[int, int], bool]:
    absorbed: set[int] = set()

    def accepts(one: int, other: int) -> bool:
        free = one not in absorbed and other not in absorbed
        if free:
            absorbed.add(other if priority[one] > priority[other] else one)
        return free

    return accepts


def _match(priority: Int64[np.ndarray, " n"]) -> Callable[[int, int], bool]:
    del priority
    merged: set[int] = set()

    def accepts(one: int, other: int) -> bool:
        free = one not in merged and other not in merged
        if free:
            merged.update((one, other))
        return free

    return accepts


_CHOICES: dict[Rule, Callable[[Int64[np.ndarray, " n"]], Callable[[int, int], bool]]] = {
    "chain": _chain,
    "absorb": _absorb,
    "match": _match,
}
