"""How similar random pairs of crops are: what can be said of a similarity without answers, labels or assumptions.

Nearly all random pairs show different people, so their similarities are those of false matches. How many pairs of one
person are missed, and how likely a similar pair is one, needs pairs that are known to show one person.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from reseen.audit.pair_pool import anchor_rows, pair_blocks
from reseen.data.table import UNKNOWN_TRACKLET, ImageTable
from reseen.records import NOISE, UNKNOWN_CAMERA, Features, PseudoLabels

SHARES = (0.01, 0.001, 0.0001)
"""Shares of the random pairs, of which the similarity is looked up."""

_BINS = 200_000
_MOST_FRAME_PAIRS = 20_000
_DEVIATIONS = 1.96
"""Half the width of a 95 % interval, in standard deviations."""


@dataclass(frozen=True)
class Rarity:
    """A similarity, and how many pairs of different crops reach it."""

    similarity: float
    """Cosine similarity, -1 to 1."""
    share: float
    """Share of all pairs of these crops at or above it, 0 to 1, whoever they show.

    Of the pairs of different people it is at most this over one minus the share of pairs of the same person.
    """
    interval: tuple[float, float]
    """95 % interval of that share for other crops from the same source."""
    frame_share: float | None
    """Share of the pairs of one frame, which show different people, at or above it; None without known frames."""


def random_pair_rarity(features: Features, table: ImageTable, seed: int = 0) -> tuple[Rarity, ...]:
    """The similarities that 1 in 100, 1 in 1,000 and 1 in 10,000 pairs of unit features reach, where there are enough.

    Intervals are those of a U-statistic: the standard deviation of the shares of each crop's pairs, doubled, over the
    square root of the number of crops. Crops count as independent, though some show one person, so they are a little
    too narrow where people have many crops.

    Reference: Hoeffding 1948, "A class of statistics with asymptotically normal distribution".

    Example:
        >>> random_pair_rarity(features, table)[1].similarity
        0.71
    """
    count = len(features)
    nobody = PseudoLabels(np.full(count, NOISE, dtype=np.int64))
    anchors, _ = anchor_rows(count, seed)
    counts = np.zeros(_BINS, dtype=np.int64)
    for block in pair_blocks(features, nobody, anchors):
        counts += np.bincount(_bins(block.similarity[block.counted]), minlength=_BINS)
    total = int(counts.sum())
    above = counts[::-1].cumsum()[::-1]
    places = [int(np.flatnonzero(above >= share * total)[-1]) for share in SHARES if share * total >= 1]
    per_crop = _shares_by_crop(features, nobody, anchors, np.array(places))
    frames = frame_similarities(features, table, np.random.default_rng(seed))
    found = []
    for place, shares in zip(places, per_crop, strict=True):
        share = float(above[place] / total)
        half = _DEVIATIONS * 2 * float(shares.std()) / np.sqrt(len(anchors))
        similarity = place * 2 / _BINS - 1
        of_frames = None if frames is None else float((frames >= similarity).mean())
        found.append(
            Rarity(round(similarity, 5), share, (max(share - half, 0.0), min(share + half, 1.0)), of_frames)
        )
    return tuple(found)


def frame_similarities(
    features: Features, table: ImageTable, generator: np.random.Generator
) -> Float64[np.ndarray, " m"] | None:
    """Similarities of up to 20,000 random pairs of one camera and time, not of one tracklet; None if there are none."""
    if table.times is None:
        return None
    known = np.flatnonzero((table.cameras != UNKNOWN_CAMERA) & np.isfinite(table.times))
    if not len(known):
        return None
    moments = np.stack([table.cameras[known].astype(np.float64), table.times[known]])
    frame = np.unique(moments, axis=1, return_inverse=True)[1].reshape(-1)
    rows = known[np.argsort(frame, kind="stable")]
    sizes = np.bincount(frame)
    starts = np.cumsum(sizes) - sizes
    starts, sizes = starts[sizes > 1], sizes[sizes > 1]
    if not len(sizes):
        return None
    place = generator.choice(
        len(sizes), _MOST_FRAME_PAIRS, p=(sizes - 1) * sizes / ((sizes - 1) * sizes).sum()
    )
    first = generator.integers(0, sizes[place])
    second = (first + generator.integers(1, sizes[place])) % sizes[place]
    one, other = rows[starts[place] + first], rows[starts[place] + second]
    if table.tracklets is not None:
        tracks = table.tracklets
        apart = (tracks[one] != tracks[other]) | (tracks[one] == UNKNOWN_TRACKLET)
        one, other = one[apart], other[apart]
    vectors = features.numpy
    return np.einsum("md,md->m", vectors[one], vectors[other], dtype=np.float64) if len(one) else None


def _shares_by_crop(
    features: Features,
    nobody: PseudoLabels,
    anchors: Int64[np.ndarray, " a"],
    places: Int64[np.ndarray, " t"],
) -> Float64[np.ndarray, "t a"]:
    """For each threshold, the share of every anchor's other crops at or above it."""
    shares = []
    for block in pair_blocks(features, nobody, anchors):
        bins = _bins(block.similarity)
        bins[np.arange(len(block.rows)), block.rows] = -1  # a crop is no pair with itself
        shares.append([(bins >= place).sum(axis=1) for place in places])
    return np.concatenate(shares, axis=1) / max(len(features) - 1, 1)


def _bins(similarity: np.ndarray) -> np.ndarray:
    return np.clip((similarity + 1) * (_BINS / 2), 0, _BINS - 1).astype(np.int64)
