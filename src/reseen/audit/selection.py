"""Choose a round or a run by its label-free score, and stop a training that no longer gets better."""

from collections.abc import Mapping, Sequence
from typing import Any

PATIENCE = 3
"""Default number of rounds without improvement before early stopping."""


def round_scores(rounds: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """The label-free score of every round of a log, of the encoder that the round begins with; None where unknown."""
    return [row.get("audit_score") for row in rounds]


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
