"""Comparison of encoders without labels: a verdict on two of them, the best round of several, and early stopping."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from reseen.audit.signals import FEWEST_CROPS, HALVES, WITH_TRACKLETS, Probe, crop_signals, score_weights
from reseen.errors import DataError
from reseen.records import Outcome

MARGIN = 0.02
"""Change of the score, about 0 to 1, that says nothing; fixed on the runs of seed 0 of the benchmark."""

_DRAWS = 1000
"""Bootstrap samples."""
_LEVEL = 0.95
"""Confidence level."""

_WORDS: Mapping[str, str] = {
    "own_view": "a crop is found by another view of itself",
    "same_neighbors": "its nearest crops stay the same by that view",
    "stand_out": "its nearest crop stands out from the others",
    "tracklet": "crops of its tracklet are found",
    "tracklet_agreement": "its tracklet agrees on who is nearest elsewhere",
    HALVES: "two halves of the features agree on who is nearest",
}


@dataclass(frozen=True)
class SignalChange:
    """The mean of a signal over the crops, by the first and by the second encoder; higher is better."""

    name: str
    """The signal, as in `reseen.audit.signals`."""
    words: str
    """What it measures."""
    before: float
    after: float


@dataclass(frozen=True)
class Verdict:
    """How a second encoder compares with a first one, without labels.

    Example:
        >>> verdict = judge(before, after)
        >>> verdict.outcome, verdict.interval
    """

    outcome: Outcome
    """`better` where the intervals of the score and of the agreement of halves lie above the margin of 0.02 (with
    tracklets, the latter need only not fall), `worse` where one of them lies below minus the margin, `no different`
    where both lie within it, else `cannot say`."""
    before: float | None
    after: float | None
    """Scores of both encoders, about 0 to 1; None where there are too few crops."""
    interval: tuple[float, float] | None
    """95 % bootstrap interval of the change of the score, over tracklets or crops."""
    signals: tuple[SignalChange, ...]
    """The signals that the score is made of, and the agreement of halves."""
    crops: int
    """Crops that were searched by another view."""
    reason: str
    """What the outcome rests on, and what it cannot see."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return asdict(self)


def judge(before: Probe, after: Probe, seed: int = 0) -> Verdict:
    """Compare two encoders by their probes of the same crops; `seed` is that of the bootstrap.

    Raises:
        DataError: the probes are of different crops.

    Example:
        >>> judge(probe_encoder(start, crops, device), probe_encoder(trained, crops, device)).outcome
        'better'
    """
    if len(before.features) != len(after.features) or not np.array_equal(before.rows, after.rows):
        raise DataError(
            f"two encoders are compared on the same crops; {len(before.features)} were readable for the first and "
            f"{len(after.features)} for the second; check them with `reseen data check`"
        )
    old, new = crop_signals(before), crop_signals(after)
    if not old:
        reason = f"{len(before.features)} crops are too few: {FEWEST_CROPS} are needed"
        return Verdict("cannot say", None, None, None, (), len(before.rows), reason)
    weights = score_weights(old)
    groups = _groups(before)
    low, high = _interval({name: new[name] - old[name] for name in weights}, weights, groups, seed)
    halves = _interval({HALVES: new[HALVES] - old[HALVES]}, {HALVES: 1.0}, groups, seed)
    signals = tuple(
        SignalChange(name, _WORDS[name], float(np.nanmean(old[name])), float(np.nanmean(new[name])))
        for name in (*weights, HALVES)
    )
    means = [
        sum(weight * float(np.nanmean(values[name])) for name, weight in weights.items())
        / sum(weights.values())
        for values in (old, new)
    ]
    source = (
        "views and tracklets"
        if weights is WITH_TRACKLETS
        else "views, as no tracklets under several cameras are known"
    )
    reason = f"{len(before.rows):,} crops searched among {len(before.features):,}, by {source}"
    outcome = _outcome((low, high), halves, -MARGIN if weights is WITH_TRACKLETS else MARGIN)
    return Verdict(outcome, means[0], means[1], (low, high), signals, len(before.rows), reason)


def verdict_lines(verdict: Verdict, first: str, second: str) -> list[str]:
    """The verdict in sentences: the outcome with its evidence, and what helps where nothing can be told."""
    words = {
        "better": f"{second} is better than {first}",
        "worse": f"{second} is worse than {first}",
        "no different": f"{second} is no different from {first}",
        "cannot say": f"whether {second} is better than {first} cannot be told without labels",
    }
    line = f"{words[verdict.outcome]}: {verdict.reason}"
    if verdict.before is not None and verdict.after is not None and verdict.interval is not None:
        low, high = verdict.interval
        scores = f"score {verdict.before:.3f} to {verdict.after:.3f}"
        line += f"; {scores}, 95 % interval of the change {low:+.3f} to {high:+.3f}"
    lines = [line]
    if verdict.signals:
        shown = [f"{signal.words} {signal.before:.2f} to {signal.after:.2f}" for signal in verdict.signals]
        lines.append(f"Evidence: {'; '.join(shown)}.")
    if verdict.outcome != "better":
        lines.append("To know, answer 200 questions: `reseen audit RUN --data DIR --verify pairs.html`.")
    return lines


def _outcome(score: tuple[float, float], halves: tuple[float, float], least: float) -> Outcome:
    """The outcome of both intervals; the agreement of halves has to change by more than `least` for `better`."""
    if score[1] < -MARGIN or halves[1] < -MARGIN:
        return "worse"
    if score[0] > MARGIN and halves[0] > least:
        return "better"
    within = all(low >= -MARGIN and high <= MARGIN for low, high in (score, halves))
    return "no different" if within else "cannot say"


def _groups(probe: Probe) -> Int64[np.ndarray, " m"]:
    """What is resampled together: crops of one tracklet, else each crop by itself."""
    alone = np.arange(len(probe.rows))
    if probe.tracklets is None:
        return alone
    own = probe.tracklets[probe.rows]
    return np.unique(np.where(own >= 0, own, own.max(initial=0) + 1 + alone), return_inverse=True)[1]


def _interval(
    changes: Mapping[str, Float64[np.ndarray, " m"]],
    weights: Mapping[str, float],
    groups: Int64[np.ndarray, " m"],
    seed: int,
) -> tuple[float, float]:
    """The bootstrap interval of the weighted mean of mean changes over groups; unknown changes are left out."""
    count = int(groups.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=_DRAWS)
    total = np.zeros(_DRAWS)
    for name, change in changes.items():
        known = ~np.isnan(change)
        sums = np.bincount(groups[known], change[known], count)
        sizes = np.bincount(groups[known], minlength=count)
        total += weights[name] * (drawn @ sums) / np.maximum(drawn @ sizes, 1)
    low, high = np.quantile(total / sum(weights.values()), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


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
