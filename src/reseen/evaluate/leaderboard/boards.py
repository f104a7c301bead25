"""Results grouped by protocol and arm, with mean and spread over seeds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from reseen.evaluate.leaderboard.literature import Published, published
from reseen.evaluate.leaderboard.results import Result

FIGURES = ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP")
"""Figures of an arm, in percent."""

_DATASETS = {"market": "Market-1501"}
"""Protocols of ours whose figures stand beside the literature's on a data set; all others are of our own making."""


@dataclass(frozen=True)
class Spread:
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
    figures: dict[str, Spread]
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


def _spread(results: Sequence[Result], name: str) -> Spread:
    shares = [
        result.score["cmc"][name.removeprefix("Rank-")] if name.startswith("Rank-") else result.score[name]
        for result in results
    ]
    return Spread(100 * mean(shares), 100 * stdev(shares) if len(shares) > 1 else None)
