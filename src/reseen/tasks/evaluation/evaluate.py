"""Evaluate a run as `reseen evaluate` does: its score, and its scores under other conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from reseen.data.occlusion import Occlusion
from reseen.datasets import DistractorRule
from reseen.distributed.launch import is_main_process
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.ranking import PrecisionRule
from reseen.evaluate.scoring import Protocol, ScoringOptions
from reseen.features.feature_cache import FEATURE_CACHE_GIGABYTES
from reseen.neighbors import RerankSettings
from reseen.runs.run import Run, open_run
from reseen.tasks.comparison.compare import BaselineScore, retrieve_baseline, score_baseline
from reseen.tasks.evaluation.report import report_run, verdict_sentences
from reseen.tasks.evaluation.retrieval import Retrieval, domain, with_domain
from reseen.tasks.evaluation.score import Benchmark, patterns_of, read_benchmark, retrieve


@dataclass(frozen=True)
class EvaluationSettings:
    """Settings of `evaluate_run`: what is read, how features are extracted, and how they are scored."""

    layout: str | None = None
    """Layout on disk; detected when None."""
    variant: str | None = None
    """Variant of the benchmark (split, boxes or test size); its first when None."""
    camera_pattern: str | None = None
    """Where paths name the camera, such as `{camera}/{*}`; empty for no cameras, None for the run's own pattern."""
    identity_pattern: str | None = None
    """Where paths name the person, such as `{identity}/{*}`; None for the run's own pattern."""
    distractors: DistractorRule = "auto"
    """Meaning of identity 0: distractors (`zero`), a person (`none`), or decided by the data (`auto`)."""
    protocol: Protocol | None = None
    """Evaluation protocol; that of the data set when None."""
    average_precision: PrecisionRule = "step"
    """`step`, or `trapezoid` as in the Market-1501 toolbox."""
    rerank: RerankSettings | Mapping[str, Any] | Literal["zhong", "faiss"] | None = None
    """k-reciprocal re-ranking: a variant, settings, or a mapping of them; None for no re-ranking."""
    expand_queries: int | None = None
    """Query expansion over the top N results, 1 or more; None for no expansion."""
    expansion_power: float = 0.0
    """Weight the results by similarity to this power, 0 or more; 0 for the unweighted average."""
    queries_in_gallery: bool = False
    """Include queries in the gallery."""
    mirrored: bool = False
    """Average the features of a crop and its mirror image."""
    whitened: bool = True
    """Whiten the features, if the run ended with `train.whiten`."""
    center_cameras: bool = True
    """Also score with the mean of its camera subtracted from every vector, where that is possible."""
    details: bool = True
    """Also compute confidence intervals, verification rates and camera pairs."""
    occlude: float | None = None
    """Also score with this share of every query crop covered by a rectangle, above 0 and below 1."""
    half: Literal["upper", "lower"] | None = None
    """Also score with only this half of every query crop visible."""
    seed: int = 0
    """Random seed of occlusions, drawn galleries and the bootstrap."""
    student: bool = False
    """Evaluate the student network, where the method evaluates its momentum teacher."""
    part: Literal["both", "global", "patch"] | None = None
    """Evaluate only global or only patch embeddings; None for the recipe's choice."""
    baseline: Run | str | Path | None = None
    """Also score another run, its folder, or `untrained`, and compare query by query."""

    def scoring(self, default: Protocol) -> ScoringOptions:
        """The options of scoring, with the `default` protocol where the settings name none."""
        return ScoringOptions(
            protocol=self.protocol or default,
            average_precision=self.average_precision,
            queries_in_gallery=self.queries_in_gallery,
            expand_queries=self.expand_queries,
            expansion_power=self.expansion_power,
            rerank=RerankSettings.of(self.rerank),
            details=self.details,
            seed=self.seed,
        )

    @property
    def occlusions(self) -> list[Occlusion]:
        """The occlusions of queries to score as well."""
        covered = [] if self.occlude is None else [Occlusion(share=self.occlude, seed=self.seed)]
        return covered + ([] if self.half is None else [Occlusion(half=self.half, seed=self.seed)])


