"""Clusters as counts and sums: all that most linkages and regularizers ask of them.

A cluster is named by its smallest row. For a cluster of n rows x with sum S and sum of squared lengths q, the mean
is S / n, and the sum of squares around it SSE = q - |S|^2 / n. Sums are float64, so that merging thousands of times
and computing anew give the same.
"""

from typing import Self

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

_ROWS_AT_ONCE = 8192


class Partition:
    """A partition of n rows; arrays of length n are indexed by a cluster's name, its smallest row.

    Attributes:
        owner: name of every row's cluster, (n,).
        counts: rows per cluster, 0 where there is none of that name, (n,).
        sums: sum of a cluster's rows, (n, d).
        squares: sum of their squared lengths, (n,).
    """

    def __init__(self, vectors: Float32[np.ndarray, "n d"]) -> None:
        """Every row a cluster of its own."""
        n = len(vectors)
        self.owner = np.arange(n)
        self.counts = np.ones(n)
        self.sums = vectors.astype(np.float64)
        self.squares = np.zeros(n)
        for begin in range(0, n, _ROWS_AT_ONCE):
            part = self.sums[begin : begin + _ROWS_AT_ONCE]
            self.squares[begin : begin + _ROWS_AT_ONCE] = np.einsum("nd,nd->n", part, part)

    @property
    def alive(self) -> Int64[np.ndarray, " c"]:
        """Names of the clusters, ascending."""
        return np.flatnonzero(self.counts)

    def means(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m d"]:
        """Means of clusters."""
        return self.sums[names] / self.counts[names, None]

    def square_errors(self, names: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """SSE of clusters: 0 for one row, never negative."""
        errors = np.zeros(len(names))
        grown = np.flatnonzero(self.counts[names] > 1)
        for begin in range(0, len(grown), _ROWS_AT_ONCE):
            part = grown[begin : begin + _ROWS_AT_ONCE]
            some = names[part]
            lengths = np.einsum("md,md->m", self.sums[some], self.sums[some])
            errors[part] = np.maximum(self.squares[some] - lengths / self.counts[some], 0)
        return errors

    def merge(self, target: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Join every cluster with the one that `target` names (itself for most; names of the new clusters).

        Returns which names changed: those that grew and those that are gone.
        """
        gone = np.flatnonzero((target != np.arange(len(target))) & (self.counts > 0))
        into = target[gone]
        np.add.at(self.counts, into, self.counts[gone])
        np.add.at(self.squares, into, self.squares[gone])
        for source, name in zip(
            gone.tolist(), into.tolist(), strict=True
        ):  # in order: the same sums on any machine
            self.sums[name] += self.sums[source]
        self.counts[gone] = 0
        self.owner = target[self.owner]
        changed = np.zeros(len(target), bool)
        changed[gone] = changed[into] = True
        return changed

    @classmethod
    def starting_with(cls, vectors: Float32[np.ndarray, "n d"], groups: Int64[np.ndarray, " n"]) -> Self:
        """Rows of one group begin as one cluster."""
        partition = cls(vectors)
        _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
        partition.merge(first[inverse])
        return partition
