"""What was merged, in order: labels at any moment, and SciPy's linkage matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from reseen.cluster.hierarchy.candidates import Pairs
from reseen.cluster.hierarchy.rules import Groups
from reseen.records import PseudoLabels


@dataclass(frozen=True)
class Hierarchy:
    """The outcome of merging n rows.

    `start`: the cluster of each row before the first merge, named by its smallest row. Merge t joined the clusters
    of rows `first[t]` and `second[t]` at `cost[t]` in step `step[t]` (from 1). `notes`: what a person should know.
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
        """From the merges of each step."""
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
        """Labels after the last merge; every row has one, numbered by smallest row."""
        return self.labels_after(len(self.first))

    def labels_after(self, merges: int) -> PseudoLabels:
        """Labels after so many merges.

        Raises:
            ValueError: there were fewer merges.
        """
        if not 0 <= merges <= len(self.first):
            raise ValueError(f"wanted labels after {merges} merges, there were {len(self.first)}")
        groups = Groups(len(self.start))
        for one, other in zip(self.first[:merges].tolist(), self.second[:merges].tolist(), strict=True):
            groups.join(one, other)
        owners = groups.targets()[self.start]
        return PseudoLabels(np.unique(owners, return_inverse=True)[1].astype(np.int64))

    @property
    def cluster_counts(self) -> Int64[np.ndarray, " s"]:
        """Clusters after each step, the start first."""
        begin = len(np.unique(self.start))
        last = int(self.step.max()) if len(self.step) else 0
        return begin - np.searchsorted(self.step, np.arange(last + 1), side="right")

    def linkage_matrix(
        self, rows: Int64[np.ndarray, " k"] | None = None
    ) -> Float64[np.ndarray, "k_minus_1 4"]:
        """SciPy's linkage matrix of all rows, or of the rows of one final cluster: `scipy.cluster.hierarchy` draws it.

        Leaves are the start clusters in order of their smallest row, and the last column counts them. A merge
        costs what it cost when it was made; where a step merges more than one pair, or a regularizer weighs in,
        later merges may cost less than earlier ones.

        Raises:
            ValueError: the rows are not one cluster at the end.
        """
        rows = np.arange(len(self.start)) if rows is None else np.asarray(rows)
        leaves = np.unique(self.start[rows])
        inside = np.zeros(len(self.start), bool)
        inside[leaves] = True
        groups, sizes = Groups(len(self.start)), np.ones(len(self.start), np.int64)
        node = {int(leaf): place for place, leaf in enumerate(leaves)}
        matrix = []
        for one, other, cost in zip(
            self.first.tolist(), self.second.tolist(), self.cost.tolist(), strict=True
        ):
            one, other = groups.find(one), groups.find(other)
            if not inside[one] and not inside[other]:
                continue
            if inside[one] != inside[other]:
                raise ValueError("the rows are part of a larger cluster; give all rows of one final cluster")
            low, high = sorted((node[one], node[other]))
            groups.join(one, other)
            kept, lost = min(one, other), max(one, other)
            sizes[kept] += sizes[lost]
            node[kept] = len(leaves) + len(matrix)
            matrix.append((low, high, cost, sizes[kept]))
        if len(matrix) != len(leaves) - 1:
            raise ValueError(
                f"the rows are {len(leaves) - len(matrix)} clusters at the end; merge to one, or ask for one of them"
            )
        return np.array(matrix, dtype=np.float64).reshape(-1, 4)
