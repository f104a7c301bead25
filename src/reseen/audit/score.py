r"""One number for how good a clustering is without labels, and what is chosen by it.

The audit score is the geometric mean of three numbers from 0 to 1:

- stability: the adjusted Rand index of the clusterings of two views of the same crops (between rounds of a training:
  of this round's clusters and the last one's);
- compactness: the mean silhouette, where a crop in no cluster counts 0; below 0 counts as 0;
- camera mixing: the entropy of cameras within clusters over that by chance; left out where cameras are unknown.

A clustering has to be good at all three: stable junk is not compact, compact cameras do not mix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reseen.audit.cluster_metrics import camera_mixing, silhouette
from reseen.records import Features, PseudoLabels

MOST_SILHOUETTES = 20_000
"""Crops whose silhouette is taken, each against all others."""

PATIENCE = 3
"""Rounds without a higher score after which a training is told to have seen its best."""


@dataclass(frozen=True)
class AuditScores:
    """What the score is made of; None where it is not known."""

    stability: float | None
    """Adjusted Rand index, -1 to 1."""
    compactness: float
    """Mean silhouette with 0 for crops in no cluster, -1 to 1."""
    camera_mixing: float | None
    """Share of the entropy by chance, 0 to 1."""

    @property
    def score(self) -> float | None:
        """Geometric mean of what is known, 0 to 1; None without a stability, which the others cannot stand in for."""
        if self.stability is None:
            return None
        known = [self.stability, self.compactness]
        known += [] if self.camera_mixing is None else [self.camera_mixing]
        return float(np.prod([max(value, 0.0) for value in known]) ** (1 / len(known)))


def measure(
    features: Features, labels: PseudoLabels, cameras: np.ndarray | None, stability: float | None
) -> AuditScores:
    """The parts of a clustering of unit features, from a stability that was measured elsewhere.

    Of more than 20,000 crops the silhouette is taken of as many at random, always the same.
    """
    asked = np.sort(np.random.default_rng(0).permutation(len(labels))[:MOST_SILHOUETTES])
    values = np.nan_to_num(silhouette(features, labels, asked))
    mixing = camera_mixing(labels, cameras)
    return AuditScores(
        stability, float(values.mean()) if len(values) else 0.0, None if mixing is None else mixing.share
    )


def round_scores(rounds: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """The score of every row of a run's log; None in the first round and in logs that are older than the score."""
    return [
        AuditScores(row.get("agreement"), row.get("compactness", 0.0), row.get("camera_mixing")).score
        for row in rounds
    ]


def best(scores: Sequence[float | None]) -> int | None:
    """The place of the highest score, of equals the first; None where no score is known."""
    known = [(-score, place) for place, score in enumerate(scores) if score is not None]
    return min(known)[1] if known else None


def should_stop(scores: Sequence[float | None], patience: int = PATIENCE) -> bool:
    """Whether the highest score lies `patience` rounds back or more.

    Raises:
        ValueError: `patience` is below 1.
    """
    if patience < 1:
        raise ValueError(f"patience is 1 round or more, got {patience}")
    found = best(scores)
    return found is not None and len(scores) - 1 - found >= patience
