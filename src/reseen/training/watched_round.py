"""Cluster a round, look at the clusters, and cluster again by stricter settings where they would do harm."""

from dataclasses import asdict, dataclass
from typing import Any

from reseen.audit import RoundHealth, round_health
from reseen.distributed.process_group import ProcessGroup
from reseen.geometry import unit
from reseen.methods import AbstractMethod, Round
from reseen.records import Features, PseudoLabels


@dataclass(frozen=True)
class WatchedRound:
    """A round that is clustered, and what its clusters look like."""

    plan: Round
    health: RoundHealth
    strictness: int
    """The step of the ladder of settings that the clusters are from; 0 for the settings as they are."""
    is_collapsed: bool
    """Whether its clusters, and those of all stricter settings, would make the encoder worse."""
    notes: tuple[str, ...]
    """The alarms, and what was tried."""


def begin_watched_round(
    method: AbstractMethod,
    features: Features,
    before: PseudoLabels | None,
    iterations: int,
    ranks: ProcessGroup,
    retries: bool,
) -> WatchedRound:
    """Begin a round with the first clusters, from the settings as they are to the strictest, that raise no alarm.

    Alarms are of methods that learn from clusters of the features alone. Without `retries` they are only noted, and
    where no settings help the last attempt is what the round has.
    """
    method.strictness = 0
    plan = method.begin_round(features, iterations)
    health = _measure(method, features, plan, before, ranks)
    if not (method.learns_clusters and method.reclusters_features and health.alarms):
        return WatchedRound(plan, health, 0, False, ())
    notes = [f"warning: {alarm}" for alarm in health.alarms]
    if not retries:
        return WatchedRound(plan, health, 0, False, tuple(notes))
    for strictness in range(1, method.stricter_steps + 1):
        method.strictness = strictness
        plan = method.begin_round(features, iterations)
        health = _measure(method, features, plan, before, ranks)
        if not health.alarms:
            notes.append(f"clustered again by stricter settings, step {strictness}: no alarm")
            return WatchedRound(plan, health, strictness, False, tuple(notes))
    if method.stricter_steps:
        notes.append(f"no stricter settings helped, {method.stricter_steps} tried")
    return WatchedRound(plan, health, method.strictness, True, tuple(notes))


def _measure(
    method: AbstractMethod, features: Features, plan: Round, before: PseudoLabels | None, ranks: ProcessGroup
) -> RoundHealth:
    """Measured by one process, so that all of them decide alike."""
    directions = Features(unit(features.vectors)) if features.raw else features

    def measure() -> dict[str, Any]:
        labels = plan.clustering.labels
        return asdict(round_health(directions, labels, method.context.cameras, before))

    return RoundHealth(**ranks.run_on_main(measure))
