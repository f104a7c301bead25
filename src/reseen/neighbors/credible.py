"""Credible neighbors: similar enough to be taken for the same person, and mutual."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float, Int64
from pydantic import Field, model_validator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from reseen.conditions import When
from reseen.config import Settings
from reseen.errors import SettingsError
from reseen.geometry import FeatureRows, as_features
from reseen.neighbors.jaccard import JaccardSettings, jaccard_distance
from reseen.neighbors.knn import nearest
from reseen.records import Features

_ROUNDING = 1e-6
"""Tolerance of the threshold for rounding errors."""
_LEAST_SHARE = 0.05
"""Smallest fraction of shared neighbors: at 0 all pairs of rows would be kept, at twice this a few dozen per row."""


class CredibleSettings(Settings):
    """Settings of credible neighbors."""

    count: Annotated[int, Field(ge=1)] = 8
    """k: number of neighbors considered, excluding the image itself."""

    threshold: Annotated[float, Field(ge=-1, le=1), When(source=("neighbors", "shared"))] = 0.6
    """Minimum cosine similarity; for source `shared`, minimum fraction of shared neighbors, 0 to 1."""

    mutual: Annotated[bool, When(source=("neighbors", "shared"))] = True
    """Require both images to be among each other's nearest."""

    source: Literal["neighbors", "shared", "clusters"] = "neighbors"
    """`neighbors`: nearest by cosine. `shared`: by the fraction of shared neighbors, which separates identities better,
    especially across cameras. `clusters`: nearest by cosine within the same hierarchical cluster, in place of threshold
    and mutuality. If the global branch uses clusters, its clusters are used with any source."""

    jaccard: Annotated[JaccardSettings, When(source="shared")] = JaccardSettings()
    """Neighbor sets for source `shared`."""

    @model_validator(mode="after")
    def _shares_something(self) -> "CredibleSettings":
        if "auto" in (self.jaccard.k1, self.jaccard.k2):
            raise ValueError("jaccard.k1 and jaccard.k2 of credible neighbors need numbers, such as 20 and 6")
        if self.source == "shared" and self.threshold < _LEAST_SHARE:
            raise ValueError(
                f"source shared needs a threshold of {_LEAST_SHARE} or more: below, most pairs of rows would be kept"
            )
        return self


def credible_neighbors(
    features: FeatureRows,
    settings: CredibleSettings,
    device: str = "cpu",
    clusters: Int64[np.ndarray, " n"] | None = None,
) -> Int64[np.ndarray, "n k"]:
    """Credible neighbors of every row, nearest first, padded with -1; the row itself is excluded.

    With `clusters` (cluster numbers, -1 for noise), the neighbors are those of the `count` nearest rows that are in the
    same cluster, in place of threshold and mutuality.

    Raises:
        SettingsError: `settings.count` is not below the number of rows.

    Example:
        neighbors = credible_neighbors(features, CredibleSettings(count=8, threshold=0.6))
    """
    features = as_features(features)
    count = settings.count
    if len(features) <= count:
        raise SettingsError(
            f"method.credible.count: {count} neighbors besides the image itself need more than {count} images, "
            f"got {len(features)}; lower it, or add images"
        )
    if settings.source == "shared":
        least = settings.threshold if clusters is None else _LEAST_SHARE
        indices, similarity = _by_shared_neighbors(features, settings, least, device)
    else:
        neighbors = nearest(features, count + 1, device)
        indices, similarity = neighbors.indices[:, 1:], 1 - neighbors.distances[:, 1:] / 2
    if clusters is not None:
        kept = (clusters[indices] == clusters[:, None]) & (indices >= 0) & (clusters[:, None] >= 0)
    else:
        kept = (similarity >= settings.threshold) & (indices >= 0)
        if settings.mutual:
            kept &= is_mutual(indices)
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(indices, order, 1), -1)


def _by_shared_neighbors(
    features: Features, settings: CredibleSettings, least: float, device: str
) -> tuple[Int64[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """The rows with the highest Jaccard similarity to each row, padded with -1, and these similarities (>= `least`)."""
    jaccard = settings.jaccard
    neighbors = nearest(features, min(jaccard.columns, len(features)), device)
    threshold = 1 - least + _ROUNDING
    entries = jaccard_distance(features, neighbors, jaccard, threshold, device).tocoo()
    off_diagonal = entries.row != entries.col
    row, column, distance = entries.row[off_diagonal], entries.col[off_diagonal], entries.data[off_diagonal]
    order = np.lexsort((column, distance, row))
    row, column, distance = row[order], column[order], distance[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = rank < settings.count
    indices = np.full((len(features), settings.count), -1, dtype=np.int64)
    similarity = np.zeros(indices.shape)
    indices[row[kept], rank[kept]] = column[kept]
    similarity[row[kept], rank[kept]] = 1 - distance[kept].astype(np.float64)
    return indices, similarity


def credible_groups(neighbors: Int64[np.ndarray, "n k"]) -> Int64[np.ndarray, " n"]:
    """Connected components of credible neighbors (padded with -1), numbered by first row.

    A row without neighbors, in either direction, is a group of its own.

    Example:
        credible_groups(np.array([[1], [-1], [-1]]))  # [0, 0, 1]
    """
    count = len(neighbors)
    row, column = np.nonzero(neighbors >= 0)
    ones = np.ones(len(row), dtype=np.int8)
    graph = coo_array((ones, (row, neighbors[row, column])), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def constrain_neighbors(
    neighbors: Int64[np.ndarray, "n k"], groups: Int64[np.ndarray, " n"], must: Int64[np.ndarray, "m 2"]
) -> Int64[np.ndarray, "n k"]:
    """Neighbors after must-link constraints: linked rows are added in front, rows of another group are removed (-1).

    `groups`: the `credible_groups` after applying the constraints; `must`: pairs of rows of the same person. The result
    has as many more columns as any row has links that are not yet neighbors.

    Example:
        neighbors = constrain_neighbors(neighbors, groups, must=np.array([[0, 7]]))
    """
    kept = np.where(groups[neighbors] == groups[:, None], neighbors, -1)
    linked: dict[int, list[int]] = {}
    for first, second in must.tolist():
        for row, other in ((first, second), (second, first)):
            if other not in kept[row] and other not in linked.setdefault(row, []):
                linked[row].append(other)
    added = np.full((len(kept), max(map(len, linked.values()), default=0)), -1, dtype=kept.dtype)
    for row, others in linked.items():
        added[row, : len(others)] = others
    return np.concatenate([added, kept], axis=1)


def is_mutual(indices: Int64[np.ndarray, "n k"]) -> Bool[np.ndarray, "n k"]:
    """Whether each entry of a list of neighbors is mutual: its row lists the row of the entry, too.

    Entries of -1 are padding, and never mutual.

    Example:
        >>> is_mutual(np.array([[1], [2], [1]]))
        array([[False],
               [ True],
               [ True]])
    """
    count = len(indices)
    rows = np.repeat(np.arange(count), indices.shape[1])
    forward = (rows * count + indices.ravel())[indices.ravel() >= 0]
    backward = indices.ravel() * count + rows
    return np.isin(backward, forward).reshape(indices.shape)
