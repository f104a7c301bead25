"""Compare two runs, or a run with the weights that it started with, on the same crops; a table and sentences."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64
from rich.console import Group

from reseen.audit import Verdict, verdict_lines
from reseen.data.table import ImageTable
from reseen.datasets import DistractorRule
from reseen.errors import DataError
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.paired import PairedDifference, paired_difference
from reseen.evaluate.scoring import Protocol, ScoringOptions
from reseen.features.feature_cache import FEATURE_CACHE_GIGABYTES
from reseen.records import Outcome
from reseen.runs.run import Run
from reseen.tasks.comparison.sides import compare_without_labels, open_sides
from reseen.tasks.evaluation.retrieval import Retrieval
from reseen.tasks.evaluation.score import Benchmark, patterns_of, read_benchmark, retrieve
from reseen.tasks.evaluation.tables import score_table


@dataclass(frozen=True)
class Comparison:
    """How the second of two encoders compares with the first.

    Example:
        >>> found = reseen.compare("untrained", "runs/market", "Market-1501")
        >>> found.outcome, found.paired.interval
    """

    first: str
    second: str
    """Names of the two sides."""
    scores: tuple[RetrievalScore, RetrievalScore] | None
    """Both scores where the data names people, else None."""
    paired: PairedDifference | None
    """Their difference query by query; None without labels."""
    verdict: Verdict | None
    """What can be told without labels; None where the data names people."""
    reason: str
    """Why no labels were used; empty where they were."""

    @property
    def outcome(self) -> Outcome:
        """How the second side compares with the first."""
        if self.paired is not None:
            return self.paired.outcome
        return "cannot say" if self.verdict is None else self.verdict.outcome

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return {
            "format": "reseen-comparison-1",
            "first": self.first,
            "second": self.second,
            "outcome": self.outcome,
            "scores": None if self.scores is None else [score.to_json() for score in self.scores],
            "difference": None if self.paired is None else self.paired.to_json(),
            "without_labels": None if self.verdict is None else self.verdict.to_json(),
            "reason": self.reason,
        }


def compare(
    first: Run | str | Path,
    second: Run | str | Path,
    data: str | Path | ImageTable,
    *,
    layout: str | None = None,
    variant: str | None = None,
    camera_pattern: str | None = None,
    identity_pattern: str | None = None,
    distractors: DistractorRule = "auto",
    protocol: Protocol | None = None,
    seed: int = 0,
    devices: int = 1,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> Comparison:
    """Compare the second encoder with the first: `better`, `no different`, `worse`, or `cannot say`.

    Where the data has a query and a gallery with identities, both are scored, and the difference of the average
    precisions of each query gets a 95 % bootstrap interval over people. Elsewhere the two are compared by what can be
    measured without labels on the crops of the data.

    Args:
        first: a run, its folder, or `untrained` for the weights that the second started with.
        second: a run, its folder, or `untrained` for the weights that the first started with.
        data: a benchmark, a folder of crops, a manifest or shards; a table of crops is compared without labels.
        layout: the layout on disk; detected when None.
        variant: the variant of the benchmark; its first when None.
        camera_pattern: where paths name the camera; None for the second run's own pattern, empty for no cameras.
        identity_pattern: where paths name the person; None for the second run's own pattern.
        distractors: meaning of identity 0, as in `reseen.score`.
        protocol: the evaluation protocol of both sides; that of the data when None.
        seed: random seed of the bootstrap and of drawn galleries.
        devices: number of processes for feature extraction with labels.
        feature_cache: size limit in gigabytes of the cache of features; 0 for none.
        quiet: hide progress.

    Raises:
        RunError: a folder is no run, or holds no starting weights where they are asked for.
        SettingsError: both sides are `untrained`, or an option does not apply.
        DataError: the data cannot be read.

    Example:
        >>> reseen.compare("runs/a", "runs/b", "Market-1501").paired.mean_average_precision
    """
    sides = open_sides(first, second)
    if isinstance(data, ImageTable):
        verdict = compare_without_labels(*sides, data, feature_cache=feature_cache, quiet=quiet)
        return Comparison(sides[0].name, sides[1].name, None, None, verdict, "a table has no identities")
    try:
        patterns = patterns_of(sides[1].run, data, layout, camera_pattern, identity_pattern)
        benchmark = read_benchmark(data, layout, variant, patterns=patterns, distractors=distractors)
    except DataError as error:
        verdict = compare_without_labels(
            *sides, data, camera_pattern=camera_pattern, feature_cache=feature_cache, quiet=quiet
        )
        return Comparison(sides[0].name, sides[1].name, None, None, verdict, str(error))
    options = ScoringOptions(protocol=protocol or benchmark.protocol, seed=seed)
    before, after = (
        retrieve(
            side.run,
            benchmark,
            options=options,
            untrained=side.untrained,
            devices=devices,
            feature_cache=feature_cache,
            quiet=quiet,
        )
        for side in sides
    )
    scores = before.score(quiet), after.score(quiet)
    paired = paired_retrievals(before, after, scores)
    return Comparison(sides[0].name, sides[1].name, scores, paired, None, "")


def paired_retrievals(
    before: Retrieval, after: Retrieval, scores: tuple[RetrievalScore, RetrievalScore]
) -> PairedDifference:
    """The difference of two retrievals of the same queries, from their scores.

    Raises:
        DataError: one of both could not read a query that the other could.
    """
    if before.query.table.paths != after.query.table.paths:
        raise DataError(
            f"{before.query.table.root}: {len(before.query)} queries are readable at the input size of one encoder and "
            f"{len(after.query)} at that of the other; check the files with `reseen data check`"
        )
    identities = _identities(before, len(scores[0].per_query_average_precision))
    return paired_difference(*scores, identities, before.options.seed)


@dataclass(frozen=True)
class BaselineScore:
    """The score of what a run is compared with, and the difference of the run to it."""

    name: str
    score: RetrievalScore
    paired: PairedDifference

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values."""
        return {"name": self.name, "score": self.score.to_json(), "difference": self.paired.to_json()}


