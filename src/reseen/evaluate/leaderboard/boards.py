"""Results grouped by protocol and arm, with mean and spread over seeds.

Results of runs from a folder of JSON files: those of `benchmarks/accuracy.py` and of `reseen evaluate --json`.
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
    """One run with one seed."""

    group: str
    """The data and rules that can be compared: a protocol's name."""
    arm: str
    """What was run; results that differ by their seed alone have one arm."""
    text: str
    """What the arm is, in a few words."""
    seed: int
    score: Mapping[str, Any]
    """As `RetrievalScore.to_json`, shares from 0 to 1."""
    cameras: bool
    """Camera names could be used in training."""
    rounds: int
    """The last round, which is the one scored."""
    command: str
    commit: str
    ceiling: bool
    """Trained on the truth: no result, but what others cannot pass."""


def read_results(folder: Path) -> tuple[list[Result], list[str]]:
    """Results of all .json files in a folder, by name, and the names of files that hold none.

    Raises:
        DataError: the folder is missing or has no result, or a file is damaged.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder; give one with results as benchmarks/accuracy.py writes them"
        )
    results, others = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            values = read_json(file)
        except (ValueError, OSError) as error:
            raise DataError(f"{file}: cannot be read as JSON ({error}); repair or remove it") from None
        try:
            result = _result(values) if isinstance(values, dict) else None
        except ValueError as error:
            raise DataError(
                f"{file}: lacks what a result has ({error}); make it anew, or remove it"
            ) from None
        if result is None:
            others.append(file.name)
        else:
            results.append(result)
    if not results:
        raise DataError(
            f"{folder}: holds no result; benchmarks/accuracy.py and `reseen evaluate --json` write them"
        )
    return results, others


def _result(values: Mapping[str, Any]) -> Result | None:
    if "arm" in values and "score" in values:
        return _of_benchmark(values)
    if "training" in values and "mAP" in values:
        return _of_evaluation(values)
    return None


_Figure = Annotated[float, Field(ge=0, le=100)]
_Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Score(BaseModel):
    """The figures of a score that a page shows."""

    mean_average_precision: _Figure = Field(alias="mAP")
    mean_inverse_negative_penalty: _Figure = Field(alias="mINP")
    cmc: dict[str, _Figure]

    @model_validator(mode="after")
    def _has_ranks(self) -> Self:
        if not {"1", "5", "10"} <= self.cmc.keys():
            raise ValueError("wanted the ranks 1, 5 and 10")
        return self


class _Recipe(BaseModel):
    """The part of a recipe that a page shows."""

    cameras: bool = False


class _Benchmark(BaseModel):
    """A file of `benchmarks/accuracy.py`."""

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
    """What a score says of the run that was scored."""

    method: str
    seed: _Number
    cameras: _Number
    rounds: _Number
    data: str
    command: str
    recipe: dict[str, Any]


class _Rules(BaseModel):
    """How a score was made."""

    re_ranking: str
    query_expansion: str
    mirrored_features: bool
    domain: str | None = None


class _Evaluation(_Score):
    """A file of `reseen evaluate --json`."""

    protocol: str
    queries: _Number
    gallery: _Number
    rules: _Rules
    training: _Training


def _of_benchmark(values: Mapping[str, Any]) -> Result:
    given = validate_as(_Benchmark, values)
    rounds = len(given.rounds)
    return Result(
        group=given.protocol,
        arm=given.arm,
        text=given.text,
        seed=given.seed,
        score=given.score.model_dump(by_alias=True),
        cameras=given.recipe.cameras and rounds > 0,
        rounds=rounds,
        command=given.command,
        commit=given.commit,
        ceiling=given.arm == "true-people",
    )


def _of_evaluation(values: Mapping[str, Any]) -> Result:
    """Runs with the same settings but for the seed, on the same data, are one arm; `rules` tell groups apart."""
    given = validate_as(_Evaluation, values)
    training, rules = given.training, given.rules
    settings = json.dumps({**training.recipe, "seed": None}, sort_keys=True) + training.data
    group = f"{given.protocol}, {given.queries:,} queries, {given.gallery:,} gallery images"
    asked = {"re_ranking": rules.re_ranking, "query_expansion": rules.query_expansion}
    done = {name: how for name, how in asked.items() if how != "none"}
    done |= {"mirrored": "yes"} if rules.mirrored_features else {}
    done |= {"": "cross-domain"} if rules.domain == "cross-domain" else {}
    words = [f"{name.replace('_', ' ')} {how}".strip() for name, how in done.items()]
    return Result(
        group=group,
        arm=" · ".join([training.method, *words, _short(settings)]),
        text=f"scored by `reseen evaluate`, settings {_short(settings)}",
        seed=training.seed,
        score=given.model_dump(
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
"""Figures of an arm, in percent."""

_DATASETS = {"market": "Market-1501"}
"""Protocols of ours whose figures stand beside the literature's on a data set; all others are of our own making."""


