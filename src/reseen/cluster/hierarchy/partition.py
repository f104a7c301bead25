"""A partition of rows into clusters, as counts and sums: sufficient statistics of most linkages and regularizers.

A cluster is named by its smallest row. For a cluster of n rows with sum S and sum of squared norms q, the mean is
S / n, and the sum of squares around it is SSE = q - |S|^2 / n. Sums are float64, so that thousands of merges give the
same result as recomputing; they are only stored for clusters of several rows, since a singleton's sum is its row.
"""

from typing import Self

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from reseen.neighbors.csr import Allocate, in_memory

_ROWS_AT_ONCE = 2048
_SINGLETON = -1
"""Slot of clusters without a stored sum."""


class Partition:
    """A partition of n rows; arrays of length n are indexed by a cluster's name, its smallest row.

    Attributes:
        owner: name of every row's cluster, (n,).
        counts: rows per cluster, 0 where there is none of that name, (n,).
        squares: sum of the squared norms of its rows, (n,).
        lengths: squared norm of the sum of its rows, (n,).
    """

    def __init__(self, vectors: Float32[np.ndarray, "n d"], allocate: Allocate = in_memory) -> None:
        """Start with every row as a cluster; `vectors` are referenced, not copied; sums come from `allocate`."""
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
        self._slot = np.full(n, _SINGLETON)
        self._free = np.empty(0, np.int64)

    @property
    def dimension(self) -> int:
        """Dimension of the rows."""
        return self._rows.shape[1]

    @property
    def alive(self) -> Int64[np.ndarray, " c"]:
        """Names of the clusters, ascending."""
        return np.flatnonzero(self.counts)

    def sums(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m d"]:
        """Sum of the rows of each named cluster."""
        sums = self._rows[names].astype(np.float64)
        grown = np.flatnonzero(self._slot[names] != _SINGLETON)
        sums[grown] = self._sums[self._slot[names[grown]]]
        return sums

    def means(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m d"]:
        """Mean of each named cluster."""
        means = self.sums(names)
        means /= self.counts[names, None]
        return means

    def square_errors(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """SSE of each named cluster: 0 for singletons, never negative."""
        counts = self.counts[names]
        errors = np.maximum(self.squares[names] - self.lengths[names] / counts, 0)
        return np.where(counts > 1, errors, 0.0)

    def merge(self, target: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Merge each cluster into the one that `target` names; most clusters name themselves.

        Returns a mask of the names that changed: clusters that grew and those that were absorbed.
        """
        absorbed = np.flatnonzero((target != np.arange(len(target))) & (self.counts > 0))
        into = target[absorbed]
        np.add.at(self.counts, into, self.counts[absorbed])
        np.add.at(self.squares, into, self.squares[absorbed])
        self.counts[absorbed] = 0
        self.owner = target[self.owner]
        self._add_sums(absorbed, into)
        changed = np.zeros(len(target), bool)
        changed[absorbed] = changed[into] = True
        return changed

    def _add_sums(self, absorbed: Int64[np.ndarray, " g"], into: Int64[np.ndarray, " g"]) -> None:
        """Add the sums of absorbed clusters to the clusters they merge into."""
        grown = np.unique(into)
        self._store_sums(grown[self._slot[grown] == _SINGLETON])
        for begin in range(0, len(absorbed), _ROWS_AT_ONCE):
            part = slice(begin, begin + _ROWS_AT_ONCE)
            for slot, added in zip(self._slot[into[part]].tolist(), self.sums(absorbed[part]), strict=True):
                self._sums[slot] += added  # in a fixed order: the same sums on any machine
        freed = self._slot[absorbed]
        self._free = np.concatenate([self._free, freed[freed != _SINGLETON]])
        self._slot[absorbed] = _SINGLETON
        self.lengths[absorbed] = 0
        for begin in range(0, len(grown), _ROWS_AT_ONCE):
            part = grown[begin : begin + _ROWS_AT_ONCE]
            sums = self._sums[self._slot[part]]
            self.lengths[part] = np.einsum("nd,nd->n", sums, sums)

    def _store_sums(self, names: Int64[np.ndarray, " m"]) -> None:
        """Allocate slots for the sums of former singletons, and copy their rows there."""
        missing = len(names) - len(self._free)
        if missing > 0:
            before, more = len(self._sums), max(missing, len(self._sums) // 4)
            sums = self._allocate((before + more, self.dimension), np.float64)
            sums[:before] = self._sums
            self._sums = sums
            self._free = np.concatenate([self._free, np.arange(before, before + more)])
        slots, self._free = np.split(self._free, [len(names)])
        for begin in range(0, len(names), _ROWS_AT_ONCE):
            part = slice(begin, begin + _ROWS_AT_ONCE)
            self._sums[slots[part]] = self._rows[names[part]]
        self._slot[names] = slots

    @classmethod
    def starting_with(
        cls,
        vectors: Float32[np.ndarray, "n d"],
        groups: Int64[np.ndarray, " n"],
        allocate: Allocate = in_memory,
    ) -> Self:
        """A partition in which the rows of each group are one cluster."""
        partition = cls(vectors, allocate)
        _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
        partition.merge(first[inverse])
        return partition