@dataclass(frozen=True)
class Baseline:
    """What a run is compared with, and what it retrieves."""

    name: str
    retrieval: Retrieval


def retrieve_baseline(
    baseline: Run | str | Path,
    run: Run,
    benchmark: Benchmark,
    retrieval: Retrieval,
    *,
    student: bool = False,
    part: Literal["both", "global", "patch"] | None = None,
    whitened: bool = True,
    devices: int = 1,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> Baseline:
    """A baseline, a run or `untrained`, and what it retrieves by the options of the run's own `retrieval`.

    Raises:
        RunError: the baseline is no run, or the run holds no starting weights.
        SettingsError: an option does not apply to the baseline.
    """
    side = open_sides(baseline, run)[0]
    retrieved = retrieve(
        side.run,
        benchmark,
        options=retrieval.options,
        student=student,
        part=part,
        mirrored=retrieval.task.preparation.mirrored,
        whitened=whitened,
        untrained=side.untrained,
        devices=devices,
        feature_cache=feature_cache,
        quiet=quiet,
    )
    return Baseline(side.name, retrieved)


def score_baseline(
    baseline: Baseline, retrieval: Retrieval, score: RetrievalScore, quiet: bool = False
) -> BaselineScore:
    """Score a baseline, and compare the `score` of the run's own `retrieval` with it query by query.

    Raises:
        DataError: the baseline reads other queries.
    """
    other = baseline.retrieval.score(quiet)
    paired = paired_retrievals(baseline.retrieval, retrieval, (other, score))
    return BaselineScore(baseline.name, other, paired)


def _identities(retrieval: Retrieval, queries: int) -> Int64[np.ndarray, " q"]:
    """Identities of the rows that were scored as queries: those of the gallery too where both sides were merged."""
    task = retrieval.task
    if queries == len(task.query):
        return task.query_identities
    return np.concatenate([task.query_identities, task.gallery_identities])


def comparison_table(comparison: Comparison) -> Group:
    """The scores of both sides with their difference; an empty group without labels."""
    if comparison.scores is None:
        return Group()
    names = comparison.first, comparison.second
    return score_table(dict(zip(names, comparison.scores, strict=True)))


def sentences(comparison: Comparison) -> list[str]:
    """The outcome in one sentence, and its evidence."""
    if comparison.paired is not None:
        return [paired_sentence(comparison.first, comparison.second, comparison.paired)]
    assert comparison.verdict is not None  # one of the two is there
    lines = verdict_lines(comparison.verdict, comparison.first, comparison.second)
    return [f"Compared without labels: {comparison.reason}", *lines]


def paired_sentence(first: str, second: str, paired: PairedDifference) -> str:
    """How the second side compares with the first, with the interval of the difference."""
    low, high = 100 * paired.interval.low, 100 * paired.interval.high
    words = {"better": "better than", "worse": "worse than", "no different": "no different from"}
    return (
        f"{second} is {words[paired.outcome]} {first}: mAP {100 * paired.mean_average_precision:+.1f} points, 95 % "
        f"interval {low:+.1f} to {high:+.1f} over people; {paired.share_better:.0%} of {paired.queries:,} queries are "
        f"better and {paired.share_worse:.0%} worse"
    )
