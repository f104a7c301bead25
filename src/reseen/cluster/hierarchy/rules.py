"""Which pairs of clusters merge in a step, taken from cheapest to dearest."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64

Rule = Literal["chain", "absorb", "match"]

_ROWS_AT_ONCE = 2048


class Groups:
    """Names joined in groups; a group goes by its smallest name (union-find with path halving)."""

    def __init__(self, count: int) -> None:
        self.parent = np.arange(count)

    def find(self, name: int) -> int:
        """The name of the group that `name` is in."""
        parent = self.parent
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = int(parent[name])
        return name

    def join(self, one: int, other: int) -> bool:
        """Join two groups; False when they are one already."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return False
        self.parent[max(one, other)] = min(one, other)
        return True

    def targets(self) -> Int64[np.ndarray, " n"]:
        """The group's name, for every name."""
        parent = self.parent
        while not np.array_equal(parent, parent[parent]):
            parent = parent[parent]
        return parent


class MergePriority:
    """An order among clusters that no file order decides: by size, then by their most central row.

    Attributes:
        ranks: by name, higher stands above; names without a cluster have no meaning, (n,).
    """

    def __init__(self, rows: Float32[np.ndarray, "n d"], start: Int64[np.ndarray, " n"]) -> None:
        """Clusters of rows, named as in `start`; a row is central when it is near the mean of all."""
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
        """Join clusters: see `Partition.merge`."""
        gone = np.flatnonzero((target != np.arange(len(target))) & (self._counts > 0))
        np.add.at(self._counts, target[gone], self._counts[gone])
        np.minimum.at(self._central, target[gone], self._central[gone])
        self._counts[gone] = 0
        self.ranks = self._counts * len(target) - self._central


def choose(
    first: Int64[np.ndarray, " p"],
    second: Int64[np.ndarray, " p"],
    wanted: int,
    rule: Rule,
    standing: Int64[np.ndarray, " n"],
) -> Int64[np.ndarray, " m"]:
    """Places of the pairs that merge, at most `wanted`, of pairs sorted by cost.

    Distances do not change within a step. `chain` takes a pair when its clusters are not yet joined (BUC);
    `absorb` unless one of the two was absorbed before, while the one that absorbs, which is the one of higher
    `standing`, may absorb several (DBC, where the place in the file list decides who absorbs); `match` unless one
    of the two has merged before.
    """
    accepts = _CHOICES[rule](standing)
    places: list[int] = []
    for place, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if len(places) >= wanted:
            break
        if accepts(one, other):
            places.append(place)
    return np.array(places, dtype=np.int64)


def _chain(standing: Int64[np.ndarray, " n"]) -> Callable[[int, int], bool]:
    del standing  # who joins whom makes no difference
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


def _absorb(standing: Int64[np.ndarray, " n"]) -> Callable[[int, int], bool]:
    absorbed: set[int] = set()

    def accepts(one: int, other: int) -> bool:
        free = one not in absorbed and other not in absorbed
        if free:
            absorbed.add(other if standing[one] > standing[other] else one)
        return free

    return accepts


def _match(standing: Int64[np.ndarray, " n"]) -> Callable[[int, int], bool]:
    del standing
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
