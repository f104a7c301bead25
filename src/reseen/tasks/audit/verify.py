"""Human verification of a clustering: sample questions, and estimate precision and recall from the answers.

The answers, with what tracklets say of pairs without being asked, also give the threshold of the audit.
"""

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
    Calibration,
    ProportionEstimate,
    Stratum,
    Tally,
    TrackletPairs,
    allocate_questions,
    calibrate,
    draw_pairs,
    plan_pool,
    plan_strata,
    precision,
    proportion,
    recall,
)
from reseen.audit.tracklet_pairs import DIFFERENT, NOTHING_KNOWN, SAME, UNKNOWN
from reseen.data.crops import Crops
from reseen.errors import DataError
from reseen.files import write_text
from reseen.pages import Question, QuestionsContent, write_questions_page
from reseen.pages.album import pictures
from reseen.reading import read_json_as
from reseen.records import NOISE, Features, PseudoLabels
from reseen.runs.console import RunView
from reseen.runs.run import Run

SHEETS = "verify.json"
"""File in the run folder with the strata of every sheet that was written."""

_GROUP_SHARE = 0.1
"""Share of questions on groups."""
_GROUP = 6
"""Maximum number of crops in a group; groups come from clusters of at least three crops."""
_MAX_HEIGHT = 256
"""Maximum height of thumbnails, in pixels."""


@dataclass(frozen=True)
class Sheet:
    """A clustering to be verified, with its strata; the same run on the same crops has the same key."""

    key: str
    crops: Crops
    features: Features
    labels: PseudoLabels
    strata: tuple[Stratum, ...]

    @classmethod
    def plan(cls, run: Run, crops: Crops, features: Features, labels: PseudoLabels) -> "Sheet":
        """The sheet of a clustering, with its pairs divided into strata."""
        digest = hashlib.sha256(crops.table.fingerprint.encode() + labels.labels.astype("<i8").tobytes())
        digest.update(str(run.rounds_done).encode())
        return cls(digest.hexdigest()[:8], crops, features, labels, tuple(plan_strata(features, labels)))

    @property
    def groups(self) -> Int64[np.ndarray, " g"]:
        """Clusters of at least three crops, which can be verified as a group."""
        return np.flatnonzero(self.labels.sizes >= 3)


@dataclass(frozen=True)
class Verification:
    """Estimates from answers, 0 to 1, with 95 % intervals."""

    sheet: str
    """Key of the sheet that the answers belong to."""
    current: bool
    """Whether that sheet is the run's current clustering."""
    precision: ProportionEstimate | None
    """Share of same-cluster pairs that show one person; None until every stratum has an answer."""
    recall: ProportionEstimate | None
    """Share of pairs of one person, of at least `lowest` similarity, that are in one cluster; None as `precision`."""
    lowest: float
    """Cosine similarity below which pairs of different clusters are not sampled."""
    whole_groups: ProportionEstimate | None
    """Share of clusters of at least three crops whose sampled group, of up to six crops, shows one person."""
    pairs: int
    """Number of sure answers on pairs."""
    groups: int
    """Number of sure answers on groups."""
    unsure: int
    """Number of answers `unsure`, which are not counted."""
    other_sheets: int
    """Number of answers on other sheets, which are ignored."""

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return asdict(self)


def verify(run: Run, sheet: Sheet, answers: Sequence[Answer]) -> Verification:
    """Estimate precision and recall from the answers on this sheet, or else on the run's sheet with the most answers.

    Raises:
        DataError: no answer belongs to a sheet of this run.
    """
    known = read_sheets(run.folder) | {sheet.key: list(sheet.strata)}
    counts = {key: sum(answer.sheet == key for answer in answers) for key in known}
    key = sheet.key if counts[sheet.key] else max(counts, key=lambda name: counts[name])
    if not counts[key]:
        raise DataError(
            f"none of the {len(answers)} answers belongs to a sheet of {run.folder}; give answers saved from a page of "
            "this run"
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
        proportion(whole, whole + broken) if whole + broken else None, sum(tally.answers for tally in tallies),
        whole + broken, sum(answer.verdict == "unsure" for answer in own), len(answers) - len(own),
    )  # fmt: skip


def answered_pairs(
    sheet: Sheet, answers: Sequence[Answer], tracklets: TrackletPairs
) -> tuple[AnsweredPairs, Int64[np.ndarray, "k 2"]]:
    """The sure answers on pairs of this sheet of which tracklets say nothing; groups are not pairs.

    The second value has a row for each answer on another pair: what the tracklets say of it, and what was answered,
    each `SAME` or `DIFFERENT`.
    """
    row = {path: index for index, path in enumerate(sheet.crops.table.texts)}
    names = {stratum.name for stratum in sheet.strata}
    sure = [
        answer
        for answer in answers
        if answer.sheet == sheet.key
        and answer.verdict != "unsure"
        and answer.stratum in names
        and all(crop in row for crop in answer.crops)
    ]
    pairs = np.array([[row[crop] for crop in answer.crops[:2]] for answer in sure], dtype=np.int64).reshape(
        -1, 2
    )
    same = np.array([answer.verdict == "same" for answer in sure], dtype=bool)
    said = tracklets.of(*pairs.T)
    known = said != UNKNOWN
    checks = np.stack([said[known].astype(np.int64), np.where(same[known], SAME, DIFFERENT)], axis=1)
    pairs, same = pairs[~known], same[~known]
    vectors, labels = sheet.features.numpy, sheet.labels.labels
    similarity = np.einsum("md,md->m", vectors[pairs[:, 0]], vectors[pairs[:, 1]], dtype=np.float64)
    cluster = labels[pairs]
    together = (cluster[:, 0] == cluster[:, 1]) & (cluster[:, 0] != NOISE)
    return AnsweredPairs(similarity, together, same), checks


