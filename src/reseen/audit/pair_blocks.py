"""Passes over all pairs of crops in blocks, or over those of random rows where all are too many."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float32, Int64

from reseen.records import NOISE, Features, PseudoLabels

MAX_CELLS = 1 << 26
"""Maximum number of similarities computed in a pass: random rows, or all rows if they fit."""

_BLOCK = 256


def pair_blocks(
    features: Features, labels: PseudoLabels, anchors: Int64[np.ndarray, " a"]
) -> Iterator[
    tuple[
        Int64[np.ndarray, " b"], Float32[np.ndarray, "b n"], Bool[np.ndarray, "b n"], Bool[np.ndarray, "b n"]
    ]
]:
    """Yield rows, their similarities to all rows, whether each pair is in one cluster, and which pairs to count.

    If all rows are anchors, every pair is counted once; else once per end that is an anchor.
    """
    vectors, cluster = features.numpy, labels.labels
    all_rows = np.arange(len(vectors))
    complete = len(anchors) == len(vectors)
    for begin in range(0, len(anchors), _BLOCK):
        rows = anchors[begin : begin + _BLOCK]
        same = (cluster[rows][:, None] == cluster[None, :]) & (cluster[rows] != NOISE)[:, None]
        counted = rows[:, None] < all_rows[None, :] if complete else rows[:, None] != all_rows[None, :]
        yield rows, vectors[rows] @ vectors.T, same, counted


def anchor_rows(count: int, seed: int) -> tuple[Int64[np.ndarray, " a"], float]:
    """The rows to process, and the number of pairs that each counted pair represents."""
    most = max(1, MAX_CELLS // max(count, 1))
    if count <= most:
        return np.arange(count), 1.0
    return np.sort(np.random.default_rng(seed).permutation(count)[:most]), count / most / 2
