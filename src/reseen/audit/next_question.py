"""Which question helps most: the cell whose answer is expected to narrow a calibration most, and a pair of that cell.

Among the pairs of a cell a question is as good as drawn at random, but spread: over the pairs sorted by what they
should be spread over, such as cameras and clusters, positions advance by the golden ratio, so that any first few lie
evenly. Pairs of a crop that was already asked about are not avoided: a crop that is like many others makes many of the
false matches, and must have its share of the questions.
"""

from collections.abc import Collection
from math import sqrt

import numpy as np
from jaxtyping import Float64, Int64

from reseen.audit.calibration import FALSE_MATCHES, AnsweredPairs, first_match, posterior_from
from reseen.audit.pair_pool import PairPool
from reseen.audit.same_person import Posterior
from reseen.audit.tracklet_pairs import UNKNOWN

_CURVE = 0.5
"""Weight of the variance of the probabilities beside those of the two errors."""
_GOLDEN = (sqrt(5) - 1) / 2
_SPREAD = 8
"""Ranges of similarity, evenly over all, of which both kinds of pairs are asked first."""


def expected_gain(posterior: Posterior, false_matches: float = FALSE_MATCHES) -> Float64[np.ndarray, " c"]:
    """For each cell, by how much one answer is expected to lower the variances; 0 where every pair is known.

    Added up are the variances of the share of false matches, of the share of missed pairs, and half the mean variance
    of the probabilities; to first order, and at the threshold that the answers so far give.
    """
    pool, probability = posterior.pool, posterior.probability
    pairs, ranges = pool.pairs.reshape(-1), len(pool.edges)
    unknown = pool.unknown.reshape(-1)
    slope = probability * (1 - probability)
    same = probability * unknown + pool.known_same.reshape(-1)
    start = first_match(same.reshape(2, -1).sum(axis=0), pool.pairs.sum(axis=0), false_matches)
    above = np.tile(np.arange(ranges), 2) >= min(start, ranges - 1)
    missed = same[~above].sum() / same.sum()
    of_false = -np.where(above, unknown * slope, 0) / pairs[above].sum()
    of_missed = unknown * slope * (~above - missed) / same.sum()
    shares = (pool.unknown / pool.pairs.sum(axis=0)).reshape(-1) * slope
    of_curve = np.hstack([np.diag(shares[:ranges]), np.diag(shares[ranges:])])
    covariance = posterior.covariance
    variance = (of_false @ covariance) ** 2 + (of_missed @ covariance) ** 2
    variance += _CURVE * ((of_curve @ covariance) ** 2).mean(axis=0)
    lowered = variance / (1 / np.maximum(slope, 1e-9) + np.diag(covariance))
    unasked = 1 - posterior.asked / np.maximum(unknown, 1)
    return np.where(unknown >= 1, lowered * np.clip(unasked, 0, 1), 0)


def order_cells(pool: PairPool, answered: AnsweredPairs, false_matches: float = FALSE_MATCHES) -> list[int]:
    """Cells to ask next, the most helpful first; empty if every pair was asked.

    The first questions go evenly over similarities, for both kinds of pairs, since without answers nothing is known of
    where they help.
    """
    posterior = posterior_from(pool, answered)
    gain = expected_gain(posterior, false_matches)
    order = [int(cell) for cell in np.argsort(-gain, kind="stable") if gain[cell] > 0]
    ranges = len(pool.edges)
    first = np.unique(np.linspace(0, ranges - 1, _SPREAD).round().astype(int))
    spread = [int(place + ranges * kind) for place in first[::-1] for kind in (0, 1)]
    unseen = [cell for cell in spread if gain[cell] > 0 and not posterior.asked[cell]]
    return [*unseen, *(cell for cell in order if cell not in unseen)]


def choose_pair(
    pool: PairPool,
    answered: AnsweredPairs,
    asked: Collection[tuple[int, int]],
    order: Int64[np.ndarray, " m"],
    false_matches: float = FALSE_MATCHES,
) -> tuple[int, int] | None:
    """The rows of the pair whose answer helps most; None if all pairs of the pool were asked or are known.

    Args:
        pool: the most similar pairs of the crops.
        answered: the sure answers so far.
        asked: pairs that are not asked again, such as those answered `unsure`; the smaller row comes first.
        order: rank of each pair in what questions are spread over; equal ranks are neighbors.
        false_matches: share of the matches that may be of different people.
    """
    cells = np.where(pool.known == UNKNOWN, pool.cell(pool.similarity, pool.together), -1)
    for cell in order_cells(pool, answered, false_matches):
        members = np.flatnonzero(cells == cell)
        pairs = list(zip(pool.first[members].tolist(), pool.second[members].tolist(), strict=True))
        left = [place for place, pair in enumerate(pairs) if pair not in asked]
        if left:
            ranked = sorted(left, key=lambda place: (order[members[place]], pairs[place]))
            begin = float(np.random.default_rng(cell).random())
            position = (begin + (len(pairs) - len(left)) * _GOLDEN) % 1
            return pairs[ranked[int(position * len(ranked))]]
    return None
