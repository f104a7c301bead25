"""Answers of a human annotator on pairs and groups of crops: CSV files, and the constraints that follow from them."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

from reseen.errors import DataError
from reseen.files import write_text
from reseen.reading import read_lines
from reseen.text import parse_spreadsheet_cell, spreadsheet_cell

Verdict = Literal["same", "different", "unsure"]
"""Whether all crops of a question show the same person."""

GROUP = "group"
"""The stratum of questions about a group of crops of one cluster."""

_HEADS = ("sheet", "stratum", "answer")
_CROPS = "crop_{}"


@dataclass(frozen=True)
class Answer:
    """One answer of an annotator: whether all crops of a question show the same person."""

    sheet: str
    """Key of the question sheet, which identifies a clustering of a run."""
    stratum: str
    """The stratum of the pair, or `GROUP`."""
    verdict: Verdict
    crops: tuple[str, ...]
    """Paths of the crops: two for a pair, more for a group."""


def read_answers(files: Iterable[str | Path]) -> list[Answer]:
    """The answers of one or more CSV files; a later answer to the same question replaces an earlier one.

    Raises:
        DataError: a file is missing or not a file of answers; names the line.

    Example:
        >>> must_link, cannot_link = pair_constraints(read_answers(["answers.csv"]))
    """
    answers: dict[tuple[str, tuple[str, ...]], Answer] = {}
    for file in map(Path, files):
        for answer in _read(file.expanduser()):
            key = (answer.sheet, tuple(sorted(answer.crops)))
            answers.pop(key, None)
            answers[key] = answer
    return list(answers.values())


def write_answers(file: Path, answers: Sequence[Answer]) -> None:
    """Write answers to a CSV file for `read_answers`, atomically.

    Raises:
        StorageError: the file cannot be written.
    """
    most = max((len(answer.crops) for answer in answers), default=2)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_HEADS, *(_CROPS.format(number) for number in range(1, most + 1))])
    for answer in answers:
        padding = [""] * (most - len(answer.crops))
        writer.writerow(
            [answer.sheet, answer.stratum, answer.verdict, *map(spreadsheet_cell, answer.crops), *padding]
        )
    write_text(file, text.getvalue())


def pair_constraints(answers: Iterable[Answer]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Must-link and cannot-link constraints, as pairs of paths.

    A group of one person gives a chain of must-links. A group of several people constrains no pair, and neither does
    `unsure`.
    """
    must, cannot = [], []
    for answer in answers:
        if answer.verdict == "same":
            must += list(pairwise(answer.crops))
        elif answer.verdict == "different" and len(answer.crops) == 2:
            cannot.append((answer.crops[0], answer.crops[1]))
    return must, cannot


def _read(file: Path) -> list[Answer]:
    try:
        rows = list(csv.DictReader(read_lines(file)))
    except FileNotFoundError:
        raise DataError(
            f"{file}: no such file of answers; save it from the page of `reseen audit --verify`"
        ) from None
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as a CSV file of answers ({error})") from None
    return [_parse(file, number, row) for number, row in enumerate(rows, start=2)]


def _parse(file: Path, number: int, row: dict[str, str | None]) -> Answer:
    missing = [name for name in (*_HEADS, _CROPS.format(1), _CROPS.format(2)) if row.get(name) is None]
    if missing:
        raise DataError(
            f"{file}, line {number}: lacks {', '.join(missing)}; expected the columns {', '.join(_HEADS)}, crop_1, "
            "crop_2, ... as saved from the page of `reseen audit --verify`"
        )
    verdict = row["answer"] or ""
    if verdict not in get_args(Verdict):
        raise DataError(
            f"{file}, line {number}: the answer must be same, different or unsure, found '{verdict}'"
        )
    crops = [
        parse_spreadsheet_cell(value)
        for name, value in row.items()
        if name and name.startswith("crop_") and value
    ]
    if len(crops) < 2 or len(set(crops)) < len(crops):
        raise DataError(
            f"{file}, line {number}: expected at least two different crops, found {', '.join(crops) or 'none'}"
        )
    return Answer(row["sheet"] or "", row["stratum"] or "", verdict, tuple(crops))  # pyrefly: ignore
