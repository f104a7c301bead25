"""Read results of runs from JSON files and group them into boards by protocol and arm, averaged over seeds.

The files are those of `benchmarks/accuracy.py` and of `reseen evaluate --json`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from reseen.errors import DataError
from reseen.evaluate.leaderboard.literature import Published, published
from reseen.reading import read_json, validate_as


@dataclass(frozen=True)
class Result:
    """One run with one seed; `text` describes its arm, and `rounds` is the last round, which is scored."""

    group: str
    """Name of the comparable data and protocol; one board per group."""
    arm: str
    """Name of the configuration; results that differ only by seed share an arm."""
    text: str
    seed: int
    score: Mapping[str, Any]
    """As `RetrievalScore.to_json`, from 0 to 1."""
    cameras: bool
    """Whether camera labels could be used in training."""
    rounds: int
    command: str
    commit: str
    ceiling: bool
    """Trained with ground-truth labels: an upper bound, not a result."""


def read_results(folder: Path) -> tuple[list[Result], list[str]]:
    """The results of all .json files of a folder, sorted by name, and the names of .json files without a result.

    Raises:
        DataError: the folder is missing or has no result, or a file is corrupt.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give a folder of results of benchmarks/accuracy.py")
    results, others = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            values = read_json(file)
        except (ValueError, OSError) as error:
            raise DataError(f"{file}: cannot be read as JSON ({error}); repair or remove it") from None
        try:
            result = _result(values) if isinstance(values, dict) else None
        except ValueError as error:
            raise DataError(f"{file}: is not a complete result ({error}); repair or remove it") from None
        if result is None:
            others.append(file.name)
        else:
            results.append(result)
    if not results:
        raise DataError(f"{folder}: holds no result of benchmarks/accuracy.py or `reseen evaluate --json`")
    return results, others


def _result(values: Mapping[str, Any]) -> Result | None:
    if "arm" in values and "score" in values:
        return _from_benchmark(values)
    if "training" in values and "mAP" in values:
        return _from_evaluation(values)
    return None


_Figure = Annotated[float, Field(ge=0, le=100)]
_Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Score(BaseModel):
    """The metrics of a score that the page shows."""

    mean_average_precision: _Figure = Field(alias="mAP")
    mean_inverse_negative_penalty: _Figure = Field(alias="mINP")
    cmc: dict[str, _Figure]

    @model_validator(mode="after")
    def _has_ranks(self) -> Self:
        if not {"1", "5", "10"} <= self.cmc.keys():
            raise ValueError("cmc needs the ranks 1, 5 and 10")
        return self


class _Recipe(BaseModel):
    """The part of a recipe that the page shows."""

    cameras: bool = False


class _Benchmark(BaseModel):
    """A result file of `benchmarks/accuracy.py`."""

    protocol: str
    arm: str
    text: str
    seed: _Number
    score: _Score
    recipe: _Recipe
    rounds: list[Any]
    command: str
    commit: str


class _Training(BaseModel):
    """The run that was scored, as recorded in a score."""

    method: str
    seed: _Number
    cameras: _Number
    rounds: _Number
    data: str
    command: str
    recipe: dict[str, Any]


class _Rules(BaseModel):
    re_ranking: str
    query_expansion: str
    mirrored_features: bool
    whitened_features: bool = False
    domain: str | None = None


class _Evaluation(_Score):
    """A result file of `reseen evaluate --json`."""

    protocol: str
    queries: _Number
    gallery: _Number
    rules: _Rules
    training: _Training


def _from_benchmark(values: Mapping[str, Any]) -> Result:
    benchmark = validate_as(_Benchmark, values)
    rounds = len(benchmark.rounds)
    return Result(
        group=benchmark.protocol,
        arm=benchmark.arm,
        text=benchmark.text,
        seed=benchmark.seed,
        score=benchmark.score.model_dump(by_alias=True),
        cameras=benchmark.recipe.cameras and rounds > 0,
        rounds=rounds,
        command=benchmark.command,
        commit=benchmark.commit,
        ceiling=benchmark.arm == "true-people",
    )