def write_sheet(
    page: Path, run: Run, sheet: Sheet, answers: Sequence[Answer], questions: int, seed: int, view: RunView
) -> None:
    """Write a page of new questions, in random order with groups last, and record its strata in the run folder.

    Raises:
        StorageError: a file cannot be written.
    """
    own = [answer for answer in answers if answer.sheet == sheet.key]
    sampled = _sample_questions(sheet, own, questions, np.random.default_rng([seed, len(own)]))
    progress = view.phase("questions", len(sampled))
    content = []
    for stratum, rows in sampled:
        paths = [sheet.crops.table.texts[row] for row in rows]
        content.append(Question(stratum, paths, pictures(sheet.crops, rows, _MAX_HEIGHT)))
        progress(1)
    title = f"Same person? {len(content)} questions"
    earlier = [(answer.sheet, answer.stratum, answer.verdict, list(answer.crops)) for answer in answers]
    write_questions_page(page, QuestionsContent(title, sheet.key, run.folder.name, content, earlier))
    sheets = read_sheets(run.folder) | {sheet.key: list(sheet.strata)}
    values = {key: [asdict(stratum) for stratum in strata] for key, strata in sheets.items()}
    write_text(run.folder / SHEETS, json.dumps(values, indent=1) + "\n")


def _sample_questions(
    sheet: Sheet, own: Sequence[Answer], questions: int, generator: np.random.Generator
) -> list[tuple[str, list[int]]]:
    """Strata and rows of new questions; `own` are the answers on this sheet."""
    row = {path: index for index, path in enumerate(sheet.crops.table.texts)}
    rows_of = [sorted(row[crop] for crop in answer.crops if crop in row) for answer in own]
    done = {(rows[0], rows[1]) for rows, answer in zip(rows_of, own, strict=True) if answer.stratum != GROUP}
    groups = generator.permutation(sheet.groups)[: round(questions * _GROUP_SHARE)]
    counts = allocate_questions(sheet.strata, questions - len(groups))
    drawn = draw_pairs(sheet.features, sheet.labels, sheet.strata, counts, generator, done)
    ordered = [
        (stratum.name, generator.permutation(pair).tolist())
        for stratum, pairs in zip(sheet.strata, drawn, strict=True)
        for pair in pairs
    ]
    sampled = [ordered[index] for index in generator.permutation(len(ordered))]
    answered_clusters = {
        sheet.labels.labels[rows[0]]
        for rows, answer in zip(rows_of, own, strict=True)
        if answer.stratum == GROUP
    }
    for cluster in groups.tolist():
        if cluster not in answered_clusters:
            members = np.flatnonzero(sheet.labels.labels == cluster)
            sampled.append((GROUP, generator.permutation(members)[:_GROUP].tolist()))
    return sampled


def read_sheets(folder: Path) -> dict[str, list[Stratum]]:
    """The strata of all sheets of a run, by key; empty if there are none.

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


def _count(answers: Sequence[Answer], stratum: str, verdict: str) -> int:
    return sum(answer.stratum == stratum and answer.verdict == verdict for answer in answers)


_FEWEST_CHECKS, _MOST_CONTRADICTED = 5, 0.1
"""Answers on pairs that tracklets know, of which so large a share contradicts them that they are not used."""


def calibrate_sheet(
    sheet: Sheet, answers: Sequence[Answer], false_matches: float, seed: int
) -> Calibration | None:
    """The calibration from tracklets and from the sure answers on pairs of this sheet; None without any of them.

    Tracklets that answers contradict in more than one of ten cases (of at least five) are not used.
    """
    tracklets = TrackletPairs.of_table(sheet.crops.table)
    answered, checks = answered_pairs(sheet, answers, tracklets)
    if len(checks) >= _FEWEST_CHECKS and (checks[:, 0] != checks[:, 1]).mean() > _MOST_CONTRADICTED:
        tracklets = NOTHING_KNOWN
        answered, _ = answered_pairs(sheet, answers, tracklets)
    pool = plan_pool(sheet.features, sheet.labels, tracklets=tracklets)
    if not len(answered) and not (pool.known != UNKNOWN).any():
        return None
    return calibrate(pool, answered, np.random.default_rng(seed), false_matches)
