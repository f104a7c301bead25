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
"""Changes of the score (about 0 to 1) up to this are not significant; chosen on the benchmark's runs of seed 0."""

HALVES_MARGIN = 0.005
"""The same for the half agreement, which is mostly below 0.2."""

_DRAWS = 1000
"""Bootstrap samples."""
_CONFIDENCE = 0.95
"""Confidence level."""

_DESCRIPTIONS: Mapping[str, str] = {
    "own_view": "a crop is found by another view of itself",
    "same_neighbors": "its nearest crops stay the same by that view",
    "stand_out": "its nearest crop stands out from the others",
    "tracklet": "crops of its tracklet are found",
    "tracklet_agreement": "its tracklet agrees on who is nearest elsewhere",
    HALVES: "two halves of the features agree on who is nearest",
}


@dataclass(frozen=True)
class SignalChange:
    """Mean of a signal over the crops, for the first and for the second encoder; higher is better."""

    name: str
    """The signal, as in `reseen.audit.signals`."""
    words: str
    """Description of the signal."""
    before: float
    """Mean for the first encoder."""
    after: float
    """Mean for the second encoder."""


@dataclass(frozen=True)
class Verdict:
    """How a second encoder compares with a first one, without labels.

    Example:
        >>> verdict = judge(before, after)
        >>> verdict.outcome, verdict.interval
    """

    outcome: Outcome
    """`better` if the intervals of the score and of the half agreement are above their margins of 0.02 and 0.005 (with
    tracklets, the half agreement only must not fall), `worse` if one of them is below minus its margin, `no different`
    if both are within their margins, else `cannot say`."""
    before: float | None
    after: float | None
    """Scores of both encoders, about 0 to 1; None with too few crops."""
    interval: tuple[float, float] | None
    """95 % bootstrap interval of the change of the score, resampling tracklets or crops; None with too few crops."""
    signals: tuple[SignalChange, ...]
    """The signals of the score, and the half agreement."""
    crops: int
    """Number of crops that were used as queries, with another view."""
    reason: str
    """The evidence for the outcome, and its limits."""
    halves_interval: tuple[float, float] | None = None
    """95 % bootstrap interval of the change of the half agreement; None with too few crops, and in older files."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return asdict(self)


def judge(before: Probe, after: Probe, seed: int = 0) -> Verdict:
    """Compare two encoders by their probes of the same crops.

    Args:
        before: probe of the first encoder.
        after: probe of the second encoder.
        seed: seed of the bootstrap.

    Raises:
        DataError: the probes have different crops.

    Example:
        >>> judge(probe_encoder(start, crops, device), probe_encoder(trained, crops, device)).outcome
        'better'
    """
    if len(before.features) != len(after.features) or not np.array_equal(before.rows, after.rows):
        raise DataError(
            f"two encoders must be compared on the same crops; {len(before.features)} were readable for the first, "
            f"{len(after.features)} for the second; check them with `reseen data check`"
        )
    old, new = crop_signals(before), crop_signals(after)
    if not old:
        reason = (
            f"{len(before.features)} crops are too few (near-copies count once): {FEWEST_CROPS} are needed"
        )
        return Verdict("cannot say", None, None, None, (), len(before.rows), reason)
    weights = score_weights(old)
    groups = _groups(before)
    low, high = _interval({name: new[name] - old[name] for name in weights}, weights, groups, seed)
    halves = _interval({HALVES: new[HALVES] - old[HALVES]}, {HALVES: 1.0}, groups, seed)
    signals = tuple(
        SignalChange(name, _DESCRIPTIONS[name], float(np.nanmean(old[name])), float(np.nanmean(new[name])))
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
    outcome = _outcome((low, high), halves, -HALVES_MARGIN if weights is WITH_TRACKLETS else HALVES_MARGIN)
    return Verdict(outcome, means[0], means[1], (low, high), signals, len(before.rows), reason, halves)


def verdict_lines(verdict: Verdict, first: str, second: str) -> list[str]:
    """Format a verdict as lines of text: outcome, evidence, and what to do if the outcome is not `better`.

    Args:
        verdict: the verdict.
        first: name of the first encoder.
        second: name of the second encoder.
    """
    outcomes = {
        "better": f"{second} is better than {first}",
        "worse": f"{second} is worse than {first}",
        "no different": f"{second} is no different from {first}",
        "cannot say": f"whether {second} is better than {first} cannot be told without labels",
    }
    line = f"{outcomes[verdict.outcome]}: {verdict.reason}"
    if verdict.before is not None and verdict.after is not None and verdict.interval is not None:
        low, high = verdict.interval
        scores = f"score {verdict.before:.3f} to {verdict.after:.3f}"
        line += f"; {scores}, 95 % interval of the change {low:+.3f} to {high:+.3f}"
    lines = [line]
    if verdict.signals:
        shown = [f"{signal.words} {signal.before:.2f} to {signal.after:.2f}" for signal in verdict.signals]
        lines.append(f"Evidence: {'; '.join(shown)}.")
    if _decided_by_halves(verdict) and verdict.halves_interval is not None:
        low, high = verdict.halves_interval
        lines.append(
            "The score rose, but the two halves do not agree enough for `better`: their agreement changed by "
            f"{low:+.3f} to {high:+.3f} (95 % interval). Single crops may be told apart, and not people."
        )
    if verdict.outcome != "better":
        lines.append("To know, answer 200 questions: `reseen audit RUN --data DIR --verify pairs.html`.")
    return lines


def _decided_by_halves(verdict: Verdict) -> bool:
    """Whether the score speaks for `better`, and the half agreement does not."""
    return verdict.outcome != "better" and verdict.interval is not None and verdict.interval[0] > MARGIN


def _outcome(score: tuple[float, float], halves: tuple[float, float], least: float) -> Outcome:
    """The outcome for both intervals; `better` requires the half agreement to change by more than `least`."""
    if score[1] < -MARGIN or halves[1] < -HALVES_MARGIN:
        return "worse"
    if score[0] > MARGIN and halves[0] > least:
        return "better"
    within = all(
        low >= -margin and high <= margin
        for (low, high), margin in ((score, MARGIN), (halves, HALVES_MARGIN))
    )
    return "no different" if within else "cannot say"


def _groups(probe: Probe) -> Int64[np.ndarray, " m"]:
    """Groups of crops that the bootstrap resamples together: tracklets, else single crops."""
    singletons = np.arange(len(probe.rows))
    if probe.tracklets is None:
        return singletons
    tracklets = probe.tracklets[probe.rows]
    return np.unique(
        np.where(tracklets >= 0, tracklets, tracklets.max(initial=0) + 1 + singletons), return_inverse=True
    )[1]


def _interval(
    changes: Mapping[str, Float64[np.ndarray, " m"]],
    weights: Mapping[str, float],
    groups: Int64[np.ndarray, " m"],
    seed: int,
) -> tuple[float, float]:
    """Bootstrap interval of the weighted mean of the signals' mean changes; unknown changes (NaN) are ignored."""
    count = int(groups.max()) + 1
    resamples = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=_DRAWS)
    total = np.zeros(_DRAWS)
    for name, change in changes.items():
        known = ~np.isnan(change)
        sums = np.bincount(groups[known], change[known], count)
        sizes = np.bincount(groups[known], minlength=count)
        total += weights[name] * (resamples @ sums) / np.maximum(resamples @ sizes, 1)
    low, high = np.quantile(total / sum(weights.values()), [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return float(low), float(high)


PATIENCE = 3
"""Default number of rounds without improvement before early stopping."""


def round_scores(rounds: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """The label-free scores of the rounds of a log, each of the encoder at the round's beginning; None if unknown.

    As in a verdict, a higher score does not count if the half agreement fell: the score of a round whose half agreement
    is more than `HALVES_MARGIN` below that of the first round is None, too.
    """
    halves = [row.get("half_agreement") for row in rounds]
    first = next((value for value in halves if value is not None), None)
    return [
        None
        if value is not None and first is not None and value < first - HALVES_MARGIN
        else row.get("audit_score")
        for row, value in zip(rounds, halves, strict=True)
    ]


def best_index(scores: Sequence[float | None]) -> int | None:
    """The index of the highest score, the first of equal ones; None if no score is known."""
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
