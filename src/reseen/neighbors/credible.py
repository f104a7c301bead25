"""Which neighbors to believe: near enough, and mutual."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Int64
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from reseen.config import Settings
from reseen.errors import SettingsError
from reseen.neighbors.knn import nearest
from reseen.records import Features


class CredibleSettings(Settings):
    """When a neighbor counts as the same person."""

    count: Annotated[int, Field(ge=1)] = 8
    """k: neighbors looked at, the image itself not counted."""

    threshold: Annotated[float, Field(ge=-1, le=1)] = 0.6
    """Least cosine similarity."""

    mutual: bool = True
    """Both must be among each other's nearest."""

    source: Literal["neighbors", "clusters"] = "neighbors"
    """`clusters`: neighbors must stand in the same hierarchical cluster, in place of threshold and mutuality."""


def credible_neighbors(
    features: Features,
    settings: CredibleSettings,
    device: str = "cpu",
    clusters: Int64[np.ndarray, " n"] | None = None,
) -> Int64[np.ndarray, "n k"]:
    """Credible neighbors of every row, nearest first, then -1; the row itself is not among them.

    With `clusters`, those of the same cluster instead of those that are near and mutual.

    Raises:
        SettingsError: no more rows than neighbors are asked for.
    """
    count = settings.count
    if len(features) <= count:
        raise SettingsError(
            f"method.credible.count: {count} neighbors besides the image itself need more than {count} images, "
            f"found {len(features)}; lower it, or add images"
        )
    found = nearest(features, count + 1, device)
    indices = found.indices[:, 1:]
    if clusters is not None:
        kept = clusters[indices] == clusters[:, None]
    else:
        kept = 1 - found.distances[:, 1:] / 2 >= settings.threshold
        if settings.mutual:
            kept &= _mutual(indices)
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(indices, order, 1), -1)


def credible_groups(neighbors: Int64[np.ndarray, "n k"]) -> Int64[np.ndarray, " n"]:
    """Groups of rows that credible neighbors connect, numbered by their first row; a row without any is one alone."""
    count = len(neighbors)
    row, column = np.nonzero(neighbors >= 0)
    ones = np.ones(len(row), dtype=np.int8)
    graph = coo_array((ones, (row, neighbors[row, column])), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _mutual(indices: Int64[np.ndarray, "n k"]) -> np.ndarray:
    """Which entries are found the other way round, too."""
    count = len(indices)
    rows = np.repeat(np.arange(count), indices.shape[1])
    forward = rows * count + indices.ravel()
    backward = indices.ravel() * count + rows
    return np.isin(backward, forward).reshape(indices.shape)
