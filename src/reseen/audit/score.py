r"""The audit score: the quality of a clustering without labels, for model selection and early stopping.

It is the geometric mean of three metrics, each clipped to 0 and above:

- stability: the adjusted Rand index of the clusterings of two views of the same crops (during training: of the
  clusters of this round and the previous one);
- compactness: the mean silhouette, with 0 for noise;
- camera mixing: the entropy of cameras within clusters over that by chance; omitted if cameras are unknown.

A good clustering needs all three: stable junk is not compact, and clusters of one camera do not mix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reseen.audit.cluster_metrics import camera_mixing, silhouette
from reseen.records import Features, PseudoLabels

MAX_SILHOUETTES = 20_000
"""Maximum number of crops whose silhouette is computed, each against all others."""

PATIENCE = 3
"""Default number of rounds without improvement before early stopping."""


@dataclass(frozen=True)
class AuditScores:
    """The components of the audit score; None where unknown."""

    stability: float | None
    """Adjusted Rand index, -1 to 1."""
    compactness: float
    """Mean silhouette, with 0 for noise, -1 to 1."""
    camera_mixing: float | None
    """Entropy of cameras within clusters over that by chance, 0 to 1."""

    @property
    def score(self) -> float | None:
        """The audit score, 0 to 1: the geometric mean of the known components; None if stability is unknown."""
        if self.stability is None:
            return None
        known = [self.stability, self.compactness]
        known += [] if self.camera_mixing is None else [self.camera_mixing]
        return float(np.prod([max(value, 0.0) for value in known]) ** (1 / len(known)))


def measure(
    features: Features, labels: PseudoLabels, cameras: np.ndarray | None, stability: float | None
) -> AuditScores:
    """The audit score's components for a clustering of unit features, with a given stability.

    The silhouette is computed for at most 20,000 crops, sampled with a fixed seed.

    Example:
        >>> measure(features, labels, table.cameras, stability=0.9).score
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(labels))[:MAX_SILHOUETTES])
    values = np.nan_to_num(silhouette(features, labels, rows))
    mixing = camera_mixing(labels, cameras)
    return AuditScores(
        stability, float(values.mean()) if len(values) else 0.0, None if mixing is None else mixing.ratio
    )


def round_scores(rounds: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """The audit score of every round of a run's log; None in the first round, and in logs without its components."""
    return [
        AuditScores(row.get("agreement"), row.get("compactness", 0.0), row.get("camera_mixing")).score
        for row in rounds
    ]


def best_index(scores: Sequence[float | None]) -> int | None:
    """The index of the highest score, the first of ties; None if no score is known."""
    known = [(-score, index) for index, score in enumerate(scores) if score is not None]
    return min(known)[1] if known else None


def should_stop(scores: Sequence[float | None], patience: int = PATIENCE) -> bool:
    """Early stopping: whether the highest score is at least `patience` rounds old.

    Raises:
        ValueError: `patience` is below 1.
    """
    if patience < 1:
        raise ValueError(f"patience must be at least 1, got {patience}")
    index = best_index(scores)
    return index is not None and len(scores) - 1 - index >= patience
