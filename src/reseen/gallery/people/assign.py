"""Whose crops these are: a known person, somebody new, or a question, by similarity with the crops of known people."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32

from reseen.audit import Calibration
from reseen.errors import SettingsError
from reseen.gallery.edits.people_change import Candidate

REPRESENTATIVES = 16
"""Crops of a person that are compared, at most; evenly spaced over all of them."""

_SHORTLIST = 20
"""People with the most similar mean vectors whose crops are compared."""

_MOST_EXAMINED = 400
"""People, most similar first, who are examined for `_SHORTLIST` ones that are allowed."""

_CANDIDATES = 3
"""Candidates of a question."""


@dataclass(frozen=True)
class Thresholds:
    """Similarities that decide whose crops these are; what neither decides is a question.

    Raises:
        SettingsError: a threshold is no cosine, or they overlap.
    """

    same_from: float | None
    """Cosine similarity from which crops are assigned to the most similar person; None for never."""
    new_below: float | None
    """Cosine similarity below which crops are of somebody new; None for never."""
    text: str
    """Where the thresholds come from, and the errors to expect; or why there are none."""
    target: float | None = None
    """Share of errors that a calibration allows, 0 to 1; None for thresholds that were given, and without any."""

    def __post_init__(self) -> None:
        for flag, value in (("--same-from", self.same_from), ("--new-below", self.new_below)):
            if value is not None and not -1 <= value <= 1:
                raise SettingsError(f"{flag} {value}: must be a cosine from -1 to 1")
        if self.same_from is not None and self.new_below is not None and self.new_below > self.same_from:
            raise SettingsError(
                f"--new-below {self.new_below:g} is above --same-from {self.same_from:g}; a crop cannot be both "
                "somebody known and somebody new"
            )

    @classmethod
    def choose(
        cls,
        calibration: Calibration | None,
        why_uncalibrated: str = "",
        *,
        same_from: float | None = None,
        new_below: float | None = None,
    ) -> "Thresholds":
        """Given thresholds, and for those not given the calibrated ones at medium or high trust.

        Calibrated, crops are assigned from the similarity from which at most the calibration's share of false matches
        is of different people, and are new below the similarity at which at most that share is of the same.
        """
        if same_from is not None or new_below is not None:
            given = [
                f"{name} {value:g}"
                for name, value in (("assigned from", same_from), ("new below", new_below))
                if value is not None
            ]
            return cls(same_from, new_below, f"given similarities: {', '.join(given)}")
        if calibration is None or not calibration.trusted:
            reason = (why_uncalibrated or "trust is low").removeprefix("no probabilities: ")
            return cls(
                None,
                None,
                f"nothing is assigned by similarity ({reason}): answer questions in `reseen view`, or give "
                "--same-from and --new-below",
            )
        same, new = calibration.threshold, _new_below(calibration)
        if same is not None:
            new = min(new, same)
        errors = f"at most {calibration.target:.0%} of such pairs of crops are expected to be wrong"
        parts = [f"new below {new:.3f}"] + ([] if same is None else [f"assigned from {same:.3f}"])
        text = f"calibrated, trust {calibration.trust}: {', '.join(parts)}; {errors}"
        return cls(same, new, text, calibration.target)


def _new_below(calibration: Calibration) -> float:
    """The highest similarity up to which the probability of the same person is at most the share of false matches."""
    points, probabilities = calibration.similarities, calibration.probabilities
    target = calibration.target
    if probabilities[-1] <= target:
        return points[-1]
    place = int(np.searchsorted(probabilities, target, side="right"))
    if place == 0:
        return calibration.lowest
    low, high = probabilities[place - 1], probabilities[place]
    share = (target - low) / (high - low)
    return max(calibration.lowest, points[place - 1] + share * (points[place] - points[place - 1]))


class PersonVerdict(NamedTuple):
    """Whose crops these are."""

    kind: Literal["known", "new", "ask", "none"]
    """A known person, somebody new, a question, or nothing that could be said."""
    candidates: tuple[Candidate, ...]
    """The most similar people, best first; the first one is the known person."""


class PersonIndex:
    """Mean vectors and some crops of every person, to compare new crops with.

    A comparison is one product with a matrix of all means and then with the crops of the 20 most similar people, so it
    grows with the number of people only by a row of the matrix for each (`benchmarks/people_over_time.py`).
    """

    def __init__(self, dimension: int) -> None:
        self._sums = np.zeros((64, dimension), np.float32)
        self._means = np.zeros((64, dimension), np.float32)
        self._people: list[int] = []
        self._row: dict[int, int] = {}
        self._crops: list[Float32[np.ndarray, "m d"]] = []

    def __len__(self) -> int:
        return len(self._people)

    def add(self, person: int, vectors: Float32[np.ndarray, "m d"]) -> None:
        """Add unit vectors of crops of a person, who may be new."""
        row = self._row.get(person)
        if row is None:
            row = self._row[person] = len(self._people)
            self._people.append(person)
            self._crops.append(np.empty((0, vectors.shape[1]), np.float32))
            if row == len(self._sums):
                self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
                self._means = np.concatenate([self._means, np.zeros_like(self._means)])
        self._sums[row] += vectors.sum(axis=0)
        self._means[row] = self._sums[row] / max(float(np.linalg.norm(self._sums[row])), 1e-12)
        self._crops[row] = spaced(np.concatenate([self._crops[row], vectors.astype(np.float32)]))

    def mean(self, person: int) -> Float32[np.ndarray, " d"]:
        """Unit mean vector of a person who was added."""
        return self._means[self._row[person]]

    def candidates(
        self, vectors: Float32[np.ndarray, "m d"], allowed: Callable[[int], bool] = lambda _: True
    ) -> list[Candidate]:
        """The most similar people who are allowed, best first, at most 20.

        The similarity with a person is the mean, over the crops, of that with the person's most similar crop.
        """
        count = len(self._people)
        if not count:
            return []
        similarity = self._means[:count] @ vectors.sum(axis=0)
        examined = min(_MOST_EXAMINED, count)
        rows = np.argpartition(-similarity, examined - 1)[:examined]
        found: list[Candidate] = []
        for row in rows[np.argsort(-similarity[rows], kind="stable")].tolist():
            if allowed(self._people[row]):
                nearest = (vectors @ self._crops[row].T).max(axis=1)
                found.append(Candidate(self._people[row], float(nearest.mean())))
            if len(found) == _SHORTLIST:
                break
        return sorted(found, key=lambda one: (-one.similarity, one.person))

    def decide(
        self,
        vectors: Float32[np.ndarray, "m d"],
        thresholds: Thresholds,
        allowed: Callable[[int], bool] = lambda _: True,
    ) -> PersonVerdict:
        """Whose crops these are, which show one person.

        Args:
            vectors: unit vectors, such as of a tracklet.
            thresholds: from which similarity they are somebody known, and below which somebody new.
            allowed: whether it can be a person, by id.
        """
        found = tuple(self.candidates(spaced(vectors), allowed))
        if found and thresholds.same_from is not None and found[0].similarity >= thresholds.same_from:
            return PersonVerdict("known", found[:_CANDIDATES])
        if thresholds.new_below is not None and (not found or found[0].similarity < thresholds.new_below):
            return PersonVerdict("new", found[:_CANDIDATES])
        return PersonVerdict("ask" if found else "none", found[:_CANDIDATES])


def spaced(vectors: Float32[np.ndarray, "n d"], most: int = REPRESENTATIVES) -> Float32[np.ndarray, "m d"]:
    """The vectors, or evenly spaced ones of them if they are more than `most`."""
    if len(vectors) <= most:
        return vectors
    return vectors[np.linspace(0, len(vectors) - 1, most).astype(np.int64)]
