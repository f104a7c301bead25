"""Which people are most similar to a person or to crops, by the mean vectors of their crops."""

from collections.abc import Collection as Container
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.gallery.edits.people_change import Candidate
from reseen.gallery.people.people import People


class SimilarPeople:
    """Mean vectors of the people of a viewer. After an edit only those of people whose crops changed are computed anew.

    Hold `Viewer.lock` while it is used.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._means: dict[int, tuple[tuple[str, ...], Float32[np.ndarray, " d"]]] = {}
        self._ids: list[int] = []
        self._matrix: Float32[np.ndarray, "p d"] = np.empty((0, 0), np.float32)
        self._separated: set[frozenset[int]] = set()
        self._seen: tuple[object, int] | None = None
        self._vectors: object = None

    def mean(self, person: int) -> Float32[np.ndarray, " d"] | None:
        """Unit mean vector of a person; None if no crop of theirs is in the gallery."""
        self._update()
        found = self._means.get(person)
        return None if found is None else found[1]

    def like_person(self, person: int, count: int) -> list[Candidate]:
        """The people most similar to a person, best first, without those of `separated`."""
        mean = self.mean(person)
        return [] if mean is None else self._nearest(mean, count, self.separated(person) | {person})

    def separated(self, person: int) -> set[int]:
        """People who are somebody else than a person, by a person's word."""
        self._update()
        return {one for pair in self._separated if person in pair for one in pair} - {person}

    def similarity(self, person: int, other: int) -> float:
        """Cosine similarity of the mean vectors of two people, -1 to 1; 0 without crops."""
        one, two = self.mean(person), self.mean(other)
        return 0.0 if one is None or two is None else float(one @ two)

    def like_crops(self, keys: Sequence[str], count: int, exclude: Container[int] = ()) -> list[Candidate]:
        """The people most similar to the mean of crops, best first, without some and those they were rejected for."""
        self._update()
        collection = self._people.collection
        rows = [collection.rows[key] for key in keys if key in collection.rows]
        if not rows:
            return []
        rejected = {one for key in keys for one in self._people.state.rejected.get(key, ())}
        return self._nearest(
            _unit_mean(collection.vectors[rows].astype(np.float32)), count, rejected | set(exclude)
        )

    def nearest_to_crops(self, keys: Sequence[str]) -> dict[str, Candidate]:
        """The most similar person of each crop; none without people."""
        self._update()
        if not self._ids:
            return {}
        collection = self._people.collection
        similarity = collection.vectors[[collection.rows[key] for key in keys]].astype(np.float32)
        similarity = similarity @ self._matrix.T
        best = similarity.argmax(axis=1).tolist()
        return {
            key: Candidate(self._ids[place], float(line[place]))
            for key, place, line in zip(keys, best, similarity, strict=True)
        }

    def _nearest(
        self, vector: Float32[np.ndarray, " d"], count: int, exclude: Container[int]
    ) -> list[Candidate]:
        if not self._ids:
            return []
        similarity = self._matrix @ vector
        order = np.argsort(-similarity, kind="stable")[: count + len(exclude)].tolist()
        found = [Candidate(self._ids[place], float(similarity[place])) for place in order]
        return [one for one in found if one.person not in exclude][:count]

    def _update(self) -> None:
        journal, collection, state = self._people.journal, self._people.collection, self._people.state
        seen = journal.history, journal.lines
        if collection.vectors is not self._vectors:
            self._means.clear()
        elif self._seen is not None and self._seen[0] is seen[0] and self._seen[1] == seen[1]:
            return
        means = {}
        for person, members in state.members.items():
            keys = tuple(members)
            kept = self._means.get(person)
            if kept is None or kept[0] != keys:
                rows = [collection.rows[key] for key in keys if key in collection.rows]
                if not rows:
                    continue
                kept = keys, _unit_mean(collection.vectors[rows].astype(np.float32))
            means[person] = kept
        self._means, self._ids = means, list(means)
        self._matrix = np.stack([mean for _, mean in means.values()]) if means else self._matrix[:0]
        different = pair_constraints(journal.history.done, collection.keys).different
        pairs = ((self._people.person_of(one), self._people.person_of(other)) for one, other in different)
        self._separated = {frozenset((a, b)) for a, b in pairs if a is not None and b is not None and a != b}
        self._vectors, self._seen = collection.vectors, seen


def _unit_mean(vectors: Float32[np.ndarray, "m d"]) -> Float32[np.ndarray, " d"]:
    total = vectors.sum(axis=0)
    return total / max(float(np.linalg.norm(total)), 1e-12)
