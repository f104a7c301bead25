"""Choose the best available evidence for calibrating a threshold, and rate its reliability."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from reseen.audit.calibration import Evidence, Trust
from reseen.audit.evidence import (
    Pairs,
    near_pairs,
    pair_mixture,
    random_pairs,
    same_frame_pairs,
    tracklet_pairs,
)
from reseen.data.table import ImageTable
from reseen.records import Features

ENOUGH_PAIRS = 200
"""Minimum number of tracklet or same-frame pairs for using them."""

ENOUGH_ANSWERS = 100
"""Minimum number of sure answers for using them; a tenth of this is needed of either kind."""

_MIN_SEPARATION = 1.0
"""Minimum distance of the mixture's means, in standard deviations, for using it."""

_SHARES = (0.02, 0.98)
"""Range of the mixture's weight for using it."""

_NEAR = "pairs of a crop and one of its ten nearest"


@dataclass(frozen=True)
class AnsweredPairs:
    """Pairs labeled by an annotator, each with the number of pairs it represents."""

    first: Int64[np.ndarray, " m"]
    second: Int64[np.ndarray, " m"]
    same: Float64[np.ndarray, " m"]
    """1 for the same person, 0 for different people."""
    weight: Float64[np.ndarray, " m"]

    @property
    def enough(self) -> bool:
        """Whether there are enough answers of either kind to calibrate a threshold."""
        kinds = self.same.sum(), (1 - self.same).sum()
        return len(self.same) >= ENOUGH_ANSWERS and min(kinds) >= ENOUGH_ANSWERS / 10


def gather_evidence(
    features: Features,
    table: ImageTable,
    views: Float64[np.ndarray, " n"] | None,
    answered: AnsweredPairs | None,
    generator: np.random.Generator,
) -> Evidence:
    """The best available evidence: answers; else tracklets and frames; else a mixture; else augmented views.

    Args:
        features: unit features of the crops.
        table: the crops, whose tracklets, times and cameras are used where known.
        views: similarity of each crop with an augmented view of itself; None if not computed.
        answered: pairs labeled by an annotator; None without answers.
        generator: draws the pairs.

    Raises:
        DataError: there are too few crops for any evidence.
    """
    if answered is not None and answered.enough:
        return _by_answers(features, answered)
    positive = _enough(tracklet_pairs(features, table, generator))
    negative = _enough(same_frame_pairs(features, table, generator))
    if positive is not None:
        return _by_tracklets(features, positive, negative, generator)
    near = near_pairs(features, table.cameras if table.has_cameras else None, generator)
    return _by_mixture(features, near, negative, views, generator)


def _by_answers(features: Features, answered: AnsweredPairs) -> Evidence:
    rows = features.numpy
    similarity = np.einsum("md,md->m", rows[answered.first], rows[answered.second], dtype=np.float64)
    return Evidence(
        similarity, answered.same, answered.weight, np.arange(len(similarity)),
        (f"{len(similarity):,} answers of a person",), "high",
        "a person looked at a random sample of the pairs worth asking about", "pairs worth asking about",
    )  # fmt: skip


def _by_tracklets(
    features: Features, positive: Pairs, negative: Pairs | None, generator: np.random.Generator
) -> Evidence:
    if negative is None:
        other = random_pairs(features, 20_000, generator)
        source = f"{len(other):,} random pairs for different people"
        reason = "crops of a tracklet are of one camera, and a few random pairs show one person"
    else:
        other, source = negative, f"{len(negative):,} pairs of one frame"
        reason = "the pairs are known, but crops of a tracklet are of one camera: across cameras more will be missed"
    return _known(positive, other, (f"{len(positive):,} pairs of one tracklet", source), "medium", reason)


def _by_mixture(
    features: Features,
    near: Pairs,
    negative: Pairs | None,
    views: Float64[np.ndarray, " n"] | None,
    generator: np.random.Generator,
) -> Evidence:
    mixture = pair_mixture(near)
    source = f"{len(near):,} pairs of near crops, told apart by a mixture of two normal distributions"
    clear = mixture.separation >= _MIN_SEPARATION and _SHARES[0] <= mixture.share <= _SHARES[1]
    if not clear and views is not None:
        rows = np.arange(len(views))
        other = negative or random_pairs(features, max(len(rows), 1000), generator)
        sources = (
            f"{len(rows):,} crops with another view of themselves",
            f"{len(other):,} pairs of different crops",
        )
        reason = (
            "similarities do not fall into two kinds, so one photograph seen twice stands for one person seen twice, "
            "which is far easier"
        )
        return _known(Pairs(rows, rows, views.astype(np.float64)), other, sources, "low", reason)
    same = mixture.posterior(near.similarity)
    reason = "pairs were told apart by similarity alone, which cannot see two people who look alike"
    if negative is None:
        return Evidence(
            near.similarity, same, np.ones(len(near)), near.first, (source,), "low",
            f"{reason}; errors are likely to be higher than said", _NEAR,
        )  # fmt: skip
    scale = same.sum() / len(negative)
    return Evidence(
        np.concatenate([near.similarity, negative.similarity]),
        np.concatenate([np.ones(len(near)), np.zeros(len(negative))]),
        np.concatenate([same, np.full(len(negative), scale)]),
        np.concatenate([near.first, negative.first]),
        (source, f"{len(negative):,} pairs of one frame for different people"), "low",
        f"pairs of one person are not known: {reason}", "near pairs for misses, and pairs of one frame for matches",
    )  # fmt: skip


def _known(positive: Pairs, negative: Pairs, sources: tuple[str, ...], trust: Trust, reason: str) -> Evidence:
    """Evidence of known pairs: both kinds have the same total weight, and pairs of one first crop form a group."""
    return Evidence(
        np.concatenate([positive.similarity, negative.similarity]),
        np.concatenate([np.ones(len(positive)), np.zeros(len(negative))]),
        np.concatenate([np.ones(len(positive)), np.full(len(negative), len(positive) / len(negative))]),
        np.concatenate([positive.first, negative.first]),
        sources, trust, reason, "the pairs of either kind",
    )  # fmt: skip


def _enough(pairs: Pairs | None) -> Pairs | None:
    return pairs if pairs is not None and len(pairs) >= ENOUGH_PAIRS else None
