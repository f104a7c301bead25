"""A planned change of people while it is made: what was decided before, and what the plan decides."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from reseen.gallery.collection import Collection
from reseen.gallery.edits.people_change import Candidate, Decision, PeopleChange, PeopleState
from reseen.gallery.people.assign import PersonIndex, Thresholds
from reseen.gallery.people.camera_graph import CameraGraph
from reseen.gallery.people.differences import Difference
from reseen.gallery.people.open_set import FEWEST_SIGHTINGS, measured_thresholds, score_sightings


@dataclass
class PeoplePlan:
    """The people so far, and what is planned for them."""

    state: PeopleState
    collection: Collection
    ids: Iterator[int]
    """Ids of new people."""
    thresholds: Thresholds
    graph: CameraGraph | None
    members: dict[str, Decision | None] = field(default_factory=dict)
    """Planned decisions."""
    names: dict[int, str | None] = field(default_factory=dict)
    """New people."""
    merged: dict[int, int] = field(default_factory=dict)
    questions: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    """Questions that are open after the plan."""
    conflicts: list[Difference] = field(default_factory=list)

    def change(self) -> PeopleChange:
        """The plan as a change of the people so far."""
        closed = {key: () for key in self.state.questions if key not in self.questions}
        opened = {key: some for key, some in self.questions.items() if self.state.questions.get(key) != some}
        given = {decision.person for decision in self.members.values() if decision is not None}
        names = {person: name for person, name in self.names.items() if person in given}
        return PeopleChange(self.members, names, self.merged, {}, closed | opened)

    def decision(self, key: str) -> Decision | None:
        """Whose crop it is so far."""
        return self.members[key] if key in self.members else self.state.decisions.get(key)

    def new_person(self) -> int:
        """Plan a new person and return the id."""
        person = next(self.ids)
        self.names[person] = None
        return person

    def rows_by_person(self) -> dict[int, list[int]]:
        """Rows of the crops of each person as planned so far, by time."""
        people: dict[int, list[int]] = {}
        for row, key in enumerate(self.collection.keys):
            decision = self.decision(key)
            if decision is not None:
                people.setdefault(decision.person, []).append(row)
        entries = self.collection.entries
        for rows in people.values():
            rows.sort(key=lambda row: (entries[row].time is None, entries[row].time or 0.0, row))
        return people

    def measure_thresholds(self) -> None:
        """Move calibrated thresholds to where errors are small, measured on the people so far; see `open_set`."""
        if self.thresholds.target is None or not self.state.members:
            return
        of_person = {one.person for one in self.state.decisions.values() if one.by == "person"}
        people = {person: self._sightings(rows) for person, rows in self.rows_by_person().items()}
        known = {p: some for p, some in people.items() if p in of_person or self.state.name(p)}
        enough = sum(len(some) for some in known.values() if len(some) > 1) >= FEWEST_SIGHTINGS
        scores = score_sightings(
            self.index(),
            known if enough else people,
            lambda rows: self.collection.vectors[list(rows)].astype(np.float32),
        )
        self.thresholds = measured_thresholds(self.thresholds, scores, known=enough)

    def _sightings(self, rows: list[int]) -> list[list[int]]:
        groups: dict[object, list[int]] = {}
        for row in rows:
            groups.setdefault(self.collection.entries[row].group, []).append(row)
        return list(groups.values())

    def index(self) -> PersonIndex:
        """All people so far, to compare crops with."""
        index = PersonIndex(self.collection.vectors.shape[1])
        for person, rows in self.rows_by_person().items():
            index.add(person, self.collection.vectors[rows].astype(np.float32))
        return index


def similarities_to_mean(vectors: np.ndarray) -> Float32[np.ndarray, " m"]:
    """Cosine similarity of unit vectors with their mean."""
    rows = vectors.astype(np.float32)
    total = rows.sum(axis=0)
    return rows @ (total / max(float(np.linalg.norm(total)), 1e-12))
