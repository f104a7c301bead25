"""The clusterings as scikit-learn estimators, for pipelines, grid searches and comparisons with its own.

`fit(X)` scales the rows of X (n, d) to unit length, as everywhere in reseen, and sets `labels_`: clusters from 0, and
-1 for outliers. A row of zeros has no direction and is an outlier.
"""

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
from jaxtyping import Float32, Int64
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data  # type: ignore[attr-defined]

from reseen.cluster.dbscan import DbscanSettings, dbscan
from reseen.cluster.hierarchy import HierarchySettings, grow_hierarchy
from reseen.geometry import as_features
from reseen.neighbors import JaccardSettings, jaccard_distance, nearest
from reseen.records import NOISE, Features


class JaccardDBSCAN(ClusterMixin, BaseEstimator):
    """DBSCAN on the k-reciprocal Jaccard distance of unit rows, the clustering of most re-identification methods.

    Unlike in `cluster_features`, nothing is retried with other settings: without a dense region all rows are outliers.
    With few rows, k1 and k2 are lowered to what there is.

    Args:
        eps: largest Jaccard distance of neighbors, above 0 and below 1.
        min_samples: rows within `eps` of a core row, itself included.
        k1: neighbors that are checked for reciprocity.
        k2: neighbors whose encodings are averaged.
        variant: neighbor sets of Zhong et al. (`zhong`), or of the faster code in common use (`faiss`).

    Attributes:
        labels_: cluster of each row (n,), contiguous from 0; -1 for outliers.
        n_features_in_: dimension d of the rows.

    Raises:
        ValueError: a row is not finite, or a parameter is out of range.

    Example:
        >>> JaccardDBSCAN(eps=0.6).fit_predict(embeddings)
        array([0, 0, 1, ..., -1])
    """

    def __init__(
        self,
        eps: float = 0.6,
        *,
        min_samples: int = 4,
        k1: int = 30,
        k2: int = 6,
        variant: Literal["zhong", "faiss"] = "faiss",
    ) -> None:
        self.eps = eps
        self.min_samples = min_samples
        self.k1 = k1
        self.k2 = k2
        self.variant = variant

    def fit(self, X: Float32[np.ndarray, "n d"], y: object = None) -> Self:  # noqa: N803, ARG002
        """Cluster the rows of X; `y` is ignored.

        Raises:
            ValueError: as for the class.
        """
        for name in ("eps", "min_samples", "k1", "k2"):
            if isinstance(getattr(self, name), str):  # such as auto, which recipes know
                raise ValueError(f"{name} must be a number, got {getattr(self, name)!r}")
        DbscanSettings(eps=self.eps, min_samples=self.min_samples)  # checks both
        self.labels_ = _label_directions(self, X, self._cluster)
        return self

    def _cluster(self, features: Features) -> Int64[np.ndarray, " n"]:
        rows = len(features)
        jaccard = JaccardSettings(k1=min(self.k1, rows), k2=min(self.k2, rows), variant=self.variant)
        neighbors = nearest(features, min(jaccard.columns, rows))
        distances = jaccard_distance(features, neighbors, jaccard, threshold=self.eps)
        return dbscan(distances, self.eps, self.min_samples).labels


class SphereAgglomeration(ClusterMixin, BaseEstimator):
    """Agglomerative clustering of unit rows with a regularizer that keeps clusters of similar size.

    The cost of a merge is the linkage distance plus `weight` times the regularizer; see `HierarchySettings`.

    Args:
        n_clusters: number of clusters; all rows but those of zeros are in one.
        linkage: distance of two clusters: `average`, `single`, `centroid` or `energy`.
        regularizer: what is added to it: `none`, `size`, `dispersion`, `sse`, `sse_union` or `ward`.
        weight: weight of the regularizer, 0 or more.
        share: merges per step as a fraction of the rows, above 0 and at most 1; None for one pair per step.

    Attributes:
        labels_: cluster of each row (n,), contiguous from 0; -1 for rows of zeros.
        n_features_in_: dimension d of the rows.

    Raises:
        ValueError: a row is not finite, there are fewer rows than clusters, or a parameter is out of range.

    Example:
        >>> SphereAgglomeration(n_clusters=300).fit_predict(embeddings)
        array([12, 12, 0, ..., 41])
    """

    def __init__(
        self,
        n_clusters: int = 2,
        *,
        linkage: Literal["average", "single", "centroid", "energy"] = "average",
        regularizer: Literal["none", "size", "dispersion", "sse", "sse_union", "ward"] = "sse",
        weight: float = 0.005,
        share: float | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.linkage = linkage
        self.regularizer = regularizer
        self.weight = weight
        self.share = share

    def fit(self, X: Float32[np.ndarray, "n d"], y: object = None) -> Self:  # noqa: N803, ARG002
        """Cluster the rows of X; `y` is ignored.

        Raises:
            ValueError: as for the class.
        """
        settings = HierarchySettings(
            linkage=self.linkage,
            regularizer=self.regularizer,
            weight=self.weight,
            share=self.share,
            stop="clusters",
            clusters=self.n_clusters,
        )
        self.labels_ = _label_directions(self, X, lambda features: self._cluster(features, settings))
        return self

    def _cluster(self, features: Features, settings: HierarchySettings) -> Int64[np.ndarray, " n"]:
        if len(features) < self.n_clusters:
            raise ValueError(
                f"n_clusters={self.n_clusters} needs as many rows, found n_samples = {len(features)}"
            )
        return grow_hierarchy(features.numpy, settings).labels.labels


def _label_directions(
    estimator: BaseEstimator, rows: object, cluster: Callable[[Features], Int64[np.ndarray, " m"]]
) -> Int64[np.ndarray, " n"]:
    """Labels of all rows, after scikit-learn's checks; rows of zeros are outliers. Sets `n_features_in_`."""
    checked = validate_data(estimator, rows, dtype=[np.float64, np.float32])
    labels = np.full(len(checked), NOISE, dtype=np.int64)
    directions = checked.any(axis=1)
    if directions.any():
        labels[directions] = cluster(as_features(checked[directions]))
    return labels
