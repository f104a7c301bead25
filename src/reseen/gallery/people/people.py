"""The people of a gallery: named, merged, split and matched with new clusters; every edit can be undone."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from reseen.errors import GalleryError, ReseenError
from reseen.gallery.collection import Collection
from reseen.gallery.edits.edit import Edit, Kind, PairAnswer
from reseen.gallery.edits.journal import Journal
from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.gallery.edits.people_change import DecidedBy, Decision, PeopleChange, PeopleState
from reseen.gallery.people.assign import Thresholds
from reseen.gallery.people.camera_graph import CameraGraph
from reseen.gallery.people.consequences import (
    ANCHORS,
    central_keys,
    counted,
    decided,
    listed,
    separated_pairs,
)
from reseen.gallery.people.differences import compare_people, sort_differences
from reseen.gallery.people.lookup import PeopleLookup, folded, valid_name
from reseen.gallery.people.members import Person
from reseen.gallery.people.update import PeopleUpdate, plan_update


class People(PeopleLookup):
    """The people of one gallery; `Gallery.people` is one.

    Every change is one line of the gallery's journal, which also holds the edits of clusters and the answers, and is
    undone by `undo`. Every method that changes something raises `GalleryError` if it cannot be done and `StorageError`
    if the journal cannot be written; then nothing has changed.

    Example:
        >>> with reseen.open_gallery("gallery") as gallery:
        ...     print(gallery.people.update().counts())
        ...     anna = gallery.people.rename(12, "Anna")
        {'new': 312}
    """

    def __init__(
        self,
        journal: Journal,
        read: Callable[[], Collection],
        recluster: Callable[[Mapping[str, int | None]], None],
        on_change: Callable[[Edit], None] = lambda _: None,
        *,
        keep: bool = True,
    ) -> None:
        """Wrap a journal.

        Args:
            journal: the journal of the gallery.
            read: returns the crops of the gallery as they are now.
            recluster: writes new cluster numbers of crops, by key, into the store, when an edit of clusters is undone.
            on_change: called with every edit that was made, undone or redone.
            keep: call `read` once, until `reload`; else whenever crops are needed.
        """
        super().__init__(journal, read, keep=keep)
        self._recluster, self._on_change = recluster, on_change

    def update(
        self, thresholds: Thresholds | None = None, graph: CameraGraph | None = None, *, dry_run: bool = False
    ) -> PeopleUpdate:
        """Match people with the current clusters and crops, or make them of the clusters; see `plan_update`.

        Args:
            thresholds: similarities that decide; by default none does, and what they would decide is a question.
            graph: who cannot have been where; None allows everybody.
            dry_run: change nothing.
        """
        thresholds = thresholds or Thresholds.choose(None)
        with self.journal.writing():
            if not dry_run:
                self._catch_up()
            state = self.state
            different = pair_constraints(self.journal.history.done, self.collection.keys).different
            planned = plan_update(
                state, self.collection, self.journal.free_person, thresholds, graph, different
            )
            after = PeopleState(edit.people for edit in self.journal.history.done if edit.people)
            after.apply(planned.change)
            found = sort_differences((*planned.conflicts, *compare_people(state, after)))
            if planned.change and not dry_run:
                self.record("people-update", "matched people with clusters and crops", planned.change)
            return PeopleUpdate(tuple(found), planned.thresholds, bool(planned.change))

    def rename(self, person: int, name: str | None) -> Person:
        """Name a person; None or empty text takes the name away.

        Raises:
            GalleryError: somebody else has the name.
            SettingsError: the name is a number, which would be an id, too long, or holds control characters.
        """
        with self.journal.writing():
            self.get(person)
            change = PeopleChange(names={person: self.checked_name(name, person)})
            self.record("person-name", f"named person {person}", change)
            return self.get(person)

    def merge(self, into: int, others: Sequence[int]) -> Person:
        """Merge people into one, who keeps the id, and the name or takes over the only one of the others."""
        with self.journal.writing():
            chosen = [person for person in dict.fromkeys(others) if person != into]
            target, people = self.get(into), [self.get(person) for person in chosen]
            if not people:
                raise GalleryError("give at least two people to merge")
            anchors = [central_keys(self.collection, one.keys, ANCHORS) for one in (target, *people)]
            members: dict[str, Decision | None] = {
                key: self.state.decisions[key]._replace(person=into)
                for person in chosen
                for key in self.state.members[person]
            }
            members |= {key: Decision(into, "person") for keys in anchors for key in keys}
            words = f"merged {'person' if len(chosen) == 1 else 'people'} {listed(chosen)} into {into}"
            same = tuple(keys[0] for keys in anchors if keys)
            self.record("person-merge", words, decided(self.state, members, {}), same=(same,))
            return self.get(into)

    def split(self, keys: Sequence[str], name: str | None = None) -> Person:
        """Make crops a person of their own, by a person's word."""
        with self.journal.writing():
            crops = self.crops(keys)
            before = {self.person_of(key) for key in crops}
            if len(before) == 1 and (only := before.pop()) and len(self.state.members[only]) == len(crops):
                raise GalleryError(
                    f"these are all crops of {self.state.title(only)}, so there is nobody to split them off"
                )
            person = self.journal.free_person
            names = {person: self.checked_name(name, person)}
            words = f"made {counted(crops)} person {person}"
            self._decide("person-split", words, dict.fromkeys(crops, person), names)
            return self.get(person)

    def move(self, keys: Sequence[str], person: int) -> Person:
        """Say that crops show a person."""
        with self.journal.writing():
            crops = self.crops(keys)
            self.get(person)
            words = f"moved {counted(crops)} to person {person}"
            self._decide("person-move", words, dict.fromkeys(crops, person), {})
            return self.get(person)

    def confirm(self, keys: Sequence[str]) -> None:
        """Say that crops show the people whose they are: the machine's decisions become a person's."""
        with self.journal.writing():
            crops = self.crops(keys)
            if any(key not in self.state.decisions for key in crops):
                raise GalleryError("some of these crops are nobody's; move them to a person instead")
            people = {key: self.state.decisions[key].person for key in crops}
            self._decide("person-confirm", f"confirmed {counted(crops)}", people, {})

    def reject(self, keys: Sequence[str], person: int) -> None:
        """Say that crops do not show a person: they are taken out, and the machine never assigns them again."""
        with self.journal.writing():
            crops = self.crops(keys)
            who = self.get(person)
            own = [key for key in crops if self.person_of(key) == person]
            rejected = {
                key: tuple(dict.fromkeys((*self.state.rejected.get(key, ()), person))) for key in crops
            }
            rest = [key for key in who.keys if key not in set(crops)]
            different = tuple((key, one) for key in crops for one in central_keys(self.collection, rest))
            questions = {
                key: tuple(one for one in self.state.questions[key] if one.person != person)
                for key in crops
                if key in self.state.questions
            }
            change = PeopleChange(dict.fromkeys(own), {}, {}, rejected, questions)
            words = f"marked {counted(crops)} as not person {person}"
            self.record("person-reject", words, change, different=different)

    def assign(self, people: Mapping[str, int | str], by: DecidedBy = "person") -> None:
        """Assign crops to people by id or name, in one edit; unknown names are new people.

        Raises:
            GalleryError: a crop is not in the gallery, an id is unknown, or several people have a name.

        Example:
            >>> gallery.people.assign({entry.key: "Anna" for entry in entries})
        """
        with self.journal.writing():
            crops = self.crops(list(people))
            known = self.ids_by_name()
            names: dict[int, str | None] = {}
            ids: dict[int | str, int] = {}
            for who in dict.fromkeys(people.values()):
                name = None if isinstance(who, int) or who.strip().isdecimal() else valid_name(who)
                if name is None:
                    ids[who] = self.find(who).id
                    continue
                same = known.setdefault(folded(name), [])
                if len(same) > 1:
                    self.find(name)  # raises
                if not same:
                    same.append(self.journal.free_person + len(names))
                    names[same[0]] = name
                ids[who] = same[0]
            words = f"assigned {counted(crops)} to {len(set(ids.values())):,} people"
            self._decide("person-move", words, {key: ids[people[key]] for key in crops}, names, by)

    def undo(self) -> Edit:
        """Undo the last edit of the journal, whether of people or clusters or an answer, and return it."""
        with self.journal.writing():
            self._catch_up_clusters()
            history = self.journal.history
            if not history.can_undo:
                why = " that the present clusters allow" if history.done else ""
                raise GalleryError(f"there is no edit{why} to undo")
            edit = history.done[-1]
            self._change(self.journal.undo, edit, edit.before)
            return edit

    def redo(self) -> Edit:
        """Redo the last undone edit and return it."""
        with self.journal.writing():
            self._catch_up_clusters()
            if not self.journal.history.undone:
                raise GalleryError("there is no edit to redo")
            edit = self.journal.history.undone[-1]
            self._change(self.journal.redo, edit, edit.after)
            return edit

    def _decide(
        self,
        kind: Kind,
        words: str,
        people: Mapping[str, int],
        names: Mapping[int, str | None],
        by: DecidedBy = "person",
    ) -> None:
        members: dict[str, Decision | None] = {key: Decision(person, by) for key, person in people.items()}
        same: list[tuple[str, ...]] = []
        different: list[tuple[str, str]] = []
        if by == "person":
            for person, crops in _by_person(people).items():
                rest = [key for key in self.state.members.get(person, ()) if key not in people]
                same.append((*central_keys(self.collection, rest), *crops))
            different = separated_pairs(self.state, self.collection, people)
        change = decided(self.state, members, names)
        self.record(kind, words, change, same=tuple(same), different=tuple(different))

    def record(
        self,
        kind: Kind,
        words: str,
        change: PeopleChange,
        *,
        same: tuple[tuple[str, ...], ...] = (),
        different: tuple[tuple[str, str], ...] = (),
        adopted: tuple[PairAnswer, ...] = (),
    ) -> None:
        """Make an edit of people; `same` and `different` are what it implies about pairs of crops."""
        time = datetime.now(UTC).isoformat(timespec="seconds")
        groups = tuple(group for group in same if len(group) > 1)
        edit = Edit(kind, time, words, {}, {}, groups, different, people=change, adopted=adopted)
        self._change(lambda: self.journal.do(edit), edit, {})

    def _change(self, record: Callable[[], None], edit: Edit, clusters: Mapping[str, int | None]) -> None:
        record()
        if clusters:
            try:
                self._recluster(clusters)
            except ReseenError:
                self.journal.cancel()
                raise
            self._collection = None
        self._people.clear()
        self._on_change(edit)

    def _catch_up_clusters(self) -> None:
        if any(edit.before for edit in (*self.journal.history.done, *self.journal.history.undone)):
            self._catch_up()

    def _catch_up(self) -> None:
        """Write what the journal says of clusters and the store lacks, unless the crops were clustered anew since."""
        if missing := self.journal.catch_up(self.collection.cluster_by_key):
            self._recluster(missing)
            self._collection = None


def _by_person(people: Mapping[str, int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, person in people.items():
        found.setdefault(person, []).append(key)
    return found