@dataclass(frozen=True)
class MeanAndSpread:
    """Mean and standard deviation over seeds, in percent; no deviation for one seed."""

    mean: float
    deviation: float | None

    @property
    def text(self) -> str:
        """`23.4 ± 0.7`."""
        return f"{self.mean:.1f}" + ("" if self.deviation is None else f" ± {self.deviation:.1f}")


@dataclass(frozen=True)
class Arm:
    """What was run, over its seeds."""

    name: str
    text: str
    figures: dict[str, MeanAndSpread]
    """By the names of `FIGURES`."""
    seeds: tuple[int, ...]
    cameras: bool
    rounds: str
    """The last round, scored in every seed."""
    command: str
    """For all seeds at once where the command has a flag for them."""
    commits: tuple[str, ...]
    ceiling: bool


@dataclass(frozen=True)
class Board:
    """One table: our arms, best first, ceilings last, and figures of the literature on the same data."""

    name: str
    note: str
    arms: tuple[Arm, ...]
    literature: tuple[Published, ...] = ()


@dataclass(frozen=True)
class Leaderboard:
    """All tables, ours first."""

    boards: tuple[Board, ...]
    skipped: tuple[str, ...]
    """Files that hold no result."""


def build_leaderboard(results: Sequence[Result], skipped: Sequence[str] = ()) -> Leaderboard:
    """A board for each protocol of the results, then one for each data set of the literature that none has yet."""
    groups = dict.fromkeys(result.group for result in results)
    boards, used = [], set()
    for group in groups:
        dataset = _DATASETS.get(group)
        beside = tuple(row for row in published() if row.dataset == dataset)
        used.add(dataset)
        note = (
            f"The whole of {dataset}; the literature's figures stand beside ours."
            if dataset
            else "A protocol of our own: its figures compare with each other and with nothing in the literature."
        )
        boards.append(Board(group, note, _arms([one for one in results if one.group == group]), beside))
    for dataset in dict.fromkeys(row.dataset for row in published()):
        if dataset not in used:
            rows = tuple(row for row in published() if row.dataset == dataset)
            boards.append(Board(dataset, "The literature alone: we have no run on this yet.", (), rows))
    return Leaderboard(tuple(boards), tuple(skipped))


def _arms(results: Sequence[Result]) -> tuple[Arm, ...]:
    names = dict.fromkeys(result.arm for result in results)
    arms = [_arm([result for result in results if result.arm == name]) for name in names]
    return tuple(sorted(arms, key=lambda arm: (arm.ceiling, -arm.figures["mAP"].mean)))


def _arm(results: Sequence[Result]) -> Arm:
    ordered = sorted(results, key=lambda result: result.seed)
    first, seeds = ordered[0], tuple(result.seed for result in ordered)
    listed = ",".join(str(seed) for seed in seeds)
    return Arm(
        name=first.arm,
        text=first.text,
        figures={name: _spread(ordered, name) for name in FIGURES},
        seeds=seeds,
        cameras=first.cameras,
        rounds=" or ".join(str(count) for count in dict.fromkeys(result.rounds for result in ordered)),
        command=re.sub(r"--seeds \S+", f"--seeds {listed}", first.command),
        commits=tuple(dict.fromkeys(result.commit[:12] for result in ordered if result.commit)),
        ceiling=first.ceiling,
    )


def _spread(results: Sequence[Result], name: str) -> MeanAndSpread:
    shares = [
        result.score["cmc"][name.removeprefix("Rank-")] if name.startswith("Rank-") else result.score[name]
        for result in results
    ]
    return MeanAndSpread(100 * mean(shares), 100 * stdev(shares) if len(shares) > 1 else None)
