"""Metrics without labels: camera mixing, silhouette, spread of features, and agreement of two clusterings."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from reseen.geometry import FeatureRows, as_features
from reseen.records import NOISE, UNKNOWN_CAMERA, PseudoLabels


@dataclass(frozen=True)
class CameraMixing:
    """Entropy of cameras within clusters, and its expectation by chance; means over clustered crops, in nats.

    Clusters that are informative about the camera group cameras instead of people.
    """

    entropy: float
    """Entropy of the cameras within a cluster."""
    by_chance: float
    """Expected entropy if the crops of every cluster were drawn at random from all crops."""

    @property
    def ratio(self) -> float:
        """Entropy over entropy by chance, 0 to 1: 0 if every cluster has one camera, 1 if cameras mix as by chance."""
        return min(self.entropy / self.by_chance, 1.0)


def camera_mixing(labels: PseudoLabels, cameras: Int64[np.ndarray, " n"] | None) -> CameraMixing | None:
    """Camera mixing of the clusters of at least two crops; None with fewer than two cameras or no such cluster.

    Noise, single-crop clusters and crops of unknown camera are ignored. The entropy by chance is exact, for drawing
    without replacement, so that small clusters, which cannot contain many cameras, are not penalized.

    Example:
        >>> camera_mixing(labels, table.cameras).ratio
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
    entropies = -(shares * logarithms).sum(axis=1)
    camera_totals = tuple(totals.tolist())
    expected = np.array([_expected_entropy(int(size), camera_totals) for size in sizes])
    crops = sizes.sum()
    return CameraMixing(float(sizes @ entropies / crops), float(sizes @ expected / crops))


@lru_cache(maxsize=4096)
def _expected_entropy(size: int, totals: tuple[int, ...]) -> float:
    """Expected entropy of the cameras of `size` crops drawn without replacement."""
    from scipy.stats import hypergeom  # not at the top: every start of reseen would wait for it

    counts = np.arange(1, size + 1)
    share = counts / size
    terms = -share * np.log(share)
    crops = sum(totals)
    return float(sum(hypergeom.pmf(counts, crops, total, size) @ terms for total in totals))


_BATCH_ROWS = 4096


def silhouette(
    features: FeatureRows, labels: PseudoLabels, rows: Int64[np.ndarray, " m"] | None = None
) -> Float64[np.ndarray, " m"]:
    """Silhouette by cosine distance of all crops, or of the given `rows`: -1 to 1, higher is better, NaN for noise.

    Crops alone in their cluster get 0, and so do all if there is only one cluster. Noise is in no mean. For unit rows
    the mean cosine distance to a cluster is an inner product with its mean, so the exact silhouette takes n x c
    products instead of n x n.

    Reference: Rousseeuw 1987, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis".

    Example:
        >>> np.nanmean(silhouette(features, labels))
    """
    features = as_features(features)
    vectors = features.numpy
    rows = np.arange(len(vectors)) if rows is None else rows
    result = np.full(len(rows), np.nan)
    clustered = np.flatnonzero(labels.labels[rows] != NOISE)
    sizes = labels.sizes
    if len(sizes) < 2:
        result[clustered] = 0.0
        return result
    members = np.flatnonzero(labels.labels != NOISE)
    order = members[np.argsort(labels.labels[members], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sums = np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64)
    for begin in range(0, len(clustered), _BATCH_ROWS):
        positions = clustered[begin : begin + _BATCH_ROWS]
        batch = rows[positions]
        own = labels.labels[batch]
        products = vectors[batch].astype(np.float64) @ sums.T
        index = np.arange(len(batch))
        squares = np.einsum("nd,nd->n", vectors[batch], vectors[batch], dtype=np.float64)
        inside = 1 - (products[index, own] - squares) / np.maximum(sizes[own] - 1, 1)
        distances = 1 - products / sizes
        distances[index, own] = np.inf
        outside = distances.min(axis=1)
        largest = np.maximum(inside, outside)
        value = (outside - inside) / np.where(largest > 0, largest, 1)
        result[positions] = np.where(sizes[own] > 1, value, 0.0)
    return result


def clustering_agreement(first: PseudoLabels, second: PseudoLabels) -> float:
    """Adjusted Rand index of two clusterings: 1 for the same, about 0 by chance.

    Each noise crop counts as a cluster of its own, so that a clustering cannot look stable by excluding crops.

    Reference: Hubert and Arabie 1985, "Comparing partitions".

    Raises:
        ValueError: the clusterings have different numbers of crops.

    Example:
        >>> clustering_agreement(labels, labels)
        1.0
    """
    from sklearn.metrics import adjusted_rand_score

    if len(first) != len(second):
        raise ValueError(f"expected two clusterings of the same crops, got {len(first)} and {len(second)}")
    return float(adjusted_rand_score(first.outliers_as_singletons, second.outliers_as_singletons))


def feature_std(features: Float[Tensor, "n d"]) -> float:
    r"""Root mean square over dimensions of the per-dimension standard deviation of unit rows, times $\sqrt d$.

    The usual collapse metric: about 1 for directions spread over the sphere, 0 when all rows are equal. Reference: Chen
    and He, "Exploring simple Siamese representation learning", CVPR 2021, section 4.1.
    """
    centered = features.double() - features.double().mean(dim=0)
    return float(torch.sqrt(centered.square().sum(dim=1).mean()))
