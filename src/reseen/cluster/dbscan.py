"""DBSCAN on a sparse distance graph, with labels that do not depend on the order of the rows.

A row with at least `min_samples` rows within eps, itself counted, is a core row. Core rows within eps of each
other share a cluster. Any other row joins the cluster of its nearest core row within eps, or is noise.

Reference: Ester et al. 1996. The original gives such border rows to whichever cluster reached them first.
"""

from typing import Any, Literal

import numpy as np
from jaxtyping import Int64
from pydantic import Field, field_validator
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from reseen.config import Settings
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


def dbscan(distances: csr_array, eps: float, min_samples: int) -> PseudoLabels:
    """Cluster numbers in order of first appearance; noise is -1.

    `distances`: symmetric, with an explicit entry for every pair within `eps`, diagonal included; a missing
    entry means farther. Border rows with two equally near core rows take the one with the smaller row number.
    """
    n = len(distances.indptr) - 1
    rows, columns, values = _pairs_within(distances, eps)
    core = np.bincount(rows, minlength=n) >= min_samples
    between = core[rows] & core[columns]
    links = csr_array((np.ones(int(between.sum()), np.int8), (rows[between], columns[between])), shape=(n, n))
    _, component = connected_components(links, directed=False)
    labels = np.where(core, component, NOISE).astype(np.int64)

    border = ~core[rows] & core[columns]
    rows, columns, values = rows[border], columns[border], values[border]
    nearest_first = np.lexsort((columns, values, rows))
    border_rows, first = np.unique(rows[nearest_first], return_index=True)
    labels[border_rows] = component[columns[nearest_first][first]]
    return contiguous(labels)


def _pairs_within(distances: csr_array, eps: float) -> tuple[Int64[np.ndarray, " m"], np.ndarray, np.ndarray]:
    """Rows, columns and distances of the entries up to `eps`."""
    rows = np.repeat(np.arange(len(distances.indptr) - 1), np.diff(distances.indptr))
    kept = distances.data <= distances.data.dtype.type(eps)
    return rows[kept], distances.indices[kept], distances.data[kept]
