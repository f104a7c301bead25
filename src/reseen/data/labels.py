"""Reads and writes label files (CSV of path and label), the only way in which training can use ground-truth labels."""

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
    """Read the label of every row of `table`, numbered from 0 in order of appearance; `NOISE` for unlisted crops.

    Raises:
        DataError: the file is missing, is not a CSV file with the columns path and label, lists a path twice, or labels
            fewer than two people of the table.
    """
    try:
        rows = list(csv.reader(read_lines(file)))
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a CSV file of labels ({error})") from None
    if not rows or rows[0] != COLUMNS:
        header = ",".join(rows[0]) if rows else "nothing"
        raise DataError(f"{file}: expected the columns path,label, found {header}")
    label_of: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 or not row[1].strip():
            raise DataError(f"{file}, line {number}: expected a path and a label, found {','.join(row)!r}")
        path = parse_spreadsheet_cell(row[0])
        if path in label_of:
            raise DataError(f"{file}, line {number}: {path} is labeled twice; keep one of the lines")
        label_of[path] = row[1].strip()
    index_of: dict[str, int] = {}
    labels = np.full(len(table), NOISE)
    for row, path in enumerate(table.texts):
        if path in label_of:
            labels[row] = index_of.setdefault(label_of[path], len(index_of))
    if len(index_of) < 2:
        raise DataError(
            f"{file}: expected labels of at least two people among the crops of {table.root}, found {len(index_of)}; "
            "paths are relative to that folder (`reseen data labels` writes them)"
        )
    return labels


def write_labels(file: Path, table: EvaluationTable) -> int:
    """Write `path,label` for every crop except junk and distractors, and return the number of crops written.

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
    return '"' + text.replace('"', '""') + '"' if any(character in text for character in ',"\n\r') else text
