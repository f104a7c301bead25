"""Ask a person about pairs and groups of a clustering, and tell precision and recall from the answers."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from reseen.audit import (
    GROUP,
    Answer,
    AnsweredPairs,
    ProportionEstimate,
    Stratum,
    Tally,
    draw_pairs,
    plan_strata,
    precision,
    recall,
    share,
    share_out,
)
from reseen.data.crops import Crops
from reseen.data.table import ImageTable
from reseen.errors import DataError
from reseen.files import write_text
from reseen.pages import Question, QuestionsContent, write_questions_page
from reseen.pages.album import pictures
from reseen.reading import read_json_as
from reseen.records import Features, PseudoLabels
from reseen.runs.console import RunView
from reseen.runs.run import Run

SHEETS = "verify.json"
"""The strata of every sheet that was written, beside the run."""

_GROUP_SHARE = 0.1
"""Share of the questions that are of groups."""
_GROUP = 6
"""Crops of a group; a cluster of three or more can be asked about."""
_TALLEST = 256


@dataclass(frozen=True)
class Sheet:
    """A clustering to ask about; the same run on the same crops has the same key."""

    key: str
    crops: Crops
    features: Features
    labels: PseudoLabels
    strata: tuple[Stratum, ...]

    @classmethod
    def plan(cls, run: Run, crops: Crops, features: Features, labels: PseudoLabels) -> "Sheet":
        """Divide the pairs of a clustering into strata."""
        digest = hashlib.sha256(crops.table.fingerprint.encode() + labels.labels.astype("<i8").tobytes())
        digest.update(str(run.rounds_done).encode())
        return cls(digest.hexdigest()[:8], crops, features, labels, tuple(plan_strata(features, labels)))

    @property
    def groups(self) -> Int64[np.ndarray, " g"]:
        """Clusters that are large enough to be asked about as a group."""
        return np.flatnonzero(self.labels.sizes >= 3)


@dataclass(frozen=True)
class Verification:
    """What answers say; shares from 0 to 1 with intervals of 95 %."""

    sheet: str
    current: bool
    """Whether the answers are on the clusters that the run makes now."""
    precision: ProportionEstimate | None
    """Share of pairs of one person among pairs in one cluster; None until every stratum has an answer."""
    recall: ProportionEstimate | None
    """Share of pairs in one cluster among the pairs of one person that are similar enough to be asked about."""
    lowest: float
    """Cosine similarity below which pairs of different clusters are not asked about."""
    whole_groups: ProportionEstimate | None
    """Share of clusters of three crops or more of which up to six random crops are one person."""
    pairs: int
    groups: int
    unsure: int
    """Answers that were not sure and count for nothing."""
    other_sheets: int
    """Answers on other states of the run, which are left out."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file."""
        return asdict(self)


def verify(run: Run, sheet: Sheet, answers: Sequence[Answer]) -> Verification:
    """Estimate from answers on this sheet or, where there is none, on the sheet of this run that has the most.

    Raises:
        DataError: no answer is on a sheet of this run.
    """
    known = read_sheets(run.folder) | {sheet.key: list(sheet.strata)}
    counts = {key: sum(answer.sheet == key for answer in answers) for key in known}
    key = sheet.key if counts[sheet.key] else max(counts, key=lambda name: counts[name])
    if not counts[key]:
        raise DataError(
            f"none of the {len(answers)} answers is on a sheet of {run.folder}; give the answers that were saved from "
            "a page of this run"
        )
    own = [answer for answer in answers if answer.sheet == key]
    tallies = [
        Tally(stratum, _count(own, stratum.name, "same"), _count(own, stratum.name, "different"))
        for stratum in known[key]
    ]
    whole, broken = _count(own, GROUP, "same"), _count(own, GROUP, "different")
    apart = [stratum.low for stratum in known[key] if not stratum.together]
    return Verification(
        key, key == sheet.key, precision(tallies), recall(tallies), max(min(apart, default=-1.0), -1.0),
        share(whole, whole + broken) if whole + broken else None, sum(tally.answers for tally in tallies),
        whole + broken, sum(answer.said == "unsure" for answer in own), len(answers) - len(own),
    )  # fmt: skip


