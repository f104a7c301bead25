"""The labels of a benchmark as a file, for a person who wants to train on them."""

from pathlib import Path

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.labels import COLUMNS
from reseen.files import write_text


def write_labels(file: Path, table: EvaluationTable) -> int:
    """Write `path,label` of every crop but junk and distractors; returns their number.

    Raises:
        StorageError: `file` cannot be written.
    """
    rows = [
        (path, int(label))
        for path, label in zip(table.images.texts, table.identities, strict=True)
        if label > 0
    ]
    lines = [f"{_quoted(path)},{label}" for path, label in rows]
    write_text(file, "\n".join([",".join(COLUMNS), *lines, ""]))
    return len(rows)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n\r') else text
