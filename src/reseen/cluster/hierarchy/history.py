"""The result of hierarchical clustering: the merges in order, labels at any level, and SciPy's linkage matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from reseen.cluster.hierarchy.candidates import Pairs
from reseen.cluster.hierarchy.rules import Groups
from reseen.records import PseudoLabels


@dataclass(frozen=True)
class Hierarchy:
    """The merges of n rows, in order.

    `start`: the cluster of each row before the first merge, named by its smallest row. Merge t joined the clusters
    of rows `first[t]` and `second[t]` at `cost[t]` in step `step[t]` (from 1). `notes`: messages for the log.
    """

    start: Int64[np.ndarray, " n"]
    first: Int64[np.ndarray, " m"]
    second: Int64[np.ndarray, " m"]
    cost: Float64[np.ndarray, " m"]
    step: Int64[np.ndarray, " m"]
    notes: tuple[str, ...] = ()

    @classmethod
    def of_steps(
        cls, start: Int64[np.ndarray, " n"], merges: Sequence[Pairs], notes: tuple[str, ...] = ()
    ) -> "Hierarchy":
        """A hierarchy from the merges of each step."""
        none = np.empty(0, np.int64)
        return cls(
            start,
            np.concatenate([none, *(first for first, _, _ in merges)]),
            np.concatenate([none, *(second for _, second, _ in merges)]),
            np.concatenate([np.empty(0), *(cost for _, _, cost in merges)]),
            np.repeat(np.arange(1, len(merges) + 1), [len(first) for first, _, _ in merges]),
            notes,
        )

    @property
    def labels(self) -> PseudoLabels:
        """Labels after the last merge, numbered by smallest row; there is no noise."""
        return self.labels_after(len(self.first))

    def labels_after(self, merges: int) -> PseudoLabels:
        """Labels after the first `merges` merges, numbered by smallest row.

        Raises:
            ValueError: `merges` is negative or above the number of merges.
        """
        if not 0 <= merges <= len(self.first):
            raise ValueError(
                f"labels after {merges} merges requested, but the hierarchy has {len(self.first)}"
            )
        groups = Groups(len(self.start))
        for one, other in zip(self.first[:merges].tolist(), self.second[:merges].tolist(), strict=True):
            groups.join(one, other)
        owners = groups.targets()[self.start]
        return PseudoLabels(np.unique(owners, return_inverse=True)[1].astype(np.int64))

    @property
    def cluster_counts(self) -> Int64[np.ndarray, " s"]:
        """Number of clusters initially and after each step."""
        begin = len(np.unique(self.start))
        last = int(self.step.max()) if len(self.step) else 0
        return begin - np.searchsorted(self.step, np.arange(last + 1), side="right")

    def linkage_matrix(
        self, rows: Int64[np.ndarray, " k"] | None = None
    ) -> Float64[np.ndarray, "k_minus_1 4"]:
        """Linkage matrix of all rows, or of the rows of one final cluster, in the format of `scipy.cluster.hierarchy`.

        Leaves are the initial clusters in order of their smallest row, and the last column counts leaves. Heights are
        the costs at the time of merging; with several merges per step, or with a regularizer, later merges may cost
        less than earlier ones.

        Raises:
            ValueError: the rows are not exactly one cluster at the end.

        Example:
            scipy.cluster.hierarchy.dendrogram(hierarchy.linkage_matrix())
        """
        rows = np.arange(len(self.start)) if rows is None else np.asarray(rows)
        leaves = np.unique(self.start[rows])
        inside = np.zeros(len(self.start), bool)
        inside[leaves] = True
        groups, sizes = Groups(len(self.start)), np.ones(len(self.start), np.int64)
        node = {int(leaf): index for index, leaf in enumerate(leaves)}
        matrix = []
        for one, other, cost in zip(
            self.first.tolist(), self.second.tolist(), self.cost.tolist(), strict=True
        ):
            one, other = groups.find(one), groups.find(other)
            if not inside[one] and not inside[other]:
                continue
            if inside[one] != inside[other]:
                raise ValueError("the rows are part of a larger cluster; pass all rows of one final cluster")
            low, high = sorted((node[one], node[other]))
            groups.join(one, other)
            target, absorbed = min(one, other), max(one, other)
            sizes[target] += sizes[absorbed]
            node[target] = len(leaves) + len(matrix)
            matrix.append((low, high, cost, sizes[target]))
        if len(matrix) != len(leaves) - 1:
            raise ValueError(
                f"the rows are {len(leaves) - len(matrix)} clusters at the end; merge to one, or pass the rows of one"
            )
        return np.array(matrix, dtype=np.float64).reshape(-1, 4)
