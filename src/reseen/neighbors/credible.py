"""Which neighbors to believe: near enough, and mutual."""

from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Int64
from pydantic import Field, model_validator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from reseen.conditions import When
from reseen.config import Settings
from reseen.errors import SettingsError
from reseen.neighbors.jaccard import JaccardSettings, jaccard_distance
from reseen.neighbors.knn import nearest
from reseen.records import Features

_ROUNDING = 1e-6
"""Pairs as much below the threshold count as at it, since rounding could tell no better."""
_LEAST_SHARE = 0.05
"""Of shared neighbors: at 0 the pairs of all rows with all would be kept, at twice this some tens a row."""


class CredibleSettings(Settings):
    """When a neighbor counts as the same person."""

    count: Annotated[int, Field(ge=1)] = 8
    """k: neighbors looked at, the image itself not counted."""

    threshold: Annotated[float, Field(ge=-1, le=1), When(source=("neighbors", "shared"))] = 0.6
    """Least cosine similarity; where the source is `shared`, least share of common neighbors, 0 to 1."""

    mutual: Annotated[bool, When(source=("neighbors", "shared"))] = True
    """Both must be among each other's nearest."""

    source: Literal["neighbors", "shared", "clusters"] = "neighbors"
    """`neighbors`: nearest by cosine. `shared`: those with whom most neighbors are shared, which tells people apart
    better, most of all across cameras. `clusters`: nearest by cosine that stand in the same hierarchical cluster, in
    place of threshold and mutuality. Where the global branch is clusters, its own take that place with any source."""

    jaccard: Annotated[JaccardSettings, When(source="shared")] = JaccardSettings()
    """How common neighbors are counted, where the source is `shared`."""

    @model_validator(mode="after")
    def _shares_something(self) -> "CredibleSettings":
        if self.source == "shared" and self.threshold < _LEAST_SHARE:
            raise ValueError(
                f"source shared wants a threshold of {_LEAST_SHARE} or more: below, most pairs of rows would be kept"
            )
        return self


def credible_neighbors(
    features: Features,
    settings: CredibleSettings,
    device: str = "cpu",
    clusters: Int64[np.ndarray, " n"] | None = None,
) -> Int64[np.ndarray, "n k"]:
    """Credible neighbors of every row, nearest first, then -1; the row itself is not among them.

    With `clusters`, -1 for rows that stand in none, those of the `count` nearest that stand in the same cluster, in
    place of threshold and mutuality.

    Raises:
        SettingsError: no more rows than neighbors are asked for.
    """
    count = settings.count
    if len(features) <= count:
        raise SettingsError(
            f"method.credible.count: {count} neighbors besides the image itself need more than {count} images, "
            f"found {len(features)}; lower it, or add images"
        )
    if settings.source == "shared":
        least = settings.threshold if clusters is None else _LEAST_SHARE
        indices, similarity = _sharing(features, settings, least, device)
    else:
        found = nearest(features, count + 1, device)
        indices, similarity = found.indices[:, 1:], 1 - found.distances[:, 1:] / 2
    if clusters is not None:
        kept = (clusters[indices] == clusters[:, None]) & (indices >= 0) & (clusters[:, None] >= 0)
    else:
        kept = (similarity >= settings.threshold) & (indices >= 0)
        if settings.mutual:
            kept &= _mutual(indices)
    order = np.argsort(~kept, axis=1, kind="stable")
    return np.where(np.take_along_axis(kept, order, 1), np.take_along_axis(indices, order, 1), -1)


def _sharing(
    features: Features, settings: CredibleSettings, least: float, device: str
) -> tuple[Int64[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Of each row the others that share most neighbors with it, then -1, and how many they share, `least` to 1."""
    jaccard = settings.jaccard
    near = nearest(features, min(jaccard.columns, len(features)), device)
    farthest = 1 - least + _ROUNDING
    distances = jaccard_distance(features, near, jaccard, farthest, device)
    found = distances.tocoo()
    others = found.row != found.col
    row, column, distance = found.row[others], found.col[others], found.data[others]
    order = np.lexsort((column, distance, row))
    row, column, distance = row[order], column[order], distance[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    taken = place < settings.count
    indices = np.full((len(features), settings.count), -1, dtype=np.int64)
    similarity = np.zeros(indices.shape)
    indices[row[taken], place[taken]] = column[taken]
    similarity[row[taken], place[taken]] = 1 - distance[taken].astype(np.float64)
    return indices, similarity


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


def constrain_neighbors(
    neighbors: Int64[np.ndarray, "n k"], groups: Int64[np.ndarray, " n"], must: Int64[np.ndarray, "m 2"]
) -> Int64[np.ndarray, "n k"]:
    """Neighbors after the answers of a person: nobody of another group, and all who were linked, who come first.

    `groups`: what is left of `credible_groups` after the answers; `must`: pairs of rows that are one person.
    """
    kept = np.where(groups[neighbors] == groups[:, None], neighbors, -1)
    linked: dict[int, list[int]] = {}
    for first, second in must.tolist():
        for row, other in ((first, second), (second, first)):
            if other not in kept[row] and other not in linked.setdefault(row, []):
                linked[row].append(other)
    more = np.full((len(kept), max(map(len, linked.values()), default=0)), -1, dtype=kept.dtype)
    for row, others in linked.items():
        more[row, : len(others)] = others
    return np.concatenate([more, kept], axis=1)


def _mutual(indices: Int64[np.ndarray, "n k"]) -> np.ndarray:
    """Which entries are found the other way round, too; entries of -1 are nobody."""
    count = len(indices)
    rows = np.repeat(np.arange(count), indices.shape[1])
    forward = (rows * count + indices.ravel())[indices.ravel() >= 0]
    backward = indices.ravel() * count + rows
    return np.isin(backward, forward).reshape(indices.shape)
