"""Pair constraints that follow from edits, and the answer files that hold them.

Training (`data.constraints`) and `reseen audit --answers` read these files. Of contradictory constraints the later one
applies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from scipy.cluster.hierarchy import DisjointSet

from reseen.audit.answers import Answer, write_answers
from reseen.gallery.collection import Collection
from reseen.gallery.copies import record_copy
from reseen.gallery.edits.edit import Edit


@dataclass(frozen=True)
class PairConstraints:
    """Consistent must-link and cannot-link pairs of keys."""

    same: tuple[tuple[str, str], ...]
    """Pairs of one person (must-link)."""
    different: tuple[tuple[str, str], ...]
    """Pairs of different people (cannot-link); none is connected by must-links."""

    def __len__(self) -> int:
        return len(self.same) + len(self.different)


def pair_constraints(edits: Sequence[Edit], keys: Iterable[str]) -> PairConstraints:
    """The constraints from `edits` on the crops in `keys`, in chronological order.

    Edits are processed from the last to the first; a constraint that contradicts a later one is dropped.
    """
    known = set(keys)
    groups = _IdentityGroups()
    same: list[tuple[str, str]] = []
    different: list[tuple[str, str]] = []
    for edit in reversed(edits):
        for first, second in reversed(edit.different):
            if first in known and second in known and groups.separate(first, second):
                different.append((first, second))
        for group in edit.same:
            present = [key for key in group if key in known]
            same += [(first, second) for first, second in pairwise(present) if groups.link(first, second)]
    return PairConstraints(tuple(dict.fromkeys(reversed(same))), tuple(dict.fromkeys(reversed(different))))


class _IdentityGroups:
    """Disjoint sets of keys with cannot-link constraints between the sets."""

    def __init__(self) -> None:
        self._groups = DisjointSet()
        self._separated: dict[str, set[str]] = {}

    def link(self, first: str, second: str) -> bool:
        """Merge the sets of two keys; False, without a change, if they are separated."""
        one, other = self._root(first), self._root(second)
        if one == other:
            return True
        if any(self._root(key) == other for key in self._separated.get(one, ())):
            return False
        separated = self._separated.pop(one, set()) | self._separated.pop(other, set())
        self._groups.merge(one, other)
        self._separated[self._root(one)] = separated
        return True

    def separate(self, first: str, second: str) -> bool:
        """Separate the sets of two keys; False, without a change, if they are one set."""
        one, other = self._root(first), self._root(second)
        if one == other:
            return False
        self._separated.setdefault(one, set()).add(second)
        self._separated.setdefault(other, set()).add(first)
        return True

    def _root(self, key: str) -> str:
        self._groups.add(key)
        return self._groups[key]


_HARD_NEGATIVES = 20
"""Most similar remaining crops of a cluster that get a cannot-link to the crops split off."""


def hard_negative_pairs(
    collection: Collection, rows: Sequence[int], others: Sequence[int]
) -> tuple[tuple[str, str], ...]:
    """Pairs of keys of the first of `rows` with the first of `others` and with those most similar to it."""
    vectors = collection.vectors
    order = sorted(others, key=lambda row: -float(vectors[row] @ vectors[rows[0]]))
    negatives = dict.fromkeys([*others[:1], *order[:_HARD_NEGATIVES]])
    return tuple((collection.keys[rows[0]], collection.keys[row]) for row in negatives)


SHEET = "viewer"
"""Sheet name of these answers. They are not a random sample, so the audit excludes them from its estimates."""
_STRATUM = "mend"


def answers_by_source(edits: Sequence[Edit], collection: Collection) -> dict[str, list[Answer]]:
    """Constraints as answers, by source. Pairs across sources are left out: an answer file has paths of one folder."""
    constraints = pair_constraints(edits, collection.keys)
    answers: dict[str, list[Answer]] = {}
    for verdict, pairs in (("same", constraints.same), ("different", constraints.different)):
        for pair in pairs:
            one, other = (collection.entries[collection.rows[key]] for key in pair)
            if one.source == other.source:
                answer = Answer(SHEET, _STRATUM, verdict, (one.image, other.image))
                answers.setdefault(one.source, []).append(answer)
    return answers


def save_answers(journal: Path, edits: Sequence[Edit], collection: Collection) -> list[Path]:
    """Write one file per source beside the journal, and return those with answers.

    With a single source the file is `answers.csv`. A file whose source has no answers any more is overwritten with an
    empty table.

    Raises:
        StorageError: a file cannot be written.
    """
    sources = sorted({entry.source for entry in collection.entries})
    files = answers_files(journal, sources)
    answers = answers_by_source(edits, collection)
    written = []
    for source, file in files.items():
        if source in answers or file.is_file():
            write_answers(file, answers.get(source, []))
        if source in answers:
            written.append(file)
    return written


def planned_answers(journal: Path, edits: Sequence[Edit], collection: Collection) -> dict[str, Path]:
    """The files with answers that `save_answers` would write, by source."""
    sources = sorted({entry.source for entry in collection.entries})
    answers = answers_by_source(edits, collection)
    return {source: file for source, file in answers_files(journal, sources).items() if source in answers}


def answers_files(journal: Path, sources: Sequence[str]) -> dict[str, Path]:
    """The answer file of each source, beside the journal."""
    stem = journal.name.removesuffix("mends.jsonl")
    if len(sources) <= 1:
        return {source: journal.with_name(f"{stem}answers.csv") for source in sources}
    return {
        source: journal.with_name(f"{stem}answers-{number}.csv")
        for number, source in enumerate(sources, start=1)
    }


def publish_answers(address: str, journal: Path, edits: Sequence[Edit], collection: Collection) -> list[Path]:
    """Write the answer files as `save_answers` does, and record first that they name crops of the gallery.

    Raises:
        GalleryError: the record of copies is damaged.
        StorageError: a file cannot be written.
    """
    for source, file in planned_answers(journal, edits, collection).items():
        record_copy(address, "answers", file, source=source)
    return save_answers(journal, edits, collection)
