"""Thresholds for somebody known and somebody new, measured on the sightings of the people who are known.

A calibrated threshold tells of pairs of crops, but a sighting is compared with everybody, and the most similar of many
strangers may look alike. So each of some sightings is compared with all people as if it were new, once with its own
person among them and once without: how often a stranger would be taken for somebody (false positive identification
rate), and how often somebody known would be taken for a stranger (false negative identification rate).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from reseen.gallery.people.assign import PersonIndex, Thresholds, spaced

FEWEST_SIGHTINGS = 20
"""Sightings that are needed, of people with two or more."""

_MOST_SIGHTINGS = 400
"""Sightings that are compared, at most; random ones of more."""


@dataclass(frozen=True)
class SightingScores:
    """Similarities of sightings of known people; row i of each array is one sighting."""

    own: Float64[np.ndarray, " n"]
    """With the other sightings of its person, -1 to 1."""
    other: Float64[np.ndarray, " n"]
    """With the most similar other person; -1 where there is nobody."""

    def __len__(self) -> int:
        return len(self.own)


def score_sightings(
    index: PersonIndex,
    sightings: Mapping[int, Sequence[Sequence[int]]],
    vectors: Callable[[Sequence[int]], Float32[np.ndarray, "m d"]],
) -> SightingScores:
    """Compare sightings with all people, and with the rest of their own person.

    Args:
        index: all people.
        sightings: rows of the crops of each sighting, by person; only people with two or more count.
        vectors: unit vectors of rows.
    """
    pairs = [
        (person, place) for person, some in sightings.items() if len(some) > 1 for place in range(len(some))
    ]
    if len(pairs) > _MOST_SIGHTINGS:
        chosen = np.random.default_rng(0).choice(len(pairs), _MOST_SIGHTINGS, replace=False)
        pairs = [pairs[place] for place in np.sort(chosen).tolist()]
    own, other = np.full(len(pairs), -1.0), np.full(len(pairs), -1.0)
    for number, (person, place) in enumerate(pairs):
        query = spaced(vectors(sightings[person][place]))
        rest = [row for at, rows in enumerate(sightings[person]) if at != place for row in rows]
        own[number] = float((query @ spaced(vectors(rest)).T).max(axis=1).mean())
        found = index.candidates(query, lambda one, person=person: one != person)
        if found:
            other[number] = found[0].similarity
    return SightingScores(own, other)


def measured_thresholds(thresholds: Thresholds, scores: SightingScores, *, known: bool) -> Thresholds:
    """Calibrated thresholds, moved to where measured errors are at most those that the calibration allows.

    Args:
        thresholds: from a calibration; others are returned unchanged.
        scores: of sightings of people.
        known: whether a person knows these people, by a name or a decision on a crop.
    """
    target = thresholds.target
    if target is None:
        return thresholds
    if len(scores) < FEWEST_SIGHTINGS:
        text = (
            f"nothing is assigned by similarity: errors cannot be measured on {len(scores)} sightings of people with "
            f"two or more, and {FEWEST_SIGHTINGS} are needed; say whom some new crops show, which adds some, or "
            "give --same-from and --new-below"
        )
        return replace(thresholds, same_from=None, new_below=None, text=text)
    same = None if thresholds.same_from is None else _same_from(scores, target, thresholds.same_from)
    new = _quantile(np.maximum(scores.own, scores.other), target)
    new = min(new, 1.0 if same is None else same)
    whom = "people whom a person knows" if known else "people whom nobody confirmed, so errors may be larger"
    assigned = "nobody assigned" if same is None else f"assigned from {same:.3f}"
    text = (
        f"{thresholds.text.partition(':')[0]}, {assigned}, new below {new:.3f}: by {len(scores)} sightings of {whom}, "
        f"at most {target:.0%} of strangers are taken for somebody, and at most {target:.0%} of known people for "
        "strangers"
    )
    return replace(thresholds, same_from=same, new_below=new, text=text)


def _same_from(scores: SightingScores, target: float, least: float) -> float | None:
    """From which similarity few strangers are taken for somebody, and few assigned sightings are somebody else's.

    It is at least `least`; None if no similarity is high enough.
    """
    best = np.maximum(scores.own, scores.other)
    wrong = scores.other >= scores.own
    for limit in np.unique([least, *best[(best > least) & (best <= 1)]]).tolist():
        assigned = best >= limit
        of_others = wrong[assigned].mean() if assigned.any() else 0.0
        if (scores.other >= limit).mean() <= target and of_others <= target:
            return limit
    return None


def _quantile(values: Float64[np.ndarray, " n"], share: float) -> float:
    """The highest value that at most this share of the values is below."""
    return float(np.sort(values)[int(share * len(values))])