@dataclass(frozen=True)
class Evaluation:
    """The scores of a run on query and gallery.

    Example:
        >>> evaluation = reseen.evaluate_run("runs/market", "Market-1501")
        >>> evaluation.score.mean_average_precision, evaluation.score.cmc[1]
    """

    run: Run
    settings: EvaluationSettings
    benchmark: Benchmark
    retrieval: Retrieval
    """Features of query and gallery, with their crops."""
    score: RetrievalScore
    occluded: Mapping[str, RetrievalScore]
    """Scores with occluded queries, by name of the occlusion."""
    centered: RetrievalScore | None
    """The score with cameras centered; None where that is impossible or was switched off."""
    baseline: BaselineScore | None
    """The score of the baseline, and how the run compares with it; None without one."""

    @cached_property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.run.folder.resolve().name

    @property
    def why_not_centered(self) -> str:
        """Why there is no score with cameras centered; empty if there is one."""
        return self.retrieval.why_not_centered if self.settings.center_cameras else "not asked for"

    def to_json(self) -> dict[str, Any]:
        """JSON-serializable values: the scores, and what they should be read with."""
        return {
            "run": str(self.run.folder),
            "rounds": self.run.rounds_done,
            **self.score.to_json(),
            "benchmark": self.benchmark.name,
            "camera_centered": None if self.centered is None else self.centered.to_json(),
            "why_not_centered": self.why_not_centered,
            "occluded": {name: value.to_json() for name, value in self.occluded.items()},
            "seed": self.settings.seed,
            "student": self.settings.student,
            "part": self.settings.part,
            "baseline": None if self.baseline is None else self.baseline.to_json(),
            "unreadable": self.retrieval.unreadable,
            "training": self.run.summary,
            "without_labels": verdict_sentences(self.run),
        }

    def write_report(self, path: Path) -> None:
        """Write an HTML report with curves and ranked lists; it embeds thumbnails of crops.

        Raises:
            StorageError: `path` cannot be written.
        """
        scores = {} if self.baseline is None else {self.baseline.name: self.baseline.score}
        report_run(
            path, self.run, None, self.retrieval, {**scores, self.name: self.score}, f"Run {self.name}"
        )


def evaluate_run(
    run: Run | str | Path,
    data: str | Path,
    settings: EvaluationSettings | None = None,
    *,
    devices: int = 1,
    feature_cache: float = FEATURE_CACHE_GIGABYTES,
    quiet: bool = False,
) -> Evaluation:
    """Evaluate the last round of a run on query and gallery; no round is selected by its score.

    Args:
        run: the run, or its folder.
        data: a benchmark in its published layout, or a manifest or shards with splits and identities.
        settings: what to evaluate; the defaults of `EvaluationSettings` when None.
        devices: number of processes for feature extraction.
        feature_cache: size limit in gigabytes of the cache of features; 0 for none.
        quiet: hide progress.

    Raises:
        RunError: `run` or the baseline is not a run folder, or holds no starting weights where they are asked for.
        DataError: `data` has no query and gallery or no identities, or no query has a correct match.
        SettingsError: an unknown layout or variant, or a setting that is invalid or not applicable.

    Example:
        >>> settings = EvaluationSettings(rerank="zhong", baseline="untrained")
        >>> reseen.evaluate_run("runs/market", "Market-1501", settings).baseline.paired.outcome
    """
    settings = EvaluationSettings() if settings is None else settings
    quiet = quiet or not is_main_process()
    run = run if isinstance(run, Run) else open_run(run)
    patterns = patterns_of(run, data, settings.layout, settings.camera_pattern, settings.identity_pattern)
    benchmark = read_benchmark(
        data, settings.layout, settings.variant, patterns=patterns, distractors=settings.distractors
    )
    retrieval = retrieve(
        run,
        benchmark,
        options=settings.scoring(benchmark.protocol),
        occlusions=settings.occlusions,
        student=settings.student,
        part=settings.part,
        mirrored=settings.mirrored,
        whitened=settings.whitened,
        devices=devices,
        feature_cache=feature_cache,
        quiet=quiet,
    )
    baseline = None
    if settings.baseline is not None:
        baseline = retrieve_baseline(
            settings.baseline,
            run,
            benchmark,
            retrieval,
            student=settings.student,
            part=settings.part,
            whitened=settings.whitened,
            devices=devices,
            feature_cache=feature_cache,
            quiet=quiet,
        )
    trained_on = domain(run, data)
    score = with_domain(retrieval.score(quiet), trained_on)
    compared = None if baseline is None else score_baseline(baseline, retrieval, score, quiet)
    centered = None
    if settings.center_cameras and not retrieval.why_not_centered:
        centered = with_domain(retrieval.centered().score(quiet), trained_on)
    return Evaluation(
        run, settings, benchmark, retrieval, score, retrieval.occluded_scores(), centered, compared
    )
