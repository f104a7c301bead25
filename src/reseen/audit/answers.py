"""What a person said of pairs and groups of crops: a CSV file that grows, and what follows from it."""

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

Said = Literal["same", "different", "unsure"]

GROUP = "group"
"""The stratum of questions about a group of crops of one cluster."""

_HEADS = ("sheet", "stratum", "answer")
_CROPS = "crop_{}"


@dataclass(frozen=True)
class Answer:
    """One answer: whether all crops of a question show one person."""

    sheet: str
    """Which state of which run asked."""
    stratum: str
    """The stratum of the pair, or `GROUP`."""
    said: Said
    crops: tuple[str, ...]
    """Paths, two of a pair and more of a group."""


def read_answers(files: Iterable[str | Path]) -> list[Answer]:
    """The answers of one or more files; of a question that was answered twice, the later answer.

    Raises:
        DataError: a file is missing or is none of answers; names the line.
    """
    found: dict[tuple[str, tuple[str, ...]], Answer] = {}
    for file in map(Path, files):
        for answer in _read(file.expanduser()):
            key = (answer.sheet, tuple(sorted(answer.crops)))
            found.pop(key, None)
            found[key] = answer
    return list(found.values())


def write_answers(file: Path, answers: Sequence[Answer]) -> None:
    """Write a file that `read_answers` reads, whole or not at all.

    Raises:
        StorageError: the place cannot be written.
    """
    most = max((len(answer.crops) for answer in answers), default=2)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_HEADS, *(_CROPS.format(place) for place in range(1, most + 1))])
    for answer in answers:
        gap = [""] * (most - len(answer.crops))
        writer.writerow(
            [answer.sheet, answer.stratum, answer.said, *map(spreadsheet_cell, answer.crops), *gap]
        )
    write_text(file, text.getvalue())


def links(answers: Iterable[Answer]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Pairs of paths that must be, and that cannot be, in one cluster.

    A group that is one person links its crops in a row. One that is not says nothing of any two of them, and nothing
    follows from `unsure`.
    """
    must, cannot = [], []
    for answer in answers:
        if answer.said == "same":
            must += list(pairwise(answer.crops))
        elif answer.said == "different" and len(answer.crops) == 2:
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
            f"{file}, line {number}: lacks {', '.join(missing)}; wanted the columns {', '.join(_HEADS)}, crop_1, "
            "crop_2, ... as the page of `reseen audit --verify` saves them"
        )
    said = row["answer"] or ""
    if said not in get_args(Said):
        raise DataError(f"{file}, line {number}: the answer is same, different or unsure, found '{said}'")
    crops = [
        parse_spreadsheet_cell(value)
        for name, value in row.items()
        if name and name.startswith("crop_") and value
    ]
    if len(crops) < 2 or len(set(crops)) < len(crops):
        raise DataError(
            f"{file}, line {number}: wanted two different crops or more, found {', '.join(crops) or 'none'}"
        )
    return Answer(row["sheet"] or "", row["stratum"] or "", said, tuple(crops))  # pyrefly: ignore
