"""Clusters a round, checks the clusters, and clusters again with stricter settings if they would harm the encoder."""

from dataclasses import asdict, dataclass
from typing import Any

from reseen.audit import RoundHealth, round_health
from reseen.distributed.process_group import ProcessGroup
from reseen.geometry import unit
from reseen.methods import AbstractMethod, Round
from reseen.records import Features, PseudoLabels


@dataclass(frozen=True)
class WatchedRound:
    """A clustered round, and the health of its clusters."""

    plan: Round
    health: RoundHealth
    strictness: int
    """How much stricter than the settings the clustering was; 0 for the settings unchanged."""
    is_collapsed: bool
    """Whether the clusters raise alarms even with the strictest settings."""
    notes: tuple[str, ...]
    """The alarms, and the settings that were tried."""


def begin_watched_round(
    method: AbstractMethod,
    features: Features,
    before: PseudoLabels | None,
    iterations: int,
    ranks: ProcessGroup,
    retries: bool,
) -> WatchedRound:
    """Begin a round, and retry with stricter settings until the clusters raise no alarm.

    Only methods that train on clusters of the given features are checked. If no stricter settings help, the round has
    the clusters of the last attempt.

    Args:
        method: the method; its `strictness` is set.
        features: features of all training rows.
        before: pseudo-labels of the previous round; None in the first.
        iterations: batches of the round.
        ranks: the processes that train together.
        retries: whether to retry; false: alarms are only reported.
    """
    method.strictness = 0
    plan = method.begin_round(features, iterations)
    health = _measure(method, features, plan, before, ranks)
    if not (method.trains_on_clusters and method.reclusters_features and health.alarms):
        return WatchedRound(plan, health, 0, False, ())
    notes = [f"warning: {alarm}" for alarm in health.alarms]
    if not retries:
        return WatchedRound(plan, health, 0, False, tuple(notes))
    for strictness in range(1, method.stricter_steps + 1):
        method.strictness = strictness
        plan = method.begin_round(features, iterations)
        health = _measure(method, features, plan, before, ranks)
        if not health.alarms:
            notes.append(f"clustered again with stricter settings, step {strictness}: no alarm")
            return WatchedRound(plan, health, strictness, False, tuple(notes))
    if method.stricter_steps:
        notes.append(f"none of {method.stricter_steps} stricter settings helped")
    return WatchedRound(plan, health, method.strictness, True, tuple(notes))


def _measure(
    method: AbstractMethod, features: Features, plan: Round, before: PseudoLabels | None, ranks: ProcessGroup
) -> RoundHealth:
    """The health of the round's clusters, computed in the main process so that all processes decide alike."""
    directions = Features(unit(features.vectors)) if features.raw else features

    def measure() -> dict[str, Any]:
        labels = plan.clustering.labels
        return asdict(round_health(directions, labels, method.context.cameras, before))

    return RoundHealth(**ranks.run_on_main(measure))
