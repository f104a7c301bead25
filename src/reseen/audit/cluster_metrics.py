"""How well clusters mix cameras: what a cluster knows about the camera tells of grouping cameras, not people.

How much nearer crops are to their own cluster than to the next one: the silhouette, in one product per cluster.

On the sphere the mean cosine distance from x to the crops of a cluster is one inner product with their mean, so that
the exact silhouette takes n x c products instead of n x n.

Reference: Rousseeuw 1987, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis".

Whether two clusterings of the same crops put the same crops together.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from scipy.stats import hypergeom
from torch import Tensor

from reseen.records import NOISE, UNKNOWN_CAMERA, Features, PseudoLabels


@dataclass(frozen=True)
class CameraMixing:
    """Entropies are means over clustered crops, in nats."""

    entropy: float
    """Of the cameras within a cluster."""
    by_chance: float
    """The same, were the crops of every cluster drawn at random from all crops."""

    @property
    def share(self) -> float:
        """Entropy found over entropy by chance: 0 where every cluster has one camera, 1 where cameras do not matter."""
        return min(self.entropy / self.by_chance, 1.0)


def camera_mixing(labels: PseudoLabels, cameras: Int64[np.ndarray, " n"] | None) -> CameraMixing | None:
    """Compare the cameras in clusters of two crops or more with chance; None where there is nothing to compare.

    Crops of unknown camera, in noise or alone do not count. The entropy by chance is exact: crops drawn without
    putting back, so that small clusters, which cannot show many cameras, are not blamed for it.
    """
    if cameras is None:
        return None
    known = cameras != UNKNOWN_CAMERA
    _, camera = np.unique(cameras[known], return_inverse=True)
    totals = np.bincount(camera)
    kept = labels.labels[known] != NOISE
    if len(totals) < 2 or not kept.any():
        return None
    counts = np.zeros((labels.cluster_count, len(totals)), dtype=np.int64)
    np.add.at(counts, (labels.labels[known][kept], camera[kept]), 1)
    sizes = counts.sum(axis=1)
    counts, sizes = counts[sizes > 1], sizes[sizes > 1]
    if not len(sizes):
        return None
    shares = counts / sizes[:, None]
    logarithms = np.log(shares, where=counts > 0, out=np.zeros_like(shares))
    found = -(shares * logarithms).sum(axis=1)
    key = tuple(totals.tolist())
    chance = np.array([_chance(int(size), key) for size in sizes])
    crops = sizes.sum()
    return CameraMixing(float(sizes @ found / crops), float(sizes @ chance / crops))


@lru_cache(maxsize=4096)
def _chance(size: int, totals: tuple[int, ...]) -> float:
    """Expected entropy of the cameras of `size` crops drawn without putting back."""
    seen = np.arange(1, size + 1)
    share = seen / size
    terms = -share * np.log(share)
    crops = sum(totals)
    return float(sum(hypergeom.pmf(seen, crops, total, size) @ terms for total in totals))


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


def clustering_agreement(first: PseudoLabels, second: PseudoLabels) -> float:
    """Adjusted Rand index of two clusterings, 1 for the same, about 0 by chance; a crop in noise is by itself.

    Noise counts, so that a clustering cannot look stable by leaving crops out.

    Reference: Hubert and Arabie 1985, "Comparing partitions".

    Raises:
        ValueError: the clusterings are of different numbers of crops.
    """
    from sklearn.metrics import adjusted_rand_score

    if len(first) != len(second):
        raise ValueError(f"wanted two clusterings of the same crops, got {len(first)} and {len(second)}")
    return float(adjusted_rand_score(_alone(first), _alone(second)))


def feature_std(features: Float[Tensor, "n d"]) -> float:
    r"""Root mean square over dimensions of the per-dimension standard deviation of unit rows, times $\sqrt d$.

    The usual collapse metric: about 1 for directions spread over the sphere, 0 when all rows are equal. Reference: Chen
    and He, "Exploring simple Siamese representation learning", CVPR 2021, section 4.1.
    """
    centered = features.double() - features.double().mean(dim=0)
    return float(torch.sqrt(centered.square().sum(dim=1).mean()))


def _alone(labels: PseudoLabels) -> Int64[np.ndarray, " n"]:
    """Labels in which every crop in noise has a number of its own."""
    numbers = labels.labels.copy()
    noise = numbers == NOISE
    numbers[noise] = labels.cluster_count + np.arange(int(noise.sum()))
    return numbers
