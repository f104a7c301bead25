"""DBSCAN on a sparse distance matrix, with labels that do not depend on the order of the rows.

A row with at least `min_samples` rows within eps, including itself, is a core row. Core rows within eps of each other
share a cluster. Any other row joins the cluster of its nearest core row within eps (a border row), or is noise.

Reference: Ester et al., "A density-based algorithm for discovering clusters in large spatial databases with noise", KDD
1996. The original assigns border rows to the cluster that reaches them first.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator
from scipy.sparse import csr_array

from reseen.config import Settings
from reseen.neighbors.csr import Rows
from reseen.neighbors.jaccard import csr_arrays
from reseen.records import NOISE, PseudoLabels, contiguous


class DbscanSettings(Settings):
    """Settings of DBSCAN."""

    eps: float | Literal["auto"] = 0.6
    """Largest Jaccard distance between neighbors, above 0 and below 1; `auto` selects it from the distances in each
    round."""

    min_samples: Annotated[int, Field(ge=1)] | Literal["auto"] = 4
    """Images within eps, including itself, that make an image a core point; `auto` selects it from the features in each
    round."""

    @property
    def numbers(self) -> tuple[float, int]:
        """The values of eps and min_samples.

        Raises:
            ValueError: one of them is `auto`.
        """
        if self.eps == "auto" or self.min_samples == "auto":
            raise ValueError(
                f"eps {self.eps} and min_samples {self.min_samples}: choose numbers with choose_settings first"
            )
        return self.eps, self.min_samples

    @field_validator("min_samples", mode="plain")
    @classmethod
    def _count_or_auto(cls, value: Any) -> int | Literal["auto"]:
        if value == "auto":
            return "auto"
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError("expected a whole number of 1 or more, such as 4, or auto")
        return value

    @field_validator("eps", mode="plain")
    @classmethod
    def _number_or_auto(cls, value: Any) -> float | Literal["auto"]:
        if value == "auto":
            return "auto"
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise ValueError("expected a Jaccard distance above 0 and below 1, such as 0.6, or auto")
        return float(value)


def dbscan(distances: csr_array | Rows, eps: float, min_samples: int) -> PseudoLabels:
    """Pseudo-labels numbered in order of first appearance; noise is -1.

    `distances`: symmetric, with an explicit entry for every pair within `eps`, including the diagonal; a missing entry
    means a larger distance. Ties between core rows of a border row go to the smaller row number.

    The entries are read three times in order, with a few values per row in memory, so that memory-mapped rows are as
    suitable as rows in memory.

    Example:
        jaccard = JaccardSettings()
        neighbors = nearest(features, jaccard.columns)
        labels = dbscan(jaccard_distance(features, neighbors, jaccard, threshold=0.6), eps=0.6, min_samples=4)
    """
    from reseen.cluster.dbscan_kernels import join_core_rows, mark_core_rows, nearest_core_rows

    rows = distances if isinstance(distances, tuple) else csr_arrays(distances)
    n, within = len(rows[0]) - 1, np.float32(eps)
    core, group = np.zeros(n, np.bool_), np.arange(n)
    mark_core_rows(rows, within, min_samples, core)
    join_core_rows(rows, within, core, group)
    nearest = np.full(n, NOISE, np.int64)
    nearest_core_rows(rows, within, core, nearest)
    labels = np.where(core, group, NOISE)
    border = np.flatnonzero(nearest != NOISE)
    labels[border] = group[nearest[border]]
    return contiguous(labels)
