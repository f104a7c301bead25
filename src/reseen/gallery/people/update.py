"""Match people with new clusters and new crops: by members first, then by vectors.

The clustering is followed where only the machine had decided. What a person decided stays, and people whom a person
knows (by a name or a decision) are neither merged nor split up silently.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from reseen.gallery.collection import Collection
from reseen.gallery.edits.people_change import PeopleChange, PeopleState
from reseen.gallery.people.assign import Thresholds
from reseen.gallery.people.camera_graph import CameraGraph
from reseen.gallery.people.differences import Difference
from reseen.gallery.people.follow_clusters import follow_clusters
from reseen.gallery.people.follow_vectors import follow_vectors
from reseen.gallery.people.people_plan import PeoplePlan


@dataclass(frozen=True)
class PlannedUpdate:
    """What an update would change."""

    change: PeopleChange
    conflicts: tuple[Difference, ...]
    """Crops that stay with whom a person knows, though they are in the cluster of somebody else."""
    thresholds: str
    """Which similarities decided, and the errors to expect."""


def plan_update(
    state: PeopleState,
    collection: Collection,
    free: int,
    thresholds: Thresholds,
    graph: CameraGraph | None = None,
    different: Iterable[tuple[str, str]] = (),
) -> PlannedUpdate:
    """Plan how the people follow the current clusters and crops.

    1. Members first: each cluster goes to the person of whom it holds most crops. Of several clusters of one person
       the largest stays, and those with a crop that a person decided; the others are new people. Crops that the machine
       had decided follow their cluster; people whose crops have all gone to somebody else are merged.
    2. Vectors second: a cluster without members goes to the most similar person from `thresholds.same_from` on, else
       it is somebody new.
    3. Crops in no cluster: those of a tracklet with members go to its person. Others, tracklet by tracklet in the order
       of time, are of the most similar person, new, or a question. Outliers of the clustering are never new people.

    Args:
        state: the people so far.
        collection: all crops.
        free: id of the next new person.
        thresholds: which similarities decide.
        graph: who cannot have been where; None allows everybody.
        different: pairs of keys that show different people, by a person's word.
    """
    plan = PeoplePlan(state, collection, count(free), thresholds, graph)
    plan.measure_thresholds()
    follow_clusters(plan, set(different))
    follow_vectors(plan)
    return PlannedUpdate(plan.change(), tuple(plan.conflicts), plan.thresholds.text)


@dataclass(frozen=True)
class PeopleUpdate:
    """What an update changed, or would change in a dry run."""

    differences: tuple[Difference, ...]
    """What moved, merged, split, joined, is new or asked about; those first that a person should look at."""
    thresholds: str
    """Which similarities decided, and the errors to expect; or why nothing was assigned by similarity."""
    changed: bool
    """Whether there is anything to undo."""

    def counts(self) -> dict[str, int]:
        """Number of differences of each kind that occurs."""
        kinds = [one.kind for one in self.differences]
        return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}

    def crops(self, kind: str) -> int:
        """Number of crops in the differences of a kind."""
        return sum(len(one.keys) for one in self.differences if one.kind == kind)

    @property
    def summary(self) -> str:
        """One line: people who are new, merged or split off, and crops that moved, joined or are a question."""
        labels = {
            "merged": "merged",
            "split": "split off",
            "new": "new",
            "conflict": "in conflict",
            "asked": "asked about",
        }
        parts = []
        for kind, number in self.counts().items():
            text = f"{self.crops(kind):,} {'crop' if self.crops(kind) == 1 else 'crops'}"
            if kind in ("merged", "split", "new"):
                text = f"{number:,} {'person' if number == 1 else 'people'} with {text}"
            parts.append(f"{labels.get(kind, kind)}: {text}")
        return "; ".join(parts) or "nothing changed"

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return {
            "format": "reseen-people-update-1",
            "thresholds": self.thresholds,
            "counts": self.counts(),
            "differences": [one.to_json() for one in self.differences],
        }
