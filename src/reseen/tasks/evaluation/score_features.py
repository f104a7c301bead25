"""Score features that somebody else computed."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from reseen.datasets import DistractorRule
from reseen.evaluate.average_precision import PrecisionRule
from reseen.evaluate.feature_files import read_features
from reseen.evaluate.labeled import LabeledFeatures, labeled_task, swapped_note
from reseen.evaluate.metrics import RetrievalScore
from reseen.evaluate.scoring import Protocol, ScoringOptions, score_by
from reseen.neighbors import RerankSettings
from reseen.runs.console import RunView
from reseen.tasks.evaluation.score import before_ranking, with_domain


def score_features(
    query: str | Path | LabeledFeatures,
    gallery: str | Path | LabeledFeatures,
    *,
    protocol: Protocol = "market",
    average_precision: PrecisionRule = "step",
    queries_in_gallery: bool = False,
    expand_queries: int | None = None,
    expansion_power: float = 0.0,
    rerank: RerankSettings | Literal["zhong", "faiss"] | None = None,
    raw: bool = False,
    distractors: DistractorRule = "auto",
    details: bool = True,
    seed: int = 0,
    quiet: bool = False,
    say_notes: bool = True,
) -> RetrievalScore:
    """Score anybody's features: files (.npz or Parquet) or `LabeledFeatures` of query and gallery.

    Args:
        query: features, identities and, where known, cameras and tracklets of the images asked for.
        gallery: the same of those that are ranked.
        protocol: `market`, `cuhk03-new` (the same rules), `cuhk03-classic`, `vehicleid` or `video`, which pools
            tracklets.
        average_precision: `step`, or `trapezoid` as in the Market-1501 toolbox.
        queries_in_gallery: add the queries to the gallery, as the official script of MARS does.
        expand_queries: how many first answers a query takes in.
        expansion_power: power of the similarity that weighs them, 0 to count all alike.
        rerank: a variant of k-reciprocal re-ranking, or its settings.
        raw: rank by Euclidean distance of the rows as they are, instead of their directions.
        distractors: what the identity 0 is: `zero`, the number of distractors; `none`, a person; `auto`, a person where
            a query has it.
        details: also intervals, verification and pairs of cameras.
        seed: draws of galleries and of bootstrap samples.
        quiet: show neither progress nor notes; the score has them as `notes`.
        say_notes: print what the score has as `notes`, unless `quiet`; False where you show them yourself.

    Raises:
        DataError: a file or its values do not fit, or no query can be scored; the message says why.
        SettingsError: options that do not go together, or too little memory for re-ranking.
    """
    options = ScoringOptions(
        protocol=protocol,
        average_precision=average_precision,
        queries_in_gallery=queries_in_gallery,
        expand_queries=expand_queries,
        expansion_power=expansion_power,
        rerank=RerankSettings(variant=rerank) if isinstance(rerank, str) else rerank,
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
        found = score_by(task, options, view.phase("ranking", options.query_count(task)))
        if say_notes:
            view.say(*(f"warning: {note}" for note in found.notes))
    return with_domain(found, "features from elsewhere")
