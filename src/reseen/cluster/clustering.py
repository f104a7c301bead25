"""What every way of clustering a round answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reseen.records import PseudoLabels


@dataclass(frozen=True)
class Clustering:
    """Pseudo labels and how they came about."""

    labels: PseudoLabels
    eps: float | None = None
    """Jaccard distance used in the end, 0 to 1, where the clustering has one."""
    notes: tuple[str, ...] = ()
    """What a person should know: what was chosen, settings relaxed."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By part of the work."""
