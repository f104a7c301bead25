"""What a round's clusters look like without labels, and the levels at which they make the encoder worse."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from reseen.audit.cluster_metrics import camera_mixing, clustering_agreement, silhouette
from reseen.audit.half_agreement import half_agreement
from reseen.records import Features, PseudoLabels

MAX_SILHOUETTES = 20_000
"""Maximum number of crops whose silhouette is computed, each against all others."""

FEWEST_CROPS = 200
"""Below so many crops the shares are too rough for alarms: one person can hold a third of all crops."""


@dataclass(frozen=True)
class Level:
    """The value at which a measure of a round's clusters is an alarm."""

    name: str
    """The measure, a field of `RoundHealth`."""
    words: str
    """The measure in words."""
    value: float
    is_most: bool
    """Whether larger values are alarms; else smaller ones."""
    remedy: str
    """What helps, in the imperative."""


_FUSED = "lower method.clustering.eps or method.clustering.jaccard.k1"

LEVELS: tuple[Level, ...] = (
    Level("noise_share", "crops in no cluster", 0.85, True, "raise method.clustering.eps, or lower min_samples"),
    Level("largest_share", "clustered crops in the largest cluster", 0.3, True, _FUSED),
    Level("camera_mixing", "entropy of cameras within clusters over chance", 0.15, False,
          "set method.center_cameras to true"),
    Level("compactness", "mean silhouette of the clusters", -0.05, False, _FUSED),
    Level("agreement", "agreement with the clusters of the round before", 0.05, False,
          "lower train.learning_rate"),
    Level("half_agreement", "agreement of two halves of the features", 0.01, False,
          "start from other weights, or lower train.learning_rate"),
)  # fmt: skip
"""Levels that no round of a training that made its encoder better has reached on the data sets of
`benchmarks/verdict_regimes.py`."""


@dataclass(frozen=True)
class Alarm:
    """A measure of a round's clusters beyond its level."""

    name: str
    value: float
    level: float
    words: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.words}: {self.value:.2f}, level {self.level:g}; {self.remedy}"


@dataclass(frozen=True)
class RoundHealth:
    """Measures of a round's clusters without labels; None where unknown."""

    crops: int
    noise_share: float
    """Share of crops in no cluster, 0 to 1."""
    largest_share: float
    """Share of the clustered crops in the largest cluster, 0 to 1."""
    camera_mixing: float | None
    """Entropy of cameras within clusters over that by chance, 0 to 1; None with fewer than two cameras."""
    compactness: float
    """Mean silhouette by cosine distance, with 0 for noise; -1 to 1."""
    agreement: float | None
    """Adjusted Rand index with the clusters of the round before; None in the first round."""
    half_agreement: float | None
    """Agreement of the nearest neighbors by two halves of the features, over chance; None with too few crops."""

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The measures beyond their levels; none with fewer than 200 crops."""
        if self.crops < FEWEST_CROPS:
            return ()
        values: Mapping[str, float | None] = asdict(self)
        found = []
        for level in LEVELS:
            value = values[level.name]
            if value is not None and (value > level.value if level.is_most else value < level.value):
                found.append(Alarm(level.name, value, level.value, level.words, level.remedy))
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return {**asdict(self), "alarms": [asdict(alarm) for alarm in self.alarms]}


def round_health(
    features: Features,
    labels: PseudoLabels,
    cameras: Int64[np.ndarray, " n"] | None,
    before: PseudoLabels | None = None,
) -> RoundHealth:
    """Measure a clustering of unit features; `before` are the clusters of the round before, None without.

    The silhouette is computed for at most 20,000 crops, sampled with a fixed seed.

    Example:
        >>> round_health(features, labels, table.cameras).alarms
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(labels))[:MAX_SILHOUETTES])
    values = np.nan_to_num(silhouette(features, labels, rows))
    mixing = camera_mixing(labels, cameras)
    sizes = labels.sizes
    same_crops = before is not None and len(before) == len(labels)
    return RoundHealth(
        crops=len(labels),
        noise_share=labels.noise_share,
        largest_share=float(sizes.max() / sizes.sum()) if len(sizes) else 0.0,
        camera_mixing=None if mixing is None else mixing.ratio,
        compactness=float(values.mean()) if len(values) else 0.0,
        agreement=clustering_agreement(before, labels) if before is not None and same_crops else None,
        half_agreement=half_agreement(features),
    )