def _from_evaluation(values: Mapping[str, Any]) -> Result:
    """Runs on the same data whose settings differ only by seed are one arm; different rules make different arms."""
    evaluation = validate_as(_Evaluation, values)
    training, rules = evaluation.training, evaluation.rules
    settings = json.dumps({**training.recipe, "seed": None}, sort_keys=True) + training.data
    group = f"{evaluation.protocol}, {evaluation.queries:,} queries, {evaluation.gallery:,} gallery images"
    flags = {"mirrored": rules.mirrored_features, "whitened": rules.whitened_features}
    steps = {"re_ranking": rules.re_ranking, "query_expansion": rules.query_expansion}
    applied = {name: setting for name, setting in steps.items() if setting != "none"}
    applied |= {name: "yes" for name, on in flags.items() if on}
    applied |= {"": "cross-domain"} if rules.domain == "cross-domain" else {}
    labels = [f"{name.replace('_', ' ')} {setting}".strip() for name, setting in applied.items()]
    return Result(
        group=group,
        arm=" · ".join([training.method, *labels, _short(settings)]),
        text=f"scored by `reseen evaluate`, settings {_short(settings)}",
        seed=training.seed,
        score=evaluation.model_dump(
            by_alias=True, include={"mean_average_precision", "mean_inverse_negative_penalty", "cmc"}
        ),
        cameras=bool(training.cameras) and training.rounds > 0,
        rounds=training.rounds,
        command=training.command,
        commit="",
        ceiling=False,
    )


def _short(settings: str) -> str:
    return hashlib.sha256(settings.encode()).hexdigest()[:6]


FIGURES = ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP")
"""Metrics of an arm, in percent."""
_DATASETS = {"market": "Market-1501"}
"""Protocols that are comparable with published figures, and their data set; all others are our own."""


@dataclass(frozen=True)
class MeanAndDeviation:
    """Mean and standard deviation over seeds, in percent; the deviation is None for one seed."""

    mean: float
    deviation: float | None

    @property
    def text(self) -> str:
        """The figure as text, such as `23.4 ± 0.7`."""
        return f"{self.mean:.1f}" + ("" if self.deviation is None else f" ± {self.deviation:.1f}")


@dataclass(frozen=True)
class Arm:
    """One configuration, aggregated over its seeds, with the rounds scored and the command to reproduce it."""

    name: str
    text: str
    figures: dict[str, MeanAndDeviation]
    """By the names of `FIGURES`."""
    seeds: tuple[int, ...]
    cameras: bool
    rounds: str
    command: str
    commits: tuple[str, ...]
    ceiling: bool


@dataclass(frozen=True)
class Board:
    """One table: our arms, best first, ceilings last, and published figures on the same data."""

    name: str
    note: str
    arms: tuple[Arm, ...]
    literature: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Leaderboard:
    """All boards, those with our own results first, and the names of files without a result."""

    boards: tuple[Board, ...]
    skipped: tuple[str, ...]


def build_leaderboard(results: Sequence[Result], skipped: Sequence[str] = ()) -> Leaderboard:
    """One board per group of results, then one per remaining data set with published figures."""
    boards, covered = [], set()
    for group in dict.fromkeys(result.group for result in results):
        dataset = _DATASETS.get(group)
        literature = tuple(row for row in published() if row.dataset == dataset)
        covered.add(dataset)
        note = (
            f"The whole of {dataset}; published figures are listed below."
            if dataset
            else "A protocol of our own: its figures are comparable with each other, but not with published ones."
        )
        arms = _arms([result for result in results if result.group == group])
        boards.append(Board(group, note, arms, literature))
    for dataset in dict.fromkeys(row.dataset for row in published()):
        if dataset not in covered:
            note = "Published figures only; we have no run on this data set yet."
            boards.append(
                Board(dataset, note, (), tuple(row for row in published() if row.dataset == dataset))
            )
    return Leaderboard(tuple(boards), tuple(skipped))


def _arms(results: Sequence[Result]) -> tuple[Arm, ...]:
    names = dict.fromkeys(result.arm for result in results)
    arms = (_arm([result for result in results if result.arm == name]) for name in names)
    return tuple(sorted(arms, key=lambda arm: (arm.ceiling, -arm.figures["mAP"].mean)))


def _arm(results: Sequence[Result]) -> Arm:
    ordered = sorted(results, key=lambda result: result.seed)
    first, seeds = ordered[0], tuple(result.seed for result in ordered)
    seed_list = ",".join(str(seed) for seed in seeds)
    return Arm(
        name=first.arm,
        text=first.text,
        figures={name: _aggregate(ordered, name) for name in FIGURES},
        seeds=seeds,
        cameras=first.cameras,
        rounds=" or ".join(str(count) for count in dict.fromkeys(result.rounds for result in ordered)),
        command=re.sub(r"--seeds \S+", f"--seeds {seed_list}", first.command),
        commits=tuple(dict.fromkeys(result.commit[:12] for result in ordered if result.commit)),
        ceiling=first.ceiling,
    )


def _aggregate(results: Sequence[Result], name: str) -> MeanAndDeviation:
    values = [
        result.score["cmc"][name.removeprefix("Rank-")] if name.startswith("Rank-") else result.score[name]
        for result in results
    ]
    return MeanAndDeviation(100 * mean(values), 100 * stdev(values) if len(values) > 1 else None)
