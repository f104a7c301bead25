"""Clusters as counts and sums: all that most linkages and regularizers ask of them.

A cluster is named by its smallest row. For a cluster of n rows x with sum S and sum of squared lengths q, the mean
is S / n, and the sum of squares around it SSE = q - |S|^2 / n. Sums are float64, so that merging thousands of times
and computing anew give the same; only clusters of several rows have one, since the row itself is that of the others.
"""

from typing import Self

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from reseen.neighbors.csr import Allocate, in_memory

_ROWS_AT_ONCE = 2048
_ALONE = -1


class Partition:
    """A partition of n rows; arrays of length n are indexed by a cluster's name, its smallest row.

    Attributes:
        owner: name of every row's cluster, (n,).
        counts: rows per cluster, 0 where there is none of that name, (n,).
        squares: sum of their squared lengths, (n,).
        lengths: squared length of their sum, (n,).
    """

    def __init__(self, vectors: Float32[np.ndarray, "n d"], allocate: Allocate = in_memory) -> None:
        """Every row a cluster of its own; `vectors` are kept, not copied; sums come from `allocate`."""
        n, d = vectors.shape
        self.owner = np.arange(n)
        self.counts = np.ones(n)
        self.squares = np.empty(n)
        for begin in range(0, n, _ROWS_AT_ONCE):
            part = vectors[begin : begin + _ROWS_AT_ONCE].astype(np.float64)
            self.squares[begin : begin + _ROWS_AT_ONCE] = np.einsum("nd,nd->n", part, part)
        self.lengths = self.squares.copy()
        self._rows, self._allocate = vectors, allocate
        self._sums = np.empty((0, d))
        self._place = np.full(n, _ALONE)
        self._free = np.empty(0, np.int64)

    @property
    def dimension(self) -> int:
        """Numbers per row."""
        return self._rows.shape[1]

    @property
    def alive(self) -> Int64[np.ndarray, " c"]:
        """Names of the clusters, ascending."""
        return np.flatnonzero(self.counts)

    def sums(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m d"]:
        """Sums of clusters' rows."""
        sums = self._rows[names].astype(np.float64)
        grown = np.flatnonzero(self._place[names] != _ALONE)
        sums[grown] = self._sums[self._place[names[grown]]]
        return sums

    def means(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m d"]:
        """Means of clusters."""
        means = self.sums(names)
        means /= self.counts[names, None]
        return means

    def square_errors(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """SSE of clusters: 0 for one row, never negative."""
        counts = self.counts[names]
        errors = np.maximum(self.squares[names] - self.lengths[names] / counts, 0)
        return np.where(counts > 1, errors, 0.0)

    def merge(self, target: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Join every cluster with the one that `target` names (itself for most; names of the new clusters).

        Returns which names changed: those that grew and those that are gone.
        """
        gone = np.flatnonzero((target != np.arange(len(target))) & (self.counts > 0))
        into = target[gone]
        np.add.at(self.counts, into, self.counts[gone])
        np.add.at(self.squares, into, self.squares[gone])
        self.counts[gone] = 0
        self.owner = target[self.owner]
        self._add_sums(gone, into)
        changed = np.zeros(len(target), bool)
        changed[gone] = changed[into] = True
        return changed

    def _add_sums(self, gone: Int64[np.ndarray, " g"], into: Int64[np.ndarray, " g"]) -> None:
        """Add the sums of clusters to those they go into."""
        grown = np.unique(into)
        self._make_room(grown[self._place[grown] == _ALONE])
        for begin in range(0, len(gone), _ROWS_AT_ONCE):
            part = slice(begin, begin + _ROWS_AT_ONCE)
            for place, added in zip(self._place[into[part]].tolist(), self.sums(gone[part]), strict=True):
                self._sums[place] += added  # in order: the same sums on any machine
        freed = self._place[gone]
        self._free = np.concatenate([self._free, freed[freed != _ALONE]])
        self._place[gone] = _ALONE
        self.lengths[gone] = 0
        for begin in range(0, len(grown), _ROWS_AT_ONCE):
            part = grown[begin : begin + _ROWS_AT_ONCE]
            sums = self._sums[self._place[part]]
            self.lengths[part] = np.einsum("nd,nd->n", sums, sums)

    def _make_room(self, names: Int64[np.ndarray, " m"]) -> None:
        """Give rows that were alone until now a sum of their own."""
        missing = len(names) - len(self._free)
        if missing > 0:
            before, more = len(self._sums), max(missing, len(self._sums) // 4)
            sums = self._allocate((before + more, self.dimension), np.float64)
            sums[:before] = self._sums
            self._sums = sums
            self._free = np.concatenate([self._free, np.arange(before, before + more)])
        places, self._free = np.split(self._free, [len(names)])
        for begin in range(0, len(names), _ROWS_AT_ONCE):
            part = slice(begin, begin + _ROWS_AT_ONCE)
            self._sums[places[part]] = self._rows[names[part]]
        self._place[names] = places

    @classmethod
    def starting_with(
        cls,
        vectors: Float32[np.ndarray, "n d"],
        groups: Int64[np.ndarray, " n"],
        allocate: Allocate = in_memory,
    ) -> Self:
        """Rows of one group begin as one cluster."""
        partition = cls(vectors, allocate)
        _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
        partition.merge(first[inverse])
        return partition
