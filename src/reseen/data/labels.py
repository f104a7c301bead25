"""A file of labels that a person gives on purpose: the one way in which a training can be told who is who.

The labels of a benchmark as a file, for a person who wants to train on them.
"""

import csv
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from reseen.data.evaluation_table import EvaluationTable
from reseen.data.table import ImageTable
from reseen.errors import DataError
from reseen.files import write_text
from reseen.reading import read_lines
from reseen.records import NOISE
from reseen.text import parse_spreadsheet_cell, spreadsheet_cell

COLUMNS = ["path", "label"]


def read_labels(file: Path, table: ImageTable) -> Int64[np.ndarray, " n"]:
    """The label of every row of `table`, from 0 in order of first rows; `NOISE` for crops that are not in the file.

    Raises:
        DataError: no such file, other columns, a path twice, or no crop of the table in it.
    """
    try:
        rows = list(csv.reader(read_lines(file)))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a CSV file of labels ({error})") from None
    if not rows or rows[0] != COLUMNS:
        found = ",".join(rows[0]) if rows else "nothing"
        raise DataError(f"{file}: wanted the columns path,label, found {found}")
    given: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not row[1].strip():
            raise DataError(f"{file}, line {number}: wanted a path and a label, found {','.join(row)!r}")
        path = parse_spreadsheet_cell(row[0])
        if path in given:
            raise DataError(f"{file}, line {number}: {path} has a label already; keep one")
        given[path] = row[1].strip()
    number_of: dict[str, int] = {}
    labels = np.full(len(table), NOISE)
    for place, path in enumerate(table.texts):
        if path in given:
            labels[place] = number_of.setdefault(given[path], len(number_of))
    if len(number_of) < 2:
        raise DataError(
            f"{file}: wanted labels of at least two people among the crops of {table.root}, found {len(number_of)}; "
            "paths are relative to that folder (`reseen data labels` writes them)"
        )
    return labels


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
    lines = [f"{_quoted(spreadsheet_cell(path))},{label}" for path, label in rows]
    write_text(file, "\n".join([",".join(COLUMNS), *lines, ""]))
    return len(rows)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n\r') else text
