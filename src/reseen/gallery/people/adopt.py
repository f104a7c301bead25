"""Take over the people of another gallery of the same crops, such as that of the model before training anew."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reseen.errors import GalleryError
from reseen.gallery.edits.edit import PairAnswer
from reseen.gallery.edits.pair_constraints import pair_constraints
from reseen.gallery.edits.people_change import Decision, PeopleChange
from reseen.gallery.people.people import People
from reseen.gallery.question_pool import question_answers


@dataclass(frozen=True)
class Adopted:
    """What was taken over from another gallery."""

    people: int
    """Number of people."""
    crops: int
    """Number of crops."""
    missing: tuple[int, ...]
    """Ids of people of whom this gallery has no crop; they were not taken over."""
    answers: int
    """Number of answers to questions on pairs of crops, sure or not."""
    calibration: str = ""
    """What they give with the vectors of this gallery, in a sentence; empty without answers."""


def adopt_people(people: People, other: People) -> Adopted:
    """Give the crops of a gallery to the people that they have in another one, who keep ids and names.

    Crops are the same ones if folder and path are, else if the path below the folder is and no other crop of either
    gallery has it. Taken over, too, are rejected people, into whom people were merged, and what is known of pairs of
    crops, so that people who were told apart stay apart. No number that the other gallery gave is given again. Answers
    to questions come along, and calibrate the similarities that their crops have in this gallery. It is one edit.

    Raises:
        GalleryError: this gallery has people already, or no crop of the other one's people.
    """
    with people.journal.writing():
        if len(people):
            raise GalleryError(
                f"this gallery has {len(people):,} people already; `reseen people undo` takes an update of them back"
            )
        known = _same_crops(people, other)
        members: dict[str, Decision | None] = {
            known[key]: decision for key, decision in other.state.decisions.items() if key in known
        }
        found = Counter(decision.person for decision in members.values() if decision is not None)
        if not found:
            raise GalleryError("no crop of the people of that gallery is in this one; index the same folders")
        names = {person: other.state.name(person) for person in found}
        last_given = other.journal.free_person - 1
        names.setdefault(last_given, None)  # numbers of people who are gone are not given again
        rejected = {known[key]: who for key, who in other.state.rejected.items() if key in known and who}
        change = PeopleChange(members, names, dict(other.state.merged), rejected)
        answers = _answers_here(question_answers(other.journal.history.done), known)
        pairs = pair_constraints(other.journal.history.done, other.collection.keys)
        people.record(
            "people-update",
            f"took over {len(found):,} people of another gallery",
            change,
            same=_pairs_here(pairs.same, known),
            different=_pairs_here(pairs.different, known),
            adopted=answers,
        )
    missing = tuple(sorted(other.state.members.keys() - found.keys()))
    return Adopted(len(found), len(members), missing, len(answers))


def _pairs_here(pairs: Iterable[tuple[str, str]], known: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Pairs of keys in the other gallery as pairs in this one, as far as both crops are here."""
    return tuple((known[one], known[other]) for one, other in pairs if one in known and other in known)


def _answers_here(answers: Iterable[PairAnswer], known: Mapping[str, str]) -> tuple[PairAnswer, ...]:
    """Answers in the other gallery as answers in this one, as far as both crops are here."""
    return tuple(
        PairAnswer(known[answer.one], known[answer.other], answer.verdict)
        for answer in answers
        if answer.one in known and answer.other in known
    )


def _same_crops(people: People, other: People) -> dict[str, str]:
    """Key in this gallery of each crop of the other one that is here, too."""
    here, there = people.collection, other.collection
    paths = Counter(entry.image for entry in here.entries)
    paths_there = Counter(entry.image for entry in there.entries)
    by_path = {
        entry.image: key
        for key, entry in zip(here.keys, here.entries, strict=True)
        if paths[entry.image] == paths_there[entry.image] == 1
    }
    found = {}
    for key, entry in zip(there.keys, there.entries, strict=True):
        same = key if key in here.rows else by_path.get(entry.image)
        if same is not None:
            found[key] = same
    return found
