"""Mends as files of answers, which training (`data.constraints`) and `reseen audit --answers` read.

What all mends together say of pairs of crops. Where two contradict each other, the later one holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from reseen.audit.answers import Answer, write_answers
from reseen.viewer.collection import Collection
from reseen.viewer.edits.edit import Edit


@dataclass(frozen=True)
class Statements:
    """Pairs of keys, free of contradiction: nothing that links make one is also kept apart."""

    same: tuple[tuple[str, str], ...]
    different: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.same) + len(self.different)


def statements(edits: Sequence[Edit], known: Iterable[str]) -> Statements:
    """What mends say of the crops in `known`, in the order it was said."""
    here = set(known)
    people = _People()
    same: list[tuple[str, str]] = []
    different: list[tuple[str, str]] = []
    for edit in reversed(edits):
        for first, second in reversed(edit.different):
            if first in here and second in here and people.part(first, second):
                different.append((first, second))
        for group in edit.same:
            present = [key for key in group if key in here]
            same += [(first, second) for first, second in pairwise(present) if people.join(first, second)]
    return Statements(tuple(dict.fromkeys(reversed(same))), tuple(dict.fromkeys(reversed(different))))


class _People:
    """Crops joined to people, and people who are not each other."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}
        self._others: dict[str, set[str]] = {}

    def join(self, first: str, second: str) -> bool:
        """Make two crops one person, unless that contradicts what is known."""
        one, other = self._root(first), self._root(second)
        if one == other:
            return True
        if any(self._root(key) == other for key in self._others.get(one, ())):
            return False
        self._above[one] = other
        self._others.setdefault(other, set()).update(self._others.pop(one, ()))
        return True

    def part(self, first: str, second: str) -> bool:
        """Make two crops different people, unless they are known to be one."""
        one, other = self._root(first), self._root(second)
        if one == other:
            return False
        self._others.setdefault(one, set()).add(second)
        self._others.setdefault(other, set()).add(first)
        return True

    def _root(self, key: str) -> str:
        while key in self._above:
            self._above[key] = self._above.get(self._above[key], self._above[key])
            key = self._above[key]
        return key


SHEET = "viewer"
"""What the answers name as the sheet that asked. It is no random sample, so the audit estimates nothing from it."""
_STRATUM = "mend"


def answers_of(edits: Sequence[Edit], collection: Collection) -> dict[str, list[Answer]]:
    """Answers by source: paths in a file of answers start from one folder, so pairs across sources are left out."""
    said = statements(edits, collection.keys)
    found: dict[str, list[Answer]] = {}
    for word, pairs in (("same", said.same), ("different", said.different)):
        for pair in pairs:
            one, other = (collection.entries[collection.rows[key]] for key in pair)
            if one.source == other.source:
                answer = Answer(SHEET, _STRATUM, word, (one.image, other.image))
                found.setdefault(one.source, []).append(answer)
    return found


def save_answers(journal: Path, edits: Sequence[Edit], collection: Collection) -> list[Path]:
    """Write one file for each source beside the journal, `answers.csv` where there is one source only.

    Files of sources about which nothing is said any more are left without answers.

    Raises:
        StorageError: the place cannot be written.
    """
    sources = sorted({entry.source for entry in collection.entries})
    files = answers_files(journal, sources)
    found = answers_of(edits, collection)
    written = []
    for source, file in files.items():
        if source in found or file.is_file():
            write_answers(file, found.get(source, []))
        if source in found:
            written.append(file)
    return written


def planned_answers(journal: Path, edits: Sequence[Edit], collection: Collection) -> dict[str, Path]:
    """The files that `save_answers` would fill, by the source of their crops."""
    sources = sorted({entry.source for entry in collection.entries})
    found = answers_of(edits, collection)
    return {source: file for source, file in answers_files(journal, sources).items() if source in found}


def answers_files(journal: Path, sources: Sequence[str]) -> dict[str, Path]:
    """The file of each source."""
    stem = journal.name.removesuffix("mends.jsonl")
    if len(sources) <= 1:
        return {source: journal.with_name(f"{stem}answers.csv") for source in sources}
    return {
        source: journal.with_name(f"{stem}answers-{number}.csv")
        for number, source in enumerate(sources, start=1)
    }
