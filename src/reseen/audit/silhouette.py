"""How much nearer crops are to their own cluster than to the next one: the silhouette, in one product per cluster.

On the sphere the mean cosine distance from x to the crops of a cluster is one inner product with their mean, so that
the exact silhouette takes n x c products instead of n x n.

Reference: Rousseeuw 1987, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis".
"""

import numpy as np
from jaxtyping import Float64, Int64

from reseen.records import NOISE, Features, PseudoLabels

_ROWS_AT_ONCE = 4096


def silhouette(
    features: Features, labels: PseudoLabels, asked: Int64[np.ndarray, " m"] | None = None
) -> Float64[np.ndarray, " m"]:
    """Silhouette of every crop, or of the rows `asked`, by cosine distance, -1 to 1, higher is better; NaN for noise.

    A crop alone in its cluster has 0, as has every crop where there is one cluster only. Noise is in no mean.
    """
    rows = features.numpy
    asked = np.arange(len(rows)) if asked is None else asked
    result = np.full(len(asked), np.nan)
    answered = np.flatnonzero(labels.labels[asked] != NOISE)
    sizes = labels.sizes
    if len(sizes) < 2:
        result[answered] = 0.0
        return result
    member = np.flatnonzero(labels.labels != NOISE)
    order = member[np.argsort(labels.labels[member], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sums = np.add.reduceat(rows[order], starts, axis=0, dtype=np.float64)
    for begin in range(0, len(answered), _ROWS_AT_ONCE):
        which = answered[begin : begin + _ROWS_AT_ONCE]
        part = asked[which]
        own = labels.labels[part]
        products = rows[part].astype(np.float64) @ sums.T
        place = np.arange(len(part))
        squares = np.einsum("nd,nd->n", rows[part], rows[part], dtype=np.float64)
        inside = 1 - (products[place, own] - squares) / np.maximum(sizes[own] - 1, 1)
        distances = 1 - products / sizes
        distances[place, own] = np.inf
        outside = distances.min(axis=1)
        largest = np.maximum(inside, outside)
        value = (outside - inside) / np.where(largest > 0, largest, 1)
        result[which] = np.where(sizes[own] > 1, value, 0.0)
    return result