def answered_pairs(table: ImageTable, sheet: Sheet, answers: Sequence[Answer]) -> AnsweredPairs:
    """The sure answers on pairs of this sheet, each with the number of pairs it stands for."""
    row = {path: place for place, path in enumerate(table.texts)}
    sizes = {stratum.name: stratum.pairs for stratum in sheet.strata}
    sure = [
        answer
        for answer in answers
        if answer.sheet == sheet.key
        and answer.said != "unsure"
        and answer.stratum in sizes
        and all(crop in row for crop in answer.crops)
    ]
    each = {name: sum(answer.stratum == name for answer in sure) for name in sizes}
    pairs = np.array([[row[crop] for crop in answer.crops[:2]] for answer in sure], dtype=np.int64).reshape(
        -1, 2
    )
    same = np.array([answer.said == "same" for answer in sure], dtype=np.float64)
    weight = np.array([sizes[answer.stratum] / each[answer.stratum] for answer in sure], dtype=np.float64)
    return AnsweredPairs(pairs[:, 0], pairs[:, 1], same, weight)


def write_sheet(
    page: Path, run: Run, sheet: Sheet, answers: Sequence[Answer], questions: int, seed: int, view: RunView
) -> None:
    """Write a page of new questions, in random order, groups last, and note its strata in the run folder.

    Raises:
        StorageError: a file cannot be written.
    """
    own = [answer for answer in answers if answer.sheet == sheet.key]
    asked = _draw(sheet, own, questions, np.random.default_rng([seed, len(own)]))
    progress = view.phase("questions", len(asked))
    made = []
    for stratum, rows in asked:
        paths = [sheet.crops.table.texts[row] for row in rows]
        made.append(Question(stratum, paths, pictures(sheet.crops, rows, _TALLEST)))
        progress(1)
    title = f"Same person? {len(made)} questions"
    earlier = [(one.sheet, one.stratum, one.said, list(one.crops)) for one in answers]
    write_questions_page(page, QuestionsContent(title, sheet.key, run.folder.name, made, earlier))
    sheets = read_sheets(run.folder) | {sheet.key: list(sheet.strata)}
    plain = {key: [asdict(stratum) for stratum in strata] for key, strata in sheets.items()}
    write_text(run.folder / SHEETS, json.dumps(plain, indent=1) + "\n")


def _draw(
    sheet: Sheet, own: Sequence[Answer], questions: int, generator: np.random.Generator
) -> list[tuple[str, list[int]]]:
    """Strata and rows of the questions."""
    row = {path: place for place, path in enumerate(sheet.crops.table.texts)}
    rows_of = [sorted(row[crop] for crop in answer.crops if crop in row) for answer in own]
    done = {(rows[0], rows[1]) for rows, answer in zip(rows_of, own, strict=True) if answer.stratum != GROUP}
    groups = generator.permutation(sheet.groups)[: round(questions * _GROUP_SHARE)]
    counts = share_out(sheet.strata, questions - len(groups))
    drawn = draw_pairs(sheet.features, sheet.labels, sheet.strata, counts, generator, done)
    asked = [
        (stratum.name, generator.permutation(pair).tolist())
        for stratum, pairs in zip(sheet.strata, drawn, strict=True)
        for pair in pairs
    ]
    asked = [asked[place] for place in generator.permutation(len(asked))]
    known = {
        sheet.labels.labels[rows[0]]
        for rows, answer in zip(rows_of, own, strict=True)
        if answer.stratum == GROUP
    }
    for cluster in groups.tolist():
        if cluster not in known:
            members = np.flatnonzero(sheet.labels.labels == cluster)
            asked.append((GROUP, generator.permutation(members)[:_GROUP].tolist()))
    return asked


def read_sheets(folder: Path) -> dict[str, list[Stratum]]:
    """The strata of the sheets written before.

    Raises:
        DataError: the file is damaged.
    """
    file = folder / SHEETS
    if not file.is_file():
        return {}
    try:
        return read_json_as(dict[str, list[Stratum]], file)
    except (OSError, ValueError):
        raise DataError(f"{file}: damaged; delete it and write a new page with --verify") from None


def _count(answers: Sequence[Answer], stratum: str, said: str) -> int:
    return sum(answer.stratum == stratum and answer.said == said for answer in answers)
