"""Mends as files of answers, which training (`data.constraints`) and `reseen audit --answers` read."""

from collections.abc import Sequence
from pathlib import Path

from reseen.audit.answers import Answer, write_answers
from reseen.viewer.collection import Collection
from reseen.viewer.mends.edit import Edit
from reseen.viewer.mends.statements import statements

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


def answers_files(journal: Path, sources: Sequence[str]) -> dict[str, Path]:
    """The file of each source."""
    stem = journal.name.removesuffix("mends.jsonl")
    if len(sources) <= 1:
        return {source: journal.with_name(f"{stem}answers.csv") for source in sources}
    return {
        source: journal.with_name(f"{stem}answers-{number}.csv")
        for number, source in enumerate(sources, start=1)
    }
