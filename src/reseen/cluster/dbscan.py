"""DBSCAN on a sparse distance graph, with labels that do not depend on the order of the rows.

A row with at least `min_samples` rows within eps, itself counted, is a core row. Core rows within eps of each
other share a cluster. Any other row joins the cluster of its nearest core row within eps, or is noise.

Reference: Ester et al. 1996. The original gives such border rows to whichever cluster reached them first.
"""

from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator
from scipy.sparse import csr_array

from reseen.config import Settings
from reseen.neighbors.csr import Rows
from reseen.neighbors.jaccard import parts
from reseen.records import NOISE, PseudoLabels, contiguous


class DbscanSettings(Settings):
    """When images count as one person."""

    eps: float | Literal["auto"] = 0.6
    """Jaccard distance, above 0 and below 1, within which two images are neighbors; `auto` chooses it anew
    each round from the distances."""

    min_samples: int = Field(default=4, ge=1)
    """Images within eps, itself counted, that make an image the core of a cluster."""

    @field_validator("eps", mode="plain")
    @classmethod
    def _number_or_auto(cls, value: Any) -> float | Literal["auto"]:
        if value == "auto":
            return "auto"
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise ValueError("wanted a Jaccard distance above 0 and below 1, such as 0.6, or auto")
        return float(value)


def dbscan(distances: csr_array | Rows, eps: float, min_samples: int) -> PseudoLabels:
    """Cluster numbers in order of first appearance; noise is -1.

    `distances`: symmetric, with an explicit entry for every pair within `eps`, diagonal included; a missing
    entry means farther. Border rows with two equally near core rows take the one with the smaller row number.
    The entries are read three times from front to back and nothing is made of them but a few numbers per row, so
    that rows mapped from disk serve as well as those in memory.
    """
    from reseen.cluster.dbscan_kernels import join_core_rows, mark_core_rows, nearest_core_rows

    rows = distances if isinstance(distances, tuple) else parts(distances)
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
