"""Near-copies: crops that are pictures of the same moment, as re-encoded, shifted or repeated frames are.

They fill each other's lists of nearest neighbors, so that clusters of copies look perfect and join nobody. Clustering
therefore takes one crop of each group, and the others get its label.

Flow: coarse thumbnails -> most correlated others -> correlation of fine thumbnails at the best shift -> groups. Of
pools made from Market-1501 (`benchmarks/regimes.py`), at least 22 of 23 pairs found this way show the same person.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from reseen.cluster.clustering import Clustering
from reseen.geometry import unit
from reseen.neighbors import nearest
from reseen.records import Features, PseudoLabels

CORRELATION = 0.94
"""Correlation of two thumbnails at their best shift, -1 to 1, from which crops are near-copies."""

_COARSE = 2
"""Cells of a fine thumbnail in a coarse one, along each side."""
_COARSE_CORRELATION = 0.75
"""Correlation of coarse thumbnails below which a pair is not looked at any closer."""
_NEIGHBORS = 32
"""Neighbors of each thumbnail that are looked at; groups grow through shared neighbors."""
_SHIFT = 2
"""Largest shift in cells, along each side."""
_CONTRAST = 1.0
"""Standard deviation of the brightness, 0 to 255, below which a crop shows a single value and is nobody's copy."""
_PAIRS = 1 << 16


def group_near_copies(
    thumbnails: Float[Tensor, "n y x"], cameras: Int64[np.ndarray, " n"] | None = None
) -> Int64[np.ndarray, " n"]:
    """For each crop, the first row of its group of near-copies; its own row if it has none.

    `thumbnails` are the brightness of the crops in cells, 0 to 255. Where `cameras` are given, crops of different
    cameras are no near-copies.

    Example:
        copies = group_near_copies(thumbnails(crops))
        np.unique(copies).size  # the number of different pictures
    """
    count = len(thumbnails)
    if count < 2:
        return np.arange(count)
    coarse = F.avg_pool2d(thumbnails[:, None], _COARSE)[:, 0]
    shown = np.flatnonzero((coarse.flatten(1).std(dim=1) > _CONTRAST).numpy())
    if len(shown) < 2:
        return np.arange(count)
    fine = thumbnails[shown]
    found = nearest(Features(_standardized(coarse[shown])), _NEIGHBORS)
    first, column = np.nonzero(found.distances <= 2 - 2 * _COARSE_CORRELATION)
    ends = np.sort(np.stack([first, found.indices[first, column]]), axis=0)
    first, second = np.unique(ends, axis=1)  # a pair may be in the list of one of the two alone
    asked = first < second
    if cameras is not None:
        asked &= cameras[shown[first]] == cameras[shown[second]]
    first, second = first[asked], second[asked]
    copies = _best_correlation(fine, first, second) >= CORRELATION
    pairs = shown[first[copies]], shown[second[copies]]
    graph = coo_array((np.ones(len(pairs[0]), np.bool_), pairs), shape=(count, count))
    groups = connected_components(graph, directed=False)[1]
    _, firsts = np.unique(groups, return_index=True)
    return firsts[groups]


def cluster_distinct(
    features: Features,
    copies: Int64[np.ndarray, " n"] | None,
    cluster: Callable[[Features], Clustering],
) -> Clustering:
    """The clustering of all rows, of which one per group of near-copies is clustered and the others follow.

    `copies` are near-copies from `group_near_copies`; None for none. `cluster` gets the rows that remain.
    """
    if copies is None:
        return cluster(features)
    pictures, place = np.unique(copies, return_inverse=True)
    if len(pictures) == len(features):
        return cluster(features)
    clustering = cluster(Features(features.vectors[pictures], features.raw))
    note = f"{len(copies) - len(pictures)} near-copies follow the crop that they repeat"
    labels = PseudoLabels(clustering.labels.labels[place])
    return replace(clustering, labels=labels, notes=(*clustering.notes, note))


def _best_correlation(
    fine: Float[Tensor, "n y x"], first: Int64[np.ndarray, " p"], second: Int64[np.ndarray, " p"]
) -> np.ndarray:
    """Correlation of each pair where they overlap, at the shift by up to two cells where it is largest."""
    best = torch.full((len(first),), -1.0)
    pairs = torch.from_numpy(first), torch.from_numpy(second)
    for here, there in _overlaps(*fine.shape[1:]):
        one, other = _standardized(fine[:, *here]), _standardized(fine[:, *there])
        values = [
            (one[left] * other[right]).sum(dim=1)
            for left, right in zip(pairs[0].split(_PAIRS), pairs[1].split(_PAIRS), strict=True)
        ]
        best = torch.maximum(best, torch.cat(values))
    return best.numpy()


def _overlaps(rows: int, columns: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Cells of the one and of the other thumbnail that lie upon each other, for every shift."""
    shifts = range(-_SHIFT, _SHIFT + 1)
    for down, right in product(shifts, shifts):
        yield (
            (_span(down, rows), _span(right, columns)),
            (_span(-down, rows), _span(-right, columns)),
        )


def _span(shift: int, cells: int) -> slice:
    return slice(max(0, shift), cells + min(0, shift))


def _standardized(cells: Float[Tensor, "n y x"]) -> Float[Tensor, "n c"]:
    """Cells minus their mean, as unit vectors: inner products are correlations."""
    flat = cells.flatten(1)
    return unit(flat - flat.mean(dim=1, keepdim=True))
