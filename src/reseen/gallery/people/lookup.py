"""The people of a gallery as they are: by id, name or crop, with open questions and what an edit changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from unicodedata import normalize

from reseen.errors import GalleryError, SettingsError
from reseen.gallery.collection import Collection
from reseen.gallery.edits.edit import Edit
from reseen.gallery.edits.journal import Journal
from reseen.gallery.edits.people_change import Candidate, PeopleState
from reseen.gallery.entries import Entry
from reseen.gallery.people.differences import Difference, compare_people
from reseen.gallery.people.members import Member, Person, by_time

MOST_LETTERS = 200
"""Length of a name, at most."""


@dataclass(frozen=True)
class PersonQuestion:
    """Crops of which a person is to say whom they show: those of a tracklet, or one crop."""

    keys: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    """People whom they may show, most similar first."""


class PeopleLookup:
    """The people that follow from a journal, with their crops."""

    def __init__(self, journal: Journal, read: Callable[[], Collection], *, keep: bool = True) -> None:
        """Wrap a journal; `read` returns the crops of the gallery, which are kept until `reload` if `keep`."""
        self.journal = journal
        self._read, self._keep = read, keep
        self._collection: Collection | None = None
        self._people: dict[int, Person] = {}
        self._seen: tuple[object, int] | None = None

    @property
    def collection(self) -> Collection:
        """The crops of the gallery, read on first use."""
        if self._collection is None or not self._keep:
            found = self._read()
            if found is not self._collection:
                self._people.clear()
            self._collection = found
        return self._collection

    @property
    def state(self) -> PeopleState:
        """Names and members by id and key; do not change it."""
        return self.journal.people

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user, such as on a journal whose last line was cut off."""
        return self.journal.notes

    def __len__(self) -> int:
        return len(self.state.members)

    def reload(self) -> None:
        """Read the crops anew when they are needed next, after crops were added, deleted or clustered."""
        self._collection = None
        self._people.clear()

    def all(self) -> list[Person]:
        """All people, by id; crops that are not in the gallery are left out, and people of only such crops."""
        found = (self._person(person) for person in sorted(self.state.members))
        return [person for person in found if person.members]

    def get(self, person: int) -> Person:
        """A person by id.

        Raises:
            GalleryError: there is no such person; says into whom the person was merged.
        """
        if person in self.state.members:
            return self._person(person)
        into = self.state.survivor(person)
        if into is not None:
            raise GalleryError(
                f"person {person} was merged into {into}"
                + ("" if self.state.name(into) is None else f" ({self.state.name(into)})")
                + f"; give {into}"
            )
        if 0 < person < self.journal.free_person:
            raise GalleryError(f"there is no person {person} any more: no crop of theirs is left")
        raise GalleryError(f"there is no person {person}; `reseen people list` lists all")

    def find(self, name: str | int) -> Person:
        """A person by id, such as `12` or `"12"`, or by name, whatever its case.

        Raises:
            GalleryError: nobody has this id or name, or several people have the name.
        """
        if isinstance(name, int):
            return self.get(name)
        text = name.strip()
        if text.isascii() and text.isdecimal() and len(text) < 18:
            return self.get(int(text))
        found = self.named(text)
        if len(found) > 1:
            raise GalleryError(
                f"{len(found)} people are named {text}: {', '.join(map(str, found))}; give the number"
            )
        if not found:
            raise GalleryError(f"nobody is named '{text}'; `reseen people list` lists all")
        return self._person(found[0])

    def person_of(self, key: str) -> int | None:
        """Id of the person of a crop; None if it is nobody's."""
        decision = self.state.decisions.get(key)
        return None if decision is None else decision.person

    def title_of(self, key: str) -> str:
        """The person of a crop, such as `Anna` or `person 12`; empty if it is nobody's."""
        person = self.person_of(key)
        return "" if person is None else self.state.title(person)

    def questions(self) -> list[PersonQuestion]:
        """Open questions, those with the most similar candidate first; crops of one tracklet are one question."""
        groups: dict[object, list[str]] = {}
        for key in self.state.questions:
            row = self.collection.rows.get(key)
            if row is not None:
                groups.setdefault(self.collection.entries[row].group, []).append(key)
        found = []
        for keys in groups.values():
            candidates = tuple(
                one for one in self.state.questions[keys[0]] if one.person in self.state.members
            )
            if candidates:
                found.append(PersonQuestion(tuple(keys), candidates))
        return sorted(found, key=lambda one: -one.candidates[0].similarity)

    def differences(self, edit: Edit | None = None) -> list[Difference]:
        """What an edit in effect changed about people; by default the last one.

        Raises:
            GalleryError: there is no edit, or it is not in effect.
        """
        done = self.journal.history.done
        chosen = edit or (done[-1] if done else None)
        if chosen is None or not any(one is chosen for one in done):
            raise GalleryError("there is no such edit in effect")
        if not chosen.people:
            return []
        before, after = self.journal.people_before(chosen), self.journal.people_before(chosen)
        after.apply(chosen.people)
        return compare_people(before, after)

    def select(
        self,
        images: Sequence[str] = (),
        tracklets: Sequence[int] = (),
        clusters: Sequence[int] = (),
        within: int | None = None,
    ) -> list[str]:
        """Keys of the crops with one of the paths, tracklets or clusters; with `within`, only those of a person.

        Raises:
            GalleryError: nothing is given, no crop of a path, tracklet or cluster is there, or several sources have it.
        """
        if not (images or tracklets or clusters):
            raise GalleryError("choose crops by --image, --tracklet or --cluster")
        found: dict[str, Entry] = {}
        missing = {("image", value) for value in images} | {("tracklet", value) for value in tracklets}
        missing |= {("cluster", value) for value in clusters}
        for key, entry in zip(self.collection.keys, self.collection.entries, strict=True):
            if within is not None and self.person_of(key) != within:
                continue
            paths = (entry.image, f"{entry.source}/{entry.image}")
            fits = [("image", path) for path in paths if path in images]
            fits += [("tracklet", entry.tracklet)] if entry.tracklet in tracklets else []
            fits += [("cluster", entry.cluster)] if entry.cluster in clusters else []
            if fits:
                missing -= set(fits)
                found[key] = entry
        whose = "" if within is None else f" of {self.state.title(within)}"
        if missing:
            kind, value = min(missing, key=str)
            raise GalleryError(
                f"no crop{whose} in this gallery has the {kind} {value}; `reseen people export` lists all"
            )
        sources = sorted({entry.source for entry in found.values()})
        if tracklets and within is None and len(sources) > 1:
            raise GalleryError(
                f"{' and '.join(sources)} both have such a tracklet; give the paths of its crops by --image"
            )
        return list(found)

    def ids_by_name(self) -> dict[str, list[int]]:
        """Ids of the people of each name, which is given by `folded`."""
        found: dict[str, list[int]] = {}
        for person in self.state.members:
            if name := self.state.name(person):
                found.setdefault(folded(name), []).append(person)
        return found

    def named(self, name: str) -> list[int]:
        """Ids of the people of a name, whatever its case."""
        return self.ids_by_name().get(folded(name), [])

    def checked_name(self, name: str | None, person: int) -> str | None:
        """A name for a person without spaces around it; None for none.

        Raises:
            GalleryError: somebody else has the name.
            SettingsError: as in `valid_name`.
        """
        text = valid_name(name)
        taken = [one for one in self.named(text) if one != person] if text else []
        if taken:
            raise GalleryError(
                f"person {taken[0]} is already named {self.state.name(taken[0])}; merge the two, or choose another name"
            )
        return text

    def crops(self, keys: Sequence[str]) -> tuple[str, ...]:
        """The keys, each once.

        Raises:
            GalleryError: there is none, or a crop is not in the gallery.
        """
        if not keys:
            raise GalleryError("give at least one crop")
        crops = tuple(dict.fromkeys(keys))
        missing = [key for key in crops if key not in self.collection.rows]
        if missing:
            raise GalleryError(f"{len(missing):,} of {len(crops):,} crops are not in this gallery")
        return crops

    def _person(self, person: int) -> Person:
        seen = self.journal.history, self.journal.lines
        if self._seen is None or self._seen[0] is not seen[0] or self._seen[1] != seen[1]:
            self._people.clear()
            self._seen = seen
        found = self._people.get(person)
        if found is None:
            rows, entries = self.collection.rows, self.collection.entries
            members = [
                Member(entries[rows[key]], decision.by, decision.score)
                for key in self.state.members[person]
                if key in rows and (decision := self.state.decisions[key])
            ]
            found = Person(person, self.state.name(person), tuple(sorted(members, key=by_time)))
            self._people[person] = found
        return found


def folded(name: str) -> str:
    """A name as it is compared: without spaces around it, whatever its case."""
    return normalize("NFC", name.strip()).casefold()


def valid_name(name: str | None) -> str | None:
    """A name without spaces around it; None for none.

    Raises:
        SettingsError: the name is a number, which would be an id, too long, or holds control characters.
    """
    text = normalize("NFC", (name or "").strip())
    if text.isdecimal() or len(text) > MOST_LETTERS or not text.isprintable():
        raise SettingsError(
            f"a name is text of at most {MOST_LETTERS} printable letters that is no number; a number is an id"
        )
    return text or None
