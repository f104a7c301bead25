"""Score precomputed features."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from reseen.datasets import DistractorRule
from reseen.evaluate.feature_files import read_features
from reseen.evaluate.labeled import LabeledFeatures, labeled_task, swapped_note
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.ranking import PrecisionRule
from reseen.evaluate.scoring import Protocol, ScoringOptions, score_by
from reseen.neighbors import RerankSettings
from reseen.runs.console import RunView
from reseen.tasks.evaluation.retrieval import before_ranking, with_domain


def score_features(
    query: str | Path | LabeledFeatures,
    gallery: str | Path | LabeledFeatures,
    *,
    protocol: Protocol = "market",
    average_precision: PrecisionRule = "step",
    queries_in_gallery: bool = False,
    expand_queries: int | None = None,
    expansion_power: float = 0.0,
    rerank: RerankSettings | Mapping[str, Any] | Literal["zhong", "faiss"] | None = None,
    raw: bool = False,
    distractors: DistractorRule = "auto",
    details: bool = True,
    seed: int = 0,
    quiet: bool = False,
    say_notes: bool = True,
) -> RetrievalScore:
    """Score precomputed features of query and gallery: files (.npz or Parquet) or `LabeledFeatures`.

    Args:
        query: features (q, d), identities and, where known, cameras and tracklets of the queries.
        gallery: the same of the gallery (g, d).
        protocol: `market`, `cuhk03-new` (the same rules), `cuhk03-classic`, `vehicleid` or `video`, which pools
            tracklets.
        average_precision: `step`, or `trapezoid` as in the Market-1501 toolbox.
        queries_in_gallery: include queries in the gallery, as the official script of MARS does.
        expand_queries: query expansion over the top N results, 1 or more; None for no expansion.
        expansion_power: weight the results by similarity to this power, 0 or more; 0 for the unweighted average.
        rerank: k-reciprocal re-ranking: a variant, settings, or a mapping of them; None for no re-ranking.
        raw: rank by Euclidean distance, without normalizing the features.
        distractors: meaning of identity 0: distractors (`zero`), a person (`none`), or a person if a query has it
            (`auto`).
        details: also compute confidence intervals, verification rates and camera pairs.
        seed: random seed of drawn galleries and of the bootstrap.
        quiet: hide progress and notes.
        say_notes: print the score's `notes`, unless `quiet`; False to show them yourself.

    Raises:
        DataError: a file or its values are invalid, or no query has a correct match; the message gives the reason.
        SettingsError: options exclude each other, or the memory limit of re-ranking is too low.

    Example:
        >>> result = reseen.score_features("query.npz", "gallery.npz", rerank="zhong")
        >>> result.mean_average_precision
    """
    options = ScoringOptions(
        protocol=protocol,
        average_precision=average_precision,
        queries_in_gallery=queries_in_gallery,
        expand_queries=expand_queries,
        expansion_power=expansion_power,
        rerank=RerankSettings.of(rerank),
        details=details,
        seed=seed,
    )
    sides = [side if isinstance(side, LabeledFeatures) else read_features(side) for side in (query, gallery)]
    task = labeled_task(sides[0], sides[1], raw=raw, pool=protocol == "video", distractors=distractors)
    note = swapped_note(sides[0], sides[1])
    if note and protocol != "vehicleid":
        task = replace(task, notes=(note, *task.notes))
    with RunView(0, quiet) as view:
        view.say(*before_ranking(task, options))
        result = score_by(task, options, view.phase("ranking", options.query_count(task)))
        if say_notes:
            view.say(*(f"warning: {note}" for note in result.notes))
    return with_domain(result, "features from elsewhere")
